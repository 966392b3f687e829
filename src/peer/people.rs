use super::{PeerError, PeerErrorKind};
use crate::principal::{Credential, PeerCertificate, PlanName, Principal, ScopeSet, Subject, TenantId};
use crate::trust::{Pem, issuer_names};
use std::fmt;

/// How a certificate of a person, of a smart card or a browser, says who asks: by its issuer, and by the one mail address or
/// user principal name in it.
///
/// ```
/// use portcullis::peer::PersonRule;
///
/// let staff = PersonRule::by_email("https://people.example", "people-ca.pem")
///     .domain("example.com")
///     .scope("generate:invoke")
///     .plan("staff");
/// # let _ = staff;
/// ```
#[derive(Clone, Debug)]
pub struct PersonRule {
    subject_issuer: Box<str>,
    authority: Pem,
    /// The names of the issuing authorities, in DER. Read when the layer is built.
    issuers: Vec<Box<[u8]>>,
    name: Name,
    domains: Vec<Box<str>>,
    scopes: Vec<Box<str>>,
    plan: Option<PlanName>,
    tenant: Option<TenantId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Email,
    Upn,
}

impl PersonRule {
    /// The subject is the mail address (`rfc822Name`) of certificates that `authority` has signed itself, and `issuer` vouches for
    /// it, in records and keys of limits ([`Subject::issuer`]).
    ///
    /// The authority is known by its name. Whoever the trusted roots let make authorities of any name could take that
    /// one: give people roots of their own, or name constraints.
    pub fn by_email(issuer: impl Into<Box<str>>, authority: impl Into<Pem>) -> Self {
        Self::new(issuer.into(), authority.into(), Name::Email)
    }

    /// The same for the user principal name, as smart cards of Windows domains carry it.
    pub fn by_upn(issuer: impl Into<Box<str>>, authority: impl Into<Pem>) -> Self {
        Self::new(issuer.into(), authority.into(), Name::Upn)
    }

    fn new(subject_issuer: Box<str>, authority: Pem, name: Name) -> Self {
        let (issuers, domains, scopes) = Default::default();
        Self { subject_issuer, authority, issuers, name, domains, scopes, plan: None, tenant: None }
    }

    /// Lets in only names of this domain, what follows the last `@`. Called more than once, of any of them.
    pub fn domain(mut self, domain: &str) -> Self {
        self.domains.push(domain.to_ascii_lowercase().into());
        self
    }

    /// What these people may do: a certificate carries no scopes.
    pub fn scope(mut self, scope: impl Into<Box<str>>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Their plan; the gate's default plan when not called.
    pub fn plan(mut self, plan: impl Into<PlanName>) -> Self {
        self.plan = Some(plan.into());
        self
    }

    /// The customer that they belong to.
    pub fn tenant(mut self, tenant: impl Into<TenantId>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    pub(super) fn check(&self) -> Result<(), PeerError> {
        if self.subject_issuer.is_empty() {
            let problem = "say who vouches for these people, such as https://people.example";
            return Err(PeerErrorKind::Person(problem.to_owned()).into());
        }
        if let Some(domain) = self.domains.iter().find(|domain| domain.is_empty() || domain.contains('@')) {
            let problem =
                format!("{domain:?} is not a domain: write what follows the @, such as example.com");
            return Err(PeerErrorKind::Person(problem).into());
        }
        Ok(())
    }

    /// Reads the certificate of the authority.
    pub(super) fn load(mut self) -> Result<Self, PeerError> {
        self.issuers = issuer_names(&self.authority).map_err(PeerErrorKind::Issuer)?;
        Ok(self)
    }

    /// Whether this rule is for certificates of that issuer.
    pub(super) fn is_for(&self, certificate: &PeerCertificate) -> bool {
        self.issuers.iter().any(|issuer| **issuer == *certificate.issuer())
    }

    /// Who the person is.
    pub(super) fn principal(&self, certificate: &PeerCertificate) -> Result<Principal, &'static str> {
        let id = match self.name {
            Name::Email => {
                only(certificate.emails()).ok_or("the certificate does not name one mail address")?
            }
            Name::Upn => {
                only(certificate.upns()).ok_or("the certificate does not name one user principal name")?
            }
        };
        let (user, domain) = id.rsplit_once('@').ok_or("the name in the certificate has no domain")?;
        let domain = domain.to_ascii_lowercase();
        if !self.domains.is_empty() && !self.domains.iter().any(|allowed| **allowed == *domain) {
            return Err("the name in the certificate is of another domain");
        }
        // The domain's spelling makes no difference to mail, so that it makes none here.
        let subject = Subject::new(&*self.subject_issuer, format!("{user}@{domain}"));
        let mut principal = Principal::builder(subject, Credential::of_certificate(certificate))
            .scopes(self.scopes.iter().cloned().collect::<ScopeSet>());
        if let Some(plan) = &self.plan {
            principal = principal.plan(plan.clone());
        }
        if let Some(tenant) = &self.tenant {
            principal = principal.tenant(tenant.clone());
        }
        Ok(principal.build())
    }
}

impl fmt::Display for PersonRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.name {
            Name::Email => "mail address",
            Name::Upn => "user principal name",
        };
        let domains = if self.domains.is_empty() { "any domain".to_owned() } else { self.domains.join(", ") };
        write!(
            f,
            "people of {} by {name} in {domains}, with the scopes [{}]",
            self.subject_issuer,
            self.scopes.join(" ")
        )?;
        if let Some(plan) = &self.plan {
            write!(f, " and the plan {plan}")?;
        }
        match &self.tenant {
            Some(tenant) => write!(f, ", of {tenant}"),
            None => Ok(()),
        }
    }
}

fn only<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = names.next()?;
    names.next().is_none().then_some(name)
}
