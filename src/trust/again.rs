use super::{Bundles, TrustBundles, TrustError};
use crate::clock::UnixTime;
use crate::principal::PeerCertificate;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How many certificates are remembered. Only those that hold are, so that a stranger can push none out.
const MOST: usize = 4_096;
/// How long, since an intermediate may end and a revocation list grow old.
const KEEP: Duration = Duration::from_secs(60);

/// Verifies certificates against bundles, and remembers those that hold, until the bundles change.
#[derive(Debug)]
pub(crate) struct Verified {
    bundles: TrustBundles,
    seen: RwLock<Seen>,
}

struct Seen {
    /// The bundles that all of them were held against.
    by: Arc<Bundles>,
    certificates: HashMap<[u8; 32], (PeerCertificate, UnixTime)>,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seen").field("certificates", &self.certificates.len()).finish_non_exhaustive()
    }
}

impl Verified {
    pub(crate) fn new(bundles: TrustBundles) -> Self {
        let by = bundles.current();
        Self { bundles, seen: RwLock::new(Seen { by, certificates: HashMap::new() }) }
    }

    /// Whether the bundles, which may have changed since the handshake, still vouch for the certificate of a connection.
    pub(crate) fn check(&self, certificate: &PeerCertificate, now: UnixTime) -> Result<(), TrustError> {
        self.find(*certificate.fingerprint(), now, || certificate.chain().collect()).map(drop)
    }

    /// The certificate of a chain, if it holds by the bundles in force: from memory when the same `key`, which must stand for the
    /// whole chain or its leaf, was verified lately, else worked out.
    pub(crate) fn find<C: AsRef<[u8]>>(
        &self,
        key: [u8; 32],
        now: UnixTime,
        chain: impl FnOnce() -> Vec<C>,
    ) -> Result<PeerCertificate, TrustError> {
        if self.bundles.is_due() {
            self.bundles.look();
        }
        let current = self.bundles.current();
        {
            let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
            if Arc::ptr_eq(&seen.by, &current)
                && let Some((certificate, since)) = seen.certificates.get(&key)
                && now.saturating_since(*since) < KEEP
                && now >= *since
            {
                return Ok(certificate.clone());
            }
        }
        let certificate = current.verify_client(&chain(), now)?;
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&seen.by, &current) {
            *seen = Seen { by: current, certificates: HashMap::new() };
        }
        if seen.certificates.len() >= MOST {
            seen.certificates.clear();
        }
        seen.certificates.insert(key, (certificate.clone(), now));
        Ok(certificate)
    }
}
