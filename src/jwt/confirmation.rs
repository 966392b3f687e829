//! Bound credentials: what `cnf` (RFC 7800) says of the key that the bearer must hold.

use std::fmt;

use super::{JwtError, JwtErrorKind};
use crate::clock::UnixTime;
use crate::exchange::{Exchange, Ran, StepId};
use crate::jose::base64url;
use crate::payload::json::{Kind, Node};
use crate::principal::{PeerCertificate, PlanName, Principal};

/// Who must come with a credential that is bound to a key of its bearer, by certificate (RFC 8705) or by DPoP (RFC 9449).
///
/// Whatever is chosen, a credential that is bound is refused without its proof.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequireBinding {
    /// Nobody: a credential that is not bound passes for whoever holds it.
    #[default]
    WhenBound,
    /// Everybody.
    Always,
    /// Callers of these plans. One whose credential names no plan has the default plan.
    ForPlans(Vec<PlanName>),
}

impl RequireBinding {
    /// Callers of these plans.
    pub fn for_plans<P: Into<PlanName>>(plans: impl IntoIterator<Item = P>) -> Self {
        Self::ForPlans(plans.into_iter().map(Into::into).collect())
    }

    pub(super) fn asks(&self, principal: &Principal, default_plan: Option<&PlanName>) -> bool {
        match self {
            Self::WhenBound => false,
            Self::Always => true,
            Self::ForPlans(plans) => {
                principal.plan().or(default_plan).is_some_and(|plan| plans.contains(plan))
            }
        }
    }
}

impl fmt::Display for RequireBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WhenBound => f.write_str("unbound credentials pass for whoever holds them"),
            Self::Always => f.write_str("every credential is bound to a key of its bearer"),
            Self::ForPlans(plans) => {
                let plans: Vec<&str> = plans.iter().map(PlanName::as_str).collect();
                write!(f, "bound to a key of its bearer for plan {}", plans.join(", "))
            }
        }
    }
}

/// The keys that a credential is bound to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Confirmation {
    /// `x5t#S256` (RFC 8705 §3.1): the SHA-256 of the client certificate.
    pub(super) certificate: Option<[u8; 32]>,
    /// `jkt` (RFC 9449 §6.1): the thumbprint of the DPoP key.
    pub(super) key: Option<[u8; 32]>,
}

impl Confirmation {
    /// Reads `cnf`. A member that is not known here asks for a proof that nobody would check (RFC 7800 §3.1 lets it be ignored;
    /// then the credential would pass for whoever stole it).
    pub(super) fn read(cnf: Node<'_>) -> Result<Self, JwtError> {
        if cnf.kind() != Kind::Object {
            return Err(JwtErrorKind::MalformedClaim("cnf").into());
        }
        let mut confirmation = Self::default();
        for (name, value) in cnf.entries() {
            let place = match name {
                "x5t#S256" => &mut confirmation.certificate,
                "jkt" => &mut confirmation.key,
                _ => return Err(JwtErrorKind::Bound.into()),
            };
            *place = Some(hash(value).ok_or(JwtErrorKind::MalformedClaim("cnf"))?);
        }
        if confirmation.is_bound() {
            Ok(confirmation)
        } else {
            Err(JwtErrorKind::MalformedClaim("cnf").into())
        }
    }

    pub(super) fn is_bound(&self) -> bool {
        self.certificate.is_some() || self.key.is_some()
    }

    /// By what it is bound, for records.
    pub(super) fn name(&self) -> Option<&'static str> {
        match (self.certificate, self.key) {
            (None, None) => None,
            (Some(_), None) => Some("certificate"),
            (None, Some(_)) => Some("dpop"),
            (Some(_), Some(_)) => Some("certificate and dpop"),
        }
    }

    /// Whether the client has shown the certificate, and thereby its key, if the credential asks for one.
    pub(super) fn check_certificate(&self, exchange: &Exchange) -> Result<(), JwtError> {
        let Some(bound_to) = &self.certificate else { return Ok(()) };
        let holds = |shown: &PeerCertificate| match shown.fingerprint() == bound_to {
            false => Err(JwtErrorKind::OtherCertificate.into()),
            true if has_ended(shown, exchange.started()) => Err(JwtErrorKind::CertificateEnded.into()),
            true => Ok(()),
        };
        let shown = match exchange.record(|record| record.ran(StepId::Peer)) {
            // Nobody asks for certificates; the handshake may have shown one all the same.
            Ran::Off => exchange.tls().and_then(|tls| tls.peer_certificate()),
            // Behind a proxy, the connection's own certificate is the proxy's, and not the one that counts.
            _ => exchange.peer().map(|peer| &peer.certificate),
        };
        shown.map_or(Err(JwtErrorKind::NoCertificate.into()), holds)
    }
}

/// A connection may outlive the certificate that it began with. The last second is part of it (RFC 5280 §4.1.2.5).
fn has_ended(certificate: &PeerCertificate, now: UnixTime) -> bool {
    now.as_secs() > certificate.not_after().as_secs()
}

/// A SHA-256 in base64url.
fn hash(value: Node<'_>) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let length = base64url::decode_slice(value.as_str()?.as_bytes(), &mut bytes)?.len();
    (length == bytes.len()).then_some(bytes)
}
