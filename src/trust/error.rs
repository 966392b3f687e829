use thiserror::Error;

/// Why a chain of certificates is not believed.
///
/// For the audit record: the peer learns only that its certificate does not hold.
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
}
