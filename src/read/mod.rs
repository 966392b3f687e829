//! Reads the body of a request once, and its answer once.
//!
//! 1. A body is bounded in size, counted after a content encoding is undone, in time, and in how slowly it may come. The
//!    bodies of one caller, and of all, are bounded together until their handlers have ended.
//! 2. It is one strict JSON document that the route's dialect can read, or the request is refused.
//! 3. The handler receives that document: the same bytes, or the bytes that a layer changed.
//! 4. `Accept-Encoding` and `Range` do not go inward; upgrades are refused, and hyper's handle for one is taken away (with
//!    the feature `axum`; see below). An answer that comes encoded, or in a type that cannot be read, is refused, but for
//!    types that the route declares opaque.
//! 5. The answer is read once, event by event, and shown to every observer in the order of their stages. An answer in one
//!    piece is read whole before its head is sent, so that a refusal of it has a status of its own.
//!
//! # Deployment caveat
//! Compression belongs outside of this layer: `CompressionLayer` stacked between it and the handler makes every answer
//! unreadable, which is refused.
//!
//! hyper puts its handle for an upgrade into the extensions of requests with an `Upgrade` header and of `CONNECT` alone. All
//! of these are refused here, with every feature. With the feature `axum`, hyper is there to name the handle's type, and it
//! is removed from every request, whoever put it there; on bare hyper without that feature, a layer outside of the gate that
//! hands on a handle of its own is not stopped.

mod answer;
mod body;
mod buffers;
mod collect;
mod head;
#[cfg(feature = "inflate")]
mod inflate;
mod layer;
mod observe;
mod opaque;
mod pace;
mod request;
mod service;
#[cfg(test)]
mod tests;
mod watch;

pub use answer::AnswerBody;
pub use body::RequestBody;
pub use layer::{ReadPayloadLayer, ReadPayloadLayerBuilder};
pub use service::{ReadPayload, ReadPayloadFuture};
