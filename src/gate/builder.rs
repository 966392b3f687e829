use super::credentials::Credentials;
use super::rules::BodyRules;
use super::{GateError, GateErrorKind};
use crate::audit::AuditLog;
use crate::authorize::Policies;
use crate::clock::{SharedClock, SystemClock, UnixTime};
use crate::exchange::{EdgeRules, Step};
use crate::inspect::Inspection;
#[cfg(feature = "fetch")]
use crate::jwt::Introspection;
use crate::jwt::{ApiKey, Authenticate, DpopRules, ProtectedResource, RequireBinding, TrustedIssuer};
use crate::limit::{BudgetStore, FloodQuota, Meter, Plan};
use crate::payload::EventLimits;
#[cfg(feature = "tls")]
use crate::peer::PeerRules;
use crate::principal::{Delegation, Network, Revocations};
use crate::refusal::Respond;
use crate::route::Route;
use http::Method;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Builds a [`Gate`](super::Gate). The order of the calls does not matter.
#[derive(Debug)]
pub struct GateBuilder {
    pub(super) clock: SharedClock,
    pub(super) respond: Option<Arc<dyn Respond>>,
    pub(super) routes: Vec<Route>,
    pub(super) proxies: Vec<Network>,
    pub(super) edge: EdgeRules,
    pub(super) plaintext: bool,
    #[cfg(feature = "tls")]
    pub(super) peers: Option<PeerRules>,
    pub(super) guards: Vec<Guard>,
    pub(super) audit: Choice<AuditLog>,
    pub(super) flood: Choice<FloodQuota>,
    pub(super) issuers: Vec<TrustedIssuer>,
    pub(super) resource: Option<ProtectedResource>,
    pub(super) api_key_header: bool,
    pub(super) revocations: Option<Revocations>,
    pub(super) watch: Choice<Duration>,
    pub(super) credentials: Credentials,
    pub(super) plans: Vec<Plan>,
    pub(super) default_plan: Option<Box<str>>,
    pub(super) no_limits: bool,
    pub(super) store: Option<Arc<dyn BudgetStore>>,
    pub(super) meter: Option<Arc<dyn Meter>>,
    pub(super) output_cap: Option<u64>,
    pub(super) rules: BodyRules,
    pub(super) inspection: Choice<Inspection>,
    pub(super) policies: Policies,
    pub(super) max_body_bytes: usize,
    pub(super) max_body_time: Duration,
    pub(super) min_body_rate: usize,
    pub(super) max_body_bytes_at_once: (usize, usize),
    pub(super) answer_limits: EventLimits,
    pub(super) observed_until: Option<UnixTime>,
}

/// A check that the host brings.
pub(super) struct Guard(pub(super) Box<dyn Step>);

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&self.0.id()).finish()
    }
}

/// A control that has a setting, or shall be missing, or about which nothing was said.
#[derive(Debug)]
pub(super) struct Choice<T> {
    set: Option<T>,
    off: bool,
}

impl<T> Default for Choice<T> {
    fn default() -> Self {
        Self { set: None, off: false }
    }
}

impl<T> Choice<T> {
    /// The setting; `None` when the control shall be missing.
    pub(super) fn decide(
        self,
        control: &'static str,
        danger: &'static str,
        default: impl FnOnce() -> Result<T, GateError>,
    ) -> Result<Option<T>, GateError> {
        match (self.set, self.off) {
            (Some(_), true) => Err(GateErrorKind::Contradiction { control, danger }.into()),
            (Some(set), false) => Ok(Some(set)),
            (None, true) => Ok(None),
            (None, false) => default().map(Some),
        }
    }
}

impl GateBuilder {
    pub(super) fn new() -> Self {
        Self {
            clock: SystemClock::shared(),
            respond: None,
            routes: Vec::new(),
            proxies: Vec::new(),
            edge: EdgeRules::default(),
            plaintext: false,
            #[cfg(feature = "tls")]
            peers: None,
            guards: Vec::new(),
            audit: Choice::default(),
            flood: Choice::default(),
            issuers: Vec::new(),
            resource: None,
            api_key_header: false,
            revocations: None,
            watch: Choice::default(),
            credentials: Credentials::default(),
            plans: Vec::new(),
            default_plan: None,
            no_limits: false,
            store: None,
            meter: None,
            output_cap: None,
            rules: BodyRules::default(),
            inspection: Choice::default(),
            policies: Policies::new(),
            max_body_bytes: 1024 * 1024,
            max_body_time: Duration::from_secs(30),
            min_body_rate: 256,
            max_body_bytes_at_once: (16 * 1024 * 1024, 256 * 1024 * 1024),
            answer_limits: EventLimits::default(),
            observed_until: None,
        }
    }

    /// Takes time from `clock`; from the machine's clock when not called.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// Renders every refusal by `respond`; in the shape of the route's dialect when not called.
    pub fn respond(mut self, respond: impl Respond) -> Self {
        self.respond = Some(Arc::new(respond));
        self
    }

    /// Adds a way in. What no route names is refused.
    pub fn route(mut self, route: Route) -> Self {
        self.routes.push(route);
        self
    }

    /// Lets everybody use exactly this method and path, without a credential and without a body: for health checks.
    pub fn open(self, method: Method, path: impl Into<Box<str>>) -> Self {
        self.route(Route::new(method, path).open())
    }

    /// Believes `X-Forwarded-For` of proxies at these networks; of nobody when not called.
    pub fn trusted_proxies(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        self.proxies.extend(networks);
        self
    }

    /// What the head of a request must be: how large, for which hosts, from pages of which origins.
    pub fn edge(mut self, rules: EdgeRules) -> Self {
        self.edge = rules;
        self
    }

    /// Takes requests that came unencrypted from other machines: whoever is on the way reads and changes them. On loopback and
    /// Unix sockets plaintext is taken in any case.
    pub fn danger_plaintext(mut self) -> Self {
        self.plaintext = true;
        self
    }

    /// Asks everybody for a client certificate, but on open routes, and lets in whom these rules let in. Nobody is asked for one
    /// when not called, and whoever stands inside the network may come.
    #[cfg(feature = "tls")]
    pub fn peers(mut self, rules: PeerRules) -> Self {
        self.peers = Some(rules);
        self
    }

    /// Adds a check of your own, which runs before any credential is looked at, in the order of the calls. In the record
    /// it shares the place of its [`Step::id`](crate::exchange::Step::id).
    pub fn guard(mut self, step: impl Step) -> Self {
        self.guards.push(Guard(Box::new(step)));
        self
    }

    /// Writes a record of every request to `log`.
    pub fn audit(mut self, log: AuditLog) -> Self {
        self.audit.set = Some(log);
        self
    }

    /// Keeps no records.
    pub fn danger_without_audit(mut self) -> Self {
        self.audit.off = true;
        self
    }

    /// How often one address may knock; 100 times a second, in bursts up to 200, when not called.
    pub fn flood(mut self, quota: FloodQuota) -> Self {
        self.flood.set = Some(quota);
        self
    }

    /// Lets one address knock as often as it likes.
    pub fn danger_without_flood_check(mut self) -> Self {
        self.flood.off = true;
        self
    }

    /// Believes credentials of this issuer. Authentication has no off-switch: a route that shall be open is declared so.
    pub fn issuer(mut self, issuer: TrustedIssuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// Tells clients where credentials for this service are had (RFC 9728): every challenge names the metadata, whose path is open
    /// to everybody. Its [router](ProtectedResource::router) is still to be merged into the one that the gate protects.
    pub fn protected_resource(mut self, resource: ProtectedResource) -> Self {
        self.resource = Some(resource);
        self
    }

    /// Takes the credential from `x-api-key` as well, where Anthropic's clients put it.
    pub fn accept_api_key_header(mut self) -> Self {
        self.api_key_header = true;
        self
    }

    /// Refuses what is on this list, certificates and credentials alike, and ends the answers that are on their way. A list of
    /// the gate's own, [`Gate::revocations`](super::Gate::revocations), when not called.
    pub fn revocations(mut self, list: Revocations) -> Self {
        self.revocations = Some(list);
        self
    }

    /// How long a streamed answer may go on after the credential or the certificate that it was asked with has expired; not at
    /// all when not called, one hour at most. What is revoked has no grace.
    pub fn credential_grace(mut self, grace: Duration) -> Self {
        self.watch.set = Some(grace);
        self
    }

    /// Lets answers go on, however long, when what they were asked with has expired or was revoked.
    pub fn danger_without_watch(mut self) -> Self {
        self.watch.off = true;
        self
    }

    /// Believes this static key, which comes where a JWT would: for users who have no issuer yet. It is the weakest kind of
    /// credential, and the posture says so.
    pub fn api_key(mut self, key: ApiKey) -> Self {
        self.credentials.api_keys.push(key);
        self
    }

    /// Believes opaque credentials of an issuer that is asked about them (RFC 7662).
    #[cfg(feature = "fetch")]
    pub fn introspection(mut self, introspection: Introspection) -> Self {
        self.credentials.introspection = Some(introspection);
        self
    }

    /// Asks a login of the host's own first: a session cookie, keys that it gave out itself. Everything further in works on
    /// the principal that it vouches for.
    pub fn authenticate(mut self, login: impl Authenticate) -> Self {
        self.credentials.login = Some(Arc::new(login));
        self
    }

    /// Believes credentials that are bound to a key by DPoP (RFC 9449), with their proof; they are refused when not called.
    pub fn dpop(mut self, rules: DpopRules) -> Self {
        self.credentials.dpop = Some(rules);
        self
    }

    /// Who must come with a credential that is bound to a key of its bearer, by DPoP or by certificate (RFC 8705). Nobody when
    /// not called; one that is bound is refused without its proof in any case.
    pub fn require_binding(mut self, required: RequireBinding) -> Self {
        self.credentials.required = required;
        self
    }

    /// Who may act for others (RFC 8693 §4.1): from which machine, and with which rights. A credential with `act` is refused when not
    /// called.
    pub fn delegation(mut self, delegation: Delegation) -> Self {
        self.credentials.delegation = Some(delegation);
        self
    }

    /// Keeps each caller's credential with its principal, as a secret, while the request runs: for a handler that acts on the
    /// caller's behalf at another service. It does not outlive its check when not called.
    pub fn keep_credential(mut self) -> Self {
        self.credentials.keep = true;
        self
    }

    /// Adds a plan: what a caller whose credential names it may use.
    pub fn plan(mut self, plan: Plan) -> Self {
        self.plans.push(plan);
        self
    }

    /// The plan of callers whose credential names none; they are refused when not called.
    pub fn default_plan(mut self, name: impl Into<Box<str>>) -> Self {
        self.default_plan = Some(name.into());
        self
    }

    /// Keeps budgets in `store`; in memory when not called.
    pub fn budget_store(mut self, store: Arc<dyn BudgetStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Estimates usage before it is reported by `meter`; by bytes for each model when not called.
    pub fn meter(mut self, meter: Arc<dyn Meter>) -> Self {
        self.meter = Some(meter);
        self
    }

    /// How many units of output to reserve, for each candidate, when neither request nor route nor plan says; 1,024 when
    /// not called.
    pub fn output_cap(mut self, units: u64) -> Self {
        self.output_cap = Some(units);
        self
    }

    /// Lets every caller use as much as it likes.
    pub fn danger_without_limits(mut self) -> Self {
        self.no_limits = true;
        self
    }

    /// How prompts are inspected; by the built-in rules when not called.
    pub fn inspection(mut self, inspection: Inspection) -> Self {
        self.inspection.set = Some(inspection);
        self
    }

    /// Lets prompts in unread.
    pub fn danger_without_inspection(mut self) -> Self {
        self.inspection.off = true;
        self
    }

    /// The largest body, in bytes after any content encoding is undone; 1 MiB when not called.
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// How long a body may take to arrive; 30 seconds when not called.
    pub fn max_body_time(mut self, time: Duration) -> Self {
        self.max_body_time = time;
        self
    }

    /// How many bytes of a body must have come for each second, from its fifth second on; 256 when not called.
    pub fn min_body_bytes_per_second(mut self, bytes: usize) -> Self {
        self.min_body_rate = bytes;
        self
    }

    /// How many bytes of bodies may be kept at once, from their arrival until their handlers have ended: for one caller,
    /// and in all. 16 MiB and 256 MiB when not called; at least twice the largest body. What the parsed form takes is
    /// counted, too: a few bytes in a hundred for text, eight times the body for `[0,0,…]`.
    pub fn max_body_bytes_at_once(mut self, of_one_caller: usize, of_all: usize) -> Self {
        self.max_body_bytes_at_once = (of_one_caller, of_all);
        self
    }

    /// The largest event of a streamed answer, and the largest answer in one piece.
    pub fn answer_limits(mut self, limits: EventLimits) -> Self {
        self.answer_limits = limits;
        self
    }

    /// Refuses nothing until then: every control is evaluated and recorded, and what would have been refused goes on to the
    /// service. For the first days in front of a service that is in use, to see in the records (`would_refuse`) whom the gate
    /// would keep out. It ends by itself; [`Route::danger_observe`] does the same for one route.
    ///
    /// Still refused is what makes it impossible to go on: a full audit log, since nothing happens unrecorded; a stack that
    /// is put together wrongly, a missing [`PeerAddress`](crate::principal::PeerAddress) included; upgrades and tunnels; a
    /// body that is too large, too slow, or not encoded as it says, or for which there is no room, because bodies are kept while they are read; an answer
    /// to a request that was read which is not what its type says, or too large; and extractors, of a principal or a payload
    /// that is not there. Credentials stay in the request, marked sensitive, for a service that checks them by itself.
    pub fn danger_observe(mut self, until: impl Into<UnixTime>) -> Self {
        self.observed_until = Some(until.into());
        self
    }
}
