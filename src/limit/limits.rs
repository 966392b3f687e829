//! What the layers of limits share: plans with their budgets opened, the meter, the store.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use thiserror::Error;

use super::budget::{
    Budget, BudgetStore, BudgetStoreError, Budgets, Charges, Denial, Holder, MemoryBudgetStore, Refused,
};
use super::headers;
use super::meter::{EstimatingMeter, Meter};
use super::plan::Plans;
use super::rule::{Dimension, Limit, Measure};
use crate::clock::SharedClock;
use crate::exchange::Exchange;
use crate::principal::{self, PlanName, Principal};
use crate::refusal::{Refusal, RefusalKind};
use crate::route::Access;

/// What a request reserves for its answer when neither it, its route nor its plan names a cap.
const DEFAULT_OUTPUT_CAP: u64 = 1_024;

/// Plans, the store of their budgets, and the meter: shared by [`LimitRequestsLayer`](super::LimitRequestsLayer) and
/// [`LimitUsageLayer`](super::LimitUsageLayer). Cheap to clone.
#[derive(Clone)]
pub struct Limits(Arc<Shared>);

struct Shared {
    plans: Plans,
    prepared: Vec<PreparedPlan>,
    budgets: Budgets,
    meter: Arc<dyn Meter>,
    output_cap: u64,
}

/// One plan whose limits the store has opened.
pub(super) struct PreparedPlan {
    pub(super) name: Arc<str>,
    pub(super) limits: Vec<PreparedLimit>,
    /// The `RateLimit-Policy` of answers on this plan.
    pub(super) policy: Option<HeaderValue>,
    pub(super) output_cap: Option<u64>,
}

pub(super) struct PreparedLimit {
    pub(super) limit: Limit,
    pub(super) name: Arc<str>,
    /// What fits, as a header tells it.
    pub(super) capacity: HeaderValue,
    budget: Budget,
}

/// Builds [`Limits`].
#[derive(Debug)]
pub struct LimitsBuilder {
    plans: Plans,
    store: Option<Arc<dyn BudgetStore>>,
    meter: Option<Arc<dyn Meter>>,
    output_cap: u64,
}

impl LimitsBuilder {
    /// Keeps budgets in `store` ([`MemoryBudgetStore`] when not called).
    #[must_use]
    pub fn store(mut self, store: Arc<dyn BudgetStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Estimates usage by `meter` ([`EstimatingMeter`] when not called).
    #[must_use]
    pub fn meter(mut self, meter: Arc<dyn Meter>) -> Self {
        self.meter = Some(meter);
        self
    }

    /// What a request reserves for its answer, per candidate, when neither it, its route nor its plan names a cap
    /// (1,024 units when not called).
    #[must_use]
    pub fn output_cap(mut self, units: u64) -> Self {
        self.output_cap = units;
        self
    }

    /// Opens every limit in the store.
    ///
    /// # Errors
    /// The store cannot take the plans, or the output cap is zero.
    pub fn build(self, clock: SharedClock) -> Result<Limits, LimitsError> {
        if self.output_cap == 0 {
            return Err(LimitsErrorKind::ZeroOutputCap.into());
        }
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryBudgetStore::default()));
        let prepared = self.plans.iter().map(|plan| {
            let limits = plan.limits().iter().map(|limit| {
                let budget = store.open(plan.name(), limit)?;
                let capacity = HeaderValue::from(limit.capacity());
                Ok(PreparedLimit { limit: *limit, name: limit.name().into(), capacity, budget })
            });
            let limits = limits.collect::<Result<Vec<_>, BudgetStoreError>>()?;
            let policy = headers::policy(&limits);
            let output_cap = plan.default_output_cap();
            Ok(PreparedPlan { name: plan.name().into(), limits, policy, output_cap })
        });
        let prepared =
            prepared.collect::<Result<Vec<_>, BudgetStoreError>>().map_err(LimitsErrorKind::Store)?;
        Ok(Limits(Arc::new(Shared {
            plans: self.plans,
            prepared,
            budgets: Budgets::new(store, clock),
            meter: self.meter.unwrap_or_else(|| Arc::new(EstimatingMeter::new())),
            output_cap: self.output_cap,
        })))
    }
}

impl Limits {
    /// Begins with plans.
    pub fn builder(plans: Plans) -> LimitsBuilder {
        LimitsBuilder { plans, store: None, meter: None, output_cap: DEFAULT_OUTPUT_CAP }
    }

    /// The plans.
    pub fn plans(&self) -> &Plans {
        &self.0.plans
    }

    pub(super) fn meter(&self) -> &dyn Meter {
        &*self.0.meter
    }

    /// Waits until the store has put away everything that was settled so far.
    pub async fn flush(&self) {
        self.0.budgets.store().flush().await;
    }

    pub(super) fn budgets(&self) -> &Budgets {
        &self.0.budgets
    }

    pub(super) fn prepared(&self, plan: usize) -> &PreparedPlan {
        &self.0.prepared[plan]
    }

    pub(super) fn prepared_by_name(&self, plan: &str) -> Option<&PreparedPlan> {
        self.0.prepared.iter().find(|prepared| *prepared.name == *plan)
    }

    /// The plan that applies to this exchange, `None` on a route that is open to everybody.
    pub(super) fn plan_of(&self, exchange: &Exchange, layer: &str) -> Result<Option<usize>, Refusal> {
        if exchange.route().is_some_and(|route| *route.access() == Access::Open) {
            return Ok(None);
        }
        let principal =
            exchange.principal().ok_or_else(|| Refusal::stacked_wrongly(layer, "VerifyJwtLayer"))?;
        let name = principal.plan().map(PlanName::as_str);
        self.0.plans.position(name).map(Some).ok_or_else(|| {
            let cause = match name {
                Some(name) => format!("plan {name:?} is not known and no default plan is chosen"),
                None => "the principal names no plan and no default plan is chosen".to_owned(),
            };
            Refusal::new(RefusalKind::Forbidden, "no plan permits this call").cause(cause)
        })
    }

    /// Charges against every limit of the plan that `amount` has an amount for, in the plan's order.
    pub(super) fn charges(
        &self,
        plan: usize,
        exchange: &Exchange,
        layer: &str,
        amount: impl Fn(Measure) -> Option<u64>,
    ) -> Result<Charges, Refusal> {
        let mut holders = Holders { limits: self, exchange, layer, known: [None; Dimension::COUNT] };
        let mut charges = Charges::with_capacity(self.0.prepared[plan].limits.len());
        for prepared in &self.0.prepared[plan].limits {
            let Some(amount) = amount(prepared.limit.measure()) else { continue };
            let holder = holders.of(prepared.limit.dimension())?;
            let pushed = charges.push(prepared.budget.charge(holder, amount));
            pushed.map_err(|error| Refusal::misconfigured(error.to_string()))?;
        }
        Ok(charges)
    }

    /// What a request that names no cap reserves for each candidate: the route's cap, else the plan's, else the
    /// default. Our own choice never makes a request too large for its plan, so it stops at what fits.
    pub(super) fn default_output(&self, plan: usize, route: Option<u64>, candidates: u64, input: u64) -> u64 {
        let prepared = &self.0.prepared[plan];
        let cap = route.or(prepared.output_cap).unwrap_or(self.0.output_cap);
        let usage = prepared.limits.iter().filter(|l| l.limit.measure() == Measure::Usage);
        let fits = usage.map(|l| l.limit.capacity()).min().unwrap_or(u64::MAX).saturating_sub(input).max(1);
        cap.saturating_mul(candidates).min(fits)
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").field("plans", &self.0.plans).finish_non_exhaustive()
    }
}

/// The holders of one request, each hashed once.
struct Holders<'a> {
    limits: &'a Limits,
    exchange: &'a Exchange,
    layer: &'a str,
    known: [Option<Holder>; Dimension::COUNT],
}

impl Holders<'_> {
    fn of(&mut self, dimension: Dimension) -> Result<Holder, Refusal> {
        if let Some(holder) = self.known[dimension as usize] {
            return Ok(holder);
        }
        let holder = self.find(dimension)?;
        self.known[dimension as usize] = Some(holder);
        Ok(holder)
    }

    fn find(&self, dimension: Dimension) -> Result<Holder, Refusal> {
        let named = |facts: &[&str]| self.limits.0.budgets.store().holder(dimension, facts);
        let principal = || -> Result<&Principal, Refusal> {
            self.exchange.principal().ok_or_else(|| Refusal::stacked_wrongly(self.layer, "VerifyJwtLayer"))
        };
        Ok(match dimension {
            Dimension::Subject => {
                match principal()?.holder() {
                    principal::Holder::Subject(subject) => named(&[subject.issuer(), subject.id()]),
                    // as many facts as no user has
                    principal::Holder::Workload(id) => named(&["", id.kind(), id.as_str()]),
                }
            }
            // a tenant and an application are only as unique as the issuer that names them
            Dimension::Tenant => match (principal()?, principal()?.tenant()) {
                (principal, Some(tenant)) => named(&[issuer(principal), tenant.as_str()]),
                (_, None) => named(&[]),
            },
            Dimension::Application => match (principal()?, principal()?.application()) {
                (principal, Some(application)) => named(&[issuer(principal), application.as_str()]),
                (_, None) => named(&[]),
            },
            Dimension::Workload => match principal()?.workload() {
                Some(workload) => named(&[workload.id().kind(), workload.id().as_str()]),
                None => named(&[]),
            },
            Dimension::Actor => match principal()?.actors().current() {
                Some(actor) => named(&[actor.issuer(), actor.id()]),
                None => named(&[]),
            },
            Dimension::Address => {
                let client = self.exchange.client();
                let client = client.ok_or_else(|| Refusal::stacked_wrongly(self.layer, "MatchRouteLayer"))?;
                named(&[&client.prefix().to_string()])
            }
            Dimension::Plan => named(&[]),
        })
    }
}

/// Who gave the names of a principal; nobody did for a machine.
fn issuer(principal: &Principal) -> &str {
    principal.subject().map_or("", principal::Subject::issuer)
}

impl PreparedPlan {
    /// The refusal of a request whose charges, those of the limits that `charged` keeps, were not taken.
    pub(super) fn refusal(
        &self,
        refused: &Refused,
        charged: impl Fn(&Limit) -> bool,
    ) -> (Option<Arc<str>>, Refusal) {
        let limit = |charge: usize| self.limits.iter().filter(|l| charged(&l.limit)).nth(charge);
        let kind = |limit: &Limit| match limit.measure() {
            Measure::Requests => RefusalKind::RateLimited,
            Measure::Usage => RefusalKind::UsageExceeded,
        };
        let unavailable = || Refusal::new(RefusalKind::Unavailable, "limits cannot be checked at the moment");
        match refused.denial {
            Denial::Exhausted { charge, retry_after } => {
                let Some(PreparedLimit { limit, name, .. }) = limit(charge) else {
                    return (None, unavailable());
                };
                let hint = match limit.measure() {
                    Measure::Requests => "",
                    Measure::Usage => ", or ask for less with a lower output cap",
                };
                let public = format!(
                    "the limit of {} is reached: try again in {} s{hint}",
                    headers::words(limit),
                    headers::whole_seconds(retry_after).max(1)
                );
                let refusal =
                    Refusal::new(kind(limit), public).rule(name.to_string()).retry_after(retry_after);
                (Some(name.clone()), refusal)
            }
            Denial::NeverFits { charge } => {
                let Some(PreparedLimit { limit, name, .. }) = limit(charge) else {
                    return (None, unavailable());
                };
                let asked = refused.charges.get(charge).map_or(0, |charge| charge.reserved);
                let public = format!(
                    "this request may use up to {asked} units, and the limit of {} never holds as many: shorten the \
                     input or lower the output cap; waiting does not help",
                    headers::words(limit)
                );
                (Some(name.clone()), Refusal::new(RefusalKind::NeverFits, public).rule(name.to_string()))
            }
            Denial::StoreFull { charge } => {
                let name = limit(charge).map(|l| l.name.clone());
                let refusal =
                    Refusal::new(RefusalKind::RateLimited, "too many callers at the moment: try again soon")
                        .cause(format!(
                            "the store of budgets of plan {:?} is full of holders in use",
                            self.name
                        ))
                        .retry_after(std::time::Duration::from_secs(1));
                (name, refusal)
            }
            Denial::Unavailable => (None, unavailable().cause("the store of budgets did not answer")),
        }
    }
}

/// Why limits cannot be put together.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct LimitsError {
    kind: LimitsErrorKind,
}

impl LimitsError {
    /// What is wrong, to match on.
    pub fn kind(&self) -> &LimitsErrorKind {
        &self.kind
    }
}

impl From<LimitsErrorKind> for LimitsError {
    fn from(kind: LimitsErrorKind) -> Self {
        Self { kind }
    }
}

/// The ways in which limits cannot be put together.
#[derive(Debug, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum LimitsErrorKind {
    #[error("the default output cap must be at least 1")]
    ZeroOutputCap,
    #[error("the store of budgets cannot take the plans: {0}")]
    Store(#[source] BudgetStoreError),
}
