//! Which certificates are believed: chains are read here, strictly, and verified against the roots of their trust domain
//! (feature `tls`).
//!
//! 1. A leaf is the certificate of a caller, never of an authority (RFC 5280 §4.2.1.9).
//! 2. A SPIFFE ID is the only URI of its leaf, has a path, and its leaf may sign nothing but handshakes (X.509-SVID §2–§4).
//! 3. A name that cannot be read is an error, never a name less: no byte outside of visible ASCII, no empty name.
//! 4. The subject's common name is never looked at.

mod certificate;
mod error;
#[cfg(test)]
mod tests;

pub(crate) use certificate::read_chain;
pub use error::{TrustError, TrustErrorKind};
