//! Rules in Rust: conditions that are put together with `and`, `or` and `not`, and policies made of them.
//!
//! ```
//! use portcullis::authorize::RulePolicy;
//! use portcullis::authorize::rules::{business_hours, claim, device, model_in, not, role, scope, weekdays};
//!
//! let finance = claim("/department")
//!     .is("finance")
//!     .and(device().managed())
//!     .and(business_hours("Europe/Berlin", weekdays(), "08:00".."18:00"));
//! let policy = RulePolicy::builder("house rules")
//!     .permit("finance", finance.and(model_in(["ledger", "ledger-*"])))
//!     .permit("everybody", scope("generate:invoke").and(model_in(["small"])))
//!     .permit("readers", scope("models:read"))
//!     .forbid("contractors", role("contractor").and(not(device().managed())))
//!     .build()?;
//! # let _ = policy;
//! # Ok::<(), portcullis::authorize::RuleError>(())
//! ```
//!
//! 1. What no rule permits is refused. A rule that forbids beats every one that permits. A condition that cannot be
//!    evaluated refuses, in whatever rule it stands.
//! 2. A rule speaks of one kind of thing at most: models, tools, datasets, … A kind is governed when some rule of the policy
//!    speaks of it. Each governed thing that a request touches needs a rule that permits it: one that speaks of its kind,
//!    or one that speaks of no kind, which permits everything.
//! 3. A request that touches nothing governed needs a rule that speaks of no kind.
//! 4. `and` is false as soon as one side is, and `or` is true as soon as one side is, whatever the other side is. Else a side
//!    that cannot be evaluated makes the whole so.
//! 5. Rules without `not` that only permit are monotone: where everything can be evaluated, a caller who has less may do no
//!    more.
//! 6. Evaluating allocates nothing.

mod build;
mod conditions;
mod evaluate;
mod hours;
mod index;
mod policy;
mod test;
mod words;

pub use build::{RuleError, RuleErrorKind, RulePolicyBuilder};
pub use conditions::{
    Claim, Condition, DeviceCondition, acting_for, action, actor, always, application, business_hours, claim,
    dataset, delegated, device, finding, listed, model_in, network, not, offers_tools, output_cap_at_most,
    part, payload_at_most, plan, privileged_in, reputation_at_least, resource_in, role, route, scope,
    subject, tenant, tool_in, weekdays, workload,
};
pub use hours::Weekday;
pub use policy::RulePolicy;
