use super::{CertificateHeader, CertificateHeaderError, PeerError, PeerRules, PersonRule};
use crate::clock::UnixTime;
use crate::exchange::{Check, Exchange, PeerFacts, Step, StepId, peer_socket};
use crate::principal::{PeerCertificate, Principal, Revocations, Workload, WorkloadId};
use crate::refusal::{Refusal, RefusalKind};
use crate::route::{Access, Route};
use crate::trust::Verified;
use aws_lc_rs::digest::{Context, SHA256};
use http::{HeaderMap, request};
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU64;

/// The step of [`RequirePeerLayer`](super::RequirePeerLayer).
#[derive(Debug)]
pub(super) struct RequirePeer {
    rules: PeerRules,
    revocations: Revocations,
    /// Tells these rules from those of other layers.
    number: u64,
    /// Against the roots of the acceptor, when they change.
    again: Option<Verified>,
    /// What proxies hand on.
    handed_on: Option<Verified>,
}

impl RequirePeer {
    pub(super) fn new(mut rules: PeerRules) -> Result<Self, PeerError> {
        rules.check()?;
        rules.people = rules.people.into_iter().map(PersonRule::load).collect::<Result<_, _>>()?;
        let again = rules.bundles.clone().map(Verified::new);
        let handed_on = rules.proxies.as_ref().map(|proxies| Verified::new(proxies.trust_bundles().clone()));
        let revocations = rules.revocations.clone().unwrap_or_default();
        let number = RandomState::new().hash_one(());
        Ok(Self { rules, revocations, number, again, handed_on })
    }
}

impl Step for RequirePeer {
    fn id(&self) -> StepId {
        StepId::Peer
    }

    fn check(&self, parts: &mut request::Parts, exchange: &Exchange) -> Check {
        let Some(route) = exchange.route() else {
            return Check::Refuse(Refusal::stacked_wrongly("RequirePeerLayer", "MatchRouteLayer"));
        };
        if *route.access() == Access::Open {
            return Check::Skip;
        }
        match self.enter(parts, route, exchange) {
            Err(refusal)
                if refusal.kind() == RefusalKind::MissingCertificate && route.is_certificate_optional() =>
            {
                Check::Skip
            }
            entered => entered.into(),
        }
    }
}

/// What a request has shown.
enum Shown<'a> {
    /// The certificate of its connection.
    Own(&'a PeerCertificate),
    /// One that a proxy handed on, which has shown its own or none.
    HandedOn { certificate: PeerCertificate, proxy: Option<&'a PeerCertificate> },
}

impl RequirePeer {
    fn enter(&self, parts: &request::Parts, route: &Route, exchange: &Exchange) -> Result<(), Refusal> {
        let now = exchange.started();
        let shown = self.shown(parts, exchange, now)?;
        let (certificate, through) = match &shown {
            Shown::Own(certificate) => {
                self.check_connection(certificate, now)?;
                (*certificate, None)
            }
            Shown::HandedOn { certificate, proxy } => (certificate, Some(proxy.cloned())),
        };
        exchange.set_peer(PeerFacts::new(certificate.clone(), through))?;
        // Before anything is looked at, so that what changes meanwhile is looked at the next time.
        let edition = NonZeroU64::new(self.number.wrapping_add(self.revocations.edition()));
        if edition.is_some_and(|edition| certificate.has_passed(edition)) {
            check_validity(certificate, now)?;
            return self.enter_machine(certificate, route, exchange);
        }
        let person = self.person(certificate);
        let lives_as_it_likes = person.is_some();
        self.check_holds(certificate, lives_as_it_likes, now)?;
        match person {
            Some(rule) => {
                let principal = person_of(rule, certificate, route)?;
                if let Some(by) = self.revocations.find_principal(&principal) {
                    return Err(invalid(format!("the person is revoked, by {by}")).rule("peer:revoked"));
                }
                exchange.set_principal(principal)
            }
            None => {
                self.check_workload(certificate)?;
                if let Some(edition) = edition {
                    certificate.note_passed(edition);
                }
                self.enter_machine(certificate, route, exchange)
            }
        }
    }

    /// The certificate that counts: the connection's own, or the one that a proxy hands on, verified.
    fn shown<'a>(
        &self,
        parts: &request::Parts,
        exchange: &'a Exchange,
        now: UnixTime,
    ) -> Result<Shown<'a>, Refusal> {
        let own = exchange.tls().and_then(|tls| tls.peer_certificate());
        if let (Some(proxies), Some(verified)) = (&self.rules.proxies, &self.handed_on)
            && proxies.believes(own, peer_socket(parts))
        {
            if let Some(proxy) = own {
                self.check_connection(proxy, now)?;
                self.check_holds(proxy, false, now)?;
            }
            let none = HeaderMap::new();
            let headers = exchange.forwarded_certificates().map_or(&none, |forwarded| &forwarded.0);
            let certificate = handed_on(proxies.header(), verified, headers, now)?;
            return Ok(Shown::HandedOn { certificate, proxy: own });
        }
        own.map(Shown::Own).ok_or_else(|| missing(exchange))
    }

    /// Whether the bundles, which may have changed since the handshake, still vouch for it.
    fn check_connection(&self, certificate: &PeerCertificate, now: UnixTime) -> Result<(), Refusal> {
        let Some(again) = &self.again else { return Ok(()) };
        again
            .check(certificate, now)
            .map_err(|error| invalid(format!("{error}, by the bundles in force now")))
    }

    fn check_holds(
        &self,
        certificate: &PeerCertificate,
        of_any_lifetime: bool,
        now: UnixTime,
    ) -> Result<(), Refusal> {
        check_validity(certificate, now)?;
        let (begins, ends) = (certificate.not_before(), certificate.not_after());
        if let Some(most) = self.rules.max_lifetime
            && !of_any_lifetime
            && ends.saturating_since(begins) > most
        {
            return Err(invalid("the certificate is made for longer than max_lifetime").rule("peer:lifetime"));
        }
        if let Some(by) = self.revocations.find(certificate) {
            return Err(invalid(format!("the certificate was revoked, by {by}")).rule("peer:revoked"));
        }
        Ok(())
    }

    fn person(&self, certificate: &PeerCertificate) -> Option<&PersonRule> {
        // Whoever has a SPIFFE ID is a machine.
        let is_machine = matches!(certificate.workload(), Some(WorkloadId::Spiffe(_)));
        self.rules.people.iter().find(|rule| !is_machine && rule.is_for(certificate))
    }

    /// Whether the machine is one that may enter.
    fn check_workload(&self, certificate: &PeerCertificate) -> Result<(), Refusal> {
        let workload = machine_of(certificate)?;
        match self.rules.workloads.iter().any(|pattern| pattern.matches(&workload)) {
            true => Ok(()),
            false => Err(forbidden(format!("{} is not one of the workloads that may enter", workload.id()))),
        }
    }

    fn enter_machine(
        &self,
        certificate: &PeerCertificate,
        route: &Route,
        exchange: &Exchange,
    ) -> Result<(), Refusal> {
        let workload = machine_of(certificate)?;
        if let Some(patterns) = route.workload_patterns()
            && !patterns.iter().any(|pattern| pattern.matches(&workload))
        {
            return Err(forbidden(format!("{} is not one of the workloads of this route", workload.id()))
                .rule("peer:route"));
        }
        exchange.set_workload(workload, self.rules.plan.clone())?;
        if *route.access() != Access::Machines {
            return Ok(());
        }
        exchange.machine().map_or(Ok(()), |machine| exchange.set_principal(machine))
    }
}

fn check_validity(certificate: &PeerCertificate, now: UnixTime) -> Result<(), Refusal> {
    if now < certificate.not_before() {
        return Err(invalid("the certificate does not hold yet").rule("peer:validity"));
    }
    // The last second is part of it (RFC 5280 §4.1.2.5).
    if now.as_secs() > certificate.not_after().as_secs() {
        return Err(invalid("the certificate has expired").rule("peer:validity"));
    }
    Ok(())
}

fn machine_of(certificate: &PeerCertificate) -> Result<Workload, Refusal> {
    Workload::of(certificate).ok_or_else(|| {
        forbidden(format!("the certificate {} names no machine", certificate.fingerprint_text()))
    })
}

/// What a proxy hands on, read and verified.
fn handed_on(
    header: &CertificateHeader,
    verified: &Verified,
    headers: &HeaderMap,
    now: UnixTime,
) -> Result<PeerCertificate, Refusal> {
    let mut unread = None;
    let found = verified.find(hash(header.values(headers)), now, || {
        header.read(headers).unwrap_or_else(|error| {
            unread = Some(error);
            Vec::new()
        })
    });
    match unread {
        Some(error) => Err(unreadable(error)),
        None => found.map_err(|error| invalid(error.to_string())),
    }
}

fn person_of(rule: &PersonRule, certificate: &PeerCertificate, route: &Route) -> Result<Principal, Refusal> {
    if *route.access() == Access::Machines || route.workload_patterns().is_some() {
        return Err(
            forbidden("a certificate of a person came to a route for machines".to_owned()).rule("peer:route")
        );
    }
    rule.principal(certificate).map_err(|cause| forbidden(cause.to_owned()))
}

fn hash<'h>(values: impl Iterator<Item = &'h [u8]>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for value in values {
        // With their lengths, so that no two lists come to the same bytes.
        context.update(&(value.len() as u64).to_le_bytes());
        context.update(value);
    }
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

fn missing(exchange: &Exchange) -> Refusal {
    let cause = match exchange.tls() {
        Some(_) => "the client has shown no certificate in the handshake",
        None => {
            "there is no TlsConnection in the request's extensions: serve with a TLS acceptor, on axum with \
             into_make_service_with_connect_info"
        }
    };
    Refusal::new(RefusalKind::MissingCertificate, "this service asks for a client certificate").cause(cause)
}

fn unreadable(error: CertificateHeaderError) -> Refusal {
    match error {
        CertificateHeaderError::Absent => {
            Refusal::new(RefusalKind::MissingCertificate, "this service asks for a client certificate")
                .cause(error.to_string())
        }
        CertificateHeaderError::Several => {
            Refusal::new(RefusalKind::AmbiguousCredential, "show exactly one client certificate")
                .cause(error.to_string())
        }
        CertificateHeaderError::Malformed(_) => invalid(error.to_string()),
    }
}

fn invalid(cause: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(RefusalKind::InvalidCertificate, "the client certificate does not hold").cause(cause)
}

fn forbidden(cause: String) -> Refusal {
    Refusal::new(RefusalKind::Forbidden, "you may not do this").cause(cause).rule("peer:workloads")
}
