use super::shadow::{Shadow, ShadowCounts};
use super::{
    AccessRequest, Decided, DeviceRules, Effect, ModelCatalog, PendingVerdict, Policy, Resource, Verdict,
};
use crate::exchange::{PolicyFacts, RuleNames, ShadowFacts};
use crate::route::ResourceKind;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The policies of a service: those in force, all of which must permit, and those that are only tried out. Cheap to clone.
///
/// ```
/// use portcullis::authorize::{Policies, RulePolicy, rules::{model_in, role}};
///
/// let live = RulePolicy::builder("models").permit("staff", role("staff")).build()?;
/// let candidate =
///     RulePolicy::builder("models-next").permit("staff", role("staff").and(model_in(["small"]))).build()?;
/// let policies = Policies::new().policy(live).shadow(candidate);
/// assert_eq!(policies.shadow_counts().next().unwrap().1.agreed, 0);
/// # Ok::<(), portcullis::authorize::RuleError>(())
/// ```
#[derive(Clone, Default)]
pub struct Policies {
    live: Vec<Arc<dyn Policy>>,
    shadows: Vec<Arc<Shadow>>,
    pub(super) devices: DeviceRules,
    models: Option<ModelCatalog>,
}

impl Policies {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a policy. All must permit.
    pub fn policy(self, policy: impl Policy) -> Self {
        self.shared_policy(Arc::new(policy))
    }

    /// The same, for a policy that others have, too.
    pub fn shared_policy(mut self, policy: Arc<dyn Policy>) -> Self {
        self.live.push(policy);
        self
    }

    /// Adds a policy that is only tried out: it is asked about each request as well, what it says is recorded and compared, and
    /// it refuses nothing. A request waits for it as for any other.
    pub fn shadow(self, policy: impl Policy) -> Self {
        self.shared_shadow(Arc::new(policy))
    }

    /// The same, for a policy that others have, too.
    pub fn shared_shadow(mut self, policy: Arc<dyn Policy>) -> Self {
        self.shadows.push(Arc::new(Shadow::new(policy)));
        self
    }

    /// How the device is known that a request was sent from. Nothing is known of it unless set.
    pub fn devices(mut self, rules: DeviceRules) -> Self {
        self.devices = rules;
        self
    }

    /// Asks about models by their one name, wherever a route says that one is named. By the name that the request gives unless
    /// set; what the dialect reads of a body has its one name from [`ResolveModelLayer`](super::models::ResolveModelLayer).
    pub fn models(mut self, catalog: ModelCatalog) -> Self {
        self.models = Some(catalog);
        self
    }

    /// These and those; how devices are known and what models are called is as those have it, if they have it.
    pub fn join(mut self, others: Self) -> Self {
        self.live.extend(others.live);
        self.shadows.extend(others.shadows);
        if !others.devices.is_empty() {
            self.devices = others.devices;
        }
        self.models = others.models.or(self.models);
        self
    }

    /// What the policies in force say together: all must permit. For questions of the host's own; a gate asks by itself.
    pub async fn decide(&self, request: &AccessRequest<'_>) -> Verdict {
        let judged = self.judge(request);
        judged.verdict().await
    }

    /// Whether there is none, neither in force nor tried out.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty() && self.shadows.is_empty()
    }

    /// Whether one is in force.
    pub(crate) fn is_in_force(&self) -> bool {
        !self.live.is_empty()
    }

    /// How each policy that is tried out compares with those in force, by its name.
    pub fn shadow_counts(&self) -> impl Iterator<Item = (&str, ShadowCounts)> {
        self.shadows.iter().map(|shadow| (&*shadow.name, shadow.counts()))
    }

    /// The claims that must be kept of credentials; see [`VerifyJwtLayerBuilder::keep_claims`](crate::jwt::VerifyJwtLayerBuilder::keep_claims).
    /// A gate keeps them by itself. Where they are not looked for, what reads them is an error.
    pub fn claims(&self) -> Vec<Arc<str>> {
        let of_devices = self.devices.claim_pointer().cloned();
        self.all().flat_map(Policy::claims).chain(of_devices).collect()
    }

    /// The kinds of things that rules name, also rules that are only tried out.
    pub(crate) fn kinds(&self) -> Vec<ResourceKind> {
        self.all().flat_map(Policy::kinds).collect()
    }

    /// Who may use a route, a line for each rule.
    pub(crate) fn who(&self, action: &str, route: &str) -> Vec<String> {
        self.live.iter().flat_map(|policy| policy.who(action, route)).collect()
    }

    /// The same, for one request: nothing that is read again meanwhile changes them.
    pub(super) fn as_of_now(&self) -> Cow<'_, Self> {
        let mut now: Option<Self> = None;
        for (place, policy) in self.live.iter().enumerate() {
            if let Some(current) = policy.as_of_now() {
                now.get_or_insert_with(|| self.clone()).live[place] = current;
            }
        }
        for (place, shadow) in self.shadows.iter().enumerate() {
            if let Some(current) = shadow.policy.as_of_now() {
                let shadows = &mut now.get_or_insert_with(|| self.clone()).shadows;
                Arc::make_mut(&mut shadows[place]).policy = current;
            }
        }
        now.map_or(Cow::Borrowed(self), Cow::Owned)
    }

    /// Calls models by their one name. Those that are not listed keep theirs, and are refused behind the policies.
    pub(super) fn call_by_one_name(&self, resources: &mut [Resource<'_>]) {
        let Some(catalog) = &self.models else { return };
        for model in resources.iter_mut().filter(|resource| resource.kind == ResourceKind::Model) {
            if let Some(name) = catalog.name_of(&model.id) {
                model.id = name.to_string().into();
            }
        }
    }

    pub(super) fn governs(&self, kind: &ResourceKind) -> bool {
        self.all().any(|policy| policy.governs(kind))
    }

    pub(super) fn explain(&self, request: &AccessRequest<'_>) -> Vec<String> {
        self.live.iter().flat_map(|policy| policy.explain(request)).collect()
    }

    /// Those that look at things of this kind, for a question about nothing else. Their counts are shared.
    pub(super) fn looking_at(&self, kind: &ResourceKind) -> Self {
        let live = self.live.iter().filter(|policy| policy.governs(kind));
        let shadows = self.shadows.iter().filter(|shadow| shadow.policy.governs(kind));
        Self {
            live: live.cloned().collect(),
            shadows: shadows.cloned().collect(),
            devices: DeviceRules::default(),
            models: None,
        }
    }

    /// A verdict that refuses for certain before the body is read.
    pub(super) fn judge_early(&self, request: &AccessRequest<'_>) -> Option<Verdict> {
        let refused = self.live.iter().find_map(|policy| policy.decide_early(request))?;
        self.shadows.iter().for_each(|shadow| shadow.compare_early(request));
        Some(refused)
    }

    /// Asks all policies in force.
    pub(super) fn judge(&self, request: &AccessRequest<'_>) -> Judged {
        let mut permitted = RuleNames::default();
        let mut pending = Vec::new();
        for policy in &self.live {
            match policy.decide(request) {
                Decided::Now(verdict) if verdict.permits() => join(&mut permitted, &verdict),
                Decided::Now(verdict) => return Judged::Now(verdict),
                Decided::Later(verdict) => pending.push(verdict),
            }
        }
        match pending.is_empty() {
            // Nobody has permitted it.
            true if self.live.is_empty() => Judged::Now(
                Verdict::no_match().because("no policy is in force, and an empty policy permits nobody"),
            ),
            true => Judged::Now(Verdict::permit().by_all(permitted)),
            false => Judged::Later { permitted, pending },
        }
    }

    /// Those in force alone, for a request of which the others are not asked, which is counted.
    pub(super) fn passing_over_shadows(&self) -> Self {
        self.shadows.iter().for_each(|shadow| shadow.pass_over());
        Self { shadows: Vec::new(), ..self.clone() }
    }

    /// Asks the policies that are tried out.
    pub(super) fn try_out(&self, request: &AccessRequest<'_>) -> Vec<Decided> {
        self.shadows.iter().map(|shadow| shadow.policy.decide(request)).collect()
    }

    /// What the record says of the decision; compares.
    pub(super) fn facts(&self, live: &Verdict, tried: Vec<Verdict>) -> PolicyFacts {
        let shadows = self.shadows.iter().zip(tried).map(|(shadow, verdict)| {
            shadow.compare(live, &verdict);
            let differs = live.permits() != verdict.permits();
            let (effect, cause) = (verdict.effect().as_str(), verdict.cause().cloned());
            ShadowFacts::new(shadow.name.clone(), effect, differs, verdict.rules().clone(), cause)
        });
        PolicyFacts { rules: live.rules().clone(), shadows: shadows.collect() }
    }

    /// Counts what the policies that are tried out say, where no record tells of it.
    pub(super) fn compare(&self, live: &Verdict, tried: &[Verdict]) {
        self.shadows.iter().zip(tried).for_each(|(shadow, verdict)| shadow.compare(live, verdict));
    }

    fn all(&self) -> impl Iterator<Item = &dyn Policy> {
        self.live.iter().map(|policy| &**policy).chain(self.shadows.iter().map(|shadow| &*shadow.policy))
    }
}

/// What the policies in force say together.
pub(super) enum Judged {
    Now(Verdict),
    Later { permitted: RuleNames, pending: Vec<PendingVerdict> },
}

impl Judged {
    /// Waits for what is still being decided; the first that refuses ends it.
    pub(super) async fn verdict(self) -> Verdict {
        let (mut permitted, pending) = match self {
            Self::Now(verdict) => return verdict,
            Self::Later { permitted, pending } => (permitted, pending),
        };
        for verdict in pending {
            let verdict = verdict.await;
            if !verdict.permits() {
                return verdict;
            }
            join(&mut permitted, &verdict);
        }
        Verdict::permit().by_all(permitted)
    }
}

/// What was decided at once, if all was.
pub(super) fn settled(tried: Vec<Decided>) -> Result<Vec<Verdict>, Vec<Decided>> {
    if tried.iter().any(|decided| matches!(decided, Decided::Later(_))) {
        return Err(tried);
    }
    let now = |decided| match decided {
        Decided::Now(verdict) => Some(verdict),
        Decided::Later(_) => None,
    };
    Ok(tried.into_iter().filter_map(now).collect())
}

/// Waits for what is still being decided.
pub(super) async fn settle(tried: Vec<Decided>) -> Vec<Verdict> {
    let mut verdicts = Vec::with_capacity(tried.len());
    for decided in tried {
        verdicts.push(match decided {
            Decided::Now(verdict) => verdict,
            Decided::Later(verdict) => verdict.await,
        });
    }
    verdicts
}

fn join(permitted: &mut RuleNames, verdict: &Verdict) {
    verdict.rules().shared().for_each(|rule| permitted.push(rule));
}

/// For the posture: every policy, and what it is made of.
impl fmt::Display for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        for policy in &self.live {
            lines.push(policy.describe());
        }
        for shadow in &self.shadows {
            lines.push(format!("TRIED OUT, REFUSES NOTHING: {}", shadow.policy.describe()));
        }
        if !self.devices.is_empty() {
            lines.push(self.devices.to_string());
        }
        f.write_str(&lines.join("\n"))
    }
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |policies: &[Arc<dyn Policy>]| -> Vec<String> {
            policies.iter().map(|policy| policy.name().to_owned()).collect()
        };
        let shadows: Vec<&str> = self.shadows.iter().map(|shadow| &*shadow.name).collect();
        f.debug_struct("Policies").field("live", &names(&self.live)).field("shadows", &shadows).finish()
    }
}

/// The sentence for the caller, whatever the reason: what is unknown and what is forbidden look alike.
pub(super) const FORBIDDEN: &str = "you may not do this";

/// Whether nothing but the caller's rights stands in the way.
pub(super) fn is_refusal_of_rights(effect: Effect) -> bool {
    matches!(effect, Effect::Forbid | Effect::NoMatch)
}
