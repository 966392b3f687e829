//! Which user, through whom: verifies the JWT that a request bears, and says so to everybody further in.
//!
//! [`VerifyJwtLayer`] reads the one bearer credential of a request (RFC 6750), checks its signature and claims (RFC 7515,
//! RFC 7519, RFC 8725, RFC 9068), and puts a [`Principal`](crate::principal::Principal) into the
//! [`Exchange`](crate::exchange::Exchange).
//!
//! 1. No credential, no pass: 401. The one exception is a route that was declared open.
//! 2. Exactly one credential: two `Authorization` headers, or one beside `x-api-key`, are 400; so is one in the query.
//! 3. `iss` must be, byte for byte, a [`TrustedIssuer`]; `aud` must name this service; `exp` must lie ahead; `sub` must be there.
//!    Each has its one JSON type. `nbf` and `iat`, where they are, may not lie ahead.
//! 4. The key is found by issuer and `kid`, nothing else. `jku`, `x5u`, `jwk` and `x5c` are never looked at. Everything that
//!    [`jose`](crate::jose) refuses is refused.
//! 5. `typ` must be `JWT`, `at+jwt` or absent; [`require_access_token_type`](TrustedIssuer::require_access_token_type) leaves
//!    only `at+jwt`. Without `at+jwt`, an ID token, a refresh or a logout token is told by a claim that no access credential
//!    has (`nonce`, `at_hash`, `c_hash`, `s_hash`, `events`), or by what it calls itself (`typ` or `token_use` among the
//!    claims), and refused.
//! 6. A JWT with `cnf` is bound to a key of its bearer and passes only beside the proof, on every request: the client
//!    certificate (RFC 8705), or a [DPoP](dpop) proof (RFC 9449). Any other `cnf` is refused.
//! 7. A verified credential is remembered under its full SHA-256. Each time it comes again, its time is checked and its
//!    key must still be the issuer's. What failed is never remembered.
//!    [`Revocations`](crate::principal::Revocations) count for it, too, from the next request on.
//! 8. A key that is not known makes the [`KeySource`] look for newer ones, at its own pace. While the source has no keys to go
//!    by, credentials of that issuer are 503, and none passes.
//! 9. The caller learns that a credential does not hold or has expired. Why stands in the refusal's private cause.
//! 10. What has expired stays expired when the machine's clock steps back; what has not begun by the clock has not begun.
//! 11. The credential, its proof and API keys are taken out of the request before the handler sees it. The principal has the
//!     credential, as a secret, only where it is [kept](VerifyJwtLayerBuilder::keep_credential).
//! 12. An [`ApiKey`] is found by its SHA-256 alone. A [login of the host's own](Authenticate) may say who asks instead.
//!     An opaque credential is asked about at its issuer (`Introspection`, RFC 7662; feature `fetch`).
//! 13. A credential with `act` (RFC 8693 §4.1), however it was checked, is refused unless a [`Delegation`](crate::principal::Delegation)
//!     lets all of its actors act, and the current one is the machine that has brought it, on every request. The principal has the
//!     rights of the subject that every actor has, too.
//! 14. A credential that does not hold is noted in the record, for the flood check to charge its sender.
//!
//! # Deployment caveat
//!
//! A JWT is good until it expires, whoever holds it: keep lifetimes short, and demand TLS in front. Issuers that
//! write the same `typ` into ID tokens and access credentials need an audience of their own for this service: an ID token without
//! any of those claims cannot be told, and one made for a web page would pass here.
//!
//! # Example
//!
//! ```
//! use portcullis::jose::{KeySet, SigningKey};
//! use portcullis::jwt::{StaticKeys, TrustedIssuer, VerifyJwtLayer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let jwks = SigningKey::generate_ed25519()?.public_jwks();
//! let layer = VerifyJwtLayer::builder()
//!     .issuer(
//!         TrustedIssuer::new("https://login.example.com")
//!             .audience("https://llm.example.com")
//!             .keys(StaticKeys::from(KeySet::from_jwks(jwks)?))
//!             .plan_claim("/plan")
//!             .tenant_claim("/tid"),
//!     )
//!     .accept_api_key_header()
//!     .build()?;
//! # let _ = layer;
//! # Ok(())
//! # }
//! ```

pub(crate) mod actors;
mod api_key;
mod authenticate;
pub(crate) mod bearer;
mod challenge;
mod claims;
mod confirmation;
pub mod dpop;
mod error;
#[cfg(feature = "sts")]
pub(crate) mod examine;
mod file;
#[cfg(feature = "fetch")]
pub mod introspect;
mod issuer;
mod judge;
#[cfg(feature = "fetch")]
mod jwks;
mod keys;
mod layer;
pub mod logout;
#[cfg(feature = "fetch")]
mod place;
#[cfg(feature = "fetch")]
mod remote;
mod resource;
mod shared;
mod shown;
mod step;
#[cfg(test)]
mod tests;
mod verify;

#[cfg(feature = "fetch")]
pub use crate::jose::ClientAuthentication;
pub use api_key::{ApiKey, NewApiKey};
pub use authenticate::{Authenticate, Authentication, PendingAuthentication};
pub use confirmation::RequireBinding;
pub use dpop::DpopRules;
pub use error::{JwtError, JwtErrorKind};
pub use file::JwksFile;
#[cfg(feature = "fetch")]
pub use introspect::Introspection;
pub use issuer::TrustedIssuer;
#[cfg(feature = "fetch")]
pub use jwks::{Jwks, JwksBuilder};
pub use keys::{KeySource, PendingRefresh, Refresh, StaticKeys};
pub use layer::{VerifyJwtLayer, VerifyJwtLayerBuilder};
#[cfg(feature = "fetch")]
pub use remote::KeysStatus;
pub use resource::ProtectedResource;
