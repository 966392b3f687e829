//! Exact arithmetic of one bucket: integers only, so a level never drifts from what was taken and what flowed back.

use std::num::NonZeroU64;
use std::time::Duration;

/// How much fits, and how long a drained bucket takes to refill.
///
/// What is missing is kept in fractions of `1 / period` of a unit: `capacity` of them flow back each nanosecond, so
/// every moment has an exact level. A deficit of up to 2^63 units over a day's period fits `u128` with room to spare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    capacity: NonZeroU64,
    period: NonZeroU64,
}

impl Bucket {
    /// A bucket of `capacity` units that refills in `period`, which is taken as at least one nanosecond.
    pub fn new(capacity: NonZeroU64, period: Duration) -> Self {
        let nanos = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        Self { capacity, period: NonZeroU64::new(nanos).unwrap_or(NonZeroU64::MIN) }
    }

    /// What a full bucket holds.
    pub fn capacity(self) -> u64 {
        self.capacity.get()
    }

    fn fractions(self, units: u64) -> u128 {
        u128::from(units) * u128::from(self.period.get())
    }

    /// How long until `amount` units are there when `missing` fractions are not, or `None` when they are. Asking for
    /// nothing asks whether one is left.
    pub(super) fn wait_for(self, missing: u128, amount: u64) -> Option<Duration> {
        let allowed = self.fractions(self.capacity.get().saturating_sub(amount.max(1)));
        let over = missing.checked_sub(allowed).filter(|over| *over > 0)?;
        Some(nanos(over.div_ceil(u128::from(self.capacity.get()))))
    }

    /// Whole units left when `missing` fractions are not there, negative when there is debt.
    pub(super) fn left(self, missing: u128) -> i64 {
        let missing = missing.div_ceil(u128::from(self.period.get()));
        let missing = i128::try_from(missing).unwrap_or(i128::MAX);
        i64::try_from(i128::from(self.capacity.get()).saturating_sub(missing)).unwrap_or(i64::MIN)
    }

    /// The fractions that are missing when `left` units are left.
    pub(super) fn missing(self, left: i64) -> u128 {
        let units = i128::from(self.capacity.get()) - i128::from(left);
        u128::try_from(units).unwrap_or(0) * u128::from(self.period.get())
    }

    /// How long until the bucket is full when `missing` fractions are not there.
    pub(super) fn until_full(self, missing: u128) -> Duration {
        nanos(missing.div_ceil(u128::from(self.capacity.get())))
    }
}

/// What is missing from one bucket at one moment. The default is a full bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deficit {
    // two halves of a u128, whose alignment would cost 8 bytes in every slot
    high: u64,
    low: u64,
    at: u64,
}

impl Deficit {
    /// Nothing missing at `now`, in nanoseconds.
    pub(crate) fn none(now: u64) -> Self {
        Self { high: 0, low: 0, at: now }
    }

    /// What is missing, in fractions.
    pub(crate) fn fractions(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    fn put(&mut self, fractions: u128) {
        self.high = (fractions >> 64) as u64;
        self.low = fractions as u64;
    }

    /// Lets flow back what the time since the last call brings. A clock that went back brings nothing and takes nothing.
    pub(crate) fn advance(&mut self, bucket: Bucket, now: u64) {
        let Some(elapsed) = now.checked_sub(self.at) else { return };
        self.at = now;
        let back = u128::from(elapsed) * u128::from(bucket.capacity.get());
        self.put(self.fractions().saturating_sub(back));
    }

    pub(crate) fn take(&mut self, bucket: Bucket, amount: u64) {
        self.put(self.fractions().saturating_add(bucket.fractions(amount)));
    }

    /// Gives back; what would overflow the bucket is lost.
    pub(crate) fn give(&mut self, bucket: Bucket, amount: u64) {
        self.put(self.fractions().saturating_sub(bucket.fractions(amount)));
    }

    /// Whether nothing is missing any more at `now`, for a bucket of `capacity`.
    pub(crate) fn is_none_at(self, capacity: u64, now: u64) -> bool {
        let elapsed = now.saturating_sub(self.at);
        self.fractions() <= u128::from(elapsed) * u128::from(capacity)
    }
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
