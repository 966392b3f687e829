use crate::principal::TrustDomain;
use thiserror::Error;

/// Why a chain of certificates is not believed, or why roots, revocation lists or an identity could not be loaded.
///
/// For the audit record and for operators: the peer learns only that its certificate does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct TrustError {
    /// What was wrong.
    pub kind: TrustErrorKind,
}

impl From<TrustErrorKind> for TrustError {
    fn from(kind: TrustErrorKind) -> Self {
        Self { kind }
    }
}

/// What [`TrustError`] reports.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrustErrorKind {
    /// There is no certificate in the chain.
    #[error("the chain holds no certificate")]
    Empty,
    /// There are more certificates than a chain needs.
    #[error("the chain holds more than {limit} certificates")]
    TooLong {
        /// The bound.
        limit: usize,
    },
    /// A certificate is not one in DER, or has an extension that cannot be read, or one twice.
    #[error("certificate {position} of the chain cannot be read: {problem}")]
    Malformed {
        /// Its place, the leaf being 0.
        position: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// The leaf may not be used to say who calls.
    #[error("the certificate may not stand for a caller: {0}")]
    Usage(&'static str),
    /// A subject alternative name cannot be relied on.
    #[error("the certificate's names cannot be relied on: {0}")]
    Names(String),
    /// No roots are there for the trust domain of the certificate's SPIFFE ID.
    #[error("no roots are configured for the trust domain {0}")]
    UnknownTrustDomain(TrustDomain),
    /// The certificate has no SPIFFE ID, and no roots are there for such.
    #[error("the certificate has no SPIFFE ID, and no roots are configured for certificates without one")]
    NoRoots,
    /// It leads to none of the roots that count for it.
    #[error("the chain leads to no root that counts for it")]
    UnknownIssuer,
    /// A certificate of the chain no longer holds.
    #[error("a certificate of the chain has expired")]
    Expired,
    /// A certificate of the chain does not hold yet.
    #[error("a certificate of the chain does not hold yet")]
    NotYetValid,
    /// A certificate of the chain was revoked.
    #[error("a certificate of the chain was revoked")]
    Revoked,
    /// Revocation lists are configured, and none is of the issuer of a certificate of the chain.
    #[error("no revocation list of the issuer of a certificate in the chain is configured")]
    RevocationUnknown,
    /// The issuer's revocation list is older than its issuer allows (`nextUpdate`).
    #[error("the revocation list of the issuer of a certificate in the chain is out of date")]
    RevocationStale,
    /// A signature does not fit.
    #[error("a signature in the chain does not verify")]
    Signature,
    /// The chain breaks another rule of RFC 5280 §6.
    #[error("the chain does not hold: {0}")]
    Path(String),
    /// The server is none of those that were named.
    #[error("the server is {0}, which is not one that was asked for")]
    NotPinned(String),
    /// A file, or text, does not hold what it should.
    #[error("{what}: {problem}")]
    Load {
        /// The file, or what the text was for.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The builder was not told enough, or was told something that contradicts itself.
    #[error("{0}")]
    Build(String),
}
