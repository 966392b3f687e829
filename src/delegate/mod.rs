//! On whose behalf: calls to services further on, with the caller's rights and never with this service's own (feature `delegate`).
//!
//! [`ActOnBehalfLayer`] wraps a client of HTTP (any tower service of [`http::Request`]). For each call it takes the
//! [`Principal`](crate::Principal) of the request that this service works on, exchanges the caller's credential for one that is made for
//! the next service (RFC 8693, or Microsoft Entra's on-behalf-of), and attaches it. [`ProviderCredentialLayer`] does the opposite
//! for providers of models, who know this service alone: nothing of the caller goes there.
//!
//! 1. Nobody, no call: whom a call is for stands in the request's extensions ([`OnBehalfOf`], or a `Principal`), or is
//!    [given to the client](ActOnBehalf::on_behalf_of). Nothing is taken from a global or the task.
//! 2. The gate must keep callers' credentials ([`GateBuilder::keep_credential`](crate::gate::GateBuilder::keep_credential)). Who is
//!    known by a certificate, a static key or a login of the host has none to exchange, and is refused.
//! 3. A scope that an actor of the caller lacks here ([`Principal::withheld`](crate::Principal::withheld)) is not asked for. If none is
//!    left, there is no call, and the refusal names the hop, its record the actor.
//! 4. What comes back is checked: a Bearer credential for access, another than the caller's, no scope beyond those asked for, a
//!    lifetime within a day. If it is a JWT, its `aud` is the next service alone, its `sub` the caller (RFC 8693), and it has not
//!    expired. Anything else refuses.
//! 5. It is remembered under the full SHA-256 of the caller's and the scopes, until shortly before it ends, never beyond the end of the
//!    caller's; about one credential one exchange is under way at a time. Each call asks the
//!    [`Revocations`](crate::principal::Revocations), and drops what was issued for who was revoked. A 401 of the next service drops it, too.
//! 6. An exchange that fails is a refusal that names the hop ([`OutboundError`]), and no call. Refusals are not remembered.
//! 7. `Authorization` is replaced, and every other credential taken out, whatever the request had. `Host` is what the URI says.
//! 8. Calls go to the destinations that were named, and nowhere else; over plain `http` only to this machine.
//! 9. `traceparent` and the request's id go along. Each call stands in the record of its request.
//!
//! # Deployment caveat
//! The client beneath must not follow redirects: it would take the credential to where nobody has looked. hyper-util's does not.
//! The signature of an issued JWT is for the next service to check. Scopes are narrowed by their exact names: where the next service calls
//! them otherwise, and for roles, which no exchange is asked for, an actor's limits here do not reach there; they must be the exchange's.
//!
//! # With hyper-util
//! ```no_run
//! use bytes::Bytes;
//! use http::Request;
//! use http_body_util::Full;
//! use hyper_util::client::legacy::Client;
//! use hyper_util::rt::TokioExecutor;
//! use portcullis::delegate::{CredentialExchange, OnBehalfOf};
//! use portcullis::fetch::HttpsClient;
//! use portcullis::jwt::ClientAuthentication;
//! use tower::{Layer, Service, ServiceExt};
//!
//! # async fn handler(gate: portcullis::Gate, caller: OnBehalfOf) -> Result<(), Box<dyn std::error::Error>> {
//! let client = ClientAuthentication::secret("orchestrator", std::env::var("CLIENT_SECRET")?.into());
//! let fetch = HttpsClient::builder().build()?;
//! let on_behalf = gate
//!     .act_on_behalf(CredentialExchange::rfc8693("https://login.example.com/token", client, fetch))
//!     .audience("https://vectors.example.com")
//!     .scope("vectors:read")
//!     .destination("http://localhost:8081") // a proxy of the service mesh on this machine; https:// elsewhere
//!     .hop("vector database")
//!     .build()?;
//! let mut vectors = on_behalf.layer(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
//!
//! // In a handler, which takes `caller: OnBehalfOf` as an extractor:
//! let mut request = Request::get("http://localhost:8081/collections/hr").body(Full::default())?;
//! request.extensions_mut().insert(caller);
//! let answer = vectors.ready().await?.call(request).await;
//! // An error is refused with: error.refuse(&exchange)
//! # let _ = answer;
//! # Ok(())
//! # }
//! ```
//!
//! # With reqwest
//! Its client follows redirects, and knows of cookies, proxies and headers of its own that no layer would see.
//! `reqwest::ReqwestClient` (feature `reqwest`) takes all that from it, and is a service of [`http::Request`].

mod answer;
mod caller;
mod destination;
mod error;
mod headers;
mod layer;
mod obtain;
mod provider;
mod question;
mod said;
mod secret;
mod service;
mod source;

#[cfg(feature = "reqwest")]
pub mod reqwest;

pub use caller::OnBehalfOf;
pub use error::{DelegateError, DelegateErrorKind, OutboundError};
#[cfg(feature = "forward")]
pub(crate) use headers::{is_credential, of_connection};
pub use layer::{ActOnBehalfLayer, ActOnBehalfLayerBuilder};
pub use provider::{
    Provider, ProviderCredential, ProviderCredentialFuture, ProviderCredentialLayer,
    ProviderCredentialLayerBuilder,
};
pub use secret::RotatingSecret;
pub use service::{ActOnBehalf, ActOnBehalfFuture};
pub use source::{CredentialExchange, CredentialType};
