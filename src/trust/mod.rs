//! Which certificates are believed, and which one this service shows: chains are read here, strictly, and verified against the
//! roots of their trust domain (feature `tls`).
//!
//! 1. A leaf is the certificate of a caller, never of an authority (RFC 5280 §4.2.1.9), and its key is on P-256, P-384, P-521 or
//!    Ed25519, or RSA of 2048 to 8192 bits. A root counts while it is valid itself.
//! 2. A SPIFFE ID is the only URI of its leaf, has a path, and its leaf may sign nothing but handshakes (X.509-SVID §2–§4).
//! 3. The trust domain of the SPIFFE ID says which roots count: those of another domain, and those for certificates without
//!    a SPIFFE ID, vouch for nothing in it.
//! 4. A name that cannot be read is an error, never a name less: no byte outside of visible ASCII, no empty name.
//! 5. The subject's common name is never looked at.
//! 6. Where revocation lists are configured, every certificate below the root is held against a list of its issuer. No such
//!    list, or one that is out of date, is a refusal.
//! 7. Files are read again when they change. Bad ones are reported, and what was read before stays.
//!
//! # Deployment caveat
//! Replace a file by renaming a complete one over it. A certificate and its key may be replaced one after the other: a pair
//! that does not fit is not taken over, and looked at again when the second file changes.
//!
//! ```no_run
//! use portcullis::trust::{Identity, TrustBundles};
//!
//! let identity = Identity::files("server.pem", "server.key")?;
//! let bundles = TrustBundles::builder()
//!     .spiffe("prod.example", "prod-roots.pem")
//!     .spiffe("partner.example", "partner-roots.pem")
//!     .crl("revoked.crl")
//!     .build()?;
//! # let _ = (identity, bundles);
//! # Ok::<(), portcullis::trust::TrustError>(())
//! ```

mod again;
#[cfg(feature = "spiffe")]
mod agent;
mod bundles;
mod certificate;
mod error;
mod identity;
mod path;
mod pem;
mod provider;
mod recent;
mod reload;
mod strict;
#[cfg(test)]
mod tests;
mod verifier;

pub(crate) use again::Verified;
#[cfg(feature = "spiffe")]
pub use agent::SpiffeAgent;
pub(crate) use bundles::{Bundles, Pinned};
pub use bundles::{TrustBundles, TrustBundlesBuilder};
pub(crate) use certificate::{issuer_names, read_chain};
use certificate::{read, read_server_chain};
pub use error::{TrustError, TrustErrorKind};
pub(crate) use identity::Shown;
pub use identity::{Identity, IdentityBuilder};
pub use pem::Pem;
pub(crate) use provider::provider;
pub(crate) use recent::Recent;
pub(crate) use verifier::{VerifyClient, VerifyServer, trust_error};
