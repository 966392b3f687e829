use super::RevokedBy;
use crate::principal::{PeerCertificate, SpiffeId, Workload};
use hashbrown::{HashMap, HashSet};

/// Certificates and machines that no longer hold.
#[derive(Clone, Default)]
pub(super) struct Certificates {
    pub(super) fingerprints: HashSet<[u8; 32]>,
    /// Serial numbers by the issuer's name in DER.
    pub(super) serials: HashMap<Box<[u8]>, HashSet<Box<[u8]>>>,
    pub(super) workloads: HashSet<SpiffeId>,
}

impl Certificates {
    pub(super) fn find(&self, certificate: &PeerCertificate) -> Option<RevokedBy> {
        if self.fingerprints.contains(certificate.fingerprint()) {
            return Some(RevokedBy::Fingerprint);
        }
        if !self.serials.is_empty() {
            let serials = self.serials.get(certificate.issuer());
            if serials.is_some_and(|serials| serials.contains(certificate.serial())) {
                return Some(RevokedBy::Serial);
            }
        }
        if !self.workloads.is_empty() {
            let workload = Workload::of(certificate);
            let id = workload.as_ref().and_then(Workload::spiffe_id);
            if id.is_some_and(|id| self.workloads.contains(id)) {
                return Some(RevokedBy::SpiffeId);
            }
        }
        None
    }

    /// Leading zeros do not count.
    pub(super) fn insert_serial(&mut self, issuer: &[u8], serial: &[u8]) {
        let zeros = serial.iter().take_while(|byte| **byte == 0).count();
        let serial = &serial[zeros.min(serial.len().saturating_sub(1))..];
        self.serials.entry_ref(issuer).or_default().insert(serial.into());
    }
}
