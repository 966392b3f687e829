use crate::clock::UnixTime;
use crate::jose::{Jws, JwsType, json};
use crate::jwt::claims::{date, name};
use crate::jwt::{JwtError, JwtErrorKind, TrustedIssuer};
use crate::payload::json::{Document, Kind, Node};
use std::time::Duration;

/// The event that a session has ended (Back-Channel Logout §2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// The longest life of a logout token; the specification recommends two minutes.
const MAX_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// What a logout token says.
#[derive(Debug)]
pub(super) struct Logout {
    pub(super) subject: Option<Box<str>>,
    pub(super) session: Option<Box<str>>,
    pub(super) id: Box<str>,
    pub(super) issued: UnixTime,
    /// Good before this, leeway included.
    pub(super) good_until: UnixTime,
}

/// A logout token, read and not yet believed.
pub(super) struct Unverified<'a> {
    pub(super) jws: Jws<'a>,
    document: Document,
}

impl<'a> Unverified<'a> {
    pub(super) fn parse(token: &'a str) -> Result<Self, JwtError> {
        let jws = Jws::parse(token)?;
        let document = json::object(jws.unverified_payload().clone(), "claims")?;
        Ok(Self { jws, document })
    }

    /// Who says to have issued it: what the keys are found by.
    pub(super) fn issuer(&self) -> Result<&str, JwtError> {
        let issuer = self.claim("iss").ok_or(JwtErrorKind::MissingClaim("iss"))?;
        issuer.as_str().ok_or_else(|| JwtErrorKind::MalformedClaim("iss").into())
    }

    pub(super) fn check_form(&self, issuer: &TrustedIssuer, plain_type: bool) -> Result<(), JwtError> {
        let sound = match self.jws.typ() {
            JwsType::LogoutJwt => true,
            JwsType::Jwt | JwsType::Absent => plain_type,
            _ => false,
        };
        if !sound {
            return Err(JwtErrorKind::LogoutType.into());
        }
        if !issuer.algorithms.contains(self.jws.algorithm()) {
            return Err(JwtErrorKind::AlgorithmNotAllowed.into());
        }
        Ok(())
    }

    /// Checks everything but the signature, which must hold already (§2.6).
    pub(super) fn check(&self, issuer: &TrustedIssuer, now: UnixTime) -> Result<Logout, JwtError> {
        self.check_audience(issuer)?;
        let events = self.claim("events").ok_or(JwtErrorKind::MissingClaim("events"))?;
        if events.get(EVENT).is_none_or(|event| event.kind() != Kind::Object) {
            return Err(JwtErrorKind::MalformedClaim("events").into());
        }
        // So that no ID token passes for a logout, nor the reverse.
        if self.claim("nonce").is_some() {
            return Err(JwtErrorKind::MalformedClaim("nonce").into());
        }
        let issued = date(self.claim("iat"), "iat")?.ok_or(JwtErrorKind::MissingClaim("iat"))?;
        let expires = date(self.claim("exp"), "exp")?.ok_or(JwtErrorKind::MissingClaim("exp"))?;
        let good_until = expires.saturating_add(issuer.leeway);
        if now >= good_until {
            return Err(JwtErrorKind::Expired.into());
        }
        if issued > now.saturating_add(issuer.leeway) {
            return Err(JwtErrorKind::IssuedInFuture.into());
        }
        if expires.saturating_since(issued) > MAX_LIFETIME {
            return Err(JwtErrorKind::LifetimeTooLong.into());
        }
        let text = |claim| name(self.claim(claim), claim).map(|name| name.map(Box::from));
        let id = text("jti")?.ok_or(JwtErrorKind::MissingClaim("jti"))?;
        let (subject, session) = (text("sub")?, text("sid")?);
        if subject.is_none() && session.is_none() {
            return Err(JwtErrorKind::MissingClaim("sub").into());
        }
        Ok(Logout { subject, session, id, issued, good_until })
    }

    fn check_audience(&self, issuer: &TrustedIssuer) -> Result<(), JwtError> {
        let audience = self.claim("aud").ok_or(JwtErrorKind::MissingClaim("aud"))?;
        let is_ours = |node: Node<'_>| {
            node.as_str().is_some_and(|name| issuer.audiences.iter().any(|ours| **ours == *name))
        };
        let found = match audience.kind() {
            Kind::String => is_ours(audience),
            Kind::Array => audience.items().any(is_ours),
            _ => return Err(JwtErrorKind::MalformedClaim("aud").into()),
        };
        if found { Ok(()) } else { Err(JwtErrorKind::WrongAudience.into()) }
    }

    fn claim(&self, name: &str) -> Option<Node<'_>> {
        self.document.root().get(name)
    }
}
