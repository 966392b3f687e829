use super::resource::{Place, ResourceKind, ResourcePlace};
use super::{OpaqueBody, ReferencePlace};
use crate::clock::UnixTime;
use crate::payload::{Dialect, FieldRules, UnknownFields, UrlPolicy};
use crate::principal::WorkloadPattern;
use http::Method;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a request asks for, in the words of policies and records: `generate`, `read`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Action(Cow<'static, str>);

impl Action {
    /// An action of that name.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What body a route takes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BodyKind {
    /// None: a request that brings one is refused.
    None,
    /// One JSON document that the dialect reads.
    Json(Arc<dyn Dialect>),
    /// Bytes of these types, which nobody reads: they are bounded and handed on.
    Opaque(OpaqueBody),
}

/// Who may enter a route.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Not said: such a route refuses everybody.
    Undecided,
    /// Everybody, without a credential.
    Open,
    /// Machines, each by its certificate and without another credential.
    Machines,
    /// Callers whose credential holds all of these scopes.
    Scopes(Box<[Box<str>]>),
    /// Callers whom the gate's policies permit.
    Policy,
}

/// One way into the service.
#[derive(Clone, Debug)]
pub struct Route {
    pub(super) method: Method,
    pub(super) pattern: Box<str>,
    action: Action,
    body: BodyKind,
    opaque_answer: Option<OpaqueBody>,
    access: Access,
    workloads: Option<Box<[WorkloadPattern]>>,
    certificate_optional: bool,
    subject_optional: bool,
    acr: Box<[Box<str>]>,
    max_age: Option<Duration>,
    default_output_cap: Option<u64>,
    pub(super) encoded_slashes: bool,
    fields: FieldRules,
    pub(super) references: Box<[ReferencePlace]>,
    pub(super) seals_answers: bool,
    pub(super) unsealed: bool,
    resources: Vec<ResourcePlace>,
    observed_until: Option<UnixTime>,
}

impl Route {
    /// A route for `method` and `pattern`, in axum's syntax: `/v1/models/{id}`.
    pub fn new(method: Method, pattern: impl Into<Box<str>>) -> Self {
        let action = Self::usual_action(&method);
        let body = BodyKind::None;
        Self {
            method,
            pattern: pattern.into(),
            action,
            body,
            opaque_answer: None,
            access: Access::Undecided,
            workloads: None,
            certificate_optional: false,
            subject_optional: false,
            acr: Box::default(),
            max_age: None,
            default_output_cap: None,
            encoded_slashes: false,
            fields: FieldRules::default(),
            references: Box::default(),
            seals_answers: false,
            unsealed: false,
            resources: Vec::new(),
            observed_until: None,
        }
    }

    /// A `GET` route, whose action is `read` unless said otherwise.
    pub fn get(pattern: impl Into<Box<str>>) -> Self {
        Self::new(Method::GET, pattern)
    }

    /// A `POST` route, whose action is `generate` unless said otherwise.
    pub fn post(pattern: impl Into<Box<str>>) -> Self {
        Self::new(Method::POST, pattern)
    }

    /// A route for a form that proves by its signature whom it is from: open, since whoever answers it checks that.
    pub(crate) fn signed_form(pattern: impl Into<Box<str>>, max_bytes: usize) -> Self {
        let body = OpaqueBody::signed("application/x-www-form-urlencoded", max_bytes);
        Self { body: BodyKind::Opaque(body), ..Self::post(pattern).open() }
    }

    fn usual_action(method: &Method) -> Action {
        Action::new(if method.is_safe() { "read" } else { "generate" })
    }

    /// Names the action, for policies and records; a dialect may name another usual one, such as `admin`.
    pub fn action(mut self, action: impl Into<Cow<'static, str>>) -> Self {
        self.action = Action::new(action);
        self
    }

    /// Takes a JSON body and reads it by `dialect`.
    pub fn dialect(self, dialect: impl Dialect) -> Self {
        self.shared_dialect(Arc::new(dialect))
    }

    /// The same, for a dialect chosen at run time.
    pub fn shared_dialect(mut self, dialect: Arc<dyn Dialect>) -> Self {
        if let Some(action) = dialect.action().filter(|_| self.action == Self::usual_action(&self.method)) {
            self.action = Action::new(action);
        }
        self.body = BodyKind::Json(dialect);
        self
    }

    /// Takes a body of one of these media types (`multipart/form-data`, `audio/wav`), up to `max_bytes`, and hands it on
    /// **unread**: nothing in it is inspected, and no usage is reserved for it. Requests are counted all the same.
    pub fn danger_opaque_body<M: AsRef<str>>(
        mut self,
        types: impl IntoIterator<Item = M>,
        max_bytes: usize,
    ) -> Self {
        self.body = BodyKind::Opaque(OpaqueBody::new(types, max_bytes));
        self
    }

    /// Lets answers of one of these media types (`audio/mpeg`, `image/png`) out **unread**, up to `max_bytes`: nothing in
    /// them is inspected, and the whole reservation is charged, since nothing tells what was used. Such an answer is
    /// gathered before its head is sent, so that a longer one is refused. Only answers of success (2xx) may be of these
    /// types; those that can be read (JSON, server-sent events, NDJSON, text) are read whatever is declared.
    pub fn danger_opaque_answer<M: AsRef<str>>(
        mut self,
        types: impl IntoIterator<Item = M>,
        max_bytes: usize,
    ) -> Self {
        self.opaque_answer = Some(OpaqueBody::new(types, max_bytes));
        self
    }

    /// Takes paths in which a slash is escaped (`%2F`), as names of models hold one. The pattern's segments see it escaped;
    /// make sure that the handler does not unescape it before it routes.
    pub fn allow_encoded_slashes(mut self) -> Self {
        self.encoded_slashes = true;
        self
    }

    /// What happens to fields that the dialect's API does not know: the request is refused unless said otherwise.
    pub fn unknown_fields(mut self, unknown: UnknownFields) -> Self {
        self.fields.unknown = unknown;
        self
    }

    /// The hosts of which the body may hold URLs: none unless said otherwise.
    pub fn urls(mut self, urls: UrlPolicy) -> Self {
        self.fields.urls = urls;
        self
    }

    /// Lets credentials for other services stand in the body. Whoever serves the model can use and log them.
    pub fn danger_credentials_in_body(mut self) -> Self {
        self.fields.danger_credentials = true;
        self
    }

    /// Requires a scope of the credential (RFC 6749 §3.3). Called more than once, all are required.
    pub fn scope(mut self, scope: impl Into<Box<str>>) -> Self {
        let mut scopes = match std::mem::replace(&mut self.access, Access::Undecided) {
            Access::Scopes(scopes) => scopes.into_vec(),
            Access::Open | Access::Machines | Access::Policy | Access::Undecided => Vec::new(),
        };
        scopes.push(scope.into());
        self.access = Access::Scopes(scopes.into());
        self
    }

    /// Requires no scope: the gate's policies alone say which of the authenticated callers may enter, beside the scopes that are
    /// named all the same. A gate without a policy is not built.
    pub fn by_policy(mut self) -> Self {
        if self.access == Access::Undecided {
            self.access = Access::Policy;
        }
        self
    }

    /// Says where a request names a thing that it touches, for policies: `dataset` in the path, a parameter of the query, a
    /// pointer into the body. What its dialect knows of, models and tools, need not be declared. Where a request names
    /// nothing there, it touches the thing with the empty name, since the handler chooses.
    pub fn resource(mut self, kind: ResourceKind, place: Place) -> Self {
        self.resources.push(ResourcePlace { kind, place });
        self
    }

    /// Lets everybody in without a credential: for health checks. Such a route takes no body.
    pub fn open(mut self) -> Self {
        self.access = Access::Open;
        self
    }

    /// Lets in only machines that one of these patterns means, of those whom the gate lets in at all
    /// ([`PeerRules`](crate::peer::PeerRules)). Called more than once, the patterns add up. The user's credential is asked
    /// for all the same: both must hold.
    pub fn workloads(mut self, patterns: impl IntoIterator<Item = WorkloadPattern>) -> Self {
        let mut all = self.workloads.take().unwrap_or_default().into_vec();
        all.extend(patterns);
        self.workloads = Some(all.into());
        self
    }

    /// Asks for no credential beside the machine's certificate: the machine is the principal. A bearer credential that comes
    /// all the same is refused, since it would be unclear which of the two counts.
    pub fn machine_only(mut self) -> Self {
        self.access = Access::Machines;
        self
    }

    /// Lets in, beside users with the route's scopes, machines that ask for themselves, by their certificate alone and with no scope.
    /// Which machines, say [`workloads`](Self::workloads); without them, all whom the gate lets in. A machine asks for itself when no credential
    /// at all comes with its request: one that is not understood is refused, since it may speak for a user.
    pub fn subject_optional(mut self) -> Self {
        self.subject_optional = true;
        self
    }

    /// Lets users in with their credential alone where the gate asks everybody for a client certificate: for a service that
    /// browsers and machines share. A certificate that is shown all the same must hold.
    pub fn danger_without_certificate(mut self) -> Self {
        self.certificate_optional = true;
        self
    }

    /// Requires that the user logged in with this authentication context (`acr`), or with another one of those named by further
    /// calls, in the order in which they are preferred. Who did not is told to log in again (RFC 9470).
    pub fn acr(mut self, acr: impl Into<Box<str>>) -> Self {
        let mut all = std::mem::take(&mut self.acr).into_vec();
        all.push(acr.into());
        self.acr = all.into();
        self
    }

    /// Requires that the user logged in (`auth_time`) no longer ago than this, in whole seconds. Who did is told to log in again
    /// (RFC 9470).
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// How many units of output to reserve for a request that sets no limit itself.
    pub fn default_output_cap(mut self, units: u64) -> Self {
        self.default_output_cap = Some(units);
        self
    }

    /// Refuses nothing on this route until then: every control is evaluated and recorded, and what would have been refused
    /// goes on to the handler. See [`GateBuilder::danger_observe`](crate::gate::GateBuilder::danger_observe).
    pub fn danger_observe(mut self, until: impl Into<UnixTime>) -> Self {
        self.observed_until = Some(until.into());
        self
    }

    /// Until when nothing is refused on this route.
    pub fn observed_until(&self) -> Option<UnixTime> {
        self.observed_until
    }

    /// The method that the route answers.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path's pattern.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// What a request to this route asks for.
    pub fn action_name(&self) -> &Action {
        &self.action
    }

    /// What body the route takes.
    pub fn body(&self) -> &BodyKind {
        &self.body
    }

    /// Which answers go out unread.
    pub fn opaque_answer(&self) -> Option<&OpaqueBody> {
        self.opaque_answer.as_ref()
    }

    /// The dialect that reads the body.
    pub fn body_dialect(&self) -> Option<&Arc<dyn Dialect>> {
        match &self.body {
            BodyKind::Json(dialect) => Some(dialect),
            BodyKind::None | BodyKind::Opaque(_) => None,
        }
    }

    /// Who may enter.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Which machines may enter; `None` when all may whom the gate lets in.
    pub fn workload_patterns(&self) -> Option<&[WorkloadPattern]> {
        self.workloads.as_deref()
    }

    /// Whether a caller may come without a client certificate.
    pub fn is_certificate_optional(&self) -> bool {
        self.certificate_optional
    }

    /// Whether a machine may ask for itself where a user with a credential may, too.
    pub fn is_subject_optional(&self) -> bool {
        self.subject_optional
    }

    /// The authentication contexts of which the user's login must have one; none when any will do.
    pub fn acr_values(&self) -> &[Box<str>] {
        &self.acr
    }

    /// How long ago the user's login may be.
    pub fn max_login_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// What the route lets through in a body.
    pub fn field_rules(&self) -> &FieldRules {
        &self.fields
    }

    /// Where a request names what it touches.
    pub fn resource_places(&self) -> &[ResourcePlace] {
        &self.resources
    }

    /// How many units of output to reserve for a request that sets no limit itself.
    pub fn output_cap(&self) -> Option<u64> {
        self.default_output_cap
    }
}
