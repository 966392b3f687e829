use thiserror::Error;

use crate::jose::{JoseError, JoseErrorKind};

/// Why a DPoP proof does not hold: for the audit record, and without what the sender wrote.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DpopErrorKind {
    /// The credential is bound to a DPoP key, and nothing was said of where this service is reached.
    #[error(
        "the credential is bound by DPoP, which is not set up: name the public address, DpopRules::at(\"https://…\")"
    )]
    NotSetUp,
    /// The credential is bound, and came with the scheme `Bearer` (RFC 9449 §7.2).
    #[error("the credential is bound by DPoP and came under another scheme than DPoP")]
    Scheme,
    /// The credential is not bound, and came with the scheme `DPoP` or beside a proof.
    #[error("a DPoP proof, or the scheme DPoP, came with a credential that is not bound by DPoP")]
    NotBound,
    /// There is no proof.
    #[error("the header DPoP is missing")]
    Missing,
    /// There is more than one proof, or more than one in a header.
    #[error("the header DPoP came more than once")]
    Several,
    /// The header is not visible ASCII.
    #[error("the header DPoP is not visible ASCII")]
    Malformed,
    /// The JWS or its key does not hold.
    #[error("proof: {0}")]
    Jose(JoseErrorKind),
    /// `typ` is not `dpop+jwt`.
    #[error("proof: header parameter `typ` is not dpop+jwt")]
    Type,
    /// A claim that every proof has is absent.
    #[error("proof: claim `{0}` is missing")]
    MissingClaim(&'static str),
    /// A claim has the wrong type or a value out of bounds.
    #[error("proof: claim `{0}` has the wrong type or an unacceptable value")]
    MalformedClaim(&'static str),
    /// It was made for another method.
    #[error("proof: claim `htm` names another method")]
    OtherMethod,
    /// It was made for another address.
    #[error(
        "proof: claim `htu` names another address than the public one of this service and the path asked for"
    )]
    OtherAddress,
    /// It was made for another credential.
    #[error("proof: claim `ath` is not the hash of the credential")]
    OtherCredential,
    /// The key is not the one that the credential is bound to.
    #[error("proof: its key is not the one that the credential is bound to")]
    OtherKey,
    /// It was made too long ago.
    #[error("proof: made too long ago")]
    Old,
    /// It was made in the future.
    #[error("proof: made in the future")]
    InFuture,
    /// It came before.
    #[error("proof: its `jti` came before")]
    Replayed,
    /// It holds, but for a nonce of this service (RFC 9449 §9).
    #[error("proof: it holds no nonce of this service that is good now")]
    Nonce,
    /// Too many proofs of this key, or of all, are remembered for another one to be told from a replay.
    #[error("no room to remember another proof {0}: raise DpopRules::remember_at_most")]
    Full(&'static str),
}

impl From<JoseError> for DpopErrorKind {
    fn from(error: JoseError) -> Self {
        Self::Jose(error.kind)
    }
}
