use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::limit::rule::Per;
use crate::limit::tests::StoppedClock;

const SECOND: Duration = Duration::from_secs(1);

fn holder(store: &dyn BudgetStore, name: &str) -> Holder {
    store.holder(Dimension::Subject, &["https://issuer.example", name])
}

fn charges(all: impl IntoIterator<Item = Charge>) -> Charges {
    let mut charges = Charges::new();
    for charge in all {
        charges.push(charge).unwrap();
    }
    charges
}

fn reserve(store: &MemoryBudgetStore, all: impl IntoIterator<Item = Charge>, now: Duration) -> Decision {
    match store.reserve(charges(all), now) {
        Reply::Ready(decision) => decision,
        Reply::Later(_) => unreachable!("memory answers at once"),
    }
}

fn settle(store: &MemoryBudgetStore, mut taken: Charges, used: u64, now: Duration) -> Charges {
    for charge in taken.iter_mut() {
        charge.used = used;
    }
    store.settle(taken, now)
}

/// The same rules in the plainest way: levels in fractions of a unit, one entry for every key, nothing forgotten.
#[derive(Default)]
struct Model(HashMap<u128, (i128, u64)>);

impl Model {
    fn level(&self, c: &Charge, capacity: i128, period: i128, now: u64) -> i128 {
        let (level, at) = self.0.get(&c.key).copied().unwrap_or((capacity * period, now));
        (level + i128::from(now - at) * capacity).min(capacity * period)
    }
}

#[derive(Clone, Debug)]
enum Act {
    Reserve(Vec<(usize, u64)>),
    Settle(usize, u64),
    Wait(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => prop::collection::vec((0usize..9, 0u64..14), 1..5).prop_map(Act::Reserve),
        2 => (any::<usize>(), 0u64..40).prop_map(|(which, used)| Act::Settle(which, used)),
        2 => prop_oneof![0u64..50, 0u64..3_000_000_000, Just(3_600_000_000_000)].prop_map(Act::Wait),
    ];
    prop::collection::vec(act, 1..120)
}

proptest! {
    #[test]
    fn the_store_decides_and_keeps_levels_as_a_naive_model_does(acts in acts()) {
        let store = MemoryBudgetStore::default();
        let shapes = [(3u64, Per::Second), (7, Per::Minute), (12, Per::Hour)];
        let budgets = shapes.map(|(n, per)| store.open("free", &Limit::requests(n, per)).unwrap());
        let (mut model, mut now, mut held) = (Model::default(), 0u64, Vec::new());
        for act in acts {
            match act {
                Act::Wait(nanos) => now += nanos,
                Act::Reserve(wanted) => {
                    // nine keys: three holders of three limits
                    let all: Vec<Charge> = wanted
                        .iter()
                        .map(|(key, amount)| budgets[key % 3].charge(holder(&store, &(key / 3).to_string()), *amount))
                        .collect();
                    let shape = |i: usize| {
                        let (n, per) = shapes[wanted[i].0 % 3];
                        (i128::from(n), i128::try_from(per.duration().as_nanos()).unwrap())
                    };
                    let before = model.0.clone();
                    let mut fits = true;
                    for (i, c) in all.iter().enumerate() {
                        let (capacity, period) = shape(i);
                        let level = model.level(c, capacity, period, now);
                        fits &= level >= i128::from(c.reserved.max(1)) * period;
                        model.0.insert(c.key, (level - i128::from(c.reserved) * period, now));
                    }
                    if !fits {
                        model.0 = before;
                    }
                    let decision = reserve(&store, all.clone(), Duration::from_nanos(now));
                    prop_assert_eq!(decision.denial.is_none(), fits);
                    let too_large = |i: usize| i128::from(all[i].reserved) > shape(i).0;
                    match decision.denial {
                        None => {}
                        Some(Denial::NeverFits { charge }) => prop_assert!(too_large(charge)),
                        Some(Denial::Exhausted { charge, retry_after }) => {
                            prop_assert!(!(0..all.len()).any(too_large));
                            prop_assert!(retry_after > Duration::ZERO);
                            // of the charges on one key, the last sees what the others took
                            let (capacity, period) = shape(charge);
                            let earlier = all[..charge].iter().filter(|c| c.key == all[charge].key);
                            let need = i128::from(all[charge].reserved.max(1) + earlier.map(|c| c.reserved).sum::<u64>());
                            let level = model.level(&all[charge], capacity, period, now);
                            let wait = i128::try_from(retry_after.as_nanos()).unwrap();
                            prop_assert!(level + wait * capacity >= need * period);
                            prop_assert!(level + (wait - 1) * capacity < need * period);
                        }
                        other => prop_assert!(false, "{:?}", other),
                    }
                    if !matches!(decision.denial, Some(Denial::NeverFits { .. })) {
                        for (i, c) in decision.charges.iter().enumerate() {
                            let (capacity, period) = shape(i);
                            let level = model.level(c, capacity, period, now);
                            prop_assert_eq!(i128::from(c.level().left), level.div_euclid(period));
                        }
                    }
                    if fits {
                        held.push((decision.charges, wanted));
                    }
                }
                Act::Settle(which, used) if !held.is_empty() => {
                    let (taken, wanted) = held.swap_remove(which % held.len());
                    for (c, (key, _)) in taken.iter().zip(&wanted) {
                        let (n, per) = shapes[key % 3];
                        let (capacity, period) = (i128::from(n), i128::try_from(per.duration().as_nanos()).unwrap());
                        let back = i128::from(c.reserved) - i128::from(used);
                        let level = (model.level(c, capacity, period, now) + back * period).min(capacity * period);
                        model.0.insert(c.key, (level, now));
                    }
                    settle(&store, taken, used, Duration::from_nanos(now));
                }
                Act::Settle(..) => {}
            }
        }
    }
}

#[test]
fn a_denial_takes_nothing_from_any_limit_and_names_the_tightest() {
    let store = MemoryBudgetStore::default();
    let wide = store.open("free", &Limit::requests(100, Per::Minute)).unwrap();
    let tight = store.open("free", &Limit::requests(2, Per::Hour)).unwrap();
    let me = holder(&store, "me");
    let both = || [wide.charge(me, 1), tight.charge(me, 1)];
    for _ in 0..2 {
        assert_eq!(reserve(&store, both(), SECOND).denial, None);
    }
    for _ in 0..50 {
        let denied = reserve(&store, both(), SECOND);
        let retry_after = Duration::from_secs(1_800);
        assert_eq!(denied.denial, Some(Denial::Exhausted { charge: 1, retry_after }));
        assert_eq!(denied.charges[0].level().left, 98);
    }
}

#[test]
fn more_than_a_limit_ever_holds_is_told_apart_from_waiting() {
    let store = MemoryBudgetStore::default();
    let small = store.open("free", &Limit::usage(10, Per::Minute)).unwrap();
    let me = holder(&store, "me");
    assert_eq!(reserve(&store, [small.charge(me, 11)], SECOND).denial, Some(Denial::NeverFits { charge: 0 }));
    assert_eq!(reserve(&store, [small.charge(me, 10)], SECOND).denial, None);
    assert!(matches!(reserve(&store, [small.charge(me, 0)], SECOND).denial, Some(Denial::Exhausted { .. })));
}

#[test]
fn overrun_is_debt_that_only_time_pays() {
    let store = MemoryBudgetStore::default();
    let usage = store.open("free", &Limit::usage(60, Per::Minute)).unwrap();
    let me = holder(&store, "me");
    let taken = reserve(&store, [usage.charge(me, 10)], SECOND).charges;
    let settled = settle(&store, taken, 180, SECOND);
    assert_eq!(settled[0].level().left, -120);
    assert!(matches!(
        reserve(&store, [usage.charge(me, 1)], SECOND).denial,
        Some(Denial::Exhausted { retry_after, .. }) if retry_after == Duration::from_secs(121)
    ));
    assert_eq!(reserve(&store, [usage.charge(me, 1)], SECOND * 122).denial, None);
}

#[test]
fn a_refund_never_lifts_a_limit_above_itself() {
    let store = MemoryBudgetStore::default();
    let usage = store.open("free", &Limit::usage(10, Per::Second)).unwrap();
    let me = holder(&store, "me");
    let taken = reserve(&store, [usage.charge(me, 10)], SECOND).charges;
    let settled = settle(&store, taken, 0, SECOND * 60);
    assert_eq!(settled[0].level(), Level { left: 10, ..Level::default() });
}

#[test]
fn limits_of_one_name_keep_what_was_spent_when_their_capacity_changes() {
    let store = MemoryBudgetStore::default();
    let old = store.open("free", &Limit::usage(100, Per::Minute)).unwrap();
    let me = holder(&store, "me");
    reserve(&store, [old.charge(me, 90)], SECOND);
    let new = store.open("free", &Limit::usage(200, Per::Minute)).unwrap();
    assert_eq!(reserve(&store, [new.charge(me, 0)], SECOND).charges[0].level().left, 110);
}

#[test]
fn holders_dimensions_limits_and_plans_are_kept_apart() {
    let store = MemoryBudgetStore::default();
    let free = store.open("free", &Limit::requests(1, Per::Minute)).unwrap();
    let paid = store.open("paid", &Limit::requests(1, Per::Minute)).unwrap();
    let hourly = store.open("free", &Limit::requests(1, Per::Hour)).unwrap();
    let holders = [
        store.holder(Dimension::Subject, &["a", "bc"]),
        store.holder(Dimension::Subject, &["ab", "c"]),
        store.holder(Dimension::Subject, &["abc"]),
        store.holder(Dimension::Tenant, &["a", "bc"]),
    ];
    for me in holders {
        for budget in [free, paid, hourly] {
            assert_eq!(reserve(&store, [budget.charge(me, 1)], SECOND).denial, None);
            assert!(reserve(&store, [budget.charge(me, 1)], SECOND).denial.is_some());
        }
    }
}

#[test]
fn a_full_store_forgets_those_who_lost_nothing_then_refuses_newcomers_of_that_plan_only() {
    let store = MemoryBudgetStore::builder().keys_per_plan(100).build();
    let free = store.open("free", &Limit::requests(2, Per::Minute)).unwrap();
    let paid = store.open("paid", &Limit::requests(2, Per::Minute)).unwrap();
    let person = |i: usize| holder(&store, &i.to_string());
    let mut held =
        (0..100).map(|i| reserve(&store, [free.charge(person(i), 1)], SECOND).charges).collect::<Vec<_>>();
    let full = Some(Denial::StoreFull { charge: 0 });
    assert_eq!(reserve(&store, [free.charge(person(100), 1)], SECOND).denial, full);
    assert_eq!(reserve(&store, [free.charge(person(7), 1)], SECOND).denial, None, "who is known goes on");
    assert_eq!(
        reserve(&store, [paid.charge(person(100), 1)], SECOND).denial,
        None,
        "another plan is another store"
    );
    // full again, but unsettled: settling must find them
    assert_eq!(reserve(&store, [free.charge(person(100), 1)], SECOND * 120).denial, full);
    settle(&store, held.pop().unwrap(), 5, SECOND * 120);
    settle(&store, held.pop().unwrap(), 1, SECOND * 120);
    let newcomer =
        |now| (0..2).map(|_| reserve(&store, [free.charge(person(100), 1)], now).denial).last().unwrap();
    assert_eq!(newcomer(SECOND * 120), None, "98 is full and settled, and is forgotten");
    assert!(reserve(&store, [free.charge(person(99), 1)], SECOND * 120).denial.is_some(), "99's debt is not");
    assert_eq!(store.keys(), 101);
}

#[test]
fn a_limit_that_finds_no_room_gives_nothing_back_to_those_behind_it_and_lets_go_of_them() {
    let store = MemoryBudgetStore::builder().keys_per_plan(1).build();
    let [minute, hour] =
        [Per::Minute, Per::Hour].map(|per| store.open("free", &Limit::requests(2, per)).unwrap());
    let person = holder(&store, "alice");
    let first = reserve(&store, [minute.charge(person, 1)], SECOND).charges;
    for _ in 0..3 {
        let denial = reserve(&store, [hour.charge(person, 1), minute.charge(person, 1)], SECOND).denial;
        assert_eq!(denial, Some(Denial::StoreFull { charge: 0 }));
    }
    let second = reserve(&store, [minute.charge(person, 1)], SECOND);
    assert_eq!((second.denial, second.charges[0].level().left), (None, 0));
    settle(&store, first, 1, SECOND);
    settle(&store, second.charges, 1, SECOND);
    let later = reserve(&store, [hour.charge(person, 1)], SECOND * 120).denial;
    assert_eq!(later, None, "what is full and held by nobody makes room");
}

#[test]
fn the_store_stays_near_the_number_of_holders_in_use() {
    let store = MemoryBudgetStore::default();
    let budget = store.open("free", &Limit::requests(1, Per::Second)).unwrap();
    for i in 0..200_000u32 {
        let taken =
            reserve(&store, [budget.charge(holder(&store, &i.to_string()), 1)], SECOND * i / 1_000).charges;
        settle(&store, taken, 1, SECOND * i / 1_000);
    }
    assert!(store.keys() < 3_000, "{} kept for 1,000 in use", store.keys());
}

#[test]
fn ten_thousand_at_once_never_get_one_unit_more_than_the_limit() {
    let (admitted, most) = (AtomicU64::new(0), 30_000);
    let clock = StoppedClock::shared();
    let budgets = Budgets::new(Arc::new(MemoryBudgetStore::default()), clock);
    let subject = budgets.store().open("free", &Limit::usage(most, Per::Minute)).unwrap();
    let tenant = budgets.store().open("free", &Limit::usage(most, Per::Hour).per(Dimension::Tenant)).unwrap();
    let me = holder(budgets.store(), "me");
    let reservations: Vec<Reservation> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8u64)
            .map(|worker| {
                let (budgets, admitted) = (&budgets, &admitted);
                scope.spawn(move || {
                    let mut held = Vec::new();
                    for i in 0..1_250 {
                        // both orders, so that a fixed order of locks is needed
                        let mut all = [subject.charge(me, 7), tenant.charge(me, 7)];
                        if (worker + i) % 2 == 0 {
                            all.reverse();
                        }
                        if let Reserving::Ready(Ok(reservation)) = budgets.reserve(charges(all)) {
                            admitted.fetch_add(7, Ordering::Relaxed);
                            held.push(reservation);
                        }
                    }
                    held
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert_eq!(admitted.load(Ordering::Relaxed), most / 7 * 7, "as much as fits and not a unit more");
    let count = reservations.len() as i64;
    let mut reservations: Vec<_> = reservations.into_iter().map(Some).collect();
    std::thread::scope(|scope| {
        for reservation in reservations.chunks_mut(1_000) {
            scope.spawn(move || reservation.iter_mut().for_each(|r| drop(r.take().unwrap().settle(10))));
        }
    });
    let Reserving::Ready(Err(Refused { charges, .. })) = budgets.reserve(charges([subject.charge(me, 1)]))
    else {
        panic!("a budget in debt admits nobody");
    };
    assert_eq!(charges[0].level().left, most as i64 - 10 * count, "the overrun is debt, to the unit");
}

#[test]
fn a_reservation_dropped_unsettled_stays_charged_in_full() {
    let budgets = Budgets::new(Arc::new(MemoryBudgetStore::default()), StoppedClock::shared());
    let usage = budgets.store().open("free", &Limit::usage(10, Per::Minute)).unwrap();
    let me = holder(budgets.store(), "me");
    let take = |amount| match budgets.reserve(charges([usage.charge(me, amount)])) {
        Reserving::Ready(result) => result,
        Reserving::Later(_) => unreachable!("memory answers at once"),
    };
    drop(take(4).unwrap());
    assert_eq!(take(1).unwrap().refund()[0].level().left, 6);
    assert_eq!(take(6).unwrap().keep()[0].level().left, 0);
}

#[test]
fn a_key_takes_at_most_150_bytes_however_many_there_are() {
    for keys in [1_000u32, 10_000, 70_000, 150_000] {
        let store = MemoryBudgetStore::default();
        let usage = store.open("free", &Limit::usage(10, Per::Day)).unwrap();
        for i in 0..keys {
            drop(reserve(&store, [usage.charge(holder(&store, &i.to_string()), 1)], SECOND));
        }
        let each = store.allocated() / store.keys();
        assert!(store.keys() == keys as usize && each <= 150, "{each} bytes at {keys} keys");
    }
}

#[test]
fn every_limit_of_a_newcomer_is_charged_while_the_store_grows() {
    let store = MemoryBudgetStore::builder().keys_per_plan(1_000).build();
    let limits = [Per::Second, Per::Minute, Per::Hour, Per::Day]
        .map(|per| store.open("free", &Limit::requests(10, per)).unwrap());
    let left = |who: u32, amount: [u64; 4]| {
        let person = holder(&store, &who.to_string());
        let charges = limits.iter().zip(amount).map(|(limit, amount)| limit.charge(person, amount));
        let decision = reserve(&store, charges, SECOND);
        assert_eq!(decision.denial, None);
        decision.charges.iter().map(|charge| charge.level().left).collect::<Vec<_>>()
    };
    for who in 0..250 {
        assert_eq!(left(who, [1, 2, 3, 4]), [9, 8, 7, 6], "{who}");
    }
    for who in 0..250 {
        assert_eq!(left(who, [0; 4]), [9, 8, 7, 6], "{who}");
    }
}

#[test]
fn holders_that_come_and_go_take_little_more() {
    for in_use in [1_000u32, 7_000, 20_000] {
        let store = MemoryBudgetStore::default();
        let budget = store.open("free", &Limit::requests(1, Per::Second)).unwrap();
        for i in 0..4 * in_use {
            let now = SECOND * i / in_use;
            let taken = reserve(&store, [budget.charge(holder(&store, &i.to_string()), 1)], now).charges;
            settle(&store, taken, 1, now);
        }
        let (keys, each) = (store.keys(), store.allocated() / store.keys());
        assert!(
            each <= 150 && keys < 2 * in_use as usize,
            "{each} bytes for each of {keys} keys, for {in_use} in use"
        );
    }
}
