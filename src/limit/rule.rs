//! One limit: what is counted, how much of it, in which time, and over whom it is added up.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Measure {
    /// One per request, whatever its size.
    Requests,
    /// Units of model usage: those of the prompt and those of the answer together.
    Usage,
}

impl Measure {
    /// `requests` or `usage`: how the measure is called in the names of limits.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Usage => "usage",
        }
    }
}

/// The time in which a drained limit refills completely.
///
/// Refilling is continuous: a limit of 60 per minute gives one back every second. A full limit can be spent at once, so
/// the most that passes in any window as long as the period is twice the capacity, and on average it is the capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Per {
    /// One second.
    Second,
    /// Sixty seconds.
    Minute,
    /// 3,600 seconds.
    Hour,
    /// 86,400 seconds.
    Day,
}

impl Per {
    /// The length of the period.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.seconds())
    }

    /// The length of the period in seconds.
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    /// `second`, `minute`, `hour` or `day`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// Whose requests a limit adds up. Every one of them is taken from verified facts, never from the body.
///
/// Callers that lack the fact, such as a subject without tenant, share one budget: a missing fact never means
/// "unlimited".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Dimension {
    /// The user: issuer and subject; the machine, when one asks for itself. The default.
    Subject,
    /// The organisation the user belongs to.
    Tenant,
    /// The OAuth client the request came through.
    Application,
    /// The machine that the request came from, by the name in its certificate.
    Workload,
    /// The party that acts for the user at present: the first of the actors.
    Actor,
    /// The client's network address (an IPv6 /64 counts as one).
    Address,
    /// Everybody on the plan together.
    Plan,
}

impl Dimension {
    /// How many dimensions there are.
    pub(crate) const COUNT: usize = 7;

    /// The dimension's name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Tenant => "tenant",
            Self::Application => "application",
            Self::Workload => "workload",
            Self::Actor => "actor",
            Self::Address => "address",
            Self::Plan => "plan",
        }
    }
}

/// One limit: so much of a measure per period, added up over one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    measure: Measure,
    capacity: u64,
    period: Per,
    dimension: Dimension,
}

impl Limit {
    /// So many requests per period and subject. A capacity of zero is refused when [`Plans`](super::Plans) are built.
    pub const fn requests(capacity: u64, period: Per) -> Self {
        Self { measure: Measure::Requests, capacity, period, dimension: Dimension::Subject }
    }

    /// So many units of usage per period and subject. A capacity of zero is refused when [`Plans`](super::Plans) are built.
    pub const fn usage(capacity: u64, period: Per) -> Self {
        Self { measure: Measure::Usage, capacity, period, dimension: Dimension::Subject }
    }

    /// Adds up over `dimension` instead of the subject.
    #[must_use]
    pub const fn per(mut self, dimension: Dimension) -> Self {
        self.dimension = dimension;
        self
    }

    /// What is counted.
    pub const fn measure(&self) -> Measure {
        self.measure
    }

    /// The most that can be spent at once, and what flows back in one period.
    pub const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The period in which a drained limit refills.
    pub const fn period(&self) -> Per {
        self.period
    }

    /// Whose requests are added up.
    pub const fn dimension(&self) -> Dimension {
        self.dimension
    }

    /// The limit's name, unique within a plan and safe to show: `requests-per-minute`, `tenant-usage-per-hour`.
    pub fn name(&self) -> String {
        let (measure, period) = (self.measure.as_str(), self.period.as_str());
        match self.dimension {
            Dimension::Subject => format!("{measure}-per-{period}"),
            other => format!("{}-{measure}-per-{period}", other.as_str()),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { measure, capacity, period, dimension } = self;
        write!(f, "{capacity} {} per {} and {}", measure.as_str(), period.as_str(), dimension.as_str())
    }
}
