use super::{PeerCertificate, SpiffeId, Workload};
use arc_swap::ArcSwap;
use hashbrown::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// Certificates and machines that no longer hold, whatever their certificates say. Clones are the same list: what is put in
/// counts from the next request on, also on connections that are open. Reading takes no lock.
///
/// It is kept in memory and lost on restart: put in at the start what an issuer's CRL does not hold yet.
#[derive(Clone, Default)]
pub struct Revocations(Arc<ArcSwap<Set>>);

#[derive(Clone, Default)]
struct Set {
    fingerprints: HashSet<[u8; 32]>,
    /// Serial numbers by the issuer's name in DER.
    serials: HashMap<Box<[u8]>, HashSet<Box<[u8]>>>,
    workloads: HashSet<SpiffeId>,
}

/// By what a certificate was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevokedBy {
    /// Its fingerprint.
    Fingerprint,
    /// Its issuer and serial number.
    Serial,
    /// The SPIFFE ID that it names.
    SpiffeId,
}

impl fmt::Display for RevokedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fingerprint => "its fingerprint",
            Self::Serial => "its issuer and serial number",
            Self::SpiffeId => "its SPIFFE ID",
        })
    }
}

impl Revocations {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Revokes the certificate with this SHA-256.
    pub fn revoke_fingerprint(&self, fingerprint: [u8; 32]) {
        self.change(|set| {
            set.fingerprints.insert(fingerprint);
        });
    }

    /// Revokes the certificate with this serial number, leading zeros aside, of the issuer with this name in DER.
    pub fn revoke_serial(&self, issuer: &[u8], serial: &[u8]) {
        let zeros = serial.iter().take_while(|byte| **byte == 0).count();
        let serial = &serial[zeros.min(serial.len().saturating_sub(1))..];
        self.change(|set| {
            set.serials.entry_ref(issuer).or_default().insert(serial.into());
        });
    }

    /// Revokes whatever names this machine, until it is [restored](Self::restore_workload).
    pub fn revoke_workload(&self, id: &SpiffeId) {
        self.change(|set| {
            set.workloads.insert(id.clone());
        });
    }

    /// Lets this machine in again, with certificates that are not revoked themselves.
    pub fn restore_workload(&self, id: &SpiffeId) {
        self.change(|set| {
            set.workloads.remove(id);
        });
    }

    /// Whether a certificate is revoked, and by what.
    pub fn find(&self, certificate: &PeerCertificate) -> Option<RevokedBy> {
        let set = self.0.load();
        if set.fingerprints.contains(certificate.fingerprint()) {
            return Some(RevokedBy::Fingerprint);
        }
        if !set.serials.is_empty() {
            let serials = set.serials.get(certificate.issuer());
            if serials.is_some_and(|serials| serials.contains(certificate.serial())) {
                return Some(RevokedBy::Serial);
            }
        }
        if !set.workloads.is_empty() {
            let workload = Workload::of(certificate);
            let id = workload.as_ref().and_then(Workload::spiffe_id);
            if id.is_some_and(|id| set.workloads.contains(id)) {
                return Some(RevokedBy::SpiffeId);
            }
        }
        None
    }

    fn change(&self, change: impl Fn(&mut Set)) {
        self.0.rcu(|set| {
            let mut set = Set::clone(set);
            change(&mut set);
            set
        });
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.0.load();
        f.debug_struct("Revocations")
            .field("fingerprints", &set.fingerprints.len())
            .field("serials", &set.serials.values().map(HashSet::len).sum::<usize>())
            .field("workloads", &set.workloads.len())
            .finish()
    }
}
