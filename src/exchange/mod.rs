//! One request and its answer: the slot that every layer shares, and the machinery that runs them all.
//!
//! 1. The first of our layers to see a request puts an [`Exchange`] into its extensions, and closes it when the answer
//!    is out, refused or abandoned.
//! 2. A layer is a [`Step`]: it looks at the head of the request and permits, refuses or decides later. One service,
//!    [`Checked`], runs steps; each named layer is a thin newtype over a [`StepLayer`].
//! 3. What a layer wants to see of the answer it registers as an [`AnswerObserver`], one for each [`Stage`].
//!    `ReadPayload` drives them: the answer is read once, however many watch it.
//! 4. Observers that nobody drove are a hole: the answer is refused instead.
//! 5. Every observer is told the [`End`] exactly once, also when a future is dropped or a handler panics.
//!
//! # Deployment caveat
//! Middleware of other makers may stand between our layers, but must hand on the request's extensions; a middleware that
//! replaces a refused response with one of its own gets it refused.

mod calls;
mod context;
mod edge;
mod encryption;
mod entry;
mod forwarded;
mod observer;
mod pipeline;
mod policy;
mod record;
mod service;
mod slot;
mod step;
#[cfg(test)]
mod tests;

pub use crate::body::CheckedBody;
#[cfg(feature = "delegate")]
pub(crate) use calls::CallNote;
pub use calls::{CallFacts, Price};
pub use context::{Context, RequestId, RequestIds};
pub use edge::{EdgeError, EdgeRules};
pub use entry::{MatchRouteLayer, MatchRouteLayerBuilder};
pub(crate) use entry::{check_before_router, original_path, original_uri, peer_socket};
pub use observer::{AnswerObserver, Cut, End, Released, Stage};
pub(crate) use pipeline::Pipeline;
pub use policy::{PolicyFacts, RuleNames, ShadowFacts};
pub use record::{
    CredentialFacts, InspectionFacts, LimitFacts, LimitLevel, LogoutFacts, PeerFacts, Ran, ReadFacts, Record,
    StepId, UnreadFacts, UsageFacts,
};
pub use service::{Checked, CheckedFuture, StepLayer};
#[cfg(feature = "sts")]
pub(crate) use slot::client_request_id;
pub use slot::{Exchange, RequestPayload};
pub(crate) use slot::{Joined, Permit};
pub use step::{Check, Decision, Later, Step};
