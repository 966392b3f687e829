use super::{PeerCertificate, SpiffeId};
use std::fmt;
use std::sync::Arc;

/// The machine that calls: what its certificate, verified, names it. Cheap to clone.
#[derive(Clone)]
pub struct Workload(PeerCertificate);

impl Workload {
    /// The machine that a verified certificate names; `None` when it names none, as those of people do.
    pub fn of(certificate: &PeerCertificate) -> Option<Self> {
        certificate.workload()?;
        Some(Self(certificate.clone()))
    }

    /// Its name.
    pub fn id(&self) -> &WorkloadId {
        self.0.workload().expect("a workload is made only of a certificate that names one")
    }

    /// Its name, if it is a SPIFFE ID.
    pub fn spiffe_id(&self) -> Option<&SpiffeId> {
        match self.id() {
            WorkloadId::Spiffe(id) => Some(id),
            WorkloadId::Dns(_) | WorkloadId::Uri(_) => None,
        }
    }

    /// The certificate that says so.
    pub fn certificate(&self) -> &PeerCertificate {
        &self.0
    }
}

impl fmt::Debug for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Workload").field(self.id()).finish()
    }
}

/// What a machine is called: the SPIFFE ID of its certificate, else its first DNS name, else its first URI. Never the common
/// name of its subject, which no rule of issuance protects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum WorkloadId {
    /// A SPIFFE ID, the only URI of the certificate (X.509-SVID §2).
    Spiffe(SpiffeId),
    /// A DNS name, in lower case, without a wildcard.
    Dns(Arc<str>),
    /// Another URI.
    Uri(Arc<str>),
}

impl WorkloadId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Spiffe(id) => id.as_str(),
            Self::Dns(name) | Self::Uri(name) => name,
        }
    }

    /// The kind of name as one lower-case word, for records.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Spiffe(_) => "spiffe",
            Self::Dns(_) => "dns",
            Self::Uri(_) => "uri",
        }
    }
}

impl fmt::Display for WorkloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
