use super::{Principal, PrincipalBuilder};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::sync::Arc;

/// The credential itself, as the caller presented it: kept only where this service acts on the caller's behalf further on. Cheap
/// to clone, wiped from memory with the last clone, and never in `Debug`.
#[derive(Clone)]
pub struct PresentedCredential(Arc<SecretString>);

impl PresentedCredential {
    /// Wraps a credential that was verified.
    pub fn new(credential: SecretString) -> Self {
        Self(Arc::new(credential))
    }
}

impl ExposeSecret<str> for PresentedCredential {
    fn expose_secret(&self) -> &str {
        self.0.expose_secret()
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

    /// The same principal, with the credential that it has presented.
    pub(crate) fn presenting(mut self, credential: &str) -> Self {
        self.presented = Some(PresentedCredential::new(credential.into()));
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
