use super::{ActorChain, Application, PlanName, RoleSet, ScopeSet, Subject, TenantId};
use crate::clock::UnixTime;
use std::sync::Arc;

/// Everything verified about who asks. Cheap to clone; its facts never change during a request.
#[derive(Clone, Debug)]
pub struct Principal(Arc<Facts>);

#[derive(Clone, Debug)]
struct Facts {
    subject: Subject,
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
        PrincipalBuilder(Facts {
            subject,
            application: None,
            actors: ActorChain::default(),
            tenant: None,
            plan: None,
            scopes: ScopeSet::default(),
            roles: RoleSet::default(),
            credential,
        })
    }

    /// The user.
    pub fn subject(&self) -> &Subject {
        &self.0.subject
    }

    /// The OAuth client through which the user asks.
    pub fn application(&self) -> Option<&Application> {
        self.0.application.as_ref()
    }

    /// Who acts for the subject; empty when it asks for itself.
    pub fn actors(&self) -> &ActorChain {
        &self.0.actors
    }

    /// The customer that the subject belongs to.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.0.tenant.as_ref()
    }

    /// The tier that the issuer says applies.
    pub fn plan(&self) -> Option<&PlanName> {
        self.0.plan.as_ref()
    }

    /// The OAuth scopes granted.
    pub fn scopes(&self) -> &ScopeSet {
        &self.0.scopes
    }

    /// The roles of the subject.
    pub fn roles(&self) -> &RoleSet {
        &self.0.roles
    }

    /// How the caller proved who it is.
    pub fn credential(&self) -> &Credential {
        &self.0.credential
    }
}

/// Gathers verified facts into a [`Principal`].
#[derive(Clone, Debug)]
pub struct PrincipalBuilder(Facts);

impl PrincipalBuilder {
    /// The OAuth client through which the user asks.
    pub fn application(mut self, application: Application) -> Self {
        self.0.application = Some(application);
        self
    }

    /// Who acts for the subject.
    pub fn actors(mut self, actors: ActorChain) -> Self {
        self.0.actors = actors;
        self
    }

    /// The customer that the subject belongs to.
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.0.tenant = Some(tenant);
        self
    }

    /// The tier whose limits apply.
    pub fn plan(mut self, plan: PlanName) -> Self {
        self.0.plan = Some(plan);
        self
    }

    /// The OAuth scopes granted.
    pub fn scopes(mut self, scopes: ScopeSet) -> Self {
        self.0.scopes = scopes;
        self
    }

    /// The roles of the subject.
    pub fn roles(mut self, roles: RoleSet) -> Self {
        self.0.roles = roles;
        self
    }

    /// The principal.
    pub fn build(self) -> Principal {
        Principal(Arc::new(self.0))
    }
}

/// How the caller proved who it is: never the secret itself, only what may be recorded of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    method: AuthenticationMethod,
    expires: Option<UnixTime>,
    id: Option<Arc<str>>,
    session: Option<Arc<str>>,
}

impl Credential {
    /// A credential of that kind.
    pub fn new(method: AuthenticationMethod) -> Self {
        Self { method, expires: None, id: None, session: None }
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
    pub fn session(mut self, session: impl Into<Arc<str>>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// The kind of credential.
    pub fn method(&self) -> AuthenticationMethod {
        self.method
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
}

/// The kind of credential that a [`Principal`] was known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthenticationMethod {
    /// A JWT whose signature and claims were checked.
    Jwt,
    /// The host application vouches for the principal.
    Host,
    /// A test said so; exists only in requests made by the `testing` feature.
    Asserted,
}

impl AuthenticationMethod {
    /// The method as one lower-case word, for records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Host => "host",
            Self::Asserted => "asserted",
        }
    }
}
