//! The memory budget store, and the allocator that counts what it holds.

use crate::measure::{Report, nanos};
use portcullis::clock::SystemClock;
use portcullis::limit::{
    Budget, BudgetStore, Budgets, Charges, Dimension, Holder, Limit, MemoryBudgetStore, Per, Reserving,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Counts the bytes that are in use, while it is asked to.
pub(crate) struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static IN_USE: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "an allocator cannot be written without; it hands every call on")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if COUNTS.load(Ordering::Relaxed) {
            IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        }
        unsafe { System.dealloc(pointer, layout) }
    }
}

const HOLDERS: usize = 1_000_000;

pub(crate) fn reserve_and_settle(report: &mut Report) {
    let limits = [
        Limit::requests(1 << 40, Per::Second),
        Limit::requests(1 << 40, Per::Minute),
        Limit::usage(1 << 40, Per::Minute),
        Limit::usage(1 << 40, Per::Day),
    ];
    let store = Arc::new(MemoryBudgetStore::builder().keys_per_plan(HOLDERS * limits.len()).build());
    let opened: Vec<Budget> =
        limits.iter().map(|limit| store.open("paid", limit).expect("the store has room")).collect();
    let budgets = Budgets::new(store.clone(), SystemClock::shared());
    // Hashed before the clock starts: a gate hashes a subject once for all of its limits.
    let holders: Vec<Holder> = (0..HOLDERS)
        .map(|n| store.holder(Dimension::Subject, &["https://issuer.test", &format!("user-{n}")]))
        .collect();
    COUNTS.store(true, Ordering::Relaxed);
    let before = IN_USE.load(Ordering::Relaxed);
    let few = nanos(|| round(&budgets, &opened, holders[7]));
    for holder in &holders {
        round(&budgets, &opened, *holder);
    }
    let held = IN_USE.load(Ordering::Relaxed).saturating_sub(before);
    COUNTS.store(false, Ordering::Relaxed);
    let mut next = 0u64;
    let many = nanos(|| {
        next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        round(&budgets, &opened, holders[(next >> 33) as usize % HOLDERS]);
    });
    report.at_most("budget: reserve and settle, 4 limits, few keys", few / 1_000.0, 1.0, "µs");
    report.at_most("budget: the same, a million subjects at random", many / 1_000.0, 1.0, "µs");
    report.at_most("budget: memory for a key", held as f64 / store.keys().max(1) as f64, 150.0, "bytes");
}

fn round(budgets: &Budgets, opened: &[Budget], holder: Holder) {
    let mut charges = Charges::with_capacity(opened.len());
    for budget in opened {
        charges.push(budget.charge(holder, 1)).expect("four charges fit");
    }
    let Reserving::Ready(Ok(reservation)) = budgets.reserve(charges) else { panic!("the budgets are large") };
    reservation.keep();
}
