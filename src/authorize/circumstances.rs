use super::places;
use super::{AccessRequest, Device, Environment, PayloadSummary, Policies, Resource};
use crate::exchange::{Exchange, Ran, RequestPayload, StepId};
use crate::payload::{FieldClass, Findings, Node, Role, tools};
use crate::principal::{PlanName, Principal};
use crate::refusal::{Refusal, RefusalKind, escaped};
use crate::route::{Access, BodyKind, ResourceKind, Route};
use hashbrown::HashSet;
use http::request;
use std::borrow::Cow;
use std::sync::Arc;

/// More things are named by no sound request, and each costs a look at every rule.
const MOST: usize = 256;

static NOTHING_FOUND: Findings = Findings::new();

/// Everything about one request that policies are told, kept for as long as its answer may call tools.
pub(super) struct Circumstances {
    exchange: Exchange,
    principal: Principal,
    route: Arc<Route>,
    device: Option<Device>,
    plan: Option<Arc<str>>,
    /// What the path, the query and the declared pointers name.
    named: Vec<Resource<'static>>,
    body: Body,
    findings: Option<Findings>,
    inspects: bool,
}

enum Body {
    Unread,
    None,
    Opaque(u64),
    Read(RequestPayload, Vec<&'static str>),
}

impl Circumstances {
    /// What is known before the body is read, or after. `None` on a route that is open.
    pub(super) fn gather(
        parts: &mut request::Parts,
        exchange: &Exchange,
        policies: &Policies,
        layer: &'static str,
        is_read: bool,
    ) -> Result<Option<Self>, Refusal> {
        let Some(route) = exchange.route().cloned() else {
            return Err(Refusal::stacked_wrongly(layer, "MatchRouteLayer"));
        };
        if *route.access() == Access::Open {
            policies.devices.strip(parts);
            return Ok(None);
        }
        let Some(principal) = exchange.principal().cloned() else {
            return Err(Refusal::stacked_wrongly(layer, "VerifyJwtLayer"));
        };
        let body = match (route.body(), exchange.payload()) {
            (BodyKind::None, _) => Body::None,
            (_, _) if !is_read => Body::Unread,
            (BodyKind::Opaque(body), _) => {
                let unread = exchange.record(|record| record.unread.body);
                Body::Opaque(unread.unwrap_or(body.max_bytes() as u64))
            }
            (BodyKind::Json(_), Some(payload)) => {
                let privileged = privileged(&payload);
                Body::Read(payload, privileged)
            }
            (BodyKind::Json(_), None) => return Err(Refusal::stacked_wrongly(layer, "ReadPayloadLayer")),
        };
        let read = match &body {
            Body::Read(payload, _) => Some(&payload.document),
            _ => None,
        };
        let mut named = places::named(parts, &route, read)?;
        policies.call_by_one_name(&mut named);
        let device = policies.devices.find(parts, exchange, &principal)?;
        let (plan, findings, inspects) = exchange.record(|record| {
            let plan = record.limits.as_ref().and_then(|limits| limits.plan.clone());
            let findings = record.inspection.as_ref().map(|seen| seen.findings.clone());
            (plan, findings, record.ran(StepId::Inspect) != Ran::Off)
        });
        let exchange = exchange.clone();
        Ok(Some(Self { exchange, principal, route, device, plan, named, body, findings, inspects }))
    }

    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Everything that the request touches and a policy looks at, each thing once.
    pub(super) fn resources(&self, policies: &Policies) -> Result<Vec<Resource<'_>>, Refusal> {
        let mut all = Vec::new();
        let mut seen = HashSet::new();
        let mut too_many = false;
        self.each_resource(policies, &mut |resource| {
            if seen.contains(&resource) {
                return;
            }
            if seen.len() == MOST {
                too_many = true;
                return;
            }
            seen.insert(resource.clone());
            all.push(resource);
        });
        match too_many {
            true => Err(Refusal::new(
                RefusalKind::MalformedRequest,
                format!(
                    "the request names more than {MOST} models, tools and other things; send fewer at once"
                ),
            )),
            false => Ok(all),
        }
    }

    /// The same, for a request that policies which are only tried out shall not refuse: where they look at too many things, they are
    /// passed over.
    pub(super) fn resources_in_force(
        &self,
        policies: &mut Cow<'_, Policies>,
    ) -> Result<Vec<Resource<'_>>, Refusal> {
        self.resources(policies).or_else(|_| {
            *policies = Cow::Owned(policies.passing_over_shadows());
            self.resources(policies)
        })
    }

    /// Whether the request offers a tool of that name to the model.
    pub(super) fn offers(&self, name: &str) -> bool {
        self.offers_some(|tool| tool == name)
    }

    fn offers_some(&self, is_meant: impl Fn(&str) -> bool) -> bool {
        let Body::Read(payload, _) = &self.body else { return false };
        let mut offers = false;
        tools::offered(payload.document.root(), &mut |tool| offers |= is_meant(tool));
        offers
    }

    fn each_resource<'a>(&'a self, policies: &Policies, add: &mut dyn FnMut(Resource<'a>)) {
        for resource in &self.named {
            if policies.governs(&resource.kind) {
                add(Resource { kind: resource.kind.clone(), id: (&*resource.id).into() });
            }
        }
        let Body::Read(payload, _) = &self.body else { return };
        if policies.governs(&ResourceKind::Model) {
            self.models(payload, add);
        }
        if policies.governs(&ResourceKind::Tool) {
            if let Some(tool) = &payload.facts.tool {
                add(Resource::tool(tool.as_str()));
            }
            tools::offered(payload.document.root(), &mut |tool| add(Resource::tool(tool)));
        }
        if policies.governs(&ResourceKind::Part) {
            for part in &payload.facts.parts {
                match part.role {
                    Role::System => add(Resource::new(ResourceKind::Part, "system")),
                    Role::Developer => add(Resource::new(ResourceKind::Part, "developer")),
                    _ => {}
                }
            }
        }
        let uri = ResourceKind::Custom("mcp-resource".into());
        if let Some(resource) = payload.facts.resource.as_deref().filter(|_| policies.governs(&uri)) {
            add(Resource::new(uri, resource));
        }
    }

    /// Every field that names a model. Where the API has one and the request names none, the handler chooses.
    fn models<'a>(&'a self, payload: &'a RequestPayload, add: &mut dyn FnMut(Resource<'a>)) {
        let mut is_named = false;
        if let Some(model) = &payload.facts.model {
            is_named = true;
            add(Resource::model(&**model));
        }
        for field in payload.facts.fields_of(FieldClass::Model) {
            let Some(node) = payload.document.node(field) else { continue };
            for model in node.strings().filter_map(Node::as_str) {
                is_named = true;
                add(Resource::model(model));
            }
        }
        let has_models = self
            .route
            .body_dialect()
            .is_some_and(|dialect| dialect.fields().class_of("model") == Some(FieldClass::Model));
        if has_models && !is_named {
            add(Resource::model(""));
        }
    }

    pub(super) fn request<'a>(&'a self, resources: &'a [Resource<'a>]) -> AccessRequest<'a> {
        let action = self.route.action_name().as_str();
        let environment = self.environment();
        AccessRequest::new(&self.principal, action, self.route.pattern(), environment).touching(resources)
    }

    /// The same caller, calling that route with that action in the smallest way there is, in which inspection finds nothing.
    pub(super) fn smallest_call<'a>(
        &'a self,
        action: &'a str,
        route: &'a str,
        resources: &'a [Resource<'a>],
    ) -> AccessRequest<'a> {
        let mut environment = self.environment();
        let mut payload = PayloadSummary::of_bytes(1).output_cap(1);
        // Where payloads are inspected, the call will be, and nothing is seen in the smallest.
        if self.inspects {
            payload = payload.findings(&NOTHING_FOUND);
        }
        environment.payload = Some(payload);
        AccessRequest::new(&self.principal, action, route, environment).touching(resources)
    }

    /// Says at DEBUG why each rule did not apply.
    pub(super) fn tell_why(&self, policies: &Policies) {
        if !tracing::enabled!(target: "portcullis::authorize", tracing::Level::DEBUG) {
            return;
        }
        let Ok(resources) = self.resources(policies) else { return };
        for line in policies.explain(&self.request(&resources)) {
            let request_id = self.exchange.request_id();
            tracing::debug!(target: "portcullis::authorize", request_id, "{}", escaped(&line));
        }
    }

    fn environment(&self) -> Environment<'_> {
        let payload = match &self.body {
            Body::Unread => None,
            Body::None => Some(PayloadSummary::default()),
            Body::Opaque(bytes) => Some(PayloadSummary::opaque(*bytes)),
            Body::Read(payload, privileged) => {
                let facts = &payload.facts;
                Some(PayloadSummary {
                    bytes: payload.document.source().len() as u64,
                    output_cap: facts.output_cap.map(|cap| cap.saturating_mul(facts.candidates.max(1))),
                    has_tools: Some(facts.tools || self.offers_some(|_| true)),
                    is_streamed: Some(facts.stream),
                    privileged: Some(privileged),
                    generates: true,
                    findings: self.findings.as_ref(),
                })
            }
        };
        Environment {
            time: self.exchange.started(),
            client: self.exchange.client(),
            device: self.device.as_ref(),
            plan: self.plan.as_deref().or(self.principal.plan().map(PlanName::as_str)),
            payload,
        }
    }
}

/// The names of the privileged fields, each once: there are no more than the API's documentation has.
fn privileged(payload: &RequestPayload) -> Vec<&'static str> {
    let mut names = Vec::new();
    for field in payload.facts.fields.iter().filter(|field| field.class == FieldClass::Privileged) {
        if let Some(name) = field.name.filter(|name| !names.contains(name)) {
            names.push(name);
        }
    }
    names
}
