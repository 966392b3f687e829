use crate::clock::UnixTime;
use crate::payload::Findings;
use crate::principal::{ClientAddress, Principal};
use crate::route::ResourceKind;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// What a [`Policy`](super::Policy) decides on: who wants to do what, with what, in which circumstances.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccessRequest<'a> {
    /// Who asks, with everything that was verified.
    pub principal: &'a Principal,
    /// What they want to do, in the word of the route: `generate`, `read`.
    pub action: &'a str,
    /// The pattern of the route's path.
    pub route: &'a str,
    /// Everything that the request touches, the route not among it. All must be permitted.
    pub resources: &'a [Resource<'a>],
    /// The circumstances.
    pub environment: Environment<'a>,
}

impl<'a> AccessRequest<'a> {
    /// A request that touches nothing but the route.
    pub fn new(
        principal: &'a Principal,
        action: &'a str,
        route: &'a str,
        environment: Environment<'a>,
    ) -> Self {
        Self { principal, action, route, resources: &[], environment }
    }

    /// The same, touching these things.
    pub fn touching(mut self, resources: &'a [Resource<'a>]) -> Self {
        self.resources = resources;
        self
    }
}

/// One thing that a request touches.
///
/// Where a request leaves the choice to the handler, by naming no model on a route whose API has one, or no dataset where
/// the route says that it is named, it touches the thing with the empty name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource<'a> {
    /// What kind of thing.
    pub kind: ResourceKind,
    /// Its name.
    pub id: Cow<'a, str>,
}

impl<'a> Resource<'a> {
    /// The thing of that kind and name.
    pub fn new(kind: ResourceKind, id: impl Into<Cow<'a, str>>) -> Self {
        Self { kind, id: id.into() }
    }

    /// A model.
    pub fn model(id: impl Into<Cow<'a, str>>) -> Self {
        Self::new(ResourceKind::Model, id)
    }

    /// A dataset.
    pub fn dataset(id: impl Into<Cow<'a, str>>) -> Self {
        Self::new(ResourceKind::Dataset, id)
    }

    /// A tool.
    pub fn tool(id: impl Into<Cow<'a, str>>) -> Self {
        Self::new(ResourceKind::Tool, id)
    }
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.id, &self.kind) {
            ("", kind) => write!(f, "a {kind} of the handler's choice"),
            (id, kind) => write!(f, "{kind}:{id}"),
        }
    }
}

/// The circumstances of a request.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Environment<'a> {
    /// When the request came.
    pub time: UnixTime,
    /// Where it came from; `None` where clients have no address.
    pub client: Option<ClientAddress>,
    /// What is known of the device that it was sent from.
    pub device: Option<&'a Device>,
    /// The plan whose limits apply; where there are no limits, the one that the credential names.
    pub plan: Option<&'a str>,
    /// What is known of the body; `None` before it was read.
    pub payload: Option<PayloadSummary<'a>>,
}

impl<'a> Environment<'a> {
    /// Nothing is known but the time.
    pub fn at(time: UnixTime) -> Self {
        Self { time, client: None, device: None, plan: None, payload: None }
    }

    /// The same, from that address.
    pub fn client(mut self, client: ClientAddress) -> Self {
        self.client = Some(client);
        self
    }

    /// The same, from that device.
    pub fn device(mut self, device: &'a Device) -> Self {
        self.device = Some(device);
        self
    }

    /// The same, on that plan.
    pub fn plan(mut self, plan: &'a str) -> Self {
        self.plan = Some(plan);
        self
    }

    /// The same, with that body.
    pub fn payload(mut self, payload: PayloadSummary<'a>) -> Self {
        self.payload = Some(payload);
        self
    }
}

/// What a policy may know of a body. [`Default`] is that of no body.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PayloadSummary<'a> {
    /// Its bytes, after any content encoding was undone.
    pub bytes: u64,
    /// The most units of output that the request asks for, over all answers; `None` when it says nothing.
    pub output_cap: Option<u64>,
    /// Whether it offers tools to the model; `None` when it was not looked into.
    pub has_tools: Option<bool>,
    /// Whether the answer is streamed; `None` when it was not looked into.
    pub is_streamed: Option<bool>,
    /// The fields that it has of class [`Privileged`](crate::payload::FieldClass::Privileged), each once, by the names that
    /// the API's documentation has for them; `None` when it was not looked into.
    pub privileged: Option<&'a [&'a str]>,
    /// Whether there is a body from which an answer is generated; what says nothing of output generates none without it.
    pub generates: bool,
    /// What inspection saw; `None` when nothing was inspected.
    pub findings: Option<&'a Findings>,
}

impl<'a> PayloadSummary<'a> {
    /// A body of so many bytes, which offers no tools, asks for no stream and has no privileged field.
    pub fn of_bytes(bytes: u64) -> Self {
        Self { bytes, generates: true, ..Self::default() }
    }

    /// A body of so many bytes that nobody looked into: what it asks for cannot be told.
    pub fn opaque(bytes: u64) -> Self {
        Self { has_tools: None, is_streamed: None, privileged: None, ..Self::of_bytes(bytes) }
    }

    /// The same, asking for at most so many units of output.
    pub fn output_cap(mut self, units: u64) -> Self {
        self.output_cap = Some(units);
        self
    }

    /// The same, offering tools.
    pub fn tools(mut self) -> Self {
        self.has_tools = Some(true);
        self
    }

    /// The same, with these privileged fields.
    pub fn privileged(mut self, names: &'a [&'a str]) -> Self {
        self.privileged = Some(names);
        self
    }

    /// The same, in which inspection saw this.
    pub fn findings(mut self, findings: &'a Findings) -> Self {
        self.findings = Some(findings);
        self
    }
}

impl Default for PayloadSummary<'_> {
    fn default() -> Self {
        Self {
            bytes: 0,
            output_cap: None,
            has_tools: Some(false),
            is_streamed: Some(false),
            privileged: Some(&[]),
            generates: false,
            findings: None,
        }
    }
}

/// The device that a request was sent from, as far as a verified source tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Device {
    /// Whether the organisation manages it.
    pub managed: bool,
    /// What it is called, where that is told.
    pub id: Option<Arc<str>>,
    /// Who says so: `certificate`, `claim` or `proxy`.
    pub source: &'static str,
}

impl Device {
    /// A device of which `source` tells.
    pub fn new(managed: bool, source: &'static str) -> Self {
        Self { managed, id: None, source }
    }

    /// The same, with its name.
    pub fn called(mut self, id: impl Into<Arc<str>>) -> Self {
        self.id = Some(id.into());
        self
    }
}
