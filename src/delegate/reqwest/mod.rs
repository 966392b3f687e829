//! reqwest's client beneath the layers for calls further on (feature `reqwest`).
//!
//! [`ReqwestClient`] is a tower service of [`http::Request`] over a client of reqwest that sends what the layers above it have made,
//! where they have said, and nothing else but `Accept: */*` where there is none, and what the builder says of its kind. It is made of a [`ClientBuilder`](::reqwest::ClientBuilder), since of a client that is ready
//! nobody can tell whether it follows redirects. TLS, names and addresses, and the pool are as the builder has them; HTTP is 1.1, or 2 where the
//! connection says so.
//!
//! 1. No redirect is followed, and no `Referer` is made: the credential would go to where nobody has looked. A 3xx is the answer.
//! 2. No proxy is asked, neither one of the environment (`HTTPS_PROXY`) nor of the builder: what is for this machine alone would leave it, and a
//!    reqwest without TLS sends to a proxy in the clear what is for `https`.
//! 3. Nothing is sent twice by itself. Only a request of which nothing was written goes out once more, on another connection.
//! 4. Bodies come as they were sent: nothing is decompressed, even if another crate turns those features of reqwest on, and
//!    `Accept-Encoding` is what the request says.
//! 5. Neither cookies nor default headers: a cookie of one caller's answer would go along with the next caller's call, and a header of the
//!    client's own would pass the layers by. A builder that has a store of cookies is refused, and so is one with default headers other
//!    than those that say the same of every request (`accept`, `accept-…`, `user-agent`, versions of a provider's API).
//! 6. What reqwest takes for another address or path than the request's URI is not sent: it reads URLs in a way of its own. In queries it
//!    writes some signs as their escapes. A builder that has a socket of its own for every call is refused.
//! 7. Connecting takes 5 seconds at most, and the head of an answer and each silence within it 2 minutes, unless said otherwise.
//!
//! # Deployment caveat
//! TLS is a feature of reqwest (`rustls`, `native-tls`) that your own dependency on it turns on; without one, calls to `https` fail. Whom TLS
//! believes is the builder's matter: what it names `danger` is dangerous here, too, and so is what a `connector_layer` does. Addresses are not held against anything:
//! [`HttpsClient`](crate::fetch::HttpsClient) and [`forward`](crate::forward) do that.
//!
//! ```
//! use portcullis::delegate::reqwest::ReqwestClient;
//! use portcullis::delegate::{Provider, ProviderCredentialLayer, RotatingSecret};
//! use tower::{Layer, ServiceExt};
//!
//! # async fn handler(caller: portcullis::delegate::OnBehalfOf) -> Result<(), Box<dyn std::error::Error>> {
//! // At the start of the program:
//! let client = ReqwestClient::builder(reqwest::Client::builder().user_agent("orchestrator/1.0")).build()?;
//! let key = RotatingSecret::read("/run/secrets/openai")?;
//! let model = ProviderCredentialLayer::builder(Provider::openai(), key).build()?.layer(client);
//!
//! // In a handler, which takes `caller: OnBehalfOf` as an extractor:
//! let mut request = http::Request::post("https://api.openai.com/v1/chat/completions")
//!     .header("content-type", "application/json")
//!     .body(reqwest::Body::from(r#"{"model":"small","messages":[]}"#))?;
//! request.extensions_mut().insert(caller);
//! let answer = model.clone().oneshot(request).await?;
//! // The body streams: read it frame by frame, or all of it with http_body_util's `collect`.
//! # let _ = answer;
//! # Ok(())
//! # }
//! ```

mod body;
mod builder;
mod defaults;
mod error;
mod service;

pub use body::ReqwestBody;
pub use builder::ReqwestClientBuilder;
pub use error::{ReqwestError, ReqwestErrorKind};
pub use service::{ReqwestClient, ReqwestFuture};
