use crate::jose::JoseError;
use crate::jwt::JwtError;
use http::StatusCode;
use std::borrow::Cow;
use thiserror::Error;

/// An exchange that cannot be built: says which setting, and what to do.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{field}: {problem}")]
#[non_exhaustive]
pub struct StsError {
    /// The setting.
    pub field: String,
    /// What to do.
    pub problem: String,
}

pub(super) fn setting(field: impl Into<String>, problem: impl Into<String>) -> StsError {
    StsError { field: field.into(), problem: problem.into() }
}

impl From<JwtError> for StsError {
    fn from(error: JwtError) -> Self {
        setting("issuers and actors", error.to_string())
    }
}

impl From<JoseError> for StsError {
    fn from(error: JoseError) -> Self {
        setting("signing_key", error.to_string())
    }
}

/// Why nothing is issued: what the client is told, and what the record says.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    /// The code of RFC 6749 §5.2 or RFC 8693 §2.2.2.
    pub(super) error: &'static str,
    pub(super) public: Cow<'static, str>,
    /// For the record.
    pub(super) cause: Option<String>,
}

impl Failure {
    fn new(status: StatusCode, error: &'static str, public: impl Into<Cow<'static, str>>) -> Self {
        Self { status, error, public: public.into(), cause: None }
    }

    /// RFC 6749 §5.2; RFC 8693 §2.2.2 for credentials that are not accepted.
    pub(super) fn request(public: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", public)
    }

    /// A form that does not come as one.
    pub(super) fn form(status: StatusCode, public: &'static str) -> Self {
        Self::new(status, "invalid_request", public)
    }

    /// The client is not known, or has not shown who it is.
    pub(super) fn client() -> Self {
        let public = "the client has not shown who it is, in the way that it is known by";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", public)
    }

    pub(super) fn target() -> Self {
        let public = "the client may not act for this subject at that audience";
        Self::new(StatusCode::BAD_REQUEST, "invalid_target", public)
    }

    pub(super) fn scope(public: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_scope", public)
    }

    pub(super) fn grant_type() -> Self {
        let public = "the only grant_type is urn:ietf:params:oauth:grant-type:token-exchange";
        Self::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", public)
    }

    pub(super) fn dpop(cause: String) -> Self {
        let public = "the DPoP proof is not valid";
        Self::new(StatusCode::BAD_REQUEST, "invalid_dpop_proof", public).cause(cause)
    }

    pub(super) fn unavailable(cause: impl Into<String>) -> Self {
        let public = "credentials cannot be exchanged at the moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", public).cause(cause)
    }

    pub(super) fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}
