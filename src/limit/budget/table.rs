//! One shard of the store: a bounded table of deficits that reuses the slots of those that are full again.

use hashbrown::HashTable;

use super::bucket::{Bucket, Deficit};

/// How many slots an arrival looks at for one to reuse before the table grows: enough to keep the table near the number
/// of holders in use, few enough to stay on two cache lines.
const GLANCE: usize = 2;
/// How many it looks at when the table may not grow. Sequential memory, so a few hundred nanoseconds at most.
const SEARCH: usize = 64;

#[derive(Debug)]
struct Slot {
    key: [u64; 2],
    deficit: Deficit,
    /// The capacity of the limit, from which it follows when the deficit is gone.
    capacity: u64,
    /// Reservations not yet settled. A slot with any is never given away, or their settling would find nothing.
    pins: u32,
}

impl Slot {
    fn is_reusable(&self, now: u64) -> bool {
        self.pins == 0 && self.deficit.is_none_at(self.capacity, now)
    }
}

/// A place in one table, good until something is inserted into that table, unless pinned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(u32);

#[derive(Debug)]
pub(super) struct Table {
    index: HashTable<u32>,
    slots: Vec<Slot>,
    most: usize,
    hand: usize,
}

impl Table {
    pub(super) fn new(most: usize) -> Self {
        Self {
            index: HashTable::new(),
            slots: Vec::new(),
            most: most.clamp(1, u32::MAX as usize - 1),
            hand: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// What the table has allocated, in bytes.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>() + self.index.allocation_size()
    }

    /// The slot of `key`, pinned, if it has one.
    pub(super) fn pin(&mut self, key: u128) -> Option<Place> {
        let place = self.find(key)?;
        let pins = &mut self.slots[place.0 as usize].pins;
        *pins = pins.checked_add(1)?;
        Some(place)
    }

    /// The same, new if need be. `None` when there is no room.
    pub(super) fn pin_or_insert(&mut self, key: u128, now: u64) -> Option<Place> {
        if self.find(key).is_none() {
            self.insert(key, now)?;
        }
        self.pin(key)
    }

    /// The deficit of a slot, after what flowed back until `now`.
    pub(super) fn advance(&mut self, place: Place, bucket: Bucket, now: u64) -> &mut Deficit {
        let slot = &mut self.slots[place.0 as usize];
        slot.capacity = bucket.capacity();
        slot.deficit.advance(bucket, now);
        &mut slot.deficit
    }

    pub(super) fn find(&self, key: u128) -> Option<Place> {
        let key = split(key);
        self.index.find(key[0], |&i| self.slots[i as usize].key == key).map(|&i| Place(i))
    }

    pub(super) fn unpin(&mut self, place: Place) {
        let slot = &mut self.slots[place.0 as usize];
        slot.pins = slot.pins.saturating_sub(1);
    }

    pub(super) fn deficit(&mut self, place: Place) -> &mut Deficit {
        &mut self.slots[place.0 as usize].deficit
    }

    fn insert(&mut self, key: u128, now: u64) -> Option<Place> {
        let slot = Slot { key: split(key), deficit: Deficit::none(now), capacity: 1, pins: 0 };
        let looked_at = if self.slots.len() < self.most { GLANCE } else { SEARCH };
        let i = match self.reusable(looked_at, now) {
            Some(i) => {
                self.forget(i);
                self.slots[i] = slot;
                i
            }
            None if self.slots.len() < self.most => {
                self.grow();
                self.slots.push(slot);
                self.slots.len() - 1
            }
            None => return None,
        };
        let i = u32::try_from(i).expect("a table holds less than u32::MAX slots");
        let slots = &self.slots;
        self.index.insert_unique(slots[i as usize].key[0], i, |&i| slots[i as usize].key[0]);
        Some(Place(i))
    }

    fn reusable(&mut self, looked_at: usize, now: u64) -> Option<usize> {
        for _ in 0..looked_at.min(self.slots.len()) {
            let i = self.hand;
            self.hand = if i + 1 < self.slots.len() { i + 1 } else { 0 };
            if self.slots[i].is_reusable(now) {
                return Some(i);
            }
        }
        None
    }

    fn forget(&mut self, i: usize) {
        let hash = self.slots[i].key[0];
        if let Ok(entry) = self.index.find_entry(hash, |&at| at as usize == i) {
            entry.remove();
        }
    }

    /// Grows by a half instead of doubling, so that slots not yet used stay few.
    fn grow(&mut self) {
        if self.slots.len() == self.slots.capacity() {
            let more = (self.slots.len() / 2).max(16).min(self.most - self.slots.len());
            self.slots.reserve_exact(more);
        }
    }
}

/// The key's halves; the low one is the hash.
fn split(key: u128) -> [u64; 2] {
    [key as u64, (key >> 64) as u64]
}
