use super::{Principal, PrincipalBuilder};
use aws_lc_rs::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// The credential itself, as the caller presented it: kept only where this service acts on the caller's behalf further on. Cheap
/// to clone, wiped from memory with the last clone, and never in `Debug`.
#[derive(Clone)]
pub struct PresentedCredential(Arc<Inner>);

struct Inner {
    credential: SecretString,
    sha256: OnceLock<[u8; 32]>,
}

impl PresentedCredential {
    /// Wraps a credential that was verified.
    pub fn new(credential: SecretString) -> Self {
        Self(Arc::new(Inner { credential, sha256: OnceLock::new() }))
    }

    /// The SHA-256 of the whole of it, worked out once: a name under which to remember something about it.
    pub fn sha256(&self) -> &[u8; 32] {
        self.0.sha256.get_or_init(|| {
            let mut bytes = [0; 32];
            bytes.copy_from_slice(digest(&SHA256, self.expose_secret().as_bytes()).as_ref());
            bytes
        })
    }
}

impl ExposeSecret<str> for PresentedCredential {
    fn expose_secret(&self) -> &str {
        self.0.credential.expose_secret()
    }
}

impl fmt::Debug for PresentedCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedCredential")
    }
}

impl Principal {
    /// The credential that the principal was known by, where it is kept.
    pub fn presented(&self) -> Option<&PresentedCredential> {
        self.presented.as_ref()
    }

    /// The same principal, with the credential that it has presented, and its SHA-256 where somebody has worked it out already.
    pub(crate) fn presenting(mut self, credential: &str, sha256: Option<[u8; 32]>) -> Self {
        let sha256 = sha256.map_or_else(OnceLock::new, OnceLock::from);
        self.presented = Some(PresentedCredential(Arc::new(Inner { credential: credential.into(), sha256 })));
        self
    }

    /// The same principal without it, for whoever outlives the request.
    pub(crate) fn without_presented(mut self) -> Self {
        self.presented = None;
        self
    }
}

impl PrincipalBuilder {
    /// The credential that the principal was known by, for services further on: it is exchanged for one that is good there.
    pub fn presented(mut self, credential: PresentedCredential) -> Self {
        self.presented = Some(credential);
        self
    }
}
