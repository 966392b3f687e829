//! Keys and signatures in JSON (JOSE): compact JWS, JWK, key sets, thumbprints, signing.
//!
//! This is what [`jwt`](crate::jwt) stands on; it knows nothing of claims. It remembers what was found out about a credential,
//! and signs for a client that asks an authorization server.
//!
//! 1. A compact JWS (RFC 7515) has at most 8 KiB and exactly three parts of canonical unpadded base64url; its header is a
//!    strict JSON object, in which no name appears twice.
//! 2. `alg` must name one of the nine [`Algorithm`]s. `none` and HMAC are not among them.
//! 3. `crit`, `b64`, `zip` and a nested JWT are refused. Keys offered by the header itself are never looked at, but for the
//!    `jwk` of a proof of possession ([`Jws::parse_proof`]), whose thumbprint somebody else must have named.
//! 4. A key is of one family and checks only that family's algorithms; if its JWK names one `alg`, only that one.
//! 5. A key set is read key by key. Symmetric, private, short, weak, unsupported and encryption keys are skipped and
//!    reported with a reason; the others stand.
//! 6. A `kid` that two keys of one family share names neither.
//!
//! The signature itself is checked by `aws-lc-rs`, with keys parsed once.
//!
//! ```
//! use portcullis::jose::{Jws, KeySet, SigningKey};
//!
//! # fn main() -> Result<(), portcullis::jose::JoseError> {
//! let signer = SigningKey::generate_ed25519()?;
//! let compact = signer.sign_compact(br#"{"alg":"EdDSA"}"#, b"hello")?;
//!
//! let keys = KeySet::from_jwks(signer.public_jwks())?;
//! let jws = Jws::parse(&compact)?;
//! let key = keys.select(jws.kid(), jws.algorithm())?;
//! assert_eq!(jws.verify(key)?, "hello");
//! # Ok(())
//! # }
//! ```

mod algorithm;
pub(crate) mod base64url;
#[cfg(feature = "fetch")]
mod client;
mod compact;
mod error;
pub(crate) mod json;
mod jwk;
mod key;
mod roca;
pub(crate) mod seen;
mod set;
mod sign;
#[cfg(test)]
mod tests;
mod thumbprint;

pub use algorithm::{Algorithm, AlgorithmSet, KeyFamily};
#[cfg(feature = "fetch")]
pub use client::ClientAuthentication;
#[cfg(feature = "fetch")]
pub(crate) use client::Form;
pub use compact::{Jws, JwsType, MAX_JWS};
pub use error::{JoseError, JoseErrorKind};
pub use key::PublicKey;
pub use set::{KeySet, MAX_JWKS, SkippedKey};
pub use sign::SigningKey;
pub use thumbprint::Thumbprint;
