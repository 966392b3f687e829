//! Everything at once: a [`Gate`] stacks the layers in the one right order, whatever order its builder was called in.
//!
//! ```
//! use portcullis::audit::{AuditLog, JsonLines};
//! use portcullis::inspect::Inspection;
//! use portcullis::limit::{Per, Plan};
//! use portcullis::payload::OpenAiChat;
//! use portcullis::route::Route;
//! use portcullis::Gate;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let issuer = portcullis::testing::Issuer::new("https://login.example.com").trusted();
//! # let file = std::env::temp_dir().join("portcullis-doc-audit.jsonl");
//! let gate = Gate::builder()
//!     .issuer(issuer.audience("https://llm.example.com").plan_claim("/plan"))
//!     .route(Route::post("/v1/chat/completions").dialect(OpenAiChat).scope("generate:invoke"))
//!     .open(http::Method::GET, "/healthz")
//!     .plan(Plan::new("free").requests(20, Per::Minute).usage(10_000, Per::Minute))
//!     .audit(AuditLog::builder().sink(JsonLines::append(file)?).start()?)
//!     .build()?;
//! println!("{}", gate.posture());
//! # Ok(())
//! # }
//! ```
//!
//! 1. Nothing is optional by default: what is left out is an error of [`GateBuilder::build`], unless a `danger_` method
//!    says that it shall be missing. The [`Posture`] shows what is enforced and what is not.
//! 2. [`Gate::protect`] wraps a whole axum router and gives back a service that takes no more routes. As a
//!    [`Layer`](tower_layer::Layer), a gate wraps any service of `http` requests.
//! 3. The order of the layers: audit, route, flood check, certificates, authentication, continuous verification, requests, authorization, body, inspection,
//!    policies, usage, and then the handler.
//! 4. Every request is judged by one configuration, whose [`generation`](Posture::generation) stands in the posture and in
//!    every record.
//! 5. [`Gate::shutdown`] writes what is not written yet, within a deadline, and says whether all was.

mod assemble;
mod builder;
#[cfg(feature = "config")]
pub mod config;
mod controls;
mod credentials;
mod error;
mod generation;
mod logout;
#[cfg(feature = "delegate")]
mod outbound;
mod policies;
mod posture;
#[cfg(feature = "axum")]
mod protect;
mod rules;
mod service;
mod shutdown;

pub use assemble::Gate;
pub use builder::GateBuilder;
pub use error::{GateError, GateErrorKind};
pub use posture::{Control, Enforcement, Posture};
#[cfg(feature = "axum")]
pub use protect::Protected;
pub use service::{Gated, GatedBody, GatedFuture};
pub use shutdown::Shutdown;
