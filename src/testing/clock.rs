use crate::clock::{Clock, Reading, SharedClock, Sleep, UnixTime};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

/// A clock that stands still until it is moved. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct FakeClock(Arc<Mutex<Hands>>);

#[derive(Debug, Default)]
struct Hands {
    wall: UnixTime,
    elapsed: Duration,
    sleepers: Vec<Waker>,
}

impl FakeClock {
    /// A clock that shows `now`.
    pub fn at(now: UnixTime) -> Self {
        Self(Arc::new(Mutex::new(Hands { wall: now, ..Hands::default() })))
    }

    /// The same clock, for a builder.
    pub fn shared(&self) -> SharedClock {
        Arc::new(self.clone())
    }

    /// Lets time pass, and wakes who waited for it.
    pub fn advance(&self, by: Duration) {
        let sleepers = {
            let mut hands = self.hands();
            hands.wall = hands.wall.saturating_add(by);
            hands.elapsed += by;
            std::mem::take(&mut hands.sleepers)
        };
        sleepers.into_iter().for_each(Waker::wake);
    }

    /// Sets the calendar, as an operator may set a machine's clock; the time elapsed does not change.
    pub fn set(&self, now: UnixTime) {
        self.hands().wall = now;
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for FakeClock {
    fn now(&self) -> UnixTime {
        self.hands().wall
    }

    fn elapsed(&self) -> Duration {
        self.hands().elapsed
    }

    fn read(&self) -> Reading {
        let hands = self.hands();
        Reading { now: hands.wall, elapsed: hands.elapsed }
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let clock = self.clone();
        let until = self.elapsed() + duration;
        Sleep::new(poll_fn(move |cx| {
            let mut hands = clock.hands();
            if hands.elapsed >= until {
                return Poll::Ready(());
            }
            hands.sleepers.push(cx.waker().clone());
            Poll::Pending
        }))
    }
}
