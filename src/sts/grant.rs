use super::StsError;
use super::error::setting;
use crate::principal::{RoleSet, ScopeSet, Subject, TenantId};

/// What an actor may do for its users at one audience.
///
/// ```
/// use portcullis::principal::Subject;
/// use portcullis::sts::Grant;
///
/// let grant = Grant::to("https://vectors.example.com")
///     .scopes(["docs:read"])
///     .for_subject(Subject::new("https://login.example.com", "alice"));
/// # let _ = grant;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub(super) audience: Box<str>,
    pub(super) scopes: ScopeSet,
    pub(super) roles: RoleSet,
    everybody: bool,
    issuers: Vec<Box<str>>,
    tenants: Vec<(Box<str>, TenantId)>,
    subjects: Vec<Subject>,
}

impl Grant {
    /// At this audience: `audience` or `resource` of the request (RFC 8693 §2.1), compared byte for byte, and `aud` of what is issued.
    pub fn to(audience: impl Into<Box<str>>) -> Self {
        Self {
            audience: audience.into(),
            scopes: ScopeSet::default(),
            roles: RoleSet::default(),
            everybody: false,
            issuers: Vec::new(),
            tenants: Vec::new(),
            subjects: Vec::new(),
        }
    }

    /// The scopes that may be passed on, of those that the subject has; none unless set.
    pub fn scopes<S: Into<Box<str>>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().collect();
        self
    }

    /// The roles that are passed on, of those that the subject has; none unless set.
    pub fn roles<R: Into<Box<str>>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles = roles.into_iter().collect();
        self
    }

    /// For every subject.
    pub fn for_everybody(mut self) -> Self {
        self.everybody = true;
        self
    }

    /// For every subject of this issuer; at the beginning of the chain, if there is one. Whom a grant is for adds up.
    pub fn for_subjects_of(mut self, issuer: impl Into<Box<str>>) -> Self {
        self.issuers.push(issuer.into());
        self
    }

    /// For every subject of this tenant, as the issuer of its subjects calls it; at the beginning of the chain, if there is one. Another issuer may
    /// have a tenant of that name, too.
    pub fn for_tenant(mut self, issuer: impl Into<Box<str>>, tenant: impl Into<TenantId>) -> Self {
        self.tenants.push((issuer.into(), tenant.into()));
        self
    }

    /// For this subject, as its issuer calls it; at the beginning of the chain, if there is one.
    pub fn for_subject(mut self, subject: Subject) -> Self {
        self.subjects.push(subject);
        self
    }

    /// Whether it is for this subject, as its issuer calls it, of that tenant.
    pub(super) fn is_for(&self, subject: &Subject, tenant: Option<&TenantId>) -> bool {
        let is_of = |(issuer, of): &(Box<str>, TenantId)| **issuer == *subject.issuer() && tenant == Some(of);
        self.everybody
            || self.issuers.iter().any(|issuer| **issuer == *subject.issuer())
            || self.subjects.contains(subject)
            || self.tenants.iter().any(is_of)
    }

    pub(super) fn check(&self, actor: &str) -> Result<(), StsError> {
        let problem = |problem: &str| Err(setting(format!("grant of {actor} to {}", self.audience), problem));
        if self.audience.is_empty() {
            return problem("name an audience");
        }
        if self.scopes.is_empty() {
            return problem("no scope may be passed on: name some");
        }
        let nobody = self.issuers.is_empty() && self.tenants.is_empty() && self.subjects.is_empty();
        match (self.everybody, nobody) {
            (false, true) => {
                problem("say for whom: for_everybody(), for_subjects_of, for_tenant or for_subject")
            }
            (true, false) => problem("it is for everybody, and some are named; keep one of them"),
            _ => Ok(()),
        }
    }
}
