use super::{AccessRequest, Decided, Policy, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A policy that is only tried out.
#[derive(Clone)]
pub(super) struct Shadow {
    pub(super) policy: Arc<dyn Policy>,
    pub(super) name: Arc<str>,
    /// By the outcome.
    counts: Arc<[AtomicU64; 4]>,
}

/// How often a policy that is only tried out said what the policies in force said: of each request, and of each event of an answer
/// that calls tools, where it looks at tools.
///
/// With the feature `metrics`, the counter `portcullis_shadow_decisions_total` has the same numbers: its label `policy` is the policy's
/// name, and `outcome` the name of a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShadowCounts {
    /// It decided the same.
    pub agreed: u64,
    /// It would have refused what was permitted.
    pub would_refuse: u64,
    /// It would have permitted what was refused.
    pub would_permit: u64,
    /// The request was refused before its body was read, and this policy could not say without; or it names more things that this policy
    /// looks at than any policy is asked about.
    pub undecided: u64,
}

/// How a policy that is only tried out compares with those in force.
#[derive(Clone, Copy)]
enum Outcome {
    Agreed,
    WouldRefuse,
    WouldPermit,
    Undecided,
}

impl Outcome {
    #[cfg(feature = "metrics")]
    fn as_str(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::WouldRefuse => "would_refuse",
            Self::WouldPermit => "would_permit",
            Self::Undecided => "undecided",
        }
    }
}

impl Shadow {
    pub(super) fn new(policy: Arc<dyn Policy>) -> Self {
        let name = policy.name().into();
        Self { policy, name, counts: Arc::default() }
    }

    pub(super) fn counts(&self) -> ShadowCounts {
        let of = |outcome: Outcome| self.counts[outcome as usize].load(Ordering::Relaxed);
        ShadowCounts {
            agreed: of(Outcome::Agreed),
            would_refuse: of(Outcome::WouldRefuse),
            would_permit: of(Outcome::WouldPermit),
            undecided: of(Outcome::Undecided),
        }
    }

    pub(super) fn compare(&self, live: &Verdict, verdict: &Verdict) {
        self.count(match (live.permits(), verdict.permits()) {
            (true, false) => Outcome::WouldRefuse,
            (false, true) => Outcome::WouldPermit,
            _ => Outcome::Agreed,
        });
    }

    /// Compares what it says of a request that was refused before its body was read.
    pub(super) fn compare_early(&self, request: &AccessRequest<'_>) {
        self.count(match self.said_early(request) {
            Some(verdict) if verdict.permits() => Outcome::WouldPermit,
            Some(_) => Outcome::Agreed,
            None => Outcome::Undecided,
        });
    }

    /// The request names more things than are looked at, and it is this policy's matter alone that they are so many.
    pub(super) fn pass_over(&self) {
        self.count(Outcome::Undecided);
    }

    /// What it says before the body is read. Where there is no body, everything is known, and it may permit as well.
    fn said_early(&self, request: &AccessRequest<'_>) -> Option<Verdict> {
        if let Some(verdict) = self.policy.decide_early(request) {
            return Some(verdict);
        }
        request.environment.payload?;
        match self.policy.decide(request) {
            Decided::Now(verdict) => Some(verdict),
            Decided::Later(_) => None,
        }
    }

    fn count(&self, outcome: Outcome) {
        self.counts[outcome as usize].fetch_add(1, Ordering::Relaxed);
        // Both labels are the operator's words, so that their number is bounded.
        #[cfg(feature = "metrics")]
        metrics::counter!(
            "portcullis_shadow_decisions_total",
            "policy" => self.name.clone(),
            "outcome" => outcome.as_str()
        )
        .increment(1);
    }
}
