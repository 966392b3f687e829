use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// How many records may be open, and how many were dropped.
#[derive(Debug)]
pub(super) struct Slots {
    taken: AtomicUsize,
    capacity: usize,
    dropped: AtomicU64,
    stopped: AtomicBool,
    none_taken: Notify,
}

impl Slots {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            taken: AtomicUsize::new(0),
            capacity,
            dropped: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            none_taken: Notify::new(),
        })
    }

    /// Takes a slot, if one is free.
    pub(super) fn take(self: &Arc<Self>) -> Option<Slot> {
        let stopped = self.is_stopped();
        let free = |taken: usize| (taken < self.capacity && !stopped).then_some(taken + 1);
        let taken = self.taken.fetch_update(Ordering::AcqRel, Ordering::Relaxed, free);
        taken.ok().map(|_| Slot(self.clone()))
    }

    /// Whether half of them are taken.
    pub(super) fn are_scarce(&self) -> bool {
        self.taken() >= self.capacity.div_ceil(2)
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }

    /// Waits until no slot is taken: every record that was begun has been written.
    pub(super) async fn none_taken(&self) {
        loop {
            let mut notified = std::pin::pin!(self.none_taken.notified());
            // First in line, then the look: what is given back in between wakes it.
            notified.as_mut().enable();
            if self.taken() == 0 {
                return;
            }
            notified.await;
        }
    }

    /// The thread that writes has ended: from now on there is no room for any record.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Counts a record that will not be written.
    pub(super) fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// A record counted as dropped was kept after all.
    pub(super) fn undo_drop(&self) {
        self.dropped.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The right to write one record. Given back when the record has been written, or turned out not to be needed.
#[derive(Debug)]
pub(super) struct Slot(Arc<Slots>);

impl Drop for Slot {
    fn drop(&mut self) {
        if self.0.taken.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none_taken.notify_waiters();
        }
    }
}
