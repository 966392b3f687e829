use super::{Bundles, Identity, TrustBundles, TrustError, TrustErrorKind};
use crate::principal::TrustDomain;
use rustls::pki_types::CertificateDer;
use spiffe::x509_source::X509SourceState;
use spiffe::{X509Context, X509Source, X509Svid};
use std::fmt;
use std::time::Duration;

/// This service's identity and the roots of its trust domains, and of those that it is federated with, as a SPIFFE agent
/// (SPIRE's for example) gives them over the Workload API (feature `spiffe`).
///
/// ```no_run
/// use portcullis::serve::TlsAcceptor;
/// use portcullis::trust::SpiffeAgent;
/// use std::time::Duration;
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let agent = SpiffeAgent::connect("unix:/run/spire/agent.sock", Duration::from_secs(30)).await?;
/// let tls = TlsAcceptor::builder(agent.identity()).require_client_certificates(agent.bundles()).build()?;
/// # let _ = tls;
/// # Ok(())
/// # }
/// ```
///
/// 1. A new certificate, or new roots, count from the next handshake on; connections that are open go on.
/// 2. What the agent sends and cannot be used is reported with `tracing::warn`, and what was there before stays.
/// 3. While the agent is away, the last it has said stays; it is asked again, less and less often. Nobody is refused before
///    the certificate ends.
/// 4. When the agent says that this service has no identity (any more), nothing is shown and nobody is believed until it has.
///
/// Revocation lists do not come over this API: SPIFFE relies on short lifetimes, which
/// [`PeerRules::max_lifetime`](crate::peer::PeerRules::max_lifetime) enforces.
#[derive(Clone)]
pub struct SpiffeAgent {
    identity: Identity,
    bundles: TrustBundles,
}

impl SpiffeAgent {
    /// Waits until the agent at `endpoint` (`unix:/path/to/its.sock`, or `tcp:127.0.0.1:8081`) has given this service an identity.
    /// It is followed, in a task of its own, for as long as what it gave is in use.
    ///
    /// # Errors
    /// When the endpoint is not one, the agent gives no identity within that time, or one that cannot be used.
    pub async fn connect(endpoint: &str, within: Duration) -> Result<Self, TrustError> {
        let source = tokio::time::timeout(within, X509Source::builder().endpoint(endpoint).build()).await;
        let source = match source {
            Ok(Ok(source)) => source,
            Ok(Err(error)) => return Err(refused(endpoint, &error.to_string())),
            Err(_) => return Err(refused(endpoint, "it has given no identity in time")),
        };
        let state = source.state();
        let (context, svid) = (state.context(), state.svid());
        let context = context.map_err(|error| refused(endpoint, &error.to_string()))?;
        let svid = svid.map_err(|error| refused(endpoint, &error.to_string()))?;
        let agent = Self { identity: Identity::none(), bundles: TrustBundles::given(roots(&context)?) };
        agent.show(&svid)?;
        tokio::spawn(agent.clone().follow(source));
        Ok(agent)
    }

    /// What this service shows of itself.
    pub fn identity(&self) -> Identity {
        self.identity.clone()
    }

    /// Whom it believes.
    pub fn bundles(&self) -> TrustBundles {
        self.bundles.clone()
    }

    async fn follow(self, source: X509Source) {
        let mut updates = source.updated();
        while updates.changed().await.is_ok() {
            if self.identity.is_alone() && self.bundles.is_alone() {
                return;
            }
            match self.take(&source.state()) {
                Ok(()) => tracing::info!("the SPIFFE agent has sent a new identity or new roots"),
                Err(error) => {
                    tracing::warn!(%error, "what the SPIFFE agent sent was not taken over; the old stays");
                }
            }
        }
        tracing::error!("the SPIFFE agent is not followed any more: certificates will end");
    }

    fn take(&self, state: &X509SourceState) -> Result<(), TrustError> {
        let Ok(context) = state.context() else {
            tracing::error!("the SPIFFE agent gives this service no identity any more");
            self.identity.withdraw();
            self.bundles.replace(Bundles::of_domains([])?);
            return Ok(());
        };
        // Both or none: a chain is shown to peers that were told of its root.
        let bundles = roots(&context)?;
        match state.svid() {
            Ok(svid) => self.show(&svid)?,
            Err(error) => {
                tracing::error!(%error, "the SPIFFE agent gives this service no identity that holds");
                self.identity.withdraw();
            }
        }
        self.bundles.replace(bundles);
        Ok(())
    }

    fn show(&self, svid: &X509Svid) -> Result<(), TrustError> {
        let chain = svid.cert_chain().iter().map(|certificate| certificate.as_bytes().to_vec());
        self.identity.replace(chain, svid.private_key().as_bytes().to_vec())
    }
}

impl fmt::Debug for SpiffeAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpiffeAgent").field("bundles", &self.bundles).finish_non_exhaustive()
    }
}

fn roots(context: &X509Context) -> Result<Bundles, TrustError> {
    let domains = context.bundle_set().iter().map(|(domain, bundle)| {
        let domain = TrustDomain::parse(domain.as_str()).map_err(|error| {
            TrustErrorKind::Build(format!("the agent sent roots of what is no trust domain: {error}"))
        })?;
        let certificates = bundle.authorities().iter();
        let der =
            |certificate: &spiffe::cert::Certificate| CertificateDer::from(certificate.as_bytes().to_vec());
        Ok((domain, certificates.map(der).collect()))
    });
    Bundles::of_domains(domains.collect::<Result<Vec<_>, TrustError>>()?)
}

fn refused(endpoint: &str, problem: &str) -> TrustError {
    let what = format!("the SPIFFE agent at {endpoint}");
    TrustErrorKind::Load { what, problem: problem.to_owned() }.into()
}
