//! What every layer must pass: a suite to run against layers of your own, too.
//!
//! A [`Suite`] stacks what it is given over a [`Probe`], stands outside of it as a witness, and plays what clients,
//! handlers and runtimes do: answer, stream, fail, panic, leave. It checks that
//!
//! 1. the inner service is called only when it was polled ready, on the instance that was;
//! 2. the service is `Clone + Send + Sync + 'static` and works with bodies that are not `Sync`;
//! 3. no waker is lost: what is pending is woken, the handler's silence included;
//! 4. trailers follow the last event that was released; a length is said only where it is true; a body says that it is
//!    over only when nothing is held and the observers were told, and at once when there is no body (204);
//! 5. a layer that lacks what it needs refuses, and the observers are told ([`Suite::check_alone`]);
//! 6. a refusal stands in the response's extensions, its kind fixes the status, and neither its private cause nor a secret
//!    is in the body;
//! 7. the observers are told the end exactly once: when the answer is complete, cut, broken off, when a future or body is
//!    dropped half-way and when one panics. What the handler still held is dropped with it;
//! 8. no `Debug` shows a secret.
//!
//! # Deployment caveat
//! The suite polls by hand, on its thread. A layer that starts timers or tasks of a runtime is checked inside of one;
//! one that reads a clock is best given a [`FakeClock`](super::FakeClock).
//!
//! ```
//! use http::Request;
//! use portcullis::exchange::{Check, Context, EdgeRules, Exchange, MatchRouteLayer, Step, StepId, StepLayer};
//! use portcullis::payload::AnyJson;
//! use portcullis::read::ReadPayloadLayer;
//! use portcullis::refusal::{Refusal, RefusalKind};
//! use portcullis::route::{Route, RouteTable};
//! use portcullis::testing::{FakeClock, conformance::Suite};
//! use tower::Layer;
//!
//! struct OnlyOnWeekdays;
//!
//! impl Step for OnlyOnWeekdays {
//!     fn id(&self) -> StepId {
//!         StepId::Authorize
//!     }
//!
//!     fn check(&self, parts: &mut http::request::Parts, _: &Exchange) -> Check {
//!         if parts.headers.contains_key("x-weekend") {
//!             return Check::Refuse(Refusal::new(RefusalKind::Forbidden, "come back on Monday"));
//!         }
//!         Check::Permit
//!     }
//! }
//!
//! let context = Context::new(FakeClock::default().shared());
//! let table = RouteTable::new([Route::post("/generate").dialect(AnyJson).scope("generate:invoke")]).unwrap();
//! let routes = MatchRouteLayer::builder(table).edge(EdgeRules::default().danger_plaintext()).context(context.clone()).build();
//! let weekdays = StepLayer::new(OnlyOnWeekdays, context.clone());
//! let read = ReadPayloadLayer::builder().context(context.clone()).build();
//!
//! let generate = || Request::post("/generate").header("content-type", "application/json");
//! Suite::new("OnlyOnWeekdays", move || generate().body("{}".into()).unwrap())
//!     .context(context)
//!     .refused(RefusalKind::Forbidden, move || generate().header("x-weekend", "1").body("{}".into()).unwrap())
//!     .check(|probe| routes.layer(weekdays.layer(read.layer(probe))));
//! ```

mod answers;
mod drive;
mod endings;
mod probe;
mod run;
mod suite;
#[cfg(test)]
mod tests;
mod witness;

pub use probe::{Probe, ProbeBody, ProbeError, ProbeFuture};
pub use suite::Suite;
