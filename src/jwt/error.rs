use thiserror::Error;

use crate::jose::{JoseError, JoseErrorKind};
use crate::principal::{DelegationError, RevocationsFull, RevokedBy};

/// Why a credential does not hold, or why the layer cannot be built.
///
/// About a credential this is for the audit record: the caller only learns that it does not hold, or has expired.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct JwtError {
    /// What was wrong.
    pub kind: JwtErrorKind,
}

impl From<JwtErrorKind> for JwtError {
    fn from(kind: JwtErrorKind) -> Self {
        Self { kind }
    }
}

impl From<JoseErrorKind> for JwtError {
    fn from(kind: JoseErrorKind) -> Self {
        JwtErrorKind::Jose(kind).into()
    }
}

impl From<JoseError> for JwtError {
    fn from(error: JoseError) -> Self {
        error.kind.into()
    }
}

/// What [`JwtError`] reports. No message repeats what the sender wrote, but for names that were verified.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JwtErrorKind {
    /// The JWS or its key does not hold.
    #[error("{0}")]
    Jose(JoseErrorKind),
    /// A mandatory claim is absent.
    #[error("claim `{0}` is missing")]
    MissingClaim(&'static str),
    /// A claim has the wrong type or a value out of bounds.
    #[error("claim `{0}` has the wrong type or an unacceptable value")]
    MalformedClaim(&'static str),
    /// A claim that the configuration names by pointer has the wrong type or a value out of bounds.
    #[error("the claim at `{0}` has the wrong type or an unacceptable value")]
    MalformedPointer(String),
    /// No configured issuer is called like `iss`.
    #[error("claim `iss` names no trusted issuer")]
    UnknownIssuer,
    /// None of our audiences is in `aud`.
    #[error("claim `aud` does not name this service")]
    WrongAudience,
    /// `exp` has passed.
    #[error("expired")]
    Expired,
    /// `nbf` lies ahead.
    #[error("not valid yet")]
    NotYetValid,
    /// `iat` lies ahead.
    #[error("issued in the future")]
    IssuedInFuture,
    /// It is valid for longer than the issuer's credentials may be.
    #[error("its lifetime is longer than the issuer's credentials may have")]
    LifetimeTooLong,
    /// `typ` is not that of an access credential, or not the one required.
    #[error("header parameter `typ` is not that of an access credential")]
    Type,
    /// It is a JWT for another purpose: an ID token, which is for the application, or a refresh or logout token. The claim is what
    /// tells it.
    #[error("claim `{0}` tells an ID token or another JWT that is not for access")]
    NotForAccess(&'static str),
    /// The issuer does not use this algorithm.
    #[error("the algorithm is not one of those this issuer may use")]
    AlgorithmNotAllowed,
    /// It is bound to a key of the sender (RFC 7800 `cnf`) in a way whose proof is not known here.
    #[error("claim `cnf` binds it to the sender's key in a way that is not known here: x5t#S256 and jkt are")]
    Bound,
    /// It is on the list of [`Revocations`](crate::principal::Revocations).
    #[error("revoked, by {0}")]
    Revoked(RevokedBy),
    /// `typ` is not that of a logout token.
    #[error("header parameter `typ` is not `logout+jwt`")]
    LogoutType,
    /// It has come before.
    #[error("its `jti` has come before")]
    Replayed,
    /// A logout holds, and there is no room for it.
    #[error("{0}")]
    RevocationsFull(RevocationsFull),
    /// It is bound to a client certificate (RFC 8705 §3), and none was shown.
    #[error("it is bound to a client certificate, and the client has shown none")]
    NoCertificate,
    /// It is bound to another client certificate than the one shown.
    #[error("it is bound to another client certificate than the one that the client has shown")]
    OtherCertificate,
    /// The certificate that it is bound to has ended since the handshake.
    #[error("the client certificate that it is bound to has ended")]
    CertificateEnded,
    /// It is not bound to a key of the sender, and has to be.
    #[error("it is not bound to a key of its bearer, which the gate asks for")]
    Unbound,
    /// Somebody acts for its subject who may not, or not from there.
    #[error("{0}")]
    Delegation(DelegationError),
    /// Its issuer says that it is none, or no longer one (RFC 7662 §2.2).
    #[error("its issuer says that it is not active")]
    Inactive,
    /// Its issuer could not be asked about it.
    #[error("its issuer could not be asked: {0}")]
    Introspection(String),
    /// The keys of its issuer cannot be had now, so that nothing can be said about it.
    #[error("the keys of its issuer cannot be had now")]
    KeysUnavailable,
    /// Keys could not be fetched.
    #[error("keys from {from}: {problem}")]
    KeysNotFetched {
        /// The URL that was asked first.
        from: String,
        /// What went wrong.
        problem: String,
    },
    /// A setting is missing or wrong.
    #[error("`{field}`: {problem}")]
    Setting {
        /// The builder's method.
        field: &'static str,
        /// What to do.
        problem: String,
    },
    /// A key file cannot be used.
    #[error("key file {path}: {problem}")]
    KeyFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
}
