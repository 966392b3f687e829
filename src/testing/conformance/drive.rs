//! Polls by hand, so that a lost waker is seen and not waited for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How long a layer may take that waits for something real.
const PATIENCE: Duration = Duration::from_secs(2);

struct Bell {
    rung: AtomicBool,
    thread: Thread,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// A hand that polls, and knows whether it was called.
pub(super) struct Hand {
    bell: Arc<Bell>,
    waker: Waker,
}

impl Hand {
    pub(super) fn new() -> Self {
        let bell = Arc::new(Bell { rung: AtomicBool::new(false), thread: thread::current() });
        Self { waker: bell.clone().into(), bell }
    }

    /// Polls once.
    pub(super) fn poll<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        self.bell.rung.store(false, Ordering::Release);
        poll(&mut Context::from_waker(&self.waker))
    }

    /// Polls until nothing wakes: what is pending then waits for somebody else.
    pub(super) fn poll_until_quiet<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        loop {
            let polled = self.poll(&mut poll);
            if polled.is_ready() || !self.was_called() {
                return polled;
            }
        }
    }

    /// Whether the last poll's waker was called.
    pub(super) fn was_called(&self) -> bool {
        self.bell.rung.load(Ordering::Acquire)
    }

    /// Polls until it is ready.
    pub(super) fn finish<T>(&self, what: &str, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
        loop {
            if let Poll::Ready(value) = self.poll(&mut poll) {
                return value;
            }
            let began = Instant::now();
            while !self.was_called() {
                assert!(began.elapsed() < PATIENCE, "{what}: pending, and nobody wakes it: a waker was lost");
                thread::park_timeout(PATIENCE);
            }
        }
    }
}

/// Whether `work` panicked. What it took with it is dropped.
pub(super) fn panics(work: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(work)).is_err()
}
