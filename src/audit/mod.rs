//! One record for each request, allowed or refused, written without holding up the request.
//!
//! 1. A slot for the record is taken before any work is done. When no slot is free, [`WhenFull`] says what happens:
//!    the request is refused (the default), or the record is dropped and counted.
//! 2. The record is written when the answer has been handed over, or the client left: once, whatever happens.
//! 3. It says who, through whom, what, the decision and why, usage and coverage, and whether each control ran. It holds no
//!    prompt text, no answer text and no credential.
//! 4. A sink that fails is tried again; until it works, no slot becomes free, so that with [`WhenFull::Refuse`] the service
//!    stops rather than work unrecorded. A sink that panics ends the log: no more slots are given.
//! 5. Requests without an identity (refused before it was known who asks, or only observed where they would have been, or
//!    on an open route; a logout that an issuer has signed is none of them) cannot be used against the log. The first eight of each sort (address prefix, route, decision,
//!    reason, what would be refused, status) have records of their own at once;
//!    those that follow within ten seconds give their slots back and are counted in one record, whose `aggregate` has their
//!    number. 256 sorts are told apart at once and 256 records of their own written in ten seconds, the rest is counted, at
//!    last by reason alone: a flood from anywhere writes some fifty records a second, and those of callers who are known
//!    never wait for it.
//! 6. Text of others is escaped wherever it is logged: see [`escaped`](crate::refusal::escaped) and [`AuditEntry::write_line`].
//! 7. Every record is also a `tracing` event (target `portcullis::audit`, level INFO) and, with the feature `metrics`,
//!    counters and a histogram.
//!
//! # Deployment caveat
//! Records are written by a thread of their own. A process that is killed loses what is queued: await
//! [`Gate::shutdown`](crate::Gate::shutdown), or call [`AuditLog::flush`], before exit.
//!
//! ```no_run
//! use portcullis::audit::{AuditLayer, AuditLog, JsonLines};
//!
//! let log = AuditLog::builder().sink(JsonLines::append("audit.jsonl")?).start()?;
//! let layer = AuditLayer::builder(log.clone()).build();
//! # let _: portcullis::audit::AuditLayer = layer;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod calls;
mod entry;
#[cfg(feature = "tls")]
mod handshake;
mod json;
mod lane;
mod layer;
mod line;
mod log;
#[cfg(feature = "metrics")]
mod meters;
mod observer;
mod policy;
mod queue;
mod sink;
mod slots;
mod step;
#[cfg(test)]
mod tests;
mod who;
mod worker;

pub use entry::{Aggregate, AuditEntry};
pub use layer::{AuditLayer, AuditLayerBuilder};
pub use log::{AuditError, AuditLog, AuditLogBuilder, WhenFull};
pub use sink::{AuditSink, JsonLines};
