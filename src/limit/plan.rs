//! What a tier may use: plans, and the set of plans a gate knows.

use hashbrown::HashMap;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use thiserror::Error;

use super::rule::{Limit, Per};

/// The most limits one plan may have. A reservation touches all of them at once, so the number stays small.
pub const MAX_LIMITS: usize = 16;

/// A tier (free, paid, enterprise): a name and the limits that all hold at once.
///
/// ```
/// use portcullis::limit::{Dimension, Limit, Per, Plan};
///
/// let free = Plan::new("free")
///     .requests(20, Per::Minute)
///     .usage(2_000, Per::Minute)
///     .limit(Limit::requests(1_000, Per::Hour).per(Dimension::Plan));
/// assert_eq!(free.limits()[1].name(), "usage-per-minute");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    name: Arc<str>,
    limits: Vec<Limit>,
    unlimited: bool,
    output_cap: Option<u64>,
}

impl Plan {
    /// A plan without limits yet. A plan that still has none when [`Plans`] are built is an error.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), limits: Vec::new(), unlimited: false, output_cap: None }
    }

    /// Adds a limit of requests per subject.
    #[must_use]
    pub fn requests(self, capacity: u64, period: Per) -> Self {
        self.limit(Limit::requests(capacity, period))
    }

    /// Adds a limit of usage units per subject.
    #[must_use]
    pub fn usage(self, capacity: u64, period: Per) -> Self {
        self.limit(Limit::usage(capacity, period))
    }

    /// Adds a limit.
    #[must_use]
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limits.push(limit);
        self
    }

    /// What a request on this plan reserves for its answer, per candidate, when it names no cap of its own.
    #[must_use]
    pub fn output_cap(mut self, units: u64) -> Self {
        self.output_cap = Some(units);
        self
    }

    /// A plan that may use what it likes. Its requests are still counted as usage in the record.
    #[must_use]
    pub fn danger_unlimited(mut self) -> Self {
        self.unlimited = true;
        self
    }

    /// The plan's name, as it stands in the verified credential.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The limits, in the order in which they were added.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// The output cap for requests that name none, when the plan sets one.
    pub fn default_output_cap(&self) -> Option<u64> {
        self.output_cap
    }

    fn check(&self) -> Result<(), PlansErrorKind> {
        let plan = || self.name.to_string();
        if self.name.is_empty() || self.name.len() > 128 || self.name.chars().any(char::is_control) {
            return Err(PlansErrorKind::Name { plan: plan() });
        }
        match (self.limits.is_empty(), self.unlimited) {
            (true, false) => return Err(PlansErrorKind::NoLimits { plan: plan() }),
            (false, true) => return Err(PlansErrorKind::LimitedAndUnlimited { plan: plan() }),
            _ => {}
        }
        if self.limits.len() > MAX_LIMITS {
            return Err(PlansErrorKind::TooManyLimits { plan: plan(), limits: self.limits.len() });
        }
        if self.output_cap == Some(0) {
            return Err(PlansErrorKind::ZeroOutputCap { plan: plan() });
        }
        for (i, limit) in self.limits.iter().enumerate() {
            if NonZeroU64::new(limit.capacity()).is_none() {
                return Err(PlansErrorKind::ZeroCapacity { plan: plan(), limit: limit.name() });
            }
            if self.limits[..i].iter().any(|l| l.name() == limit.name()) {
                return Err(PlansErrorKind::Twice { plan: plan(), limit: limit.name() });
            }
        }
        Ok(())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.unlimited {
            return f.write_str(": UNLIMITED");
        }
        for (i, limit) in self.limits.iter().enumerate() {
            write!(f, "{}{limit}", if i == 0 { ": " } else { ", " })?;
        }
        Ok(())
    }
}

/// The plans a gate knows, looked up by the plan name in the verified principal.
///
/// A caller whose principal names no plan, or one that is not known, gets the default plan if one was chosen, and is
/// refused otherwise.
///
/// ```
/// use portcullis::limit::{Per, Plan, Plans};
///
/// let plans = Plans::new([
///     Plan::new("free").requests(20, Per::Minute).usage(2_000, Per::Minute),
///     Plan::new("enterprise").requests(2_000, Per::Minute).usage(500_000, Per::Minute),
/// ])?
/// .with_default("free")?;
/// assert_eq!(plans.find(Some("enterprise")).map(Plan::name), Some("enterprise"));
/// assert_eq!(plans.find(None).map(Plan::name), Some("free"));
/// # Ok::<(), portcullis::limit::PlansError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Plans {
    plans: Vec<Plan>,
    by_name: HashMap<Arc<str>, usize>,
    default: Option<usize>,
}

impl fmt::Display for Plans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, plan) in self.plans.iter().enumerate() {
            write!(f, "{}{plan}", if i == 0 { "" } else { "\n" })?;
        }
        match self.default_plan() {
            Some(plan) => write!(f, "\ncallers without a plan have {}", plan.name()),
            None => f.write_str("\ncallers without a plan are refused"),
        }
    }
}

impl Plans {
    /// Takes the plans together.
    ///
    /// # Errors
    /// No plan at all, two of one name, a plan without limits, a limit of capacity zero or one given twice, more than
    /// [`MAX_LIMITS`] limits in one plan.
    pub fn new(plans: impl IntoIterator<Item = Plan>) -> Result<Self, PlansError> {
        let plans: Vec<Plan> = plans.into_iter().collect();
        let mut by_name = HashMap::new();
        for (i, plan) in plans.iter().enumerate() {
            plan.check()?;
            if by_name.insert(plan.name.clone(), i).is_some() {
                return Err(PlansErrorKind::SameName { plan: plan.name.to_string() }.into());
            }
        }
        if plans.is_empty() {
            return Err(PlansErrorKind::NoPlans.into());
        }
        Ok(Self { plans, by_name, default: None })
    }

    /// Chooses the plan of callers that have none, or one that is not known. Without this call they are refused.
    ///
    /// # Errors
    /// There is no plan of that name.
    pub fn with_default(mut self, name: &str) -> Result<Self, PlansError> {
        let Some(&i) = self.by_name.get(name) else {
            return Err(PlansErrorKind::NoSuchDefault { plan: name.to_owned() }.into());
        };
        self.default = Some(i);
        Ok(self)
    }

    /// The plan of that name, else the default, else none.
    pub fn find(&self, name: Option<&str>) -> Option<&Plan> {
        self.position(name).map(|i| &self.plans[i])
    }

    /// Every plan, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Plan> {
        self.plans.iter()
    }

    /// The plan of callers without one, if chosen.
    pub fn default_plan(&self) -> Option<&Plan> {
        self.default.map(|i| &self.plans[i])
    }

    pub(crate) fn position(&self, name: Option<&str>) -> Option<usize> {
        name.and_then(|n| self.by_name.get(n).copied()).or(self.default)
    }
}

/// Why plans cannot be used. The message names the plan and the limit.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct PlansError {
    kind: PlansErrorKind,
}

impl PlansError {
    /// What is wrong, to match on.
    pub fn kind(&self) -> &PlansErrorKind {
        &self.kind
    }
}

impl From<PlansErrorKind> for PlansError {
    fn from(kind: PlansErrorKind) -> Self {
        Self { kind }
    }
}

/// The ways in which plans are wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum PlansErrorKind {
    #[error("no plans are given: add at least one `Plan`")]
    NoPlans,
    #[error("plan name {plan:?} is empty, longer than 128 bytes or has control characters")]
    Name { plan: String },
    #[error("two plans are named {plan:?}: give each a name of its own")]
    SameName { plan: String },
    #[error("plan {plan:?} has no limits: add some, or say `danger_unlimited`")]
    NoLimits { plan: String },
    #[error("plan {plan:?} has limits and says `danger_unlimited`: choose one")]
    LimitedAndUnlimited { plan: String },
    #[error("plan {plan:?} has {limits} limits: at most {MAX_LIMITS} are possible")]
    TooManyLimits { plan: String, limits: usize },
    #[error("limit {limit} of plan {plan:?} has capacity 0: it must be at least 1")]
    ZeroCapacity { plan: String, limit: String },
    #[error("plan {plan:?} has an output cap of 0: it must be at least 1")]
    ZeroOutputCap { plan: String },
    #[error("plan {plan:?} has limit {limit} twice: keep the tighter one")]
    Twice { plan: String, limit: String },
    #[error("the default plan {plan:?} is not among the plans")]
    NoSuchDefault { plan: String },
}
