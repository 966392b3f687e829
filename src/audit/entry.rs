use super::calls;
use super::json::Name;
use super::policy::Policy;
use super::who::{Peer, Who};
use crate::clock::UnixTime;
use crate::exchange::{End, Exchange, LogoutFacts, Record, RequestId, StepId, UnreadFacts};
use crate::payload::{Coverage, Finding};
use crate::principal::{AddressPrefix, ClientAddress, Principal, Subject};
use crate::refusal::{Refusal, RefusalKind, escaped};
use crate::route::Route;
use jiff::Timestamp;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use std::sync::Arc;
use std::time::Duration;

/// What is written of one exchange. Serializes to one JSON object; its fields are documented in the guide.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditEntry {
    /// When the request's head had arrived.
    pub time: UnixTime,
    /// The request's id, as the caller sees it in `x-request-id`.
    pub request_id: RequestId,
    /// The id that the client gave it.
    pub client_request_id: Option<Box<str>>,
    /// Where it came from.
    pub client: Option<ClientAddress>,
    /// The route; the path itself is the caller's text and is not kept.
    pub route: Option<Arc<Route>>,
    /// Who asked.
    pub principal: Option<Principal>,
    /// How the exchange ended.
    pub end: End,
    /// Why it was refused or cut.
    pub refusal: Option<Refusal>,
    /// What each layer noted.
    pub record: Record,
    /// Which configuration was in force: the [`generation`](crate::gate::Posture::generation) of the gate's posture.
    pub config: Option<Arc<str>>,
    /// How many requests this record stands for; `None` for a record of one request.
    pub aggregate: Option<Aggregate>,
    /// How many records had been dropped when this one was written.
    pub dropped_so_far: u64,
}

/// A number of requests without an identity that are alike: the same address prefix, route, decision and reason. What
/// else their record says is that of the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Aggregate {
    /// How many, without those that have a record of their own.
    pub count: u64,
    /// When the first of them came.
    pub first: UnixTime,
    /// When the last of them came.
    pub last: UnixTime,
    /// Where they came from; `None` when they came from more places than are told apart.
    pub prefix: Option<AddressPrefix>,
}

impl AuditEntry {
    pub(super) fn of(exchange: &Exchange, end: End, config: Option<Arc<str>>) -> Self {
        Self {
            time: exchange.started(),
            request_id: exchange.id(),
            client_request_id: exchange.client_request_id().map(Into::into),
            client: exchange.client(),
            route: exchange.route().cloned(),
            // Records wait, and are handed to sinks.
            principal: exchange.principal().cloned().map(Principal::without_presented),
            end,
            refusal: exchange.refusal(),
            record: exchange.record(|record| record.clone()),
            config,
            aggregate: None,
            dropped_so_far: 0,
        }
    }

    /// The pattern of the route.
    pub fn pattern(&self) -> Option<&str> {
        self.route.as_deref().map(Route::pattern)
    }

    /// What was asked for.
    pub fn action(&self) -> Option<&str> {
        self.route.as_deref().map(|route| route.action_name().as_str())
    }

    /// Whether there was no request, because the handshake failed.
    pub(super) fn is_handshake(&self) -> bool {
        self.refusal.as_ref().is_some_and(|refusal| refusal.kind() == RefusalKind::HandshakeFailed)
    }

    /// `permitted`, `refused`, or `cut` for an answer that was ended early.
    pub fn decision(&self) -> &'static str {
        match (self.end, &self.refusal) {
            (End::Cut, _) => "cut",
            (_, Some(_)) => "refused",
            _ => "permitted",
        }
    }

    /// The stable code of the refusal.
    pub fn reason(&self) -> Option<&'static str> {
        self.refusal.as_ref().map(|refusal| refusal.kind().code())
    }

    /// How long the exchange took.
    pub fn duration(&self) -> Duration {
        self.record.duration.unwrap_or_default()
    }

    pub(super) fn trace(&self) {
        let refusal = self.refusal.as_ref();
        let subject = self.principal.as_ref().and_then(Principal::subject).map(Subject::id);
        let peer = self.record.peer.as_ref().and_then(|peer| peer.certificate.workload());
        let model = self.record.read.as_ref().and_then(|read| read.model.as_deref());
        tracing::info!(
            target: "portcullis::audit",
            request_id = &*self.request_id,
            client = self.client.map(tracing::field::display),
            route = self.pattern(),
            action = self.action(),
            subject = subject.map(escaped).as_deref(),
            workload = peer.map(|id| escaped(id.as_str())).as_deref(),
            model = model.map(escaped).as_deref(),
            decision = self.decision(),
            reason = self.reason(),
            cause = refusal.and_then(Refusal::private_cause).map(escaped).as_deref(),
            rule = refusal.and_then(Refusal::rule_name).map(escaped).as_deref(),
            count = self.aggregate.as_ref().map(|aggregate| aggregate.count),
            would_refuse = self.record.would_refuse.first().map(|(_, refusal)| refusal.kind().code()),
            status = self.record.status.map(|status| status.as_u16()),
            end = self.end.as_str(),
            usage = self.record.usage.and_then(|usage| usage.settled),
            duration_us = u64::try_from(self.duration().as_micros()).unwrap_or(u64::MAX),
            "request"
        );
    }
}

impl Serialize for AuditEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = &self.record;
        let principal = self.principal.as_ref();
        let refusal = self.refusal.as_ref();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&Name("time"), &rfc3339(self.time))?;
        map.serialize_entry(&Name("request_id"), &*self.request_id)?;
        map.serialize_entry(&Name("client_request_id"), &self.client_request_id)?;
        map.serialize_entry(&Name("client"), &self.client.map(ClientAddress::ip))?;
        let method = (!self.is_handshake()).then_some(record.method.as_str());
        map.serialize_entry(&Name("method"), &method)?;
        map.serialize_entry(&Name("route"), &self.pattern())?;
        map.serialize_entry(&Name("action"), &self.action())?;
        map.serialize_entry(&Name("principal"), &principal.map(|who| Who(who, record)))?;
        map.serialize_entry(&Name("peer"), &record.peer.as_ref().map(Peer))?;
        if let Some(logout) = &record.logout {
            map.serialize_entry(&Name("logout"), &Logout(logout))?;
        }
        map.serialize_entry(&Name("model"), &record.read.as_ref().and_then(|read| read.model.as_deref()))?;
        map.serialize_entry(&Name("decision"), &Name(self.decision()))?;
        map.serialize_entry(&Name("reason"), &self.reason().map(Name))?;
        map.serialize_entry(&Name("cause"), &refusal.and_then(Refusal::private_cause))?;
        map.serialize_entry(&Name("rule"), &refusal.and_then(Refusal::rule_name))?;
        map.serialize_entry(&Name("pointer"), &refusal.and_then(Refusal::pointer))?;
        map.serialize_entry(&Name("status"), &record.status.map(|status| status.as_u16()))?;
        map.serialize_entry(&Name("end"), &Name(self.end.as_str()))?;
        map.serialize_entry(&Name("duration_ms"), &(self.duration().as_micros() as f64 / 1_000.0))?;
        map.serialize_entry(&Name("body"), &record.read.as_ref().map(Body))?;
        map.serialize_entry(
            &Name("plan"),
            &record.limits.as_ref().and_then(|limits| limits.plan.as_deref()),
        )?;
        map.serialize_entry(
            &Name("limit_exceeded"),
            &record.limits.as_ref().and_then(|limits| limits.exceeded.as_deref()),
        )?;
        map.serialize_entry(&Name("usage"), &record.usage.as_ref().map(Usage))?;
        map.serialize_entry(
            &Name("coverage"),
            &record.inspection.as_ref().map(|seen| Scanned(&seen.coverage)),
        )?;
        if record.unread != UnreadFacts::default() {
            map.serialize_entry(&Name("unread"), &Unread(record.unread))?;
        }
        let findings = record.inspection.iter().flat_map(|seen| seen.findings.iter());
        if let Some(policy) = &record.policy {
            map.serialize_entry(&Name("policy"), &Policy(policy))?;
        }
        map.serialize_entry(&Name("findings"), &Findings(findings.collect()))?;
        map.serialize_entry(&Name("ran"), &Controls(record))?;
        calls::write(&mut map, record)?;
        if !record.would_refuse.is_empty() {
            map.serialize_entry(&Name("would_refuse"), &WouldRefuse(&record.would_refuse))?;
        }
        map.serialize_entry(&Name("config"), &self.config.as_deref())?;
        map.serialize_entry(&Name("dropped_records"), &self.dropped_so_far)?;
        if let Some(aggregate) = &self.aggregate {
            map.serialize_entry(&Name("aggregate"), aggregate)?;
        }
        map.end()
    }
}

impl Serialize for Aggregate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&Name("count"), &self.count)?;
        map.serialize_entry(&Name("first"), &rfc3339(self.first))?;
        map.serialize_entry(&Name("last"), &rfc3339(self.last))?;
        map.serialize_entry(&Name("prefix"), &self.prefix.map(|prefix| prefix.to_string()))?;
        map.end()
    }
}

/// A moment as RFC 3339 writes it, in UTC with microseconds.
pub(super) fn rfc3339(time: UnixTime) -> String {
    let micros = i64::try_from(time.as_nanos() / 1_000).unwrap_or(i64::MAX);
    Timestamp::from_microsecond(micros).map_or_else(|_| String::new(), |moment| format!("{moment:.6}"))
}

struct Logout<'a>(&'a LogoutFacts);

impl Serialize for Logout<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&Name("issuer"), &*self.0.issuer)?;
        map.serialize_entry(&Name("subject"), &self.0.subject)?;
        map.serialize_entry(&Name("session"), &self.0.session)?;
        map.serialize_entry(&Name("all_of_the_issuer"), &self.0.all_of_the_issuer)?;
        map.end()
    }
}

struct Body<'a>(&'a crate::exchange::ReadFacts);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&Name("bytes"), &self.0.bytes)?;
        map.serialize_entry(&Name("dialect"), &self.0.dialect)?;
        map.serialize_entry(&Name("stream"), &self.0.stream)?;
        map.end()
    }
}

struct Usage<'a>(&'a crate::exchange::UsageFacts);

impl Serialize for Usage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&Name("reserved"), &self.0.reserved)?;
        map.serialize_entry(&Name("settled"), &self.0.settled)?;
        map.serialize_entry(&Name("input"), &self.0.input)?;
        map.serialize_entry(&Name("output"), &self.0.output)?;
        map.end()
    }
}

struct Scanned<'a>(&'a Coverage);

impl Serialize for Scanned<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&Name("rules"), &*self.0.rules)?;
        map.serialize_entry(&Name("parts"), &self.0.parts)?;
        map.serialize_entry(&Name("bytes"), &self.0.bytes)?;
        map.serialize_entry(&Name("normalised"), &self.0.normalised)?;
        map.serialize_entry(&Name("decoded"), &self.0.decoded)?;
        map.end()
    }
}

struct Unread(UnreadFacts);

impl Serialize for Unread {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&Name("body"), &self.0.body)?;
        map.serialize_entry(&Name("answer"), &self.0.answer)?;
        map.end()
    }
}

struct Findings<'a>(Vec<&'a Finding>);

impl Serialize for Findings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            rule: &'a str,
            category: &'a str,
            severity: &'a str,
            pointer: &'a str,
            span: [usize; 2],
        }
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for finding in &self.0 {
            seq.serialize_element(&Row {
                rule: &finding.rule,
                category: finding.category.as_str(),
                severity: finding.severity.as_str(),
                pointer: &finding.pointer,
                span: [finding.span.start, finding.span.end],
            })?;
        }
        seq.end()
    }
}

struct WouldRefuse<'a>(&'a [(StepId, Refusal)]);

impl Serialize for WouldRefuse<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            step: &'a str,
            reason: &'a str,
            status: u16,
            cause: Option<&'a str>,
            rule: Option<&'a str>,
            pointer: Option<&'a str>,
        }
        serializer.collect_seq(self.0.iter().map(|(step, refusal)| Row {
            step: step.as_str(),
            reason: refusal.kind().code(),
            status: refusal.kind().status().as_u16(),
            cause: refusal.private_cause(),
            rule: refusal.rule_name(),
            pointer: refusal.pointer(),
        }))
    }
}

struct Controls<'a>(&'a Record);

impl Serialize for Controls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for step in StepId::ALL {
            map.serialize_entry(&Name(step.as_str()), &Name(self.0.ran(step).as_str()))?;
        }
        map.end()
    }
}
