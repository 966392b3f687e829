use super::{
    Actor, ActorChain, Application, ClaimValue, Claims, Credential, PlanName, PresentedCredential, RoleSet,
    ScopeSet, Subject, TenantId, Withheld, Workload, WorkloadId,
};
use std::sync::Arc;

/// Everything verified about who asks: a user, a machine, or a user through a machine. Cheap to clone; its facts never
/// change during a request.
#[derive(Clone, Debug)]
pub struct Principal {
    facts: Arc<Facts>,
    /// Beside the facts, which are remembered with a credential: it comes from the connection.
    workload: Option<Workload>,
    /// Not remembered, either: one principal comes with many credentials.
    pub(super) presented: Option<PresentedCredential>,
}

#[derive(Clone, Debug)]
struct Facts {
    subject: Option<Subject>,
    application: Option<Application>,
    actors: ActorChain,
    tenant: Option<TenantId>,
    plan: Option<PlanName>,
    scopes: ScopeSet,
    roles: RoleSet,
    /// Few credentials have any of it.
    delegated: Option<Box<Delegated>>,
    claims: Claims,
    credential: Credential,
}

#[derive(Clone, Debug, Default)]
struct Delegated {
    withheld: Vec<Withheld>,
    may_act: Option<Actor>,
}

impl Principal {
    /// A principal for `subject`, known by `credential`. Only what has been verified belongs in it.
    pub fn builder(subject: Subject, credential: Credential) -> PrincipalBuilder {
        PrincipalBuilder { facts: Facts::new(Some(subject), credential), workload: None, presented: None }
    }

    /// A machine that asks for itself, known by its certificate.
    pub fn of_workload(workload: Workload) -> PrincipalBuilder {
        let credential = Credential::of_certificate(workload.certificate());
        PrincipalBuilder { facts: Facts::new(None, credential), workload: Some(workload), presented: None }
    }

    /// The user; `None` when a machine asks for itself.
    pub fn subject(&self) -> Option<&Subject> {
        self.facts.subject.as_ref()
    }

    /// What to call it: the user's identifier, else the machine's name. Unique only together with who gave it.
    pub fn name(&self) -> &str {
        match self.holder() {
            Holder::Subject(subject) => subject.id(),
            Holder::Workload(id) => id.as_str(),
        }
    }

    /// The machine that the request came from, where machines show certificates.
    pub fn workload(&self) -> Option<&Workload> {
        self.workload.as_ref()
    }

    /// The same principal, on a connection of that machine.
    pub(crate) fn through(mut self, workload: Option<&Workload>) -> Self {
        if let Some(workload) = workload {
            self.workload = Some(workload.clone());
        }
        self
    }

    /// The same principal, whose credential that key has signed.
    pub(crate) fn signed_by(mut self, kid: Option<Arc<str>>, thumbprint: Arc<[u8; 32]>) -> Self {
        let facts = Arc::make_mut(&mut self.facts);
        facts.credential = facts.credential.clone().signed_by(kid, thumbprint);
        self
    }

    /// The same principal, whose credential was checked in another way.
    #[cfg(feature = "fetch")]
    pub(crate) fn known_by(mut self, method: super::AuthenticationMethod) -> Self {
        Arc::make_mut(&mut self.facts).credential.set_method(method);
        self
    }

    /// The same principal, with no more rights than these.
    pub(super) fn narrowed(
        mut self,
        scopes: ScopeSet,
        roles: RoleSet,
        claims: Claims,
        withheld: Vec<Withheld>,
    ) -> Self {
        let facts = Arc::make_mut(&mut self.facts);
        (facts.scopes, facts.roles, facts.claims) = (scopes, roles, claims);
        facts.delegated.get_or_insert_default().withheld = withheld;
        self
    }

    /// The bytes of text that no other principal shares with it, about: what its own names take.
    pub(crate) fn own_text(&self) -> usize {
        let Facts { subject, actors, scopes, roles, claims, credential, .. } = &*self.facts;
        let own = |text: Option<&str>| text.map_or(0, str::len);
        let actors: usize = actors.iter().map(|actor| 64 + actor.id().len() + actor.issuer().len()).sum();
        let root = credential.root().map_or(0, |root| {
            let of = root.credential();
            256 + root.subject().issuer().len()
                + root.subject().id().len()
                + own(of.identifier())
                + own(of.session_id())
        });
        own(subject.as_ref().map(Subject::id))
            + root
            + own(credential.identifier())
            + own(credential.session_id())
            + actors
            + credential.own_login_text()
            + claims.own_text()
            + scopes.own_text()
            + roles.own_text()
    }

    /// Whose account it goes on: the user's, else the machine's.
    pub(crate) fn holder(&self) -> Holder<'_> {
        match (&self.facts.subject, &self.workload) {
            (Some(subject), _) => Holder::Subject(subject),
            (None, Some(workload)) => Holder::Workload(workload.id()),
            (None, None) => unreachable!("a principal is made of a subject or of a workload"),
        }
    }

    /// The OAuth client through which the user asks.
    pub fn application(&self) -> Option<&Application> {
        self.facts.application.as_ref()
    }

    /// Who acts for the subject; empty when it asks for itself.
    pub fn actors(&self) -> &ActorChain {
        &self.facts.actors
    }

    /// The customer that the subject belongs to.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.facts.tenant.as_ref()
    }

    /// The tier that the issuer says applies.
    pub fn plan(&self) -> Option<&PlanName> {
        self.facts.plan.as_ref()
    }

    /// The OAuth scopes granted: of those of the subject, the ones that every actor has, too.
    pub fn scopes(&self) -> &ScopeSet {
        &self.facts.scopes
    }

    /// The roles of the subject: of them, the ones that every actor has, too.
    pub fn roles(&self) -> &RoleSet {
        &self.facts.roles
    }

    /// The rights that the subject has and an actor lacks, so that they do not count.
    pub fn withheld(&self) -> &[Withheld] {
        self.facts.delegated.as_ref().map_or(&[], |delegated| &delegated.withheld)
    }

    /// The one party that the credential lets become the next actor (`may_act`, RFC 8693 §4.4); `None` when it does not say.
    pub fn may_act(&self) -> Option<&Actor> {
        self.facts.delegated.as_ref()?.may_act.as_ref()
    }

    /// Other claims of its credential, of those that some policy reads: of them, the ones that every actor has, too.
    pub fn claims(&self) -> &Claims {
        &self.facts.claims
    }

    /// How the caller proved who it is.
    pub fn credential(&self) -> &Credential {
        &self.facts.credential
    }
}

/// Who has an account: a user, or a machine that asks for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holder<'a> {
    Subject(&'a Subject),
    Workload(&'a WorkloadId),
}

impl Facts {
    fn new(subject: Option<Subject>, credential: Credential) -> Self {
        Self {
            subject,
            application: None,
            actors: ActorChain::default(),
            tenant: None,
            plan: None,
            scopes: ScopeSet::default(),
            roles: RoleSet::default(),
            delegated: None,
            claims: Claims::default(),
            credential,
        }
    }
}

/// Gathers verified facts into a [`Principal`].
#[derive(Clone, Debug)]
pub struct PrincipalBuilder {
    facts: Facts,
    workload: Option<Workload>,
    pub(super) presented: Option<PresentedCredential>,
}

impl PrincipalBuilder {
    /// The OAuth client through which the user asks.
    pub fn application(mut self, application: Application) -> Self {
        self.facts.application = Some(application);
        self
    }

    /// Who acts for the subject.
    pub fn actors(mut self, actors: ActorChain) -> Self {
        self.facts.actors = actors;
        self
    }

    /// The customer that the subject belongs to.
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.facts.tenant = Some(tenant);
        self
    }

    /// The tier whose limits apply.
    pub fn plan(mut self, plan: PlanName) -> Self {
        self.facts.plan = Some(plan);
        self
    }

    /// The OAuth scopes granted.
    pub fn scopes(mut self, scopes: ScopeSet) -> Self {
        self.facts.scopes = scopes;
        self
    }

    /// The roles of the subject.
    pub fn roles(mut self, roles: RoleSet) -> Self {
        self.facts.roles = roles;
        self
    }

    /// The one party that may become the next actor.
    pub fn may_act(mut self, actor: Actor) -> Self {
        self.facts.delegated.get_or_insert_default().may_act = Some(actor);
        self
    }

    /// Another verified claim, by its pointer (RFC 6901): `/department`.
    pub fn claim(mut self, pointer: impl Into<Arc<str>>, value: impl Into<ClaimValue>) -> Self {
        let claims = std::mem::take(&mut self.facts.claims);
        self.facts.claims = claims.with(pointer.into(), value.into());
        self
    }

    /// All such claims.
    pub(crate) fn claims(mut self, claims: Claims) -> Self {
        self.facts.claims = claims;
        self
    }

    /// Another account of the same credential.
    pub(crate) fn credential(mut self, credential: Credential) -> Self {
        self.facts.credential = credential;
        self
    }

    /// The principal.
    pub fn build(self) -> Principal {
        Principal { facts: Arc::new(self.facts), workload: self.workload, presented: self.presented }
    }
}
