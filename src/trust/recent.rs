use super::{TrustError, read_chain};
use crate::principal::PeerCertificate;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Twice as many are remembered at most.
const GENERATION: usize = 512;

/// What stands in the chains of clients who were let in lately, so that who comes again is not read again.
///
/// Whether a chain holds is not remembered: that is found out each time. Only chains that held are kept, so that strangers
/// cannot take this place.
#[derive(Default)]
pub(crate) struct Recent {
    hasher: RandomState,
    state: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<u64, PeerCertificate>,
    old: HashMap<u64, PeerCertificate>,
}

impl Recent {
    /// What was read of exactly this chain.
    pub(super) fn find<C: AsRef<[u8]>>(&self, chain: &[C]) -> Option<PeerCertificate> {
        let key = self.key(chain);
        let state = self.state();
        let found = state.young.get(&key).or_else(|| state.old.get(&key))?;
        found.chain().eq(chain.iter().map(AsRef::as_ref)).then(|| found.clone())
    }

    /// Remembers a chain that held just now.
    pub(super) fn keep<C: AsRef<[u8]>>(&self, chain: &[C], certificate: PeerCertificate) {
        let key = self.key(chain);
        let mut state = self.state();
        if state.young.len() >= GENERATION {
            state.old = std::mem::take(&mut state.young);
        }
        state.young.insert(key, certificate);
    }

    /// The certificate of a peer whose chain was verified in the handshake.
    pub(crate) fn verified_peer<C: AsRef<[u8]>>(&self, chain: &[C]) -> Result<PeerCertificate, TrustError> {
        match self.find(chain) {
            Some(certificate) => Ok(certificate),
            None => read_chain(chain).map(PeerCertificate::verified),
        }
    }

    /// The end of a certificate is its signature, which no other has.
    fn key<C: AsRef<[u8]>>(&self, chain: &[C]) -> u64 {
        let leaf = chain.first().map_or(&[][..], AsRef::as_ref);
        self.hasher.hash_one(&leaf[leaf.len().saturating_sub(32)..])
    }

    fn state(&self) -> MutexGuard<'_, Generations> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recent")
    }
}
