use super::path::{Purpose, Revocation, Roots};
use super::reload::{COOL_DOWN, Reloading};
use super::{Pem, TrustError, TrustErrorKind, read_chain, read_server_chain};
use crate::clock::{SharedClock, SystemClock, UnixTime};
use crate::principal::{PeerCertificate, SpiffeId, TrustDomain, WorkloadId};
use rustls::DistinguishedName;
use rustls::pki_types::{CertificateDer, ServerName};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Who is believed: the roots of each trust domain, the roots for certificates without a SPIFFE ID, and what was revoked.
/// Cheap to clone, and the clones are reloaded together.
#[derive(Clone)]
pub struct TrustBundles(Arc<Reloading<Bundles>>);

impl TrustBundles {
    /// Believes nobody yet.
    pub fn builder() -> TrustBundlesBuilder {
        TrustBundlesBuilder {
            sources: Sources::default(),
            problem: None,
            clock: SystemClock::shared(),
            look_every: COOL_DOWN,
        }
    }

    /// Verifies the chain of a client (DER, leaf first) at the time `now`: for a host that ends TLS itself and has made sure
    /// that the client holds the key. An acceptor of this crate does it in the handshake.
    ///
    /// # Errors
    /// When it is not to be believed, and why.
    pub fn verify_client<C: AsRef<[u8]>>(
        &self,
        chain: &[C],
        now: UnixTime,
    ) -> Result<PeerCertificate, TrustError> {
        self.current().verify(chain, now, Purpose::Client)
    }

    /// Verifies the chain of a server that is called `name` (a host or an address, RFC 9525) at the time `now`: for a client that is
    /// not a [`ClientTls`](crate::serve::ClientTls), which does it in the handshake.
    ///
    /// # Errors
    /// When it is not to be believed, and why.
    pub fn verify_server_by_name<C: AsRef<[u8]>>(
        &self,
        chain: &[C],
        name: &str,
        now: UnixTime,
    ) -> Result<PeerCertificate, TrustError> {
        let name = ServerName::try_from(name).map_err(|_| {
            TrustErrorKind::NotPinned("asked for by what is no host and no address".to_owned())
        })?;
        self.current().verify_server(chain, &Pinned::ByName, &name, now)
    }

    /// Reads the files now.
    ///
    /// # Errors
    /// When one cannot be read or does not hold what it should; what was there before stays.
    pub fn reload(&self) -> Result<(), TrustError> {
        self.0.reload()
    }

    /// Those of an agent, which replaces them.
    #[cfg(feature = "spiffe")]
    pub(super) fn given(bundles: Bundles) -> Self {
        Self(Arc::new(Reloading::given("TrustBundles", bundles, SystemClock::shared())))
    }

    #[cfg(feature = "spiffe")]
    pub(super) fn replace(&self, bundles: Bundles) {
        self.0.replace(bundles);
    }

    /// Whether nobody else uses them.
    #[cfg(feature = "spiffe")]
    pub(super) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    pub(crate) fn current(&self) -> Arc<Bundles> {
        self.0.current()
    }

    pub(crate) fn is_due(&self) -> bool {
        self.0.is_due()
    }

    pub(crate) fn look(&self) {
        self.0.look();
    }
}

impl fmt::Debug for TrustBundles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.current();
        f.debug_struct("TrustBundles")
            .field("domains", &current.domains.keys())
            .field("other_roots", &current.others.is_some())
            .finish_non_exhaustive()
    }
}

/// Builds [`TrustBundles`].
#[derive(Debug)]
pub struct TrustBundlesBuilder {
    sources: Sources,
    problem: Option<String>,
    clock: SharedClock,
    look_every: Duration,
}

#[derive(Clone, Debug, Default)]
struct Sources {
    domains: BTreeMap<TrustDomain, Vec<Pem>>,
    others: Vec<Pem>,
    crls: Vec<Pem>,
    accept_stale: bool,
    accept_unlisted: bool,
}

impl TrustBundlesBuilder {
    /// These roots vouch for the SPIFFE IDs of this trust domain, and for nothing else. Called more than once for one domain,
    /// all of them do, which is how a root is changed.
    pub fn spiffe(mut self, trust_domain: &str, roots: impl Into<Pem>) -> Self {
        match TrustDomain::parse(trust_domain) {
            Ok(domain) => self.sources.domains.entry(domain).or_default().push(roots.into()),
            Err(error) => self.problem = Some(format!("a trust domain is not one: {error}")),
        }
        self
    }

    /// These roots vouch for certificates without a SPIFFE ID: of hosts by their DNS name, and of people.
    pub fn roots(mut self, roots: impl Into<Pem>) -> Self {
        self.sources.others.push(roots.into());
        self
    }

    /// What was revoked: one or more revocation lists (RFC 5280 §5). As soon as there is one, every issuer below or at a root
    /// must have one that is up to date.
    pub fn crl(mut self, lists: impl Into<Pem>) -> Self {
        self.sources.crls.push(lists.into());
        self
    }

    /// Believes a revocation list although its issuer has promised a newer one (`nextUpdate`): what was revoked since passes.
    pub fn danger_accept_stale_crls(mut self) -> Self {
        self.sources.accept_stale = true;
        self
    }

    /// Lets certificates pass whose issuer has no revocation list here, although others have one.
    pub fn danger_accept_issuers_without_crl(mut self) -> Self {
        self.sources.accept_unlisted = true;
        self
    }

    /// The clock by which files are looked at.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// How long files are left alone after a look at them; 30 seconds unless called.
    pub fn look_every(mut self, period: Duration) -> Self {
        self.look_every = period;
        self
    }

    /// Reads the files.
    ///
    /// # Errors
    /// When there are no roots at all, a trust domain is not one, or a file does not hold what it should.
    pub fn build(self) -> Result<TrustBundles, TrustError> {
        if let Some(problem) = self.problem {
            return Err(TrustErrorKind::Build(problem).into());
        }
        if self.sources.domains.is_empty() && self.sources.others.is_empty() {
            let problem = "nobody would be believed: name roots with spiffe(…) or roots(…)";
            return Err(TrustErrorKind::Build(problem.to_owned()).into());
        }
        let sources = self.sources.clone();
        let load = move || Bundles::load(&sources);
        let Sources { domains, others, crls, .. } = &self.sources;
        let files = domains.values().flatten().chain(others).chain(crls);
        Reloading::load("TrustBundles", files, load, self.clock, self.look_every)
            .map(|loaded| TrustBundles(Arc::new(loaded)))
    }
}

/// What was read of the files at one time.
pub(crate) struct Bundles {
    domains: BTreeMap<TrustDomain, Roots>,
    others: Option<Roots>,
    revocation: Revocation,
}

/// Which server a client wants to talk to.
#[derive(Clone, Debug)]
pub(crate) enum Pinned {
    /// One of these.
    Ids(Box<[SpiffeId]>),
    /// The one with the DNS name or address that it connects to.
    ByName,
}

impl Bundles {
    fn load(sources: &Sources) -> Result<Self, TrustError> {
        let domains = sources.domains.iter().map(|(domain, pem)| Ok((domain.clone(), Roots::load(pem)?)));
        let domains = domains.collect::<Result<BTreeMap<_, _>, TrustError>>()?;
        let others = if sources.others.is_empty() { None } else { Some(Roots::load(&sources.others)?) };
        let may_sign =
            |issuer: &[u8]| domains.values().chain(&others).all(|roots: &Roots| roots.may_sign_lists(issuer));
        let revocation =
            Revocation::load(&sources.crls, may_sign, sources.accept_stale, sources.accept_unlisted)?;
        Ok(Self { domains, others, revocation })
    }

    /// These roots (DER) of these trust domains. Nobody is believed without any.
    #[cfg(feature = "spiffe")]
    pub(super) fn of_domains(
        domains: impl IntoIterator<Item = (TrustDomain, Vec<CertificateDer<'static>>)>,
    ) -> Result<Self, TrustError> {
        let roots = |(domain, certificates): (TrustDomain, Vec<CertificateDer<'static>>)| {
            let error =
                |problem| TrustErrorKind::Load { what: format!("the roots of {domain}"), problem }.into();
            let roots = Roots::read(&certificates, error)?;
            Ok((domain, roots))
        };
        let domains = domains.into_iter().map(roots).collect::<Result<_, TrustError>>()?;
        Ok(Self { domains, others: None, revocation: Revocation::default() })
    }

    /// The names of all roots, which a server tells its clients so that they can choose a certificate.
    pub(super) fn hints(&self) -> Box<[DistinguishedName]> {
        self.domains.values().chain(&self.others).flat_map(Roots::names).collect()
    }

    pub(crate) fn verify_client<C: AsRef<[u8]>>(
        &self,
        chain: &[C],
        now: UnixTime,
    ) -> Result<PeerCertificate, TrustError> {
        self.verify(chain, now, Purpose::Client)
    }

    /// Verifies the chain of a client that was read before.
    pub(super) fn verify_again(&self, known: &PeerCertificate, now: UnixTime) -> Result<(), TrustError> {
        let chain: Vec<&[u8]> = known.chain().collect();
        self.check_path(&chain, known.workload(), now, Purpose::Client, None)
    }

    pub(super) fn verify<C: AsRef<[u8]>>(
        &self,
        chain: &[C],
        now: UnixTime,
        purpose: Purpose,
    ) -> Result<PeerCertificate, TrustError> {
        let facts = read_chain(chain)?;
        self.check_path(chain, facts.workload.as_ref(), now, purpose, None)?;
        Ok(PeerCertificate::verified(facts))
    }

    /// The same for a server that is `pinned`, or called `name`.
    pub(super) fn verify_server<C: AsRef<[u8]>>(
        &self,
        chain: &[C],
        pinned: &Pinned,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<PeerCertificate, TrustError> {
        let facts = read_server_chain(chain)?;
        match pinned {
            Pinned::ByName => {
                self.check_path(chain, facts.workload.as_ref(), now, Purpose::Server, Some(name))?;
            }
            Pinned::Ids(ids) => {
                self.check_path(chain, facts.workload.as_ref(), now, Purpose::Server, None)?;
                let is_pinned = |id: &WorkloadId| matches!(id, WorkloadId::Spiffe(id) if ids.contains(id));
                if !facts.workload.as_ref().is_some_and(is_pinned) {
                    let seen =
                        facts.workload.map_or_else(|| "without a name".to_owned(), |id| id.to_string());
                    return Err(TrustErrorKind::NotPinned(seen).into());
                }
            }
        }
        Ok(PeerCertificate::verified(facts))
    }

    fn check_path<C: AsRef<[u8]>>(
        &self,
        chain: &[C],
        workload: Option<&WorkloadId>,
        now: UnixTime,
        purpose: Purpose,
        name: Option<&ServerName<'_>>,
    ) -> Result<(), TrustError> {
        let roots = match workload {
            Some(WorkloadId::Spiffe(id)) => {
                let domain = id.trust_domain();
                let unknown = || TrustErrorKind::UnknownTrustDomain(domain.clone());
                self.domains.get(domain).ok_or_else(unknown)?
            }
            _ => self.others.as_ref().ok_or(TrustErrorKind::NoRoots)?,
        };
        let chain: Vec<CertificateDer<'_>> =
            chain.iter().map(|certificate| CertificateDer::from(certificate.as_ref())).collect();
        roots.verify(&chain, now, purpose, &self.revocation, name)
    }
}
