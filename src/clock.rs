//! Time, as a value that is passed: every layer reads the clock it was given, so a test can move time by hand.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A source of time.
///
/// Two readings, because they answer different questions: [`now`](Clock::now) is the calendar (expiry of credentials,
/// records) and may step when the machine's clock is set; [`elapsed`](Clock::elapsed) only ever grows (limits, durations).
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The wall-clock time.
    fn now(&self) -> UnixTime;

    /// The time since an origin fixed when the clock was made. Never steps back.
    fn elapsed(&self) -> Duration;

    /// Both at once. A clock for which the two cost as much as one reading each may do better here.
    fn read(&self) -> Reading {
        Reading { now: self.now(), elapsed: self.elapsed() }
    }

    /// A future that is ready once `duration` has passed on this clock.
    fn sleep(&self, duration: Duration) -> Sleep;
}

/// One moment on both of a clock's scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The calendar, as [`Clock::now`] tells it; a clock may count on from a look that it has taken shortly before.
    pub now: UnixTime,
    /// As [`Clock::elapsed`] tells it.
    pub elapsed: Duration,
}

/// A clock shared by every layer of a gate.
pub type SharedClock = Arc<dyn Clock>;

/// A moment of the calendar, in nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The moment `seconds` after 1970-01-01T00:00:00Z; the farthest moment that can be told when that is out of range.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// The moment `nanos` nanoseconds after 1970-01-01T00:00:00Z.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, as `NumericDate` counts them (RFC 7519 §2).
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This moment and `duration`, or the farthest moment that can be told.
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl From<SystemTime> for UnixTime {
    /// The moment that `time` is; 1970-01-01T00:00:00Z for all that was before.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(nanos(since))
    }
}

/// A future that is ready when a [`Clock`] says that the time has passed.
pub struct Sleep(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Sleep {
    /// Wraps the timer of a clock of your own.
    pub fn new(timer: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Box::pin(timer))
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sleep")
    }
}

/// The latest moment that a clock has ever shown here: what expired before stays expired when the machine's clock steps back.
///
/// It goes on from there as fast as time passes. A clock that was wrongly ahead is therefore believed until the process ends, or
/// the calendar has caught up: a credential too few is let in, never one too many.
#[derive(Debug, Default)]
pub struct HighWater {
    /// How far the calendar was ahead of the elapsed time, at most, in nanoseconds.
    ahead: AtomicU64,
}

impl HighWater {
    /// The later one of what `clock` shows now, and what it would show if it had never stepped back.
    pub fn now(&self, clock: &dyn Clock) -> UnixTime {
        self.at(clock.read())
    }

    /// The same for a reading of the clock.
    pub fn at(&self, reading: Reading) -> UnixTime {
        let elapsed = nanos(reading.elapsed);
        let ahead = reading.now.0.saturating_sub(elapsed);
        // Reading first keeps the cache line shared: the calendar seldom gains on the elapsed time.
        let before = self.ahead.load(Ordering::Relaxed);
        if ahead > before {
            self.ahead.fetch_max(ahead, Ordering::Relaxed);
        }
        UnixTime(ahead.max(before).saturating_add(elapsed))
    }
}

/// How long the calendar is believed to go on as the elapsed time does, in nanoseconds.
const CALENDAR: u64 = 10_000_000;

/// How long two looks at the machine's clocks may lie apart.
const TOGETHER: Duration = Duration::from_micros(100);

/// The machine's clock. Its timers run on the tokio runtime.
///
/// [`read`](Clock::read) asks the machine for the calendar a hundred times a second at most, and otherwise counts on from there: what
/// it tells is behind by no more than a hundredth of a second when the machine's clock is set.
pub struct SystemClock {
    origin: Instant,
    /// How far the calendar is ahead of the elapsed time, in nanoseconds, and until when that is believed.
    ahead: AtomicU64,
    believed_until: AtomicU64,
}

impl SystemClock {
    /// A clock whose monotonic origin is now.
    pub fn new() -> Self {
        let clock =
            Self { origin: Instant::now(), ahead: AtomicU64::new(0), believed_until: AtomicU64::new(0) };
        clock.look();
        clock
    }

    /// Looks at both of the machine's clocks.
    fn look(&self) -> Reading {
        let before = self.elapsed();
        let now = self.now();
        let elapsed = self.elapsed();
        // The two belong together only if the thread was not held up between them.
        if elapsed.saturating_sub(before) < TOGETHER {
            let since = nanos(elapsed);
            self.ahead.store(now.0.saturating_sub(since), Ordering::Relaxed);
            self.believed_until.store(since.saturating_add(CALENDAR), Ordering::Release);
        }
        Reading { now, elapsed }
    }

    /// The same, ready to be shared by layers.
    pub fn shared() -> SharedClock {
        Arc::new(Self::new())
    }
}

impl fmt::Debug for SystemClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemClock")
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        SystemTime::now().into()
    }

    fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    fn read(&self) -> Reading {
        let elapsed = self.elapsed();
        let since = nanos(elapsed);
        // First until when, then what is believed until then: the other way round, an old calendar could be believed anew.
        if since >= self.believed_until.load(Ordering::Acquire) {
            return self.look();
        }
        Reading { now: UnixTime(since.saturating_add(self.ahead.load(Ordering::Relaxed))), elapsed }
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(tokio::time::sleep(duration))
    }
}

/// Whole nanoseconds; the most there are for what is longer than 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: Duration = Duration::from_secs(1);

    #[test]
    fn a_reading_of_the_machine_is_what_its_two_clocks_say() {
        let clock = SystemClock::new();
        for _ in 0..100 {
            let Reading { now, elapsed } = clock.read();
            assert!(elapsed <= clock.elapsed() && clock.elapsed() - elapsed < NEAR);
            assert!(now.saturating_since(clock.now()) < NEAR && clock.now().saturating_since(now) < NEAR);
        }
    }

    #[test]
    fn the_calendar_is_counted_on_from_the_last_look_and_then_looked_at_again() {
        let clock = SystemClock::new();
        clock.read();
        // As if the machine's clock had been set since.
        clock.ahead.store(0, Ordering::Relaxed);
        clock.believed_until.store(u64::MAX, Ordering::Relaxed);
        let Reading { now, elapsed } = clock.read();
        assert_eq!(now, UnixTime::from_nanos(nanos(elapsed)));
        clock.believed_until.store(0, Ordering::Relaxed);
        assert!(clock.now().saturating_since(clock.read().now) < NEAR);
    }
}
