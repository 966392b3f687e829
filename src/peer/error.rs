use crate::trust::TrustError;
use thiserror::Error;

/// Rules that cannot be used. Says which, and what to do.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{kind}")]
#[non_exhaustive]
pub struct PeerError {
    /// What is wrong.
    pub kind: PeerErrorKind,
}

impl From<PeerErrorKind> for PeerError {
    fn from(kind: PeerErrorKind) -> Self {
        Self { kind }
    }
}

/// What [`PeerError`] reports.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerErrorKind {
    /// Nobody is let in.
    #[error("nobody may enter: name trust_domain(…), workload(…) or person(…)")]
    Nobody,
    /// No certificate lives for no time at all.
    #[error("max_lifetime: must be greater than zero")]
    ZeroLifetime,
    /// No proxy is believed.
    #[error("forwarded: no proxy is believed: name its certificate with workload(…)")]
    NoProxy,
    /// A person would have no name.
    #[error("person: {0}")]
    Person(String),
    /// The certificate of an issuer of people cannot be read.
    #[error("person: the issuer's certificate cannot be used: {0}")]
    Issuer(TrustError),
}
