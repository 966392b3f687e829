//! Logging out: the issuer tells this service that a login session has ended (OpenID Connect Back-Channel Logout 1.0).
//!
//! [`BackChannelLogout`] is a service for the path that the issuer is given as `backchannel_logout_uri`. What it is told goes into a
//! list of [`Revocations`]: credentials of the session are refused from the next request on, and its answers end.
//!
//! 1. `POST` of a form of at most 16 KiB, within the time that the gate gives bodies, with one `logout_token`.
//! 2. The signature, the issuer and its keys, and the audience (here the client that this service is at the issuer) are checked as those
//!    of a credential are. `typ` is `logout+jwt`, unless [`accept_plain_type`](BackChannelLogoutBuilder::accept_plain_type) is called.
//! 3. `iat`, `exp`, `jti` and `events` with the event of a logout must be there, at least one of `sub` and `sid`, and no `nonce`. It is
//!    good for ten minutes at most.
//! 4. A `jti` counts once. 10,000 are remembered, until they would be refused as expired.
//! 5. With `sid`, what came from that session is revoked, and beside a `sub` also what does not say from which session of the subject it
//!    came. With `sub` alone, whatever the subject was issued until then.
//! 6. When the list is full, whatever the issuer issued until then is revoked: too much rather than too little.
//! 7. The answer is 200, or 400 with `invalid_request`; never stored.
//! 8. It stands in the gate: the flood check comes first, and a token that no issuer has signed is charged to the address as a failed
//!    credential is. Each logout has a record of its own, which says whom it ended; what is refused is counted with its cause in
//!    the lane of requests without an identity. Where the gate only observes, a logout is checked and counts all the same.
//!
//! # Deployment caveat
//! Mounted anywhere else it refuses every logout with 500, and says where it belongs. A credential without `sid` and `sub` of a logout
//! that names only a session is not found: have the issuer put `sid` into its credentials.
//!
//! # Example
//! ```no_run
//! use portcullis::gate::GateBuilder;
//! use portcullis::jwt::{JwksFile, TrustedIssuer};
//! use portcullis::jwt::logout::BackChannelLogout;
//! use portcullis::principal::Revocations;
//!
//! # fn mount(gate: GateBuilder, app: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
//! let logout = BackChannelLogout::builder(Revocations::new())
//!     .issuer(TrustedIssuer::new("https://login.example.com").audience("my-client-id").keys(JwksFile::open("jwks.json")?))
//!     .build()?;
//! let app = app.merge(logout.router());
//! let service = gate.back_channel_logout(logout).build()?.protect(app);
//! # let _ = service;
//! # Ok(())
//! # }
//! ```

mod builder;
mod claims;
mod desk;
mod form;
mod replay;
mod service;

pub use builder::BackChannelLogoutBuilder;
pub use service::{BackChannelLogout, LogoutFuture};

#[cfg(doc)]
use crate::principal::Revocations;
