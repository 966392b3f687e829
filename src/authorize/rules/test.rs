use super::evaluate::{Facts, Truth};
use super::hours::Hours;
use crate::authorize::{AccessRequest, AddressList, Resource};
use crate::payload::{Category, Severity};
use crate::principal::{ActorChain, ClaimValue, Claims, ClientAddress, Principal, WorkloadPattern};
use crate::route::ResourceKind;
use std::sync::Arc;

/// One question about a request.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Scope(Box<str>),
    Role(Box<str>),
    Plan(Box<str>),
    Tenant(Box<str>),
    Application(Box<str>),
    Subject {
        issuer: Box<str>,
        id: Box<str>,
    },
    Delegated,
    ActingFor {
        issuer: Box<str>,
        id: Box<str>,
    },
    Actor {
        issuer: Box<str>,
        id: Box<str>,
    },
    Workload(WorkloadPattern),
    Claim {
        pointer: Arc<str>,
        claim: ClaimTest,
    },
    DeviceManaged,
    DeviceKnown,
    Action(Box<str>),
    Route(Box<str>),
    /// With a score of 0, whether the address is listed at all.
    Reputation {
        list: AddressList,
        least: u8,
    },
    Hours(Arc<Hours>),
    Resource {
        kind: ResourceKind,
        names: Names,
    },
    OutputCap(u64),
    PayloadBytes(u64),
    OffersTools,
    Privileged(Names),
    Finding {
        category: Category,
        least: Severity,
    },
    /// What could not be read when it was made: the policy is not built.
    Invalid(String),
}

#[derive(Clone, Debug)]
pub(super) enum ClaimTest {
    Exists,
    OneOf(Box<[ClaimValue]>),
    Has(ClaimValue),
    AtLeast(i64),
    AtMost(i64),
}

impl Test {
    /// The answer. What is not known yet is unknown, whatever the question would come to.
    pub(super) fn ask(&self, facts: &Facts<'_, '_>) -> Truth {
        match self {
            Self::Action(name) => Truth::of(**name == *facts.action),
            Self::Route(pattern) => Truth::of(**pattern == *facts.route),
            Self::Resource { kind, names } => match facts.resource {
                Some(resource) if resource.kind != *kind => Truth::False,
                Some(resource) => names.ask(&resource.id),
                None => Truth::Unknown,
            },
            Self::Invalid(_) => Truth::Error,
            _ => match facts.request {
                Some(request) => self.ask_request(request),
                None => Truth::Unknown,
            },
        }
    }

    fn ask_request(&self, request: &AccessRequest<'_>) -> Truth {
        let principal = request.principal;
        let environment = &request.environment;
        Truth::of(match self {
            Self::Scope(scope) => principal.scopes().contains(scope),
            Self::Role(role) => principal.roles().contains(role),
            Self::Plan(plan) => environment.plan == Some(plan),
            Self::Tenant(tenant) => principal.tenant().is_some_and(|held| held.as_str() == &**tenant),
            Self::Application(client) => {
                principal.application().is_some_and(|held| held.as_str() == &**client)
            }
            Self::Subject { issuer, id } => is_subject(principal, issuer, id),
            Self::Delegated => !principal.actors().is_empty(),
            Self::ActingFor { issuer, id } => {
                !principal.actors().is_empty() && is_subject(principal, issuer, id)
            }
            Self::Actor { issuer, id } => is_current(principal.actors(), issuer, id),
            Self::Workload(pattern) => principal.workload().is_some_and(|machine| pattern.matches(machine)),
            Self::Claim { pointer, claim } => return claim.ask(principal.claims(), pointer),
            Self::DeviceManaged => environment.device.is_some_and(|device| device.managed),
            Self::DeviceKnown => environment.device.is_some(),
            Self::Reputation { list, least } => match environment.client.map(ClientAddress::ip) {
                Some(address) => list.score(address).is_some_and(|score| score >= *least),
                None => return Truth::Error,
            },
            Self::Hours(hours) => match hours.hold(environment.time) {
                Some(held) => held,
                None => return Truth::Error,
            },
            Self::OutputCap(units) => match environment.payload {
                Some(payload) => !payload.generates || payload.output_cap.is_some_and(|cap| cap <= *units),
                None => return Truth::Unknown,
            },
            Self::PayloadBytes(bytes) => match environment.payload {
                Some(payload) => payload.bytes <= *bytes,
                None => return Truth::Unknown,
            },
            Self::OffersTools => match environment.payload {
                Some(payload) => match payload.has_tools {
                    Some(offered) => offered,
                    None => return Truth::Error,
                },
                None => return Truth::Unknown,
            },
            Self::Privileged(wanted) => match environment.payload {
                Some(payload) => match payload.privileged {
                    Some(names) => names.iter().any(|name| wanted.hold(name)),
                    None => return Truth::Error,
                },
                None => return Truth::Unknown,
            },
            Self::Finding { category, least } => match environment.payload {
                Some(payload) if payload.bytes == 0 => false,
                Some(payload) => match payload.findings {
                    Some(findings) => findings.holds(*category, *least),
                    None => return Truth::Error,
                },
                None => return Truth::Unknown,
            },
            Self::Action(_) | Self::Route(_) | Self::Resource { .. } | Self::Invalid(_) => {
                unreachable!("these were answered without looking at the request")
            }
        })
    }
}

fn is_subject(principal: &Principal, issuer: &str, id: &str) -> bool {
    principal.subject().is_some_and(|held| held.issuer() == issuer && held.id() == id)
}

fn is_current(actors: &ActorChain, issuer: &str, id: &str) -> bool {
    actors.current().is_some_and(|actor| actor.issuer() == issuer && actor.id() == id)
}

impl ClaimTest {
    fn ask(&self, claims: &Claims, pointer: &str) -> Truth {
        let Some(held) = claims.get(pointer) else {
            // What was not looked for may be there.
            return match (claims.is_unread(pointer), claims.is_withheld(pointer)) {
                (true, _) => Truth::Error,
                (false, true) => Truth::Withheld,
                (false, false) => Truth::False,
            };
        };
        Truth::of(match (self, held) {
            (Self::Exists, _) => true,
            (_, ClaimValue::Other) if matches!(self, Self::OneOf(_) | Self::Has(_)) => false,
            (Self::OneOf(values), held) => values.iter().any(|value| value == held),
            (Self::Has(value), ClaimValue::List(items)) => {
                *value != ClaimValue::Other && items.iter().any(|item| item == value)
            }
            (Self::Has(value), held) => value == held,
            (Self::AtLeast(least), ClaimValue::Number(number)) => number >= least,
            (Self::AtMost(most), ClaimValue::Number(number)) => number <= most,
            (Self::AtLeast(_) | Self::AtMost(_), _) => return Truth::Error,
        })
    }
}

/// Names of things, some of which leave their end open.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// Sorted.
    exact: Box<[Box<str>]>,
    beginnings: Box<[Box<str>]>,
}

impl Names {
    pub(super) fn new<N: Into<Box<str>>>(names: impl IntoIterator<Item = N>) -> Self {
        let (mut exact, mut beginnings) = (Vec::new(), Vec::new());
        for name in names {
            let name: Box<str> = name.into();
            match name.strip_suffix('*') {
                Some(beginning) => beginnings.push(beginning.into()),
                None => exact.push(name),
            }
        }
        exact.sort_unstable();
        Self { exact: exact.into(), beginnings: beginnings.into() }
    }

    /// Whether a thing has one of these names. A name that leads out of where it begins says nothing of where it ends: it
    /// neither has a beginning nor lacks it.
    fn ask(&self, name: &str) -> Truth {
        let is_bounded = self.beginnings.iter().any(|beginning| !beginning.is_empty());
        match is_bounded && !self.is_exact(name) && !self.holds_all() && is_winding(name) {
            true => Truth::Error,
            false => Truth::of(self.hold(name)),
        }
    }

    /// The names, where none leaves its end open.
    pub(super) fn only(&self) -> Option<&[Box<str>]> {
        self.beginnings.is_empty().then_some(&*self.exact)
    }

    fn holds_all(&self) -> bool {
        self.beginnings.iter().any(|beginning| beginning.is_empty())
    }

    /// `*` alone does not stand for the empty name, which leaves the choice to the handler.
    fn hold(&self, name: &str) -> bool {
        self.is_exact(name)
            || !name.is_empty() && self.beginnings.iter().any(|beginning| name.starts_with(&**beginning))
    }

    fn is_exact(&self, name: &str) -> bool {
        self.exact.binary_search_by(|held| (**held).cmp(name)).is_ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.beginnings.is_empty()
    }

    /// As they were written.
    pub(super) fn written(&self) -> impl Iterator<Item = String> {
        let open = self.beginnings.iter().map(|beginning| format!("{beginning}*"));
        self.exact.iter().map(ToString::to_string).chain(open)
    }
}

/// Whether a handler that takes the name for a path may end elsewhere than where it begins: it has a segment `.` or `..`, or
/// what may become one once it is decoded.
pub(super) fn is_winding(name: &str) -> bool {
    // Most names have nothing of it.
    if !name.bytes().any(|byte| matches!(byte, b'.' | b'%' | b'\\')) {
        return false;
    }
    let dots = name.split(['/', '?', '#']).any(|segment| matches!(segment, "." | ".."));
    let escapes = name
        .as_bytes()
        .windows(3)
        .any(|escape| [b"%2e", b"%2f", b"%5c"].iter().any(|listed| escape.eq_ignore_ascii_case(&listed[..])));
    dots || escapes || name.contains('\\')
}

/// What a resource is called where it stands in a sentence.
pub(super) fn called(resource: Option<&Resource<'_>>) -> String {
    resource.map_or_else(|| "the request".to_owned(), ToString::to_string)
}
