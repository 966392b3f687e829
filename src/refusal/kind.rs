use http::StatusCode;
use std::fmt;

/// What sort of refusal: fixes the status and the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// No credential came with the request (401).
    MissingCredential,
    /// The credential does not hold: wrong signature, issuer, audience, time or form (401).
    InvalidCredential,
    /// More than one credential came, so that it is unclear which one counts (400).
    AmbiguousCredential,
    /// The other end of the connection has shown no certificate (403).
    MissingCertificate,
    /// The certificate of the other end does not hold: expired, revoked, or not to be verified (403).
    InvalidCertificate,
    /// The request came unencrypted (403).
    Plaintext,
    /// The TLS handshake failed, so that no request came: for the record only, nobody is sent its status (400).
    HandshakeFailed,
    /// The credential lacks a scope that the route requires (403, RFC 6750 §3.1).
    InsufficientScope,
    /// The user must log in again, more strongly or more recently (401, RFC 9470 §3).
    InsufficientAuthentication,
    /// The caller may not do this (403).
    Forbidden,
    /// No route of the gate matches (404).
    UnknownRoute,
    /// What the request refers to is not there, or is not the caller's (404).
    UnknownReference,
    /// The route exists, with other methods (405).
    MethodNotAllowed,
    /// The request's line, headers or body are not what they must be (400).
    MalformedRequest,
    /// The headers are larger than the service takes (431, RFC 6585 §5).
    HeadersTooLarge,
    /// The request is for a host that this service does not answer for (421, RFC 9110 §15.5.20).
    UnknownHost,
    /// A browser sends it for a page of another origin (403).
    ForeignOrigin,
    /// The body is not of a type or encoding that the route takes (415).
    UnsupportedMediaType,
    /// The body is larger than the route takes, as sent or inflated (413).
    PayloadTooLarge,
    /// The body did not arrive in time (408).
    ReadTimeout,
    /// The content was refused by inspection (400).
    ContentBlocked,
    /// Too many requests from one address (429).
    AddressRateLimited,
    /// Too many requests (429).
    RateLimited,
    /// The usage budget does not hold this request now (429).
    UsageExceeded,
    /// The request is larger than a whole budget: it can never fit (400).
    NeverFits,
    /// A part that every request needs is not available: the store, the audit log (503).
    Unavailable,
    /// The service is put together wrongly (500).
    Misconfigured,
    /// The handler's answer could not be read, so it was not passed on (502).
    UnreadableAnswer,
    /// The answer was cut because its content was refused by inspection (502).
    AnswerBlocked,
    /// The credential, or the certificate, ceased to hold before the answer was over: expired or revoked (401).
    CredentialEnded,
    /// This service may not act for the caller at the next one (403).
    DelegationRefused,
    /// A service further on did not answer, or not as it must (502).
    UpstreamFailed,
    /// A service further on did not answer in time (504).
    UpstreamTimeout,
}

impl RefusalKind {
    /// The status of the response.
    pub fn status(self) -> StatusCode {
        match self {
            Self::MissingCredential
            | Self::InvalidCredential
            | Self::InsufficientAuthentication
            | Self::CredentialEnded => StatusCode::UNAUTHORIZED,
            Self::AmbiguousCredential
            | Self::MalformedRequest
            | Self::ContentBlocked
            | Self::NeverFits
            | Self::HandshakeFailed => StatusCode::BAD_REQUEST,
            Self::InsufficientScope
            | Self::Forbidden
            | Self::DelegationRefused
            | Self::ForeignOrigin
            | Self::MissingCertificate
            | Self::InvalidCertificate
            | Self::Plaintext => StatusCode::FORBIDDEN,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
            Self::UnknownRoute | Self::UnknownReference => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ReadTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::AddressRateLimited | Self::RateLimited | Self::UsageExceeded => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
            Self::UnreadableAnswer | Self::AnswerBlocked | Self::UpstreamFailed => StatusCode::BAD_GATEWAY,
            Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// A stable name that programs may compare.
    pub fn code(self) -> &'static str {
        match self {
            Self::MissingCredential => "missing_credential",
            Self::InvalidCredential => "invalid_credential",
            Self::AmbiguousCredential => "ambiguous_credential",
            Self::MissingCertificate => "missing_certificate",
            Self::InvalidCertificate => "invalid_certificate",
            Self::Plaintext => "plaintext_refused",
            Self::HandshakeFailed => "handshake_failed",
            Self::InsufficientScope => "insufficient_scope",
            Self::InsufficientAuthentication => "insufficient_user_authentication",
            Self::Forbidden => "forbidden",
            Self::UnknownRoute => "unknown_route",
            Self::UnknownReference => "unknown_reference",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::MalformedRequest => "malformed_request",
            Self::HeadersTooLarge => "headers_too_large",
            Self::UnknownHost => "unknown_host",
            Self::ForeignOrigin => "foreign_origin",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::PayloadTooLarge => "payload_too_large",
            Self::ReadTimeout => "read_timeout",
            Self::ContentBlocked => "content_blocked",
            Self::AddressRateLimited => "address_rate_limited",
            Self::RateLimited => "rate_limit_exceeded",
            Self::UsageExceeded => "usage_limit_exceeded",
            Self::NeverFits => "request_exceeds_limit",
            Self::Unavailable => "unavailable",
            Self::Misconfigured => "misconfigured",
            Self::UnreadableAnswer => "unreadable_answer",
            Self::AnswerBlocked => "answer_blocked",
            Self::CredentialEnded => "credential_ended",
            Self::DelegationRefused => "delegation_refused",
            Self::UpstreamFailed => "upstream_failed",
            Self::UpstreamTimeout => "upstream_timeout",
        }
    }
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
