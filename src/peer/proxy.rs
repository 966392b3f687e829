use super::{CertificateHeader, PeerError, PeerErrorKind};
use crate::principal::{Network, PeerCertificate, Workload, WorkloadPattern};
use crate::trust::TrustBundles;
use std::fmt;
use std::net::SocketAddr;

/// Proxies that end TLS and hand on the certificate of their client, which is verified here again.
///
/// A proxy is believed when its own certificate says who it is. Everybody behind it must show a certificate: what it hands on
/// without one is refused, and never taken for the proxy's own request.
///
/// ```no_run
/// use portcullis::peer::{CertificateHeader, PeerRules, TlsProxies};
/// use portcullis::trust::TrustBundles;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let bundles = TrustBundles::builder().spiffe("prod.example", "prod-roots.pem").build()?;
/// let proxies = TlsProxies::new(CertificateHeader::rfc9440(), bundles)
///     .workload("spiffe://prod.example/ns/ingress/sa/nginx".parse()?);
/// let rules = PeerRules::new().trust_domain("prod.example".parse()?).forwarded(proxies);
/// # let _ = rules;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TlsProxies {
    header: CertificateHeader,
    bundles: TrustBundles,
    workloads: Vec<WorkloadPattern>,
    networks: Vec<Network>,
}

impl TlsProxies {
    /// Proxies that hand on certificates in this form, which `bundles` verify. Which proxies is still to be said.
    pub fn new(header: CertificateHeader, bundles: TrustBundles) -> Self {
        Self { header, bundles, workloads: Vec::new(), networks: Vec::new() }
    }

    /// Believes proxies whose own certificate this pattern means.
    pub fn workload(mut self, pattern: WorkloadPattern) -> Self {
        self.workloads.push(pattern);
        self
    }

    /// Believes whoever connects from this network, without a certificate of its own: whoever can send from there can be
    /// anybody whose certificate he has seen, since certificates are no secret. For a proxy on the same machine.
    pub fn danger_network(mut self, network: Network) -> Self {
        self.networks.push(network);
        self
    }

    pub(super) fn header(&self) -> &CertificateHeader {
        &self.header
    }

    pub(super) fn trust_bundles(&self) -> &TrustBundles {
        &self.bundles
    }

    pub(super) fn check(&self) -> Result<(), PeerError> {
        if self.workloads.is_empty() && self.networks.is_empty() {
            return Err(PeerErrorKind::NoProxy.into());
        }
        Ok(())
    }

    /// Whether a connection is one of these proxies', by its certificate or, where it has shown none, by its address.
    pub(super) fn believes(&self, own: Option<&PeerCertificate>, socket: Option<SocketAddr>) -> bool {
        let Some(own) = own else {
            return socket.is_some_and(|socket| self.networks.iter().any(|net| net.contains(socket.ip())));
        };
        let workload = Workload::of(own);
        workload.is_some_and(|workload| self.workloads.iter().any(|pattern| pattern.matches(&workload)))
    }
}

impl fmt::Display for TlsProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "or as {} of the proxies ", self.header)?;
        let names = self.workloads.iter().map(ToString::to_string);
        let networks = self.networks.iter().map(|network| format!("ANYBODY AT {network}"));
        f.write_str(&names.chain(networks).collect::<Vec<_>>().join(", "))
    }
}
