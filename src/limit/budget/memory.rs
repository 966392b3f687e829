//! Budgets in this process: bounded, sharded, one partition per plan.

use crate::clock::nanos;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU64;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::table::{Place, Table};
use super::{
    Bucket, Budget, BudgetStore, BudgetStoreError, BudgetStoreErrorKind, Charge, Charges, Decision, Denial,
    Holder, Reply,
};
use crate::limit::plan::MAX_LIMITS;
use crate::limit::rule::{Dimension, Limit};

/// Plans per store. Each plan costs only a pointer until it is used.
const MOST_PLANS: usize = 256;
/// Shards per plan, at most: enough that threads rarely meet.
const MOST_SHARDS: usize = 64;
/// The bits of a key that tell limits of one holder apart. The others are the holder's alone: its limits share a shard
/// (one lock) and the beginning of their search in the index (one cache line).
const SALTED: u128 = !(MOST_SHARDS as u128 - 1) << 64 | 0xffff << 48;
/// The least keys a shard is made for: small plans have fewer shards, so that their bound is exact.
const KEYS_PER_SHARD: usize = 1_024;

/// Budgets kept in this process's memory.
///
/// One limit of one holder takes 60 to 150 bytes, and only while it is not full: it is then forgotten. A plan keeps
/// at most [`keys_per_plan`](MemoryBudgetStoreBuilder::keys_per_plan) of them. What is kept is lost with the process,
/// and several processes count each for itself.
#[derive(Debug)]
pub struct MemoryBudgetStore {
    keys_per_plan: usize,
    hashers: [RandomState; 2],
    numbers: Mutex<HashMap<String, u32>>,
    plans: Box<[OnceLock<Partition>]>,
}

/// Builds a [`MemoryBudgetStore`].
#[derive(Clone, Debug)]
pub struct MemoryBudgetStoreBuilder {
    keys_per_plan: usize,
}

impl Default for MemoryBudgetStoreBuilder {
    fn default() -> Self {
        Self { keys_per_plan: 1_000_000 }
    }
}

impl MemoryBudgetStoreBuilder {
    /// How many limits of holders one plan keeps at most (1,000,000 when not called). Memory is taken as they come.
    #[must_use]
    pub fn keys_per_plan(mut self, keys: usize) -> Self {
        self.keys_per_plan = keys.max(1);
        self
    }

    /// The store, empty, with hashing keys of its own.
    pub fn build(self) -> MemoryBudgetStore {
        MemoryBudgetStore {
            keys_per_plan: self.keys_per_plan,
            hashers: [RandomState::new(), RandomState::new()],
            numbers: Mutex::default(),
            plans: (0..MOST_PLANS).map(|_| OnceLock::new()).collect(),
        }
    }
}

impl Default for MemoryBudgetStore {
    fn default() -> Self {
        Self::builder().build()
    }
}

impl MemoryBudgetStore {
    /// A builder with the defaults.
    pub fn builder() -> MemoryBudgetStoreBuilder {
        MemoryBudgetStoreBuilder::default()
    }

    /// How many limits of holders are kept at the moment, over all plans.
    pub fn keys(&self) -> usize {
        self.plans.iter().filter_map(OnceLock::get).flat_map(|p| &p.shards).map(|s| lock(s).len()).sum()
    }

    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        self.plans.iter().filter_map(OnceLock::get).flat_map(|p| &p.shards).map(|s| lock(s).allocated()).sum()
    }

    fn hash(&self, value: impl Hash) -> u128 {
        let [high, low] = [0, 1].map(|i| self.hashers[i].hash_one(&value));
        u128::from(high) << 64 | u128::from(low)
    }

    fn partition(&self, charge: &Charge) -> Option<&Partition> {
        self.plans.get(charge.partition as usize)?.get()
    }

    /// Locks the shards of all charges, always in the same order, so that two requests never wait for each other.
    fn lock<'a>(&'a self, charges: &[Charge]) -> Option<Locked<'a>> {
        let mut wanted = [0u32; MAX_LIMITS];
        let wanted = wanted.get_mut(..charges.len())?;
        for (charge, address) in charges.iter().zip(&mut *wanted) {
            let shard = self.partition(charge)?.shard(charge.key);
            *address = charge.partition << MOST_SHARDS.ilog2() | shard;
        }
        let guard = |address: u32| {
            let partition = self.plans.get((address >> MOST_SHARDS.ilog2()) as usize)?.get()?;
            Some(lock(&partition.shards[address as usize & (MOST_SHARDS - 1)]))
        };
        let &mut [first, ref others @ ..] = wanted else { return Some(Locked::None) };
        if others.iter().all(|other| *other == first) {
            return Some(Locked::One(guard(first)?));
        }
        let mut order = [0u32; MAX_LIMITS];
        let order = &mut order[..charges.len()];
        order.copy_from_slice(wanted);
        order.sort_unstable();
        let mut guards: [Option<MutexGuard<'a, Table>>; MAX_LIMITS] = [const { None }; MAX_LIMITS];
        let mut guard_of = [0u8; MAX_LIMITS];
        let mut taken = 0;
        let mut last = None;
        for &address in &*order {
            if last.replace(address) == Some(address) {
                continue;
            }
            for (_, of) in wanted.iter().zip(&mut guard_of).filter(|(w, _)| **w == address) {
                *of = taken;
            }
            guards[taken as usize] = Some(guard(address)?);
            taken += 1;
        }
        Some(Locked::Several { guards, guard_of })
    }

    fn take(&self, charges: &mut Charges, now: u64) -> Option<Denial> {
        if let Some(charge) = charges.iter().position(|c| c.reserved > c.bucket.capacity()) {
            return Some(Denial::NeverFits { charge });
        }
        let Some(mut locked) = self.lock(charges) else { return Some(Denial::Unavailable) };
        let mut places = [None; MAX_LIMITS];
        // all at once, so that memory that is far away is waited for once
        for (i, charge) in charges.iter().enumerate() {
            places[i] = locked.table(i).pin(charge.key);
        }
        if places[..charges.len()].contains(&None) {
            make_room(&mut locked, charges, &mut places);
        }
        let mut taken = 0;
        let mut denial = None;
        for (i, charge) in charges.iter().enumerate() {
            let table = locked.table(i);
            places[i] = places[i].or_else(|| table.pin_or_insert(charge.key, now));
            let Some(place) = places[i] else {
                denial = Some(Denial::StoreFull { charge: i });
                break;
            };
            let deficit = table.advance(place, charge.bucket, now);
            let wait = charge.bucket.wait_for(deficit.fractions(), charge.reserved);
            // taken even when it does not fit, and given back below: two charges on one key then see each other
            deficit.take(charge.bucket, charge.reserved);
            taken = i + 1;
            let longest = match denial {
                Some(Denial::Exhausted { retry_after, .. }) => retry_after,
                _ => Duration::ZERO,
            };
            if let Some(wait) = wait.filter(|wait| *wait > longest) {
                denial = Some(Denial::Exhausted { charge: i, retry_after: wait });
            }
        }
        if denial.is_some() {
            for (i, (charge, place)) in charges.iter().zip(&mut places).enumerate() {
                let (Some(pinned), table) = (*place, locked.table(i)) else { continue };
                if i < taken {
                    table.deficit(pinned).give(charge.bucket, charge.reserved);
                } else {
                    *place = None;
                }
                table.unpin(pinned);
            }
        }
        // only now: two charges on one key have one level
        for (i, (charge, place)) in charges.iter_mut().zip(places).enumerate() {
            let Some(place) = place else { continue };
            charge.missing = locked.table(i).deficit(place).fractions();
        }
        denial
    }
}

impl BudgetStore for MemoryBudgetStore {
    fn open(&self, plan: &str, limit: &Limit) -> Result<Budget, BudgetStoreError> {
        let capacity = NonZeroU64::new(limit.capacity()).ok_or(BudgetStoreErrorKind::ZeroCapacity)?;
        let bucket = Bucket::new(capacity, limit.period().duration());
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let next = u32::try_from(numbers.len()).expect("never more than MOST_PLANS");
        let partition = match numbers.get(plan) {
            Some(number) => *number,
            None if numbers.len() < MOST_PLANS => *numbers.entry(plan.to_owned()).or_insert(next),
            None => {
                let plan = plan.to_owned();
                return Err(BudgetStoreErrorKind::TooManyPlans { plan, most: MOST_PLANS }.into());
            }
        };
        self.plans[partition as usize].get_or_init(|| Partition::new(self.keys_per_plan));
        Ok(Budget { bucket, partition, salt: self.hash(limit.name()) & SALTED })
    }

    fn holder(&self, dimension: Dimension, facts: &[&str]) -> Holder {
        Holder(self.hash((dimension, facts)))
    }

    fn reserve(&self, mut charges: Charges, now: Duration) -> Reply {
        let denial = self.take(&mut charges, nanos(now));
        Reply::Ready(Decision { charges, denial })
    }

    fn settle(&self, mut charges: Charges, now: Duration) -> Charges {
        let Some(mut locked) = self.lock(&charges) else { return charges };
        for (i, charge) in charges.iter_mut().enumerate() {
            let table = locked.table(i);
            let Some(place) = table.find(charge.key) else { continue };
            let Charge { bucket, reserved, used, .. } = *charge;
            let deficit = table.deficit(place);
            deficit.advance(bucket, nanos(now));
            match used.checked_sub(reserved) {
                Some(more) => deficit.take(bucket, more),
                None => deficit.give(bucket, reserved - used),
            }
            charge.missing = deficit.fractions();
            table.unpin(place);
        }
        charges
    }
}

#[derive(Debug)]
struct Partition {
    shards: Box<[Mutex<Table>]>,
}

impl Partition {
    fn new(keys: usize) -> Self {
        let shards = (keys / KEYS_PER_SHARD).clamp(1, MOST_SHARDS).next_power_of_two();
        // a shard gets its share and what chance may add to it; one shard alone gets exactly the bound
        let slack = if shards == 1 { 0 } else { (keys / shards).isqrt() * 4 };
        let most = (keys / shards + slack).min(keys);
        Self { shards: (0..shards).map(|_| Mutex::new(Table::new(most))).collect() }
    }

    /// From bits that neither the index nor a salt touches: the limits of one holder lie in one shard.
    fn shard(&self, key: u128) -> u32 {
        (key >> 64) as u32 & (self.shards.len() as u32 - 1)
    }
}

/// The shards of some charges.
#[expect(
    clippy::large_enum_variant,
    reason = "it stays where it is made, and a box would cost more than the room"
)]
enum Locked<'a> {
    /// There are no charges.
    None,
    /// All charges are in one shard, as those of one holder are.
    One(MutexGuard<'a, Table>),
    Several {
        guards: [Option<MutexGuard<'a, Table>>; MAX_LIMITS],
        guard_of: [u8; MAX_LIMITS],
    },
}

impl Locked<'_> {
    fn table(&mut self, charge: usize) -> &mut Table {
        let table = match self {
            Self::None => None,
            Self::One(table) => Some(table),
            Self::Several { guards, guard_of } => guards[usize::from(guard_of[charge])].as_mut(),
        };
        table.expect("the shard of every charge is locked")
    }
}

/// Makes room for the keys that are new, and finds again where the others are.
#[cold]
fn make_room(locked: &mut Locked<'_>, charges: &Charges, places: &mut [Option<Place>]) {
    for i in 0..charges.len() {
        locked.table(i).make_room(charges.len());
    }
    for (i, (charge, place)) in charges.iter().zip(places).enumerate() {
        *place = place.and_then(|_| locked.table(i).find(charge.key));
    }
}

fn lock(shard: &Mutex<Table>) -> MutexGuard<'_, Table> {
    // nothing panics while a shard is held; were it to, a table is never left half changed
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
