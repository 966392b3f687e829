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
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

/// How often `work` takes memory.
pub(crate) fn allocations<T>(work: impl FnOnce() -> T) -> usize {
    COUNTS.store(true, Ordering::Relaxed);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    std::hint::black_box(work());
    COUNTS.store(false, Ordering::Relaxed);
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

#[expect(unsafe_code, reason = "an allocator cannot be written without; it hands every call on")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if COUNTS.load(Ordering::Relaxed) {
            IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        }
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        }
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            IN_USE.fetch_add(size, Ordering::Relaxed);
            IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        }
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Of four limits each: a million keys.
const HOLDERS: usize = 250_000;

pub(crate) fn reserve_and_settle(report: &mut Report) {
    let store = Arc::new(MemoryBudgetStore::builder().keys_per_plan(HOLDERS * 5).build());
    let budgets = Budgets::new(store.clone(), SystemClock::shared());
    let open = |plan: &str, limits: [Limit; 4]| -> Vec<Budget> {
        limits.iter().map(|limit| store.open(plan, limit).expect("the store has room")).collect()
    };
    // Never exhausted, and full again at once.
    let large = open(
        "large",
        [
            Limit::requests(1 << 40, Per::Second),
            Limit::requests(1 << 40, Per::Minute),
            Limit::usage(1 << 40, Per::Minute),
            Limit::usage(1 << 40, Per::Day),
        ],
    );
    // Not full again before the bench is over, so that no holder takes the place of another.
    let slow = open(
        "slow",
        [
            Limit::requests(100, Per::Hour),
            Limit::requests(1_000, Per::Day),
            Limit::usage(100, Per::Hour),
            Limit::usage(1_000, Per::Day),
        ],
    );
    // Hashed before the clock starts: a gate hashes a subject once for all of its limits.
    let holders: Vec<Holder> = (0..HOLDERS)
        .map(|n| store.holder(Dimension::Subject, &["https://issuer.test", &format!("user-{n}")]))
        .collect();
    let few = nanos(|| round(&budgets, &large, holders[7]));
    COUNTS.store(true, Ordering::Relaxed);
    let (keys, before) = (store.keys(), IN_USE.load(Ordering::Relaxed));
    for holder in &holders {
        round(&budgets, &slow, *holder);
    }
    let held = IN_USE.load(Ordering::Relaxed).saturating_sub(before);
    let keys = store.keys() - keys;
    COUNTS.store(false, Ordering::Relaxed);
    assert_eq!(keys, HOLDERS * 4, "every limit of every holder is kept");
    // In an order that no memory knows; a gate has just made the holder, so that looking it up here must cost nothing.
    let mut shuffled = holders;
    let mut random = 0u64;
    for left in (1..HOLDERS).rev() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        shuffled.swap(left, (random >> 33) as usize % (left + 1));
    }
    let mut turns = shuffled.iter().cycle();
    let many = nanos(|| round(&budgets, &slow, *turns.next().expect("there are holders")));
    report.at_most("budget: reserve and settle, 4 limits, few keys", few / 1_000.0, 1.0, "µs");
    report.at_most("budget: the same, a million keys at random", many / 1_000.0, 1.0, "µs");
    report.at_most("budget: memory for a key", held as f64 / keys as f64, 150.0, "bytes");
}

fn round(budgets: &Budgets, opened: &[Budget], holder: Holder) {
    let mut charges = Charges::with_capacity(opened.len());
    for budget in opened {
        charges.push(budget.charge(holder, 1)).expect("four charges fit");
    }
    let Reserving::Ready(Ok(reservation)) = budgets.reserve(charges) else {
        panic!("the budgets are large enough")
    };
    reservation.keep();
}
