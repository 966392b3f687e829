use super::{PeerError, PeerErrorKind, PersonRule, TlsProxies};
use crate::principal::{PlanName, Revocations, TrustDomain, WorkloadPattern};
use crate::trust::TrustBundles;
use http::HeaderName;
use std::fmt;
use std::time::Duration;

/// Whom a certificate lets in. Nobody, until it is said who.
#[derive(Clone, Debug, Default)]
pub struct PeerRules {
    pub(super) workloads: Vec<WorkloadPattern>,
    pub(super) people: Vec<PersonRule>,
    pub(super) max_lifetime: Option<Duration>,
    pub(super) revocations: Option<Revocations>,
    pub(super) bundles: Option<TrustBundles>,
    pub(super) plan: Option<PlanName>,
    pub(super) proxies: Option<TlsProxies>,
}

impl PeerRules {
    /// Rules that let nobody in yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets in every machine of this trust domain.
    pub fn trust_domain(self, trust_domain: TrustDomain) -> Self {
        self.workload(WorkloadPattern::of_trust_domain(trust_domain))
    }

    /// Lets in the machines that this pattern means: `"spiffe://prod.example/ns/*/sa/gateway".parse()?`.
    pub fn workload(mut self, pattern: WorkloadPattern) -> Self {
        self.workloads.push(pattern);
        self
    }

    /// Lets in people by their certificates.
    pub fn person(mut self, rule: PersonRule) -> Self {
        self.people.push(rule);
        self
    }

    /// Refuses machines whose certificates are made for longer (from `notBefore` to `notAfter`), so that a stolen key is soon
    /// of no use. Any lifetime passes when not called.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = Some(lifetime);
        self
    }

    /// Refuses what is on this list, from the next request on. In a gate, that of the gate when not called.
    pub fn revocations(mut self, list: Revocations) -> Self {
        self.revocations = Some(list);
        self
    }

    /// Verifies certificates again against these, those of the acceptor, whenever their files have changed, so that a root that
    /// was taken away or a new revocation list counts on connections that are open, too.
    pub fn bundles(mut self, bundles: TrustBundles) -> Self {
        self.bundles = Some(bundles);
        self
    }

    /// The plan of machines that ask for themselves; the gate's default plan when not called.
    pub fn plan(mut self, plan: impl Into<PlanName>) -> Self {
        self.plan = Some(plan.into());
        self
    }

    /// Believes what these proxies say of their clients' certificates.
    pub fn forwarded(mut self, proxies: TlsProxies) -> Self {
        self.proxies = Some(proxies);
        self
    }

    /// Headers of proxies that the edge would not know.
    pub(crate) fn headers(&self) -> impl Iterator<Item = HeaderName> {
        self.proxies.iter().filter_map(|proxies| proxies.header().custom())
    }

    /// The list, if one is set.
    pub(crate) fn listed_revocations(&self) -> Option<&Revocations> {
        self.revocations.as_ref()
    }

    /// Whether a person may enter by certificate.
    pub(crate) fn knows_people(&self) -> bool {
        !self.people.is_empty()
    }

    pub(super) fn check(&self) -> Result<(), PeerError> {
        if self.workloads.is_empty() && self.people.is_empty() {
            return Err(PeerErrorKind::Nobody.into());
        }
        if self.max_lifetime.is_some_and(|lifetime| lifetime.is_zero()) {
            return Err(PeerErrorKind::ZeroLifetime.into());
        }
        self.people.iter().try_for_each(PersonRule::check)?;
        self.proxies.as_ref().map_or(Ok(()), TlsProxies::check)
    }
}

impl fmt::Display for PeerRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("certificates of ")?;
        let mut first = true;
        let mut item = |f: &mut fmt::Formatter<'_>, item: &dyn fmt::Display| {
            write!(f, "{}{item}", if std::mem::take(&mut first) { "" } else { ", " })
        };
        for pattern in &self.workloads {
            item(f, pattern)?;
        }
        for person in &self.people {
            item(f, person)?;
        }
        match self.max_lifetime {
            Some(lifetime) => write!(f, "; made for {} s at most", lifetime.as_secs())?,
            None => f.write_str("; of any lifetime")?,
        }
        if let Some(plan) = &self.plan {
            write!(f, "; machines have the plan {plan}")?;
        }
        if let Some(proxies) = &self.proxies {
            write!(f, "\n{proxies}")?;
        }
        Ok(())
    }
}
