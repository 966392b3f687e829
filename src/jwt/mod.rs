//! Which user, through whom: verifies the JWT that a request bears.

mod bearer;
mod cache;
mod challenge;
mod claims;
mod error;
mod file;
mod issuer;
mod keys;
#[cfg(test)]
mod tests;
mod verify;

pub use error::{JwtError, JwtErrorKind};
pub use file::JwksFile;
pub use issuer::TrustedIssuer;
pub use keys::{KeySource, PendingRefresh, Refresh, StaticKeys};
