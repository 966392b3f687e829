//! The one way in which this crate fetches something over HTTP: bounded, without redirects, and only from where it was told to
//! (feature `fetch`).
//!
//! [`Fetch`] is the seam; [`HttpsClient`] is what stands behind it unless the host brings a client of its own.
//!
//! 1. `https` only. Plain `http` is for loopback: a loopback address or `localhost`, and every address it resolves to is one.
//! 2. A name is resolved once for a connection, and the connection goes to one of exactly the addresses that were checked.
//! 3. Addresses that are not public (private, loopback, link-local, shared, unique local, reserved, or an IPv6 address that
//!    embeds such an IPv4 one) are refused, unless the host was [listed as internal](HttpsClientBuilder::internal_host). One such
//!    address among several is enough.
//! 4. No redirect is followed: it would lead to where nobody has looked. No proxy is taken from the environment.
//! 5. The whole answer comes within 5 seconds and 256 KiB, unless said otherwise, and is not compressed.
//! 6. Servers are verified against the system's roots, or the operator's (RFC 9525 names, TLS 1.2 or later). Sessions are not
//!    resumed, so that this happens on every connection.
//!
//! # Deployment caveat
//! The system's roots are read when the client is built: a root that is added later counts after a restart. A container without
//! the package `ca-certificates` has none; building says so.
//!
//! ```
//! use portcullis::fetch::HttpsClient;
//!
//! # // The roots of the machine that runs this are not the example's matter.
//! # let pem = portcullis::testing::CertificateAuthority::new("example").pem();
//! let client = HttpsClient::builder()
//!     .roots_pem(pem) // the system's when not called
//!     .internal_host("login.corp.example")
//!     .build()?;
//! # let _ = client;
//! # Ok::<(), portcullis::fetch::FetchError>(())
//! ```

mod address;
mod builder;
mod client;
mod connect;
mod error;
mod flight;
mod rules;
#[cfg(test)]
mod tests;
mod tls;
mod within;

pub use builder::HttpsClientBuilder;
pub use client::HttpsClient;
#[cfg(feature = "forward")]
pub(crate) use client::{StreamingClient, failure};
#[cfg(feature = "reqwest")]
pub(crate) use error::chain;
pub use error::{FetchError, FetchErrorKind};
pub(crate) use flight::SingleFlight;

use bytes::Bytes;
use http::{Request, Response};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What sends one request and brings its whole answer.
///
/// Whoever implements it keeps what the [module](self) promises: whom it asks, how long and how much, and no redirects. An answer
/// with any status is an answer; an error says that there was none.
pub trait Fetch: fmt::Debug + Send + Sync + 'static {
    /// Sends `request`, whose URI is absolute.
    fn fetch(&self, request: Request<Bytes>) -> Fetching;
}

impl<F: Fetch + ?Sized> Fetch for Arc<F> {
    fn fetch(&self, request: Request<Bytes>) -> Fetching {
        (**self).fetch(request)
    }
}

/// An answer that is on its way.
pub struct Fetching(Pin<Box<dyn Future<Output = Result<Response<Bytes>, FetchError>> + Send>>);

impl Fetching {
    /// Boxes the future that brings the answer.
    pub fn new(answer: impl Future<Output = Result<Response<Bytes>, FetchError>> + Send + 'static) -> Self {
        Self(Box::pin(answer))
    }
}

impl Future for Fetching {
    type Output = Result<Response<Bytes>, FetchError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Fetching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetching")
    }
}
