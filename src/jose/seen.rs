#[cfg(test)]
mod tests;

use crate::clock::nanos;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

#[cfg(feature = "delegate")]
use aws_lc_rs::digest::Context;
use aws_lc_rs::digest::{SHA256, digest};
use hashbrown::HashTable;

/// A power of two: enough that threads seldom meet, few enough that a shard is worth filling.
const SHARDS: usize = 32;

/// The SHA-256 of a whole credential. A prefix of either would let one credential pass for another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(crate) fn of(credential: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, credential.as_bytes()).as_ref());
        Self(bytes)
    }

    /// The SHA-256 itself.
    pub(crate) fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// That of a credential whose SHA-256 is known.
    #[cfg(feature = "delegate")]
    pub(crate) fn of_sha256(bytes: &[u8; 32]) -> Self {
        Self(*bytes)
    }

    /// That of a credential together with what is asked about it.
    #[cfg(feature = "delegate")]
    pub(crate) fn of_question(credential: &str, question: &str) -> Self {
        let mut context = Context::new(&SHA256);
        // The length in front keeps one pair from reading as another, or as a credential alone, which holds no zeros.
        context.update(&(question.len() as u64).to_le_bytes());
        context.update(question.as_bytes());
        context.update(credential.as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        Self(bytes)
    }

    /// No issuer can choose the SHA-256s of what it verifies: as good as a keyed hash. What strangers can put in is kept in small
    /// tables, where one that they aim at costs little.
    fn hash(&self) -> u64 {
        u64::from_le_bytes(*self.0.first_chunk().expect("32 bytes hold 8"))
    }

    fn shard(&self) -> usize {
        usize::from(self.0[31]) % SHARDS
    }
}

/// Values of credentials that were verified, by fingerprint: bounded in entries and bytes, the least recently used
/// leave first (by second chance).
///
/// Only what was verified may be remembered, so a sender without a good credential can push nothing out.
pub(crate) struct SeenCredentials<V> {
    shards: Box<[RwLock<Shard<V>>]>,
    bounds: Bounds,
}

#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Per shard.
    entries: usize,
    /// Per shard.
    bytes: usize,
}

struct Shard<V> {
    index: HashTable<u32>,
    slots: Vec<Slot<V>>,
    bytes: usize,
    hand: usize,
}

struct Slot<V> {
    fingerprint: Fingerprint,
    value: Arc<V>,
    /// On the clock that never steps back, in nanoseconds.
    forget_at: u64,
    bytes: u32,
    used: AtomicBool,
}

impl<V> SeenCredentials<V> {
    /// Room for about `entries` values and `bytes` of them. No room for either remembers nothing.
    pub(crate) fn new(entries: usize, bytes: usize) -> Self {
        let shard = || RwLock::new(Shard { index: HashTable::new(), slots: Vec::new(), bytes: 0, hand: 0 });
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            bounds: Bounds { entries: entries.div_ceil(SHARDS), bytes: bytes.div_ceil(SHARDS) },
        }
    }

    /// The value remembered under this fingerprint, unless it is time to forget it.
    pub(crate) fn find(&self, fingerprint: &Fingerprint, now: Duration) -> Option<Arc<V>> {
        let shard = self.shards[fingerprint.shard()].read().unwrap_or_else(PoisonError::into_inner);
        let slot = &shard.slots[shard.position(fingerprint)?];
        if nanos(now) >= slot.forget_at {
            return None;
        }
        // Reading first keeps the cache line shared between the threads that use the same credential.
        if !slot.used.load(Ordering::Relaxed) {
            slot.used.store(true, Ordering::Relaxed);
        }
        Some(Arc::clone(&slot.value))
    }

    /// Remembers a value that takes about `bytes`, until `forget_at`.
    pub(crate) fn remember(
        &self,
        fingerprint: Fingerprint,
        value: Arc<V>,
        bytes: usize,
        now: Duration,
        forget_at: Duration,
    ) {
        if self.bounds.entries == 0 || bytes > self.bounds.bytes || forget_at <= now {
            return;
        }
        let mut shard = self.shards[fingerprint.shard()].write().unwrap_or_else(PoisonError::into_inner);
        if let Some(position) = shard.position(&fingerprint) {
            shard.remove(position);
        }
        while shard.slots.len() >= self.bounds.entries || shard.bytes + bytes > self.bounds.bytes {
            shard.evict(now);
        }
        let forget_at = nanos(forget_at);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        shard.insert(Slot { fingerprint, value, forget_at, bytes, used: AtomicBool::new(false) });
    }

    /// Forgets one value.
    pub(crate) fn forget(&self, fingerprint: &Fingerprint) {
        let mut shard = self.shards[fingerprint.shard()].write().unwrap_or_else(PoisonError::into_inner);
        if let Some(position) = shard.position(fingerprint) {
            shard.remove(position);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().expect("no test panics inside").slots.len()).sum()
    }
}

impl<V> Shard<V> {
    fn position(&self, fingerprint: &Fingerprint) -> Option<usize> {
        let same = |slot: &u32| self.slots[*slot as usize].fingerprint == *fingerprint;
        self.index.find(fingerprint.hash(), same).map(|slot| *slot as usize)
    }

    fn insert(&mut self, slot: Slot<V>) {
        let hash = slot.fingerprint.hash();
        self.bytes += slot.bytes as usize;
        // By a quarter, where a vector of its own accord doubles: half of what is set aside would lie empty.
        if self.slots.len() == self.slots.capacity() {
            self.slots.reserve_exact((self.slots.len() / 4).max(16));
        }
        self.slots.push(slot);
        let position =
            u32::try_from(self.slots.len() - 1).expect("a shard is bounded far below 2^32 entries");
        self.index.insert_unique(hash, position, |slot| self.slots[*slot as usize].fingerprint.hash());
    }

    fn remove(&mut self, position: usize) {
        let last = self.slots.len() - 1;
        self.unindex(position);
        if position != last {
            self.unindex(last);
        }
        let slot = self.slots.swap_remove(position);
        self.bytes -= slot.bytes as usize;
        if let Some(moved) = self.slots.get(position) {
            let hash = moved.fingerprint.hash();
            let slots = &self.slots;
            self.index.insert_unique(hash, position as u32, |slot| slots[*slot as usize].fingerprint.hash());
        }
    }

    fn unindex(&mut self, position: usize) {
        let hash = self.slots[position].fingerprint.hash();
        if let Ok(entry) = self.index.find_entry(hash, |slot| *slot as usize == position) {
            entry.remove();
        }
    }

    /// Second chance: who was used since the hand last came by stays once more.
    fn evict(&mut self, now: Duration) {
        for _ in 0..2 * self.slots.len() {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            let slot = &mut self.slots[self.hand];
            if nanos(now) < slot.forget_at && std::mem::take(slot.used.get_mut()) {
                self.hand += 1;
            } else {
                return self.remove(self.hand);
            }
        }
    }
}

impl<V> fmt::Debug for SeenCredentials<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeenCredentials").field("per_shard", &self.bounds).finish_non_exhaustive()
    }
}
