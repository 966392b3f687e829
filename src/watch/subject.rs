use crate::clock::UnixTime;
use crate::exchange::Exchange;
use crate::principal::{AuthenticationMethod, PeerCertificate, Principal, Revocations};
use std::fmt;
use std::time::Duration;

/// Whose end is waited for: what a request has shown.
pub(super) struct Watched {
    principal: Principal,
    /// The certificate that was shown, and the one of the proxy that handed it on.
    certificates: [Option<PeerCertificate>; 2],
}

/// What has ended, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Expired(&'static str),
    Revoked(String),
}

impl Watched {
    pub(super) fn of(exchange: &Exchange) -> Option<Self> {
        let principal = exchange.principal()?.clone();
        let certificates = match exchange.peer() {
            Some(peer) => [Some(peer.certificate.clone()), peer.through.clone().flatten()],
            None => [None, None],
        };
        Some(Self { principal, certificates })
    }

    /// When the first of them ends, and what it is. `None` when nothing says when it ends.
    pub(super) fn ends(&self) -> Option<(UnixTime, &'static str)> {
        let credential = self.principal.credential();
        let of_certificates = self.certificates().map(|certificate| {
            // The last second is part of it (RFC 5280 §4.1.2.5).
            (certificate.not_after().saturating_add(Duration::from_secs(1)), "certificate")
        });
        let what = match credential.method() {
            AuthenticationMethod::Certificate => "certificate",
            _ => "credential",
        };
        let own = credential.expires_at().map(|ends| (ends, what));
        own.into_iter().chain(of_certificates).min()
    }

    pub(super) fn revoked(&self, revocations: &Revocations) -> Option<Ended> {
        if let Some(by) = revocations.find_principal(&self.principal) {
            return Some(Ended::Revoked(format!("the credential was revoked, by {by}")));
        }
        let by = self.certificates().find_map(|certificate| revocations.find(certificate))?;
        Some(Ended::Revoked(format!("the certificate was revoked, by {by}")))
    }

    fn certificates(&self) -> impl Iterator<Item = &PeerCertificate> {
        self.certificates.iter().flatten()
    }
}

impl Ended {
    pub(super) fn rule(&self) -> &'static str {
        match self {
            Self::Expired(_) => "watch:expired",
            Self::Revoked(_) => "watch:revoked",
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(what) => write!(f, "the {what} has expired"),
            Self::Revoked(why) => f.write_str(why),
        }
    }
}
