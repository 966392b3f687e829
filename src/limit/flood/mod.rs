//! Floods: how often one client address may knock, before anything costly is done for it.
//!
//! Counted by GCRA (the `governor` crate) per IPv4 address or IPv6 /64. A /48, which one site can draw 65,536 /64s from,
//! is capped as well, at [`SITE_FACTOR`] times the rate of one /64.

mod store;
#[cfg(test)]
mod tests;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::{Quota, RateLimiter};
use thiserror::Error;

use self::store::{Cells, SharedCells};
use super::rule::Per;
use crate::clock::{SharedClock, nanos};
use crate::principal::{AddressPrefix, ClientAddress};

/// How many /64s of one /48 may knock at their full rate at the same time.
pub const SITE_FACTOR: u32 = 16;

/// For how many requests a guess at a credential counts.
const FAILED_CREDENTIAL: u32 = 10;

/// The longest time a drained quota may take to refill: a rate slower than this is not a flood check.
const LONGEST_REFILL: Duration = Duration::from_secs(86_400);

/// How often an address may knock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloodQuota {
    rate: u32,
    period: Per,
    burst: u32,
    failed_credential: u32,
    addresses: usize,
}

impl FloodQuota {
    /// `rate` requests per period, of which as many may come at once.
    pub const fn new(rate: u32, period: Per) -> Self {
        Self { rate, period, burst: rate, failed_credential: FAILED_CREDENTIAL, addresses: 65_536 }
    }

    /// How many may come at once, when that is not the rate itself.
    #[must_use]
    pub const fn burst(mut self, burst: u32) -> Self {
        self.burst = burst;
        self
    }

    /// For how many requests one counts that came with a credential which does not hold; 10 when not called. One is not charged
    /// more than others.
    #[must_use]
    pub const fn failed_credential(mut self, requests: u32) -> Self {
        self.failed_credential = requests;
        self
    }

    /// How many addresses are remembered (65,536 when not called), at 66 bytes each, taken when the layer is built.
    #[must_use]
    pub const fn addresses(mut self, addresses: usize) -> Self {
        self.addresses = addresses;
        self
    }

    /// How many requests flow back in one period.
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// The period of the rate.
    pub const fn period(&self) -> Per {
        self.period
    }

    /// How many requests may come at once.
    pub const fn burst_size(&self) -> u32 {
        self.burst
    }

    fn quota(self, factor: u32) -> Result<Quota, FloodError> {
        let zero = |what| FloodError { kind: FloodErrorKind::Zero { what } };
        let rate = NonZeroU32::new(self.rate).ok_or(zero("rate"))?;
        let burst = NonZeroU32::new(self.burst.saturating_mul(factor)).ok_or(zero("burst"))?;
        // rounded up, so that the rate is never exceeded; at least one nanosecond
        let nanos = self.period.duration().as_nanos().div_ceil(u128::from(rate.get()) * u128::from(factor));
        let interval = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        if interval.checked_mul(burst.get()).is_none_or(|refill| refill > LONGEST_REFILL) {
            return Err(FloodError { kind: FloodErrorKind::TooSlow });
        }
        let quota = Quota::with_period(interval).ok_or(zero("rate"))?;
        Ok(quota.allow_burst(burst))
    }
}

impl fmt::Display for FloodQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, burst, failed_credential, .. } = self;
        write!(f, "{rate} requests per {}, {burst} at once", self.period.as_str())?;
        if *failed_credential > 1 {
            write!(f, "; a failed credential counts as {failed_credential}")?;
        }
        Ok(())
    }
}

type Limiter = RateLimiter<AddressPrefix, SharedCells, OriginClock, NoOpMiddleware<Nanos>>;

/// Counts the knocks of every address. Made once and shared.
#[derive(Debug)]
pub struct FloodCheck {
    prefixes: Limiter,
    sites: Limiter,
    cells: [Arc<Cells>; 2],
    /// How many more requests a failed credential counts for.
    surcharge: u32,
    clock: SharedClock,
}

impl FloodCheck {
    /// A check that has seen nobody yet.
    ///
    /// # Errors
    /// The rate or the burst is zero, or a drained quota would take more than a day to refill.
    pub fn new(quota: FloodQuota, clock: SharedClock) -> Result<Self, FloodError> {
        let cells = [(); 2].map(|()| Arc::new(Cells::new(quota.addresses, clock.clone())));
        Self::over(cells, quota, clock)
    }

    /// The same check with another quota, which remembers what addresses have spent. The number of addresses stays.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn with_quota(&self, quota: FloodQuota) -> Result<Self, FloodError> {
        Self::over(self.cells.clone(), quota, self.clock.clone())
    }

    fn over(cells: [Arc<Cells>; 2], quota: FloodQuota, clock: SharedClock) -> Result<Self, FloodError> {
        let limiter = |cells: &Arc<Cells>, factor| {
            let limiter: Limiter = RateLimiter::new(
                quota.quota(factor)?,
                SharedCells(cells.clone()),
                OriginClock::held(clock.clone()),
            );
            limiter.clock().run();
            Ok::<_, FloodError>(limiter)
        };
        let (prefixes, sites) = (limiter(&cells[0], 1)?, limiter(&cells[1], SITE_FACTOR)?);
        let surcharge = quota.failed_credential.saturating_sub(1).min(quota.burst);
        Ok(Self { prefixes, sites, cells, surcharge, clock })
    }

    /// Counts one request from `address`.
    ///
    /// # Errors
    /// The time after which the next one would pass, when there were too many. What is refused is not counted.
    pub fn check(&self, address: ClientAddress) -> Result<(), Duration> {
        // the /64 first: one that is over its rate must not use up its neighbours'
        Self::knock(&self.prefixes, &address.prefix())?;
        if address.ip().is_ipv6() {
            Self::knock(&self.sites, &address.site())?;
        }
        Ok(())
    }

    /// Counts what a request from `address` costs beyond itself because its credential did not hold.
    pub fn charge_failure(&self, address: ClientAddress) {
        // One at a time: what is asked for at once and does not fit is not counted at all.
        for _ in 0..self.surcharge {
            if self.check(address).is_err() {
                return;
            }
        }
    }

    fn knock(limiter: &Limiter, prefix: &AddressPrefix) -> Result<(), Duration> {
        limiter.check_key(prefix).map_err(|not_until| not_until.wait_time_from(limiter.clock().now()))
    }
}

/// Our clock, as `governor` reads it.
///
/// A limiter takes the first reading as its origin and keeps arrival times relative to it. Over kept cells, a limiter
/// with a later origin would take every old arrival time to lie in the future, and refuse for as long as the process has
/// run. So the first reading is always zero: the clock is held until [`run`](Self::run).
#[derive(Debug)]
struct OriginClock {
    clock: SharedClock,
    running: AtomicBool,
}

impl OriginClock {
    fn held(clock: SharedClock) -> Self {
        Self { clock, running: AtomicBool::new(false) }
    }

    fn run(&self) {
        self.running.store(true, Ordering::Relaxed);
    }
}

impl governor::clock::Clock for OriginClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        if !self.running.load(Ordering::Relaxed) {
            return Nanos::new(0);
        }
        Nanos::new(elapsed_nanos(&self.clock))
    }
}

/// Bounded far below `u64::MAX`, since `governor` adds to arrival times without looking for overflow.
fn elapsed_nanos(clock: &SharedClock) -> u64 {
    nanos(clock.elapsed()).min(u64::MAX / 4)
}

/// Why a flood check cannot be made.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct FloodError {
    kind: FloodErrorKind,
}

impl FloodError {
    /// What is wrong, to match on.
    pub fn kind(&self) -> &FloodErrorKind {
        &self.kind
    }
}

/// The ways in which a flood check cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum FloodErrorKind {
    #[error("the {what} of the flood check must be at least 1")]
    Zero { what: &'static str },
    #[error(
        "the flood check would take more than a day to forgive a burst: raise the rate or lower the burst"
    )]
    TooSlow,
}
