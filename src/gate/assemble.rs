use super::controls::Parts;
use super::posture::Posture;
use super::{GateBuilder, GateError, GateErrorKind, generation};
use crate::audit::{AuditLayer, AuditLog};
use crate::authorize::{AuthorizeLayer, EnforcePolicyLayer, Policies};
use crate::clock::SharedClock;
use crate::exchange::{Context, MatchRouteLayer, Step, StepLayer};
use crate::inspect::{InspectLayer, Inspection};
use crate::jwt::{ProtectedResource, VerifyJwtLayer};
use crate::limit::{FloodQuota, LimitFloodLayer, LimitRequestsLayer, LimitUsageLayer, Limits, Per, Plans};
#[cfg(feature = "tls")]
use crate::peer::{PeerRules, RequirePeerLayer};
use crate::principal::{Delegation, Revocations, TrustedProxies};
use crate::read::ReadPayloadLayer;
use crate::route::{Access, Route, RouteTable};
use crate::watch::WatchCredentialLayer;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Everything in front of a service, in the right order. Cheap to clone; its state is shared by all clones.
#[derive(Clone)]
pub struct Gate {
    pub(super) outer: StepLayer,
    pub(super) read: ReadPayloadLayer,
    pub(super) inner: StepLayer,
    pub(super) clock: SharedClock,
    pub(super) limits: Option<Limits>,
    pub(super) audit: Option<AuditLog>,
    revocations: Revocations,
    resource: Option<ProtectedResource>,
    policies: Policies,
    posture: Arc<Posture>,
}

impl Gate {
    /// Begins a gate. See the [module](super) for an example.
    pub fn builder() -> GateBuilder {
        GateBuilder::new()
    }

    /// What is enforced, and what is not.
    pub fn posture(&self) -> &Posture {
        &self.posture
    }

    /// What no longer holds: whatever is put in is refused from the next request on.
    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// The policies, and how those that are only tried out compare with those in force.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The service as clients' authorization servers know it, if the gate was told: its router is the host's to mount.
    pub fn protected_resource(&self) -> Option<&ProtectedResource> {
        self.resource.as_ref()
    }

    /// Where records go, unless there are none.
    pub fn audit_log(&self) -> Option<&AuditLog> {
        self.audit.as_ref()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("outer", &self.outer).field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// How often one address may knock when nobody says otherwise.
const FLOOD: FloodQuota = FloodQuota::new(100, Per::Second).burst(200);

impl GateBuilder {
    /// The gate.
    ///
    /// # Errors
    /// When a control is neither set up nor said to be missing, or a setting cannot be used; the error names it.
    pub fn build(mut self) -> Result<Gate, GateError> {
        self.check_bounds()?;
        self.check_machines()?;
        self.open_logout()?;
        self.check_policies()?;
        let revocations = self.take_revocations()?;
        self.open_metadata()?;
        let parts = Parts {
            revocations,
            watch: std::mem::take(&mut self.watch).decide(
                "continuous verification",
                "danger_without_watch",
                || Ok(Duration::ZERO),
            )?,
            routes: RouteTable::new(std::mem::take(&mut self.routes))?,
            limits: self.take_limits()?,
            audit: std::mem::take(&mut self.audit).decide("audit", "danger_without_audit", || {
                let (control, call, danger) = ("audit", ".audit(log)", "danger_without_audit");
                Err(GateErrorKind::Missing { control, call, danger }.into())
            })?,
            flood: std::mem::take(&mut self.flood).decide(
                "flood check",
                "danger_without_flood_check",
                || Ok(FLOOD),
            )?,
            inspection: std::mem::take(&mut self.inspection).decide(
                "inspection",
                "danger_without_inspection",
                || Ok(Inspection::builtin()),
            )?,
        };
        self.assemble(parts)
    }

    /// Everybody may read where credentials are had.
    fn open_metadata(&mut self) -> Result<(), GateError> {
        if let Some(resource) = &self.resource {
            resource.check()?;
            self.routes.push(Route::get(resource.metadata_path()).open());
        }
        Ok(())
    }

    fn check_machines(&self) -> Result<(), GateError> {
        let delegation = self.credentials.delegation.as_ref();
        if delegation.is_some_and(Delegation::asks_for_certificates) && !self.asks_for_certificates() {
            return Err(GateErrorKind::ActorsWithoutPeers.into());
        }
        let is_for_machines = |route: &&Route| {
            *route.access() == Access::Machines
                || route.workload_patterns().is_some()
                || route.is_subject_optional()
        };
        match self.routes.iter().find(is_for_machines) {
            Some(route) if !self.asks_for_certificates() => {
                let name = format!("{} {}", route.method(), route.pattern());
                Err(GateErrorKind::MachinesWithoutPeers(name).into())
            }
            _ => Ok(()),
        }
    }

    /// One list for certificates and credentials.
    fn take_revocations(&mut self) -> Result<Revocations, GateError> {
        let own = self.revocations.take();
        #[cfg(feature = "tls")]
        if let Some(rules) = &mut self.peers {
            let list = match (own, rules.listed_revocations()) {
                (Some(own), Some(theirs)) if !own.is_same(theirs) => {
                    return Err(GateErrorKind::TwoRevocations.into());
                }
                (Some(list), _) => list,
                (None, Some(list)) => list.clone(),
                (None, None) => Revocations::with_clock(self.clock.clone()),
            };
            *rules = rules.clone().revocations(list.clone());
            return Ok(list);
        }
        Ok(own.unwrap_or_else(|| Revocations::with_clock(self.clock.clone())))
    }

    fn asks_for_certificates(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.peers.is_some();
        #[cfg(not(feature = "tls"))]
        return false;
    }

    /// Whether every caller is known without a JWT, so that no issuer is needed.
    fn needs_no_issuer(&self, routes: &RouteTable) -> bool {
        #[cfg(feature = "tls")]
        if self.peers.as_ref().is_some_and(PeerRules::knows_people) {
            return true;
        }
        let mut asked = routes
            .routes()
            .iter()
            .map(|route| route.access())
            .filter(|access| **access != Access::Open)
            .peekable();
        asked.peek().is_some() && asked.all(|access| *access == Access::Machines)
    }

    fn check_bounds(&self) -> Result<(), GateError> {
        if self.routes.is_empty() {
            return Err(GateErrorKind::NoRoutes.into());
        }
        if self.max_body_bytes == 0 {
            return Err(GateErrorKind::Zero("max_body_bytes").into());
        }
        if self.max_body_bytes_at_once.0.min(self.max_body_bytes_at_once.1) / 2 < self.max_body_bytes {
            return Err(GateErrorKind::LessThanOneBody.into());
        }
        if self.max_body_time.is_zero() {
            return Err(GateErrorKind::Zero("max_body_time").into());
        }
        Ok(())
    }

    fn take_limits(&mut self) -> Result<Option<Limits>, GateError> {
        let (control, danger) = ("limits", "danger_without_limits");
        match (self.plans.is_empty(), self.no_limits) {
            (true, true) => return Ok(None),
            (true, false) => {
                let call = ".plan(Plan::new(\"free\")…)";
                return Err(GateErrorKind::Missing { control, call, danger }.into());
            }
            (false, true) => return Err(GateErrorKind::Contradiction { control, danger }.into()),
            (false, false) => {}
        }
        let mut plans = Plans::new(std::mem::take(&mut self.plans))?;
        if let Some(default) = &self.default_plan {
            plans = plans.with_default(default)?;
        }
        let mut limits = Limits::builder(plans);
        if let Some(store) = self.store.take() {
            limits = limits.store(store);
        }
        if let Some(meter) = self.meter.take() {
            limits = limits.meter(meter);
        }
        if let Some(units) = self.output_cap {
            limits = limits.output_cap(units);
        }
        Ok(Some(limits.build(self.clock.clone())?))
    }

    fn assemble(self, parts: Parts) -> Result<Gate, GateError> {
        self.rules.check(&parts.routes)?;
        let controls = parts.controls(&self);
        let without_issuers = self.issuers.is_empty() && self.needs_no_issuer(&parts.routes);
        let stacked = controls.iter().filter(|control| !control.is_off()).map(|control| control.step);
        if self.observed_until.is_some()
            || parts.routes.routes().iter().any(|route| route.observed_until().is_some())
        {
            tracing::warn!(
                "danger_observe: requests are let in that would be refused; the posture says which, and until when"
            );
        }
        let generation = generation::name(&self, &controls, &parts.routes);
        let context = Context::of_gate(self.clock.clone(), self.respond, stacked, self.observed_until);
        let mut outer: Vec<Box<dyn Step>> = Vec::new();
        if let Some(log) = &parts.audit {
            outer.push(Box::new(AuditLayer::builder(log.clone()).config(generation.clone()).into_step()));
        }
        let proxies = TrustedProxies::new(self.proxies);
        let mut edge = self.edge;
        if self.plaintext {
            edge = edge.danger_plaintext();
        }
        #[cfg(feature = "tls")]
        if let Some(rules) = &self.peers {
            edge = edge.certificate_headers(rules.headers());
        }
        let routes = MatchRouteLayer::builder(parts.routes.clone()).trusted_proxies(proxies).edge(edge);
        let (locate, match_route) = routes.into_steps();
        outer.push(Box::new(locate));
        if let Some(quota) = parts.flood {
            outer.push(Box::new(LimitFloodLayer::builder(quota).context(context.clone()).into_step()?));
        }
        outer.push(Box::new(match_route));
        outer.extend(self.guards.into_iter().map(|guard| guard.0));
        #[cfg(feature = "tls")]
        if let Some(rules) = self.peers {
            outer.push(Box::new(RequirePeerLayer::builder(rules).into_step()?));
        }
        let revocations = &parts.revocations;
        let mut jwt = VerifyJwtLayer::builder().context(context.clone()).revocations(revocations.clone());
        if without_issuers {
            jwt = jwt.without_issuers();
        }
        for issuer in self.issuers {
            jwt = jwt.issuer(issuer);
        }
        if self.api_key_header {
            jwt = jwt.accept_api_key_header();
        }
        jwt = self.credentials.set(jwt, self.default_plan.as_deref());
        let mut authorize = AuthorizeLayer::builder();
        if !self.policies.is_empty() {
            jwt = jwt.keep_claims(self.policies.claims());
            authorize = authorize.policies(self.policies.clone());
        }
        if let Some(resource) = &self.resource {
            jwt = jwt.protected_resource(resource.clone());
            authorize = authorize.resource_metadata(&resource.metadata_url());
        }
        outer.push(Box::new(jwt.into_step()?));
        if let Some(grace) = parts.watch {
            let watch = WatchCredentialLayer::builder(revocations.clone()).grace(grace);
            outer.push(Box::new(watch.into_step()?));
        }
        if let Some(limits) = &parts.limits {
            outer.push(Box::new(LimitRequestsLayer::builder(limits.clone()).into_step()));
        }
        outer.push(Box::new(authorize.into_step()));
        let (mut inner, last) = self.rules.into_steps()?;
        if let Some(inspection) = parts.inspection {
            inner.push(Box::new(InspectLayer::builder(inspection).into_step()));
        }
        if !self.policies.is_empty() {
            inner.push(Box::new(EnforcePolicyLayer::builder(self.policies.clone()).into_step()));
        }
        inner.extend(last);
        if let Some(limits) = parts.limits.clone() {
            inner.push(Box::new(LimitUsageLayer::builder(limits).into_step()));
        }
        let read = ReadPayloadLayer::builder()
            .max_bytes(self.max_body_bytes)
            .max_time(self.max_body_time)
            .min_bytes_per_second(self.min_body_rate)
            .max_bytes_at_once(self.max_body_bytes_at_once.0, self.max_body_bytes_at_once.1)
            .answer_limits(self.answer_limits)
            .context(context.clone());
        Ok(Gate {
            outer: StepLayer::of(outer, context.clone()),
            read: read.build(),
            inner: StepLayer::of(inner, context),
            posture: Arc::new(Posture {
                generation,
                observed_until: self.observed_until,
                controls,
                routes: parts.routes.shared(),
                who: who(&self.policies, &parts.routes),
                testing: cfg!(feature = "testing"),
            }),
            clock: self.clock,
            limits: parts.limits,
            audit: parts.audit,
            revocations: parts.revocations,
            resource: self.resource,
            policies: self.policies,
        })
    }
}

/// Whom the policies let use each route.
fn who(policies: &Policies, routes: &RouteTable) -> Arc<[Vec<String>]> {
    let of = |route: &Arc<Route>| match route.access() {
        Access::Open => Vec::new(),
        _ => policies.who(route.action_name().as_str(), route.pattern()),
    };
    routes.routes().iter().map(of).collect()
}
