//! TLS for servers and clients (feature `tls`): one acceptor with three uses, and its counterpart for calls to other services.
//!
//! | use | for whom |
//! |---|---|
//! | [`Server`] | everybody who can: HTTP/1.1 and HTTP/2 with time limits and bounds of its own |
#![cfg_attr(
    feature = "axum",
    doc = "| [`TlsListener`] | who wants `axum::serve`, which bounds neither the time of a head nor HTTP/2 |"
)]
//! | [`TlsAcceptor::accept`] | who has an accept loop, or another protocol |
//!
//! 1. Handshakes run side by side, each within a time limit. Of those that are not done, so many may wait, and so many from
//!    one address (IPv6: /64); when there are more, the one that has waited longest is closed. A silent client holds nobody up.
//! 2. Each request carries a [`TlsConnection`](crate::principal::TlsConnection), with the client's certificate, and a
//!    [`PeerAddress`](crate::principal::PeerAddress) in its extensions.
//! 3. Where clients are asked for certificates, no session is resumed, neither by ticket nor from a cache: a resumed session
//!    would not be verified again. So neither a certificate's end nor its revocation is outlived by a session.
//! 4. TLS 1.3 only, unless [`TlsAcceptorBuilder::allow_tls12`] is called.
//! 5. Certificates, keys, roots and revocation lists are read again when their files change: see [`trust`](crate::trust).
//! 6. Every handshake that fails is counted by address in the audit log ([`TlsAcceptorBuilder::audit`]), and told to
//!    [`TlsAcceptorBuilder::on_failure`], with the reason.
//!
//! # Deployment caveat
//! A certificate is verified in the handshake and at no other time here. A connection can outlive it: the peer layer looks at its
//! end and at what was revoked on every request.
//!
//! ```no_run
//! use portcullis::serve::{Server, TlsAcceptor};
//! use portcullis::trust::{Identity, TrustBundles};
//!
//! # async fn serve(gate: portcullis::Gate, app: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
//! use tower::Layer;
//!
//! let bundles =
//!     TrustBundles::builder().spiffe("prod.example", "prod-roots.pem").crl("revoked.crl").build()?;
//! let tls = TlsAcceptor::builder(Identity::files("server.pem", "server.key")?)
//!     .require_client_certificates(bundles)
//!     .build()?;
//! let listener = tokio::net::TcpListener::bind("0.0.0.0:8443").await?;
//! let stop = async { tokio::signal::ctrl_c().await.unwrap_or(()) };
//! Server::new(tls).serve(listener, gate.layer(app)).with_graceful_shutdown(stop).await?;
//! # Ok(())
//! # }
//! ```

mod acceptor;
mod activity;
mod builder;
mod client;
mod connection;
mod failure;
#[cfg(feature = "fetch")]
mod fetch;
mod hello;
#[cfg(feature = "axum")]
mod listener;
mod pending;
pub mod rustls;
mod server;
mod settings;
mod stream;
#[cfg(test)]
mod tests;

pub use acceptor::TlsAcceptor;
pub use builder::TlsAcceptorBuilder;
pub use client::{ClientTls, ClientTlsBuilder};
pub use failure::{HandshakeError, HandshakeErrorKind};
#[cfg(feature = "axum")]
pub use listener::TlsListener;
pub use server::{Server, Serving};
pub use settings::HttpLimits;
pub use stream::TlsStream;
