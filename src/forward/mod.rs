//! Passes checked requests on to a server that one cannot change: the gate in front of it, as a policy enforcement point or a sidecar
//! (feature `forward`).
//!
//! [`Forward`] is the innermost service: `gate.layer(forward)`, or in axum
//! `gate.protect(Router::new().fallback_service(forward))`. It speaks HTTP/1.1 to an upstream that is compatible with OpenAI, Anthropic
//! or Gemini, and streams both ways.
//!
//! 1. It stands behind a gate. A request that no route was matched for is refused. So is one that nobody was authenticated and authorized for,
//!    unless its route is open, and one whose body was not read; what is only observed goes on.
//! 2. What goes to the upstream is method, path, listed headers and the body as it was read and checked. No header of the caller's goes
//!    on by itself, and query parameters are refused unless they are listed. The upstream's credential is added by a
//!    [`ProviderCredentialLayer`].
//! 3. Each message has one framing, which is made anew: a length where it is known, else chunks. What belongs to a connection
//!    (RFC 9110 §7.6.1) or is named by `Connection` goes neither way. Trailers are dropped.
//! 4. The status has its usual words, whatever the upstream wrote there. Of the answer's headers the listed ones come back, `content-type`, `cache-control`, `date` and `retry-after` among them.
//! 5. 2xx comes back, and what tells the client what is wrong with its request: 400, 404, 409, 413, 415 and 422. Everything else is a
//!    refusal in the client's own shape: 503 where the upstream is overloaded or this service's share of it is used up (429, 503,
//!    529), 504 where it took too long, to connect as well, else 502. Nothing of such an answer comes back, nor the upstream's address.
//! 6. So many requests at once, and no more; connecting, the head of the answer, and each silence within it take so long, and no longer.
//!    Nothing is tried twice that may have run: a request goes out once more only if not a byte of it was written.
//! 7. A client that leaves takes its connection to the upstream with it, so that the upstream stops working.
//! 8. The call stands in the record of its request: upstream, model, status, and with a [price](ForwardBuilder::price) the cost, by
//!    the units that the answer reported. Units are counted where the gate has plans. A request that never went out, for
//!    want of leave, of room or of a connection, is charged to nobody, unless another call for it may have run. What went out may have
//!    run, and is charged; so is what was still connecting when [`head_within`](ForwardBuilder::head_within) ended.
//!
//! # Deployment caveat
//! Addresses that are not public must be [listed as internal](crate::fetch::HttpsClientBuilder::internal_host), this machine included.
//! Whoever reaches the upstream around the gate is not checked: let it listen on loopback, or take its credential from this service alone.
//!
//! ```no_run
//! use portcullis::Gate;
//! use portcullis::delegate::{Provider, ProviderCredentialLayer, RotatingSecret};
//! use portcullis::fetch::HttpsClient;
//! use portcullis::forward::Forward;
//!
//! # fn service(gate: &Gate) -> Result<portcullis::gate::Protected, Box<dyn std::error::Error>> {
//! let key = RotatingSecret::read("/run/secrets/openai")?;
//! let forward = Forward::builder(ProviderCredentialLayer::builder(Provider::openai(), key).build()?)
//!     .connect_by(HttpsClient::builder())
//!     .build()?;
//! println!("{forward}");
//! Ok(gate.protect(axum::Router::new().fallback_service(forward)))
//! # }
//! ```

mod body;
mod builder;
mod head;
mod outcome;
mod service;

pub use body::{ForwardBody, ForwardBodyError};
pub use builder::{ForwardBuilder, ForwardError, ForwardErrorKind};
pub use service::{Forward, ForwardFuture};

#[cfg(doc)]
use crate::delegate::ProviderCredentialLayer;
