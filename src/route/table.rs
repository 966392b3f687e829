use super::path::{self, OddPath};
use super::{Access, BodyKind, OpaqueBody, Place, ReferencePlace, ResourceKind, ResourcePlace, Route};
use crate::payload::AnswerFraming;
use http::{HeaderValue, Method};
use std::sync::Arc;
use thiserror::Error;

/// The router behind the table panics at more than 25.
const MOST_PARAMETERS: usize = 16;

/// All ways into a service. Built once, never changed.
#[derive(Clone, Debug)]
pub struct RouteTable {
    routes: Arc<[Arc<Route>]>,
    paths: matchit::Router<Vec<Arc<Route>>>,
}

impl RouteTable {
    /// A table of these routes.
    ///
    /// # Errors
    /// When a route says not who may enter, an open route takes a body, a pattern cannot be read or can never match, or
    /// two routes claim the same requests.
    pub fn new(routes: impl IntoIterator<Item = Route>) -> Result<Self, RouteError> {
        let routes: Arc<[Arc<Route>]> = routes.into_iter().map(Arc::new).collect();
        let mut by_pattern: Vec<(&str, Vec<Arc<Route>>)> = Vec::new();
        for route in &*routes {
            check(route)?;
            let place = by_pattern.iter().position(|(pattern, _)| *pattern == &*route.pattern);
            let place = place.unwrap_or_else(|| {
                by_pattern.push((&route.pattern, Vec::new()));
                by_pattern.len() - 1
            });
            let methods = &mut by_pattern[place].1;
            if methods.iter().any(|other| other.method == route.method) {
                return Err(RouteError::of(route, RouteErrorKind::Twice));
            }
            methods.push(route.clone());
        }
        let mut paths = matchit::Router::new();
        for (pattern, methods) in by_pattern {
            let first = methods[0].clone();
            let unreadable = |error: matchit::InsertError| {
                RouteError::of(&first, RouteErrorKind::Pattern(error.to_string()))
            };
            paths.insert(pattern, methods).map_err(unreadable)?;
        }
        Ok(Self { routes, paths })
    }

    /// Every route, in the order given.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// The same, shared.
    pub(crate) fn shared(&self) -> Arc<[Arc<Route>]> {
        self.routes.clone()
    }

    /// The route of a request.
    ///
    /// # Errors
    /// When there is none: an unmatched request is refused.
    pub fn find(&self, method: &Method, path: &str) -> Result<&Arc<Route>, NoRoute> {
        let slashes = path::check(path).map_err(NoRoute::Odd)?;
        let plain = || slashes.refuse().map_err(NoRoute::Odd);
        let Ok(matched) = self.paths.at(path) else {
            plain()?;
            return Err(NoRoute::Path);
        };
        let methods = matched.value;
        let of = |wanted: &Method| methods.iter().find(|route| route.method == *wanted);
        let found = of(method).or_else(|| if method == Method::HEAD { of(&Method::GET) } else { None });
        if !found.is_some_and(|route| route.encoded_slashes) {
            plain()?;
        }
        found.ok_or_else(|| {
            let mut allowed: Vec<&str> = methods.iter().map(|route| route.method.as_str()).collect();
            if allowed.contains(&"GET") && !allowed.contains(&"HEAD") {
                allowed.push("HEAD");
            }
            NoRoute::Method { allowed: allowed.join(", ") }
        })
    }
}

fn check(route: &Route) -> Result<(), RouteError> {
    let error = |kind| Err(RouteError::of(route, kind));
    if !route.pattern.starts_with('/') {
        return error(RouteErrorKind::Pattern("a pattern begins with /".to_owned()));
    }
    if route.pattern.matches('{').count() > MOST_PARAMETERS {
        return error(RouteErrorKind::Pattern(format!("a pattern has at most {MOST_PARAMETERS} parameters")));
    }
    if let Err(odd) = path::check(&route.pattern) {
        return error(RouteErrorKind::Pattern(format!("no request can match: {odd}")));
    }
    route.check_references().map_err(|kind| RouteError::of(route, kind))?;
    for place in route.resource_places() {
        check_place(route, place).map_err(|kind| RouteError::of(route, kind))?;
    }
    if let BodyKind::Opaque(body) = route.body() {
        check_opaque(body).map_err(|kind| RouteError::of(route, kind))?;
    }
    if let Some(answer) = route.opaque_answer() {
        check_opaque(answer).map_err(|kind| RouteError::of(route, kind))?;
        let is_read =
            |media: &str| HeaderValue::from_str(media).is_ok_and(|media| AnswerFraming::of(&media).is_some());
        if let Some(media) = answer.types().find(|media| is_read(media)) {
            return error(RouteErrorKind::ReadAnswer(media.to_owned()));
        }
    }
    match (route.access(), route.body()) {
        (Access::Undecided, _) => error(RouteErrorKind::Undecided),
        (Access::Scopes(scopes), _) if scopes.iter().any(|scope| scope.is_empty() || scope.contains(' ')) => {
            error(RouteErrorKind::Scope)
        }
        (Access::Open, _) if route.workload_patterns().is_some() => error(RouteErrorKind::OpenToSome),
        (access, _)
            if route.is_certificate_optional()
                && (*access == Access::Machines || route.workload_patterns().is_some()) =>
        {
            error(RouteErrorKind::MachinesWithoutCertificate)
        }
        (_, _) if route.workload_patterns().is_some_and(<[_]>::is_empty) => {
            error(RouteErrorKind::NoWorkloads)
        }
        (access, _) if route.is_subject_optional() && !matches!(access, Access::Scopes(_)) => {
            error(RouteErrorKind::SubjectOfNobody)
        }
        _ if route.is_subject_optional()
            && (!route.acr_values().is_empty() || route.max_login_age().is_some()) =>
        {
            error(RouteErrorKind::LoginOfNobody)
        }
        (Access::Open | Access::Machines, _)
            if !route.acr_values().is_empty() || route.max_login_age().is_some() =>
        {
            error(RouteErrorKind::LoginOfNobody)
        }
        _ if route.acr_values().iter().any(|acr| !is_acr(acr)) => error(RouteErrorKind::Acr),
        (Access::Open, BodyKind::Opaque(body)) if body.is_signed() => Ok(()),
        (Access::Open, BodyKind::Json(_) | BodyKind::Opaque(_)) => error(RouteErrorKind::OpenWithBody),
        _ => Ok(()),
    }
}

/// A place that names nothing, ever, would leave every choice to the handler.
fn check_place(route: &Route, place: &ResourcePlace) -> Result<(), RouteErrorKind> {
    let has_json = matches!(route.body(), BodyKind::Json(_));
    let sound = match place.place() {
        Place::Path(name) => {
            !name.is_empty()
                && [format!("{{{name}}}"), format!("{{*{name}}}")]
                    .iter()
                    .any(|part| route.pattern.contains(part))
        }
        Place::Query(name) => !name.is_empty(),
        Place::Pointer(pointer) => has_json && pointer.starts_with('/'),
    };
    if sound { Ok(()) } else { Err(RouteErrorKind::Place(place.kind().clone())) }
}

/// One word that stands in a challenge as it is.
fn is_acr(acr: &str) -> bool {
    !acr.is_empty() && acr.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
}

fn check_opaque(body: &OpaqueBody) -> Result<(), RouteErrorKind> {
    if body.is_empty() {
        return Err(RouteErrorKind::EmptyOpaque);
    }
    let is_one = |media: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        media.split_once('/').is_some_and(|(name, subtype)| {
            !name.is_empty() && !subtype.is_empty() && name.bytes().chain(subtype.bytes()).all(is_plain)
        })
    };
    match body.types().find(|media| !is_one(media)) {
        Some(media) => Err(RouteErrorKind::MediaType(media.to_owned())),
        None => Ok(()),
    }
}

/// Why a request has no route.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoRoute {
    /// The path can be read in more than one way.
    #[error(transparent)]
    Odd(OddPath),
    /// No pattern matches the path.
    #[error("no route matches this path")]
    Path,
    /// The path has routes, for other methods.
    #[error("this path answers only {allowed}")]
    Method {
        /// The methods it answers, as the `Allow` header lists them.
        allowed: String,
    },
}

/// A route that cannot be used.
#[derive(Clone, Debug, Error)]
#[error("route {method} {pattern}: {kind}")]
#[non_exhaustive]
pub struct RouteError {
    method: Method,
    pattern: Box<str>,
    kind: RouteErrorKind,
}

impl RouteError {
    fn of(route: &Route, kind: RouteErrorKind) -> Self {
        Self { method: route.method.clone(), pattern: route.pattern.clone(), kind }
    }

    /// What is wrong with it.
    pub fn kind(&self) -> &RouteErrorKind {
        &self.kind
    }
}

/// What is wrong with a route.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteErrorKind {
    /// Nobody said who may enter.
    #[error(
        "says not who may enter: add .scope(\"…\"), .by_policy(), .machine_only() for machines with a certificate, or .open() for everybody"
    )]
    Undecided,
    /// An open route takes a body.
    #[error("an open route takes no body: drop the dialect, or require a scope")]
    OpenWithBody,
    /// An open route names machines.
    #[error("a route that is open to everybody names workloads: drop them, or say .machine_only()")]
    OpenToSome,
    /// A route for machines asks for no certificate.
    #[error(
        "lets in machines and says danger_without_certificate(): a machine is known by nothing else; keep one"
    )]
    MachinesWithoutCertificate,
    /// No machine may enter.
    #[error("names no workload that may enter: name at least one pattern")]
    NoWorkloads,
    /// An opaque body, or answer, of no type or no bytes.
    #[error("what goes by unread needs at least one media type and one byte")]
    EmptyOpaque,
    /// A media type that none can be (RFC 6838 §4.2).
    #[error("{0:?} is not a media type; write one without parameters, such as \"audio/mpeg\"")]
    MediaType(String),
    /// An answer that can be read is declared opaque.
    #[error("answers of the type {0} are read whatever is declared; leave it out")]
    ReadAnswer(String),
    /// A scope that no credential can hold.
    #[error("a scope is one name without spaces; call .scope() once for each")]
    Scope,
    /// A login is demanded where no user comes.
    #[error(
        "demands how a user logged in, and lets in callers that are no users: drop acr and max_age, or require a scope"
    )]
    LoginOfNobody,
    /// A machine may come where no user does.
    #[error(
        "says subject_optional, which lets in machines beside users with a scope: require a scope, or say .machine_only() for \
         machines alone"
    )]
    SubjectOfNobody,
    /// An authentication context that no challenge can name.
    #[error("an acr is one word of visible ASCII without quotes and backslashes; call .acr() once for each")]
    Acr,
    /// A reference is looked for where none can stand.
    #[error(
        "{0} can hold no reference: a parameter of the path is a whole segment of the pattern, a pointer begins with / and needs a dialect"
    )]
    Reference(ReferencePlace),
    /// References are sealed and taken as they are.
    #[error("declares references and says danger_unsealed_references(); keep one of them")]
    SealedAndUnsealed,
    /// A thing is named where no request can name one.
    #[error(
        "a {0} is named at a place that requests do not have: a parameter of the pattern, a name in the query, or a pointer \
         such as \"/dataset\" where the route takes JSON"
    )]
    Place(ResourceKind),
    /// The same method and pattern stand twice.
    #[error("stands in the table twice")]
    Twice,
    /// The pattern cannot be read.
    #[error("{0}")]
    Pattern(String),
}
