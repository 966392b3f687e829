use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};

use super::base64url;

/// The SHA-256 thumbprint of a public key (RFC 7638), the same for every JWK of the same key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    // The members stand in the order RFC 7638 §3.2 asks for: lexicographic, required ones only.

    pub(super) fn okp(curve: &str, x: &[u8]) -> Self {
        Self::over(&format!(r#"{{"crv":"{curve}","kty":"OKP","x":"{}"}}"#, base64url::encode(x)))
    }

    pub(super) fn ec(curve: &str, x: &[u8], y: &[u8]) -> Self {
        let (x, y) = (base64url::encode(x), base64url::encode(y));
        Self::over(&format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#))
    }

    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Self {
        let (n, e) = (base64url::encode(n), base64url::encode(e));
        Self::over(&format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#))
    }

    fn over(json: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, json.as_bytes()).as_ref());
        Self(bytes)
    }
}

/// The base64url form, as used for `kid` and `jkt`.
impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(&self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}
