//! Limits: how often an address may knock, how many requests and how much usage a verified caller may have.
//!
//! 1. [`LimitFloodLayer`] counts requests per client address (an IPv6 /64 counts as one) before anything is done that
//!    costs, such as checking a signature.
//! 2. [`LimitRequestsLayer`] counts requests against the caller's [`Plan`], and refuses callers whose usage is spent,
//!    before the body is read.
//! 3. [`LimitUsageLayer`] reserves the estimated input and the output cap of every candidate before the handler runs, and
//!    settles when the answer is over: at the server's count where it is whole, else at what was generated. A client that
//!    leaves pays what was used so far; once the handler ran, that is the input at least, unless it refuses and says that nothing was done
//!    ([`Refusal::uncharged`](crate::refusal::Refusal::uncharged)).
//! 4. All limits of a request are taken or none. What a limit refuses counts against no limit; what anything else refuses
//!    (a malformed body, blocked content) stays counted, or probing would be free.
//! 5. More used than reserved is debt, which only time pays. A request that is larger than a limit is refused as one that
//!    can never fit, and told so.
//! 6. Whose budget it is comes from the verified principal and the socket's address, never from the body. A caller without
//!    a known plan gets the default plan if one was chosen, and is refused otherwise.
//! 7. Answers and refusals tell how the caller's limits stand: `x-ratelimit-*` as OpenAI's clients read them,
//!    `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers), `Retry-After` on 429. What a handler says
//!    under these names is taken away.
//!
//! # Deployment caveat
//! [`MemoryBudgetStore`] counts for one process: behind a load balancer, every process grants the whole limit. What it
//! knows is lost on restart.
//!
//! # Example
//! ```
//! use portcullis::exchange::Context;
//! use portcullis::limit::{FloodQuota, LimitFloodLayer, LimitRequestsLayer, LimitUsageLayer, Limits, Per, Plan, Plans};
//!
//! let context = Context::default();
//! let plans = Plans::new([
//!     Plan::new("free").requests(20, Per::Minute).usage(2_000, Per::Minute),
//!     Plan::new("enterprise").requests(2_000, Per::Minute).usage(500_000, Per::Minute),
//! ])?
//! .with_default("free")?;
//! let limits = Limits::builder(plans).build(context.clock().clone())?;
//!
//! let flood = LimitFloodLayer::builder(FloodQuota::new(50, Per::Second)).context(context.clone()).build()?;
//! let requests = LimitRequestsLayer::builder(limits.clone()).context(context.clone()).build();
//! let usage = LimitUsageLayer::builder(limits).context(context).build();
//! # let _ = (flood, requests, usage);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod budget;
mod flood;
mod headers;
mod layer;
mod limits;
mod meter;
mod observer;
mod plan;
mod rule;
mod step;
#[cfg(test)]
mod tests;

pub use self::budget::{
    Bucket, Budget, BudgetStore, BudgetStoreError, BudgetStoreErrorKind, Budgets, Charge, Charges, Decision,
    Denial, Holder, Level, MemoryBudgetStore, MemoryBudgetStoreBuilder, Refused, Reply, Reservation,
    Reserving,
};
pub use self::flood::{FloodCheck, FloodError, FloodErrorKind, FloodQuota, SITE_FACTOR};
pub use self::layer::{
    LimitFloodLayer, LimitFloodLayerBuilder, LimitRequestsLayer, LimitRequestsLayerBuilder, LimitUsageLayer,
    LimitUsageLayerBuilder,
};
pub use self::limits::{Limits, LimitsBuilder, LimitsError, LimitsErrorKind};
pub use self::meter::{EstimatingMeter, Meter, MeterError, MeterErrorKind};
pub use self::plan::{MAX_LIMITS, Plan, Plans, PlansError, PlansErrorKind};
pub use self::rule::{Dimension, Limit, Measure, Per};
