use crate::trust::{TrustError, trust_error};
use rustls::{AlertDescription, Error};
use std::io;
use std::net::SocketAddr;
use thiserror::Error;

/// A handshake that came to nothing.
#[derive(Clone, Debug, Error)]
#[error("the TLS handshake with {address} failed: {kind}")]
#[non_exhaustive]
pub struct HandshakeError {
    /// Who was at the other end of the socket.
    pub address: SocketAddr,
    /// Why it failed.
    pub kind: HandshakeErrorKind,
}

/// What [`HandshakeError`] reports.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandshakeErrorKind {
    /// It was not done in time.
    #[error("it was not done in time")]
    TimedOut,
    /// It had waited longest when there were too many.
    #[error("it had waited longest when too many waited")]
    Displaced,
    /// The client left.
    #[error("the client left before it was done")]
    Left,
    /// What came is not TLS.
    #[error("what came is not TLS")]
    NotTls,
    /// Client and server have no version, algorithm or protocol in common.
    #[error("nothing in common: {0}")]
    Incompatible(String),
    /// The client has shown no certificate, and must.
    #[error("the client has shown no certificate")]
    NoCertificate,
    /// The client's certificate is not believed.
    #[error("the client's certificate is not believed: {0}")]
    Certificate(TrustError),
    /// The client has refused this server's certificate, or something else, by this alert (RFC 8446 §6.2).
    #[error("the client has refused with the alert {0}")]
    RefusedByClient(&'static str),
    /// The client has broken the protocol.
    #[error("the client has broken the protocol: {0}")]
    Protocol(String),
}

impl HandshakeErrorKind {
    /// A stable name that programs may compare.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TimedOut => "handshake_timed_out",
            Self::Displaced => "handshake_displaced",
            Self::Left => "client_left",
            Self::NotTls => "not_tls",
            Self::Incompatible(_) => "nothing_in_common",
            Self::NoCertificate => "no_client_certificate",
            Self::Certificate(_) => "client_certificate_refused",
            Self::RefusedByClient(_) => "refused_by_client",
            Self::Protocol(_) => "protocol_broken",
        }
    }

    /// Why a handshake failed with an error of the stream.
    pub(super) fn of(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        match inner {
            None => Self::Left,
            Some(Error::NoCertificatesPresented) => Self::NoCertificate,
            Some(Error::InvalidMessage(_) | Error::InappropriateMessage { .. }) => Self::NotTls,
            Some(Error::PeerIncompatible(why)) => Self::Incompatible(format!("{why:?}")),
            Some(Error::NoApplicationProtocol) => Self::Incompatible("application protocol".to_owned()),
            Some(Error::AlertReceived(alert)) => Self::RefusedByClient(alert_name(*alert)),
            Some(other) => match trust_error(other) {
                Some(error) => Self::Certificate(error),
                None => Self::Protocol(other.to_string()),
            },
        }
    }
}

/// The alerts by which clients refuse, as RFC 8446 §6.2 calls them.
fn alert_name(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::BadCertificate => "bad_certificate",
        AlertDescription::UnsupportedCertificate => "unsupported_certificate",
        AlertDescription::CertificateRevoked => "certificate_revoked",
        AlertDescription::CertificateExpired => "certificate_expired",
        AlertDescription::CertificateUnknown => "certificate_unknown",
        AlertDescription::UnknownCA => "unknown_ca",
        AlertDescription::AccessDenied => "access_denied",
        AlertDescription::DecryptError => "decrypt_error",
        AlertDescription::HandshakeFailure => "handshake_failure",
        AlertDescription::ProtocolVersion => "protocol_version",
        AlertDescription::UserCanceled => "user_canceled",
        _ => "another",
    }
}
