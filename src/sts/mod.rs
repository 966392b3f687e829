//! An exchange of credentials (RFC 8693) for those whose identity provider has none: small and strict, and no identity provider (feature
//! `sts`).
//!
//! A service shows the credential of its user, and who it is itself. If the policy lets it act for that user at that audience, [`Sts`]
//! issues a credential that is good there: of the same user, with the service in `act`, and with no more scopes than the user has.
//!
//! 1. The subject's credential is checked by the code that checks requests ([`jwt`](crate::jwt)). It must be addressed to the exchange, or
//!    to the very actor that shows it: what was sent to somebody else cannot be exchanged.
//! 2. The actor is an [`ActorClient`] that shows who it is in its one way: its machine's certificate (RFC 8705), an assertion that its key signed
//!    (RFC 7523 §2.2), or a secret. An `actor_token` may come beside it, and must be of the same party.
//! 3. Nothing is permitted that no [`Grant`] of the actor permits: for whom, at which audience, with which scopes and roles.
//! 4. Scopes are narrowed: of what is asked for, or of all that the subject has, those are given that the grant passes on, too, and the answer
//!    says which. None left is an error.
//! 5. `act` names the actor, and inside of it those who acted before (§4.1), each of them an actor of this exchange. No party comes twice, and no
//!    more than eight stand behind one another. `may_act` (§4.4), where the credential has it, must name the actor. There is no
//!    exchange without an actor: impersonation is not to be had.
//! 6. What is issued is a JWT as of RFC 9068, of a few minutes and never beyond the subject's, the actor's credential or the certificate.
//! 7. It is bound (`cnf`) to the certificate that the actor has shown, and to the key of its DPoP proof (RFC 9449 §5), if it came with one.
//! 8. It names the credential at the beginning of the chain (`portcullis_root`): whatever revokes that one at a gate revokes all that
//!    descend from it. What is on the list of [`Revocations`](crate::principal::Revocations) here is not exchanged.
//!    Nobody but the exchange itself is believed about it, whoever else writes that claim.
//! 9. Keys are made here and rotated; the next one is published a whole period before it signs, and the one before until all that it
//!    signed has ended.
//! 10. Each exchange of a known actor is recorded, before its credential is handed out: an [`ExchangeRecord`]. One that cannot be recorded
//!     fails, and one that the actor does not wait for is recorded, too. What strangers send is counted.
//! 11. A form of at most 16 KiB, within ten seconds, each parameter once. Errors are those of RFC 6749 §5.2 and RFC 8693 §2.2.2, never stored;
//!     they say nothing of the credential but that it cannot be exchanged.
//!
//! # Deployment caveat
//! It stands outside of a gate, which asks for a credential: no flood check stands before its signature checks. Let only actors reach it, by
//! mutual TLS at best. Users of two issuers who are called alike would become one: with more than one issuer, each has a
//! [prefix](StsBuilder::subjects_under) of its own. Keys that are made here end with the process; several instances share
//! one by [`signing_key`](StsBuilder::signing_key).
//!
//! # Example
//! ```
//! use portcullis::sts::{ActorClient, Grant, Sts};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let login = portcullis::testing::Issuer::new("https://login.example.com").trusted();
//! let sts = Sts::builder("https://sts.example.com")
//!     .subjects_of(login) // a TrustedIssuer, whose credentials are addressed to the exchange or to an actor
//!     .audit(|record| {
//!         println!("{}", serde_json::to_string(record)?);
//!         Ok(())
//!     })
//!     .actor(
//!         ActorClient::by_certificate("orchestrator", "spiffe://prod.example/ns/chat/sa/orchestrator".parse()?)
//!             .audience("https://orchestrator.example.com")
//!             .grant(Grant::to("https://vectors.example.com").scopes(["docs:read", "hr:read"]).for_everybody()),
//!     )
//!     .build()?;
//! println!("{sts}");
//! # Ok(())
//! # }
//! ```
//! On axum, [`Sts::router`] serves the endpoint, its keys and its metadata (RFC 8414). Elsewhere, [`Sts::endpoint`] is the service, and
//! [`Sts::jwks`] and [`Sts::metadata`] are the documents.

mod actor;
mod builder;
mod client;
mod endpoint;
mod error;
mod exchange;
mod form;
mod grant;
mod issue;
mod keys;
mod record;
mod replay;
#[cfg(feature = "axum")]
mod router;
mod service;

pub use actor::ActorClient;
pub use builder::StsBuilder;
pub use endpoint::{ExchangeEndpoint, ExchangeFuture};
pub use error::StsError;
pub use grant::Grant;
pub use record::ExchangeRecord;
pub use service::Sts;
