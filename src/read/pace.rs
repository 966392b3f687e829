//! How long a body may take, and how slowly it may come.

use crate::clock::{SharedClock, Sleep};
use crate::refusal::{Refusal, RefusalKind};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// How long a body may be slower than the rate that is asked of it.
const GRACE: Duration = Duration::from_secs(5);

/// How often the rate is looked at while nothing comes.
const LOOK: Duration = Duration::from_secs(1);

/// A time limit and a least rate. Costs nothing until there is something to wait for.
pub(super) struct Pace {
    clock: SharedClock,
    max_time: Duration,
    /// In bytes for each second since the body was first waited for.
    min_rate: usize,
    began: Option<Duration>,
    timer: Option<Sleep>,
}

impl Pace {
    pub(super) fn new(clock: SharedClock, max_time: Duration, min_rate: usize) -> Self {
        Self { clock, max_time, min_rate, began: None, timer: None }
    }

    /// Ready when a body of which `gathered` bytes have come is too late or too slow.
    pub(super) fn poll(&mut self, gathered: usize, cx: &mut Context<'_>) -> Poll<Refusal> {
        loop {
            let now = self.clock.elapsed();
            let elapsed = now.saturating_sub(*self.began.get_or_insert(now));
            if elapsed >= self.max_time {
                return Poll::Ready(Refusal::new(
                    RefusalKind::ReadTimeout,
                    "the body did not arrive in time",
                ));
            }
            let owed = self.min_rate.saturating_mul(usize::try_from(elapsed.as_secs()).unwrap_or(usize::MAX));
            if elapsed >= GRACE && gathered < owed {
                return Poll::Ready(Refusal::new(RefusalKind::ReadTimeout, "the body arrives too slowly"));
            }
            let wait = LOOK.min(self.max_time.saturating_sub(elapsed));
            let timer = self.timer.get_or_insert_with(|| self.clock.sleep(wait));
            ready!(Pin::new(timer).poll(cx));
            self.timer = None;
        }
    }
}
