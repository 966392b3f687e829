use super::{
    ActorChain, Application, ClaimValue, Claims, Credential, PlanName, RoleSet, ScopeSet, Subject, TenantId,
    Workload, WorkloadId,
};
use std::sync::Arc;

/// Everything verified about who asks: a user, a machine, or a user through a machine. Cheap to clone; its facts never
/// change during a request.
#[derive(Clone, Debug)]
pub struct Principal {
    facts: Arc<Facts>,
    /// Beside the facts, which are remembered with a credential: it comes from the connection.
    workload: Option<Workload>,
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
    claims: Claims,
    credential: Credential,
}

impl Principal {
    /// A principal for `subject`, known by `credential`. Only what has been verified belongs in it.
    pub fn builder(subject: Subject, credential: Credential) -> PrincipalBuilder {
        PrincipalBuilder { facts: Facts::new(Some(subject), credential), workload: None }
    }

    /// A machine that asks for itself, known by its certificate.
    pub fn of_workload(workload: Workload) -> PrincipalBuilder {
        let credential = Credential::of_certificate(workload.certificate());
        PrincipalBuilder { facts: Facts::new(None, credential), workload: Some(workload) }
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
    pub(crate) fn signed_by(mut self, kid: Option<Arc<str>>, thumbprint: [u8; 32]) -> Self {
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

    /// The bytes of text that no other principal shares with it, about: what its own names take.
    pub(crate) fn own_text(&self) -> usize {
        let Facts { subject, actors, scopes, roles, claims, credential, .. } = &*self.facts;
        let own = |text: Option<&str>| text.map_or(0, str::len);
        let actors: usize = actors.iter().map(|actor| 64 + actor.id().len() + actor.issuer().len()).sum();
        own(subject.as_ref().map(Subject::id))
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

    /// The OAuth scopes granted.
    pub fn scopes(&self) -> &ScopeSet {
        &self.facts.scopes
    }

    /// The roles of the subject.
    pub fn roles(&self) -> &RoleSet {
        &self.facts.roles
    }

    /// Other claims of its credential, of those that some policy reads.
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
        Principal { facts: Arc::new(self.facts), workload: self.workload }
    }
}
