use super::{Ran, StepId};
use crate::clock::{SharedClock, SystemClock, UnixTime};
use crate::refusal::Respond;
use http::HeaderValue;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the layers of one stack share from the time they are built. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Context(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: SharedClock,
    ids: RequestIds,
    respond: Option<Arc<dyn Respond>>,
    stacked: [Ran; StepId::COUNT],
    observed_until: Option<UnixTime>,
}

impl Context {
    /// A context on that clock.
    pub fn new(clock: SharedClock) -> Self {
        let stacked = [Ran::Off; StepId::COUNT];
        Self(Arc::new(Inner { clock, ids: RequestIds::new(), respond: None, stacked, observed_until: None }))
    }

    /// A context whose refusals are rendered by `respond`, whatever the dialect, and whose record knows that these
    /// steps are stacked, so that one which a request did not reach is told from one which is off. Until `observed_until`
    /// nothing is refused.
    pub(crate) fn of_gate(
        clock: SharedClock,
        respond: Option<Arc<dyn Respond>>,
        steps: impl IntoIterator<Item = StepId>,
        observed_until: Option<UnixTime>,
    ) -> Self {
        let mut stacked = [Ran::Off; StepId::COUNT];
        for step in steps {
            stacked[step as usize] = Ran::NotReached;
        }
        Self(Arc::new(Inner { clock, ids: RequestIds::new(), respond, stacked, observed_until }))
    }

    /// The clock.
    pub fn clock(&self) -> &SharedClock {
        &self.0.clock
    }

    /// Where request ids come from.
    pub fn ids(&self) -> &RequestIds {
        &self.0.ids
    }

    pub(super) fn respond(&self) -> Option<&Arc<dyn Respond>> {
        self.0.respond.as_ref()
    }

    pub(super) fn observed_until(&self) -> Option<UnixTime> {
        self.0.observed_until
    }

    pub(super) fn stacked(&self) -> [Ran; StepId::COUNT] {
        self.0.stacked
    }
}

impl Default for Context {
    /// A context on the machine's clock.
    fn default() -> Self {
        Self::new(SystemClock::shared())
    }
}

/// Makes request ids: unique within a process by a counter, between processes by a random beginning. Not secret.
#[derive(Debug)]
pub struct RequestIds {
    prefix: [u8; 16],
    next: AtomicU64,
}

impl RequestIds {
    fn new() -> Self {
        let random = RandomState::new();
        Self { prefix: digits(random.hash_one(0u8)), next: AtomicU64::new(random.hash_one(1u8) >> 32) }
    }

    /// The next id.
    pub fn next(&self) -> RequestId {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut id = [0; 32];
        id[..16].copy_from_slice(&self.prefix);
        id[16..].copy_from_slice(&digits(number));
        RequestId(id)
    }
}

/// Sixteen hexadecimal digits.
fn digits(number: u64) -> [u8; 16] {
    std::array::from_fn(|place| b"0123456789abcdef"[(number >> (4 * (15 - place))) as usize & 15])
}

/// The id of a request: 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 32]);

impl RequestId {
    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).expect("hexadecimal digits stand in any header")
    }
}

impl Deref for RequestId {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
