use super::{
    ActorChain, Application, AuthenticationMethod, PeerCertificate, PlanName, PresentedCredential, RoleSet,
    ScopeSet, Subject, TenantId, Workload, WorkloadId,
};
use crate::clock::UnixTime;
use std::sync::Arc;
use std::time::Duration;

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
    credential: Credential,
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
    pub(crate) fn signed_by(mut self, kid: Option<Arc<str>>, thumbprint: [u8; 32]) -> Self {
        let facts = Arc::make_mut(&mut self.facts);
        facts.credential = facts.credential.clone().signed_by(kid, thumbprint);
        self
    }

    /// The same principal, whose credential was checked in another way.
    #[cfg(feature = "fetch")]
    pub(crate) fn known_by(mut self, method: AuthenticationMethod) -> Self {
        Arc::make_mut(&mut self.facts).credential.method = method;
        self
    }

    /// The bytes of text that no other principal shares with it, about: what its own names take.
    pub(crate) fn own_text(&self) -> usize {
        let alone = |text: &Arc<str>| if Arc::strong_count(text) > 1 { 0 } else { text.len() };
        let Facts { subject, actors, scopes, roles, credential, .. } = &*self.facts;
        let own = |text: Option<&str>| text.map_or(0, str::len);
        let actors: usize = actors.iter().map(|actor| 64 + actor.id().len() + actor.issuer().len()).sum();
        let login = credential.login.as_ref().and_then(|login| login.context.as_ref()).map_or(0, alone);
        own(subject.as_ref().map(Subject::id))
            + own(credential.identifier())
            + own(credential.session_id())
            + actors
            + login
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

/// How the caller proved who it is: never the secret itself, only what may be recorded of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    method: AuthenticationMethod,
    issued: Option<UnixTime>,
    expires: Option<UnixTime>,
    id: Option<Arc<str>>,
    session: Option<Box<str>>,
    kid: Option<Arc<str>>,
    key: Option<[u8; 32]>,
    login: Option<Box<Login>>,
}

/// How and when the user logged in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Login {
    context: Option<Arc<str>>,
    methods: Arc<[Arc<str>]>,
    time: Option<UnixTime>,
}

impl Credential {
    /// A credential of that kind.
    pub fn new(method: AuthenticationMethod) -> Self {
        Self {
            method,
            issued: None,
            expires: None,
            id: None,
            session: None,
            kid: None,
            key: None,
            login: None,
        }
    }

    /// A certificate: good until its last second is over, and called by its fingerprint.
    pub(crate) fn of_certificate(certificate: &PeerCertificate) -> Self {
        Self::new(AuthenticationMethod::Certificate)
            .issued(certificate.not_before())
            .expires(certificate.not_after().saturating_add(Duration::from_secs(1)))
            .id(certificate.shared_fingerprint_text())
    }

    /// When it was issued (`iat`).
    pub fn issued(mut self, at: UnixTime) -> Self {
        self.issued = Some(at);
        self
    }

    /// When it ceases to be good (`exp`).
    pub fn expires(mut self, at: UnixTime) -> Self {
        self.expires = Some(at);
        self
    }

    /// Its own identifier (`jti`, RFC 7519 §4.1.7).
    pub fn id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The login session that it came from (`sid`, OpenID Connect Front-Channel Logout §3).
    pub fn session(mut self, session: impl Into<Box<str>>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// The key that signed it: what its issuer calls it (`kid`), and its thumbprint (SHA-256, RFC 7638).
    pub fn signed_by(mut self, kid: Option<Arc<str>>, thumbprint: [u8; 32]) -> Self {
        (self.kid, self.key) = (kid, Some(thumbprint));
        self
    }

    /// How strongly the user was authenticated at the login (`acr`, OpenID Connect Core §2).
    pub fn authentication_context(mut self, acr: impl Into<Arc<str>>) -> Self {
        self.login.get_or_insert_default().context = Some(acr.into());
        self
    }

    /// By which methods the user was authenticated at the login (`amr`, RFC 8176).
    pub fn authentication_methods<M: Into<Arc<str>>>(mut self, amr: impl IntoIterator<Item = M>) -> Self {
        self.login.get_or_insert_default().methods = amr.into_iter().map(Into::into).collect();
        self
    }

    /// When the user was authenticated (`auth_time`, OpenID Connect Core §2).
    pub fn authenticated_at(mut self, time: UnixTime) -> Self {
        self.login.get_or_insert_default().time = Some(time);
        self
    }

    /// How strongly the user was authenticated (`acr`).
    pub fn acr(&self) -> Option<&str> {
        self.login.as_ref()?.context.as_deref()
    }

    /// By which methods the user was authenticated (`amr`).
    pub fn amr(&self) -> impl Iterator<Item = &str> {
        self.login.iter().flat_map(|login| &*login.methods).map(|method| &**method)
    }

    /// When the user was authenticated (`auth_time`).
    pub fn auth_time(&self) -> Option<UnixTime> {
        self.login.as_ref()?.time
    }

    /// The kind of credential.
    pub fn method(&self) -> AuthenticationMethod {
        self.method
    }

    /// When it was issued, if it says so.
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.issued
    }

    /// When it ceases to be good.
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.expires
    }

    /// Its own identifier.
    pub fn identifier(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The login session that it came from.
    pub fn session_id(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// What its issuer calls the key that signed it.
    pub fn key_id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub(crate) fn key_name(&self) -> Option<&Arc<str>> {
        self.kid.as_ref()
    }

    /// The thumbprint of the key that signed it.
    pub fn key_thumbprint(&self) -> Option<&[u8; 32]> {
        self.key.as_ref()
    }
}
