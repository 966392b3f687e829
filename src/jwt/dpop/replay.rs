use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use hashbrown::HashMap;

use super::DpopErrorKind;
use crate::jose::Thumbprint;

/// A power of two: enough that threads seldom meet.
const SHARDS: usize = 16;

/// The proofs that came lately, by key and `jti`.
///
/// Each key has a part of its own, so that whoever sends many proofs fills only that. What does not fit is refused: a proof
/// that is forgotten too early could come again.
pub(super) struct Replays {
    shards: Box<[Mutex<Shard>]>,
    of_one_key: usize,
    /// Per shard.
    of_all: usize,
}

#[derive(Default)]
struct Shard {
    keys: HashMap<Thumbprint, Proofs>,
    proofs: usize,
}

#[derive(Default)]
struct Proofs {
    /// Until when each is remembered, on the clock that never steps back, by a part of the hash of its `jti`.
    until: HashMap<[u8; 16], Duration>,
    /// When the first of them may be forgotten.
    next: Duration,
}

impl Replays {
    pub(super) fn new(of_one_key: usize, of_all: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, of_one_key, of_all: of_all.div_ceil(SHARDS).max(of_one_key) }
    }

    /// Notes a proof that holds otherwise, until `until`.
    pub(super) fn note(
        &self,
        key: &Thumbprint,
        jti: &str,
        now: Duration,
        until: Duration,
    ) -> Result<(), DpopErrorKind> {
        let hash = digest(&SHA256, jti.as_bytes());
        let jti = *hash.as_ref().first_chunk::<16>().expect("a SHA-256 has 32 bytes");
        let shard = usize::from(key.as_bytes()[0]) % SHARDS;
        let mut shard = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let Shard { keys, proofs } = &mut *shard;
        if *proofs >= self.of_all {
            keys.retain(|_, of_key| {
                *proofs -= of_key.forget(now);
                !of_key.until.is_empty()
            });
            if *proofs >= self.of_all {
                return Err(DpopErrorKind::Full("of anybody"));
            }
        }
        let of_key = keys.entry(*key).or_default();
        if of_key.until.get(&jti).is_some_and(|until| now < *until) {
            return Err(DpopErrorKind::Replayed);
        }
        if of_key.until.len() >= self.of_one_key {
            *proofs -= of_key.forget(now);
            if of_key.until.len() >= self.of_one_key {
                return Err(DpopErrorKind::Full("of this key"));
            }
        }
        of_key.next = if of_key.until.is_empty() { until } else { of_key.next.min(until) };
        if of_key.until.insert(jti, until).is_none() {
            *proofs += 1;
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().expect("no test panics inside").proofs).sum()
    }
}

impl Proofs {
    /// Forgets those whose time is over, and says how many.
    fn forget(&mut self, now: Duration) -> usize {
        if now < self.next {
            return 0;
        }
        let before = self.until.len();
        self.until.retain(|_, until| now < *until);
        self.next = self.until.values().copied().min().unwrap_or_default();
        before - self.until.len()
    }
}

impl fmt::Debug for Replays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replays").field("of_one_key", &self.of_one_key).finish_non_exhaustive()
    }
}
