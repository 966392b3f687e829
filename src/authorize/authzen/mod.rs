//! Decisions of an external decision point, by the AuthZEN Authorization API 1.0 (feature `authzen`).
//!
//! 1. Every thing that a request touches is one evaluation (§6.1): `subject` is the principal, `action` the action of the route,
//!    `resource` the thing; and one is the route, where its kind is asked about ([`kinds`](AuthZenPolicy::kinds)) or nothing else is. All are
//!    asked at the same time, with one request where [`evaluations_endpoint`](AuthZenPolicy::evaluations_endpoint) is set (§7), and all must be
//!    permitted. A request that touches more than
//!    [`questions_per_request`](AuthZenPolicy::questions_per_request) is refused.
//! 2. Only `"decision": true` in an answer of status 200 permits. Anything else, no answer in time, or too many questions under way,
//!    refuses: the decision point is down, and 503 says so.
//! 3. A decision is remembered for as long as was stated, and not at all unless it was. The time of day is no part of what it is
//!    remembered by; everything else is. Where decisions are remembered, `bytes` is the next power of two, 1024 at least: a decision on a body
//!    holds for others of about its size, and for no larger one.
//! 4. It is asked once, after the body was read: what could be said before would cost a second question.
//! 5. [`AuthZenPolicy::evaluate`] asks about anything else, by the same rules.
//!
//! | member | holds |
//! |---|---|
//! | `subject.type`, `subject.id` | `user` and `issuer\|subject`, or `workload` and the machine's name |
//! | `subject.properties` | `issuer`, `tenant`, `application`, `scopes`, `roles`, `actors`, and the claims that [`property`](AuthZenPolicy::property) names |
//! | `action.name` | the action of the route |
//! | `resource.type`, `resource.id` | `model`, `dataset`, `tool`, `part`, `route`, or a kind of your own; its name |
//! | `context` | `time` (RFC 3339), `route`, `client`, `managed`, `device`, `plan`, `workload`, `bytes`, `output_cap`, `tools`, `streamed`, `privileged`, `findings` |
//!
//! # Deployment caveat
//! Each request waits for the decision point, unless its decision is remembered. What is remembered outlives a right that was
//! taken away, by as long as was stated.
//!
//! # Example
//! ```no_run
//! use portcullis::authorize::authzen::AuthZenPolicy;
//! use portcullis::fetch::HttpsClient;
//! use std::time::Duration;
//!
//! let fetch = HttpsClient::builder().internal_host("pdp.corp.example").build()?;
//! let policy = AuthZenPolicy::new("https://pdp.corp.example/access/v1/evaluation", fetch)?
//!     .remember_for(Duration::from_secs(10))
//!     .property("department", "/department");
//! # let _ = policy;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ask;
mod context;
mod error;
mod evaluation;
mod policy;
mod remembered;

pub use error::{AuthZenError, AuthZenErrorKind};
pub use evaluation::{Action, Entity, Evaluation};
pub use policy::AuthZenPolicy;
