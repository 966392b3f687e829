//! What the caller may do: the scopes and the login that a route requires, checked before a byte of the body is read; and
//! what policies say of everything that the request touches, in two stages.
//!
//! 1. A route that does not say who may enter refuses everybody.
//! 2. Every scope that the route names must be held, letter for letter (RFC 6749 §3.3).
//! 3. A missing scope is 403 with the challenge of RFC 6750 §3.1, which names the scopes that are needed.
//! 4. Where the route demands an authentication context or a recent login, a credential that does not show it is 401 with the
//!    challenge of RFC 9470 §3, which names what is needed. A clock that steps back makes no login fresh again.
//! 5. Where nobody has been authenticated, nothing is decided: the stack is wrong, and that is a refusal.
//!
//! 6. A [`Policy`] decides on an [`AccessRequest`]: principal, action, things (models, tools, datasets, parts of the prompt) and
//!    circumstances. [`RulePolicy`] is one of typed [`rules`]; a closure is another ([`policy_fn`]). Of several policies, all
//!    must permit.
//! 7. Before the body is read, [`AuthorizeLayer`] refuses what no body can make permitted. After inspection,
//!    [`EnforcePolicyLayer`] asks about every model that the request names, every tool that it offers, every dataset that the
//!    route says where to find, and the `system` and `developer` parts of the prompt. All must be permitted.
//! 8. Tools that the model calls in its answer are asked about as well, whole or streamed: the answer is refused, or cut. Only
//!    policies that look at tools are asked.
//! 9. What is unknown and what is forbidden are refused alike. The record names the rules, and what was missing.
//! 10. A policy can be tried out beside those in force ([`Policies::shadow`]): recorded, counted where it differs, not enforced.
//! 11. [`Authorized`] proves to a handler, or to a service, that all this ran.
//!
//! # Deployment caveat
//! A scope says what the *application* was allowed to do for the user. It says nothing of what the user may do: an
//! identity provider that grants every scope to everybody makes this check empty.
//!
//! Tool calls that a client tells of in earlier turns are its own word, and no calls: they are not asked about.

mod addresses;
#[cfg(feature = "authzen")]
pub mod authzen;
#[cfg(feature = "cedar")]
pub mod cedar;
mod circumstances;
mod device;
mod enforce;
#[cfg(any(feature = "authzen", feature = "cedar"))]
mod kept;
mod layer;
pub mod models;
mod observer;
mod permit;
mod places;
mod policy;
mod request;
pub mod rules;
mod set;
mod shadow;
mod step;
#[cfg(any(feature = "authzen", feature = "cedar"))]
mod telling;
#[cfg(test)]
mod tests;

pub use addresses::{AddressList, AddressListError};
pub use device::DeviceRules;
pub use layer::{AuthorizeLayer, AuthorizeLayerBuilder, EnforcePolicyLayer, EnforcePolicyLayerBuilder};
pub use models::{Model, ModelCatalog, ModelError, ModelErrorKind};
pub use permit::{Authorized, HandPermit, HandPermitFuture, HandPermitLayer};
pub use policy::{Decided, Effect, PendingVerdict, Policy, Verdict, policy_fn};
pub use request::{AccessRequest, Device, Environment, PayloadSummary, Resource};
pub use rules::{RuleError, RulePolicy};
use set::Judged;
pub use set::Policies;
pub use shadow::ShadowCounts;
