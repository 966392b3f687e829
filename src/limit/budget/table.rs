//! One shard of the store: a bounded table of deficits that forgets those that are full again.

use hashbrown::HashTable;

use super::bucket::{Bucket, Deficit};

/// At how many places an arrival takes away what is full again: enough to keep the table near the number of holders in use,
/// few enough to stay on a few cache lines.
const GLANCE: usize = 8;
/// At how many more when the table may not grow. Sequential memory, so a few hundred nanoseconds at most.
const SEARCH: usize = 128;

/// Of a key, 96 bits are kept, which no two of millions share by chance, nor by intent, since hashes have a secret.
#[derive(Debug)]
struct Slot {
    hash: u64,
    rest: u32,
    /// Reservations not yet settled. A slot with any is never forgotten, or their settling would find nothing.
    pins: u32,
    deficit: Deficit,
    /// The capacity of the limit, from which it follows when the deficit is gone.
    capacity: u64,
}

impl Slot {
    fn new(key: u128, now: u64) -> Self {
        Self { hash: key as u64, rest: rest(key), pins: 0, deficit: Deficit::none(now), capacity: 1 }
    }

    fn hash(&self) -> u64 {
        self.hash
    }

    fn is_of(&self, key: u128) -> bool {
        self.hash == key as u64 && self.rest == rest(key)
    }

    fn is_forgettable(&self, now: u64) -> bool {
        self.pins == 0 && self.deficit.is_none_at(self.capacity, now)
    }
}

/// A place in one table, good until more is inserted into that table than [room was made](Table::make_room) for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place(usize);

#[derive(Debug)]
pub(super) struct Table {
    slots: HashTable<Slot>,
    most: usize,
    hand: usize,
}

impl Table {
    pub(super) fn new(most: usize) -> Self {
        Self { slots: HashTable::new(), most: most.max(1), hand: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// What the table has allocated, in bytes.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        self.slots.allocation_size()
    }

    /// Makes room for so many slots, so that places that are found from now on stay good while they are inserted.
    pub(super) fn make_room(&mut self, slots: usize) {
        self.slots.reserve(slots, Slot::hash);
    }

    /// The slot of `key`, pinned, if it has one.
    pub(super) fn pin(&mut self, key: u128) -> Option<Place> {
        let place = self.find(key)?;
        let pins = &mut self.slot(place).pins;
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
        let slot = self.slot(place);
        slot.capacity = bucket.capacity();
        slot.deficit.advance(bucket, now);
        &mut slot.deficit
    }

    pub(super) fn find(&self, key: u128) -> Option<Place> {
        self.slots.find_bucket_index(key as u64, |slot| slot.is_of(key)).map(Place)
    }

    pub(super) fn unpin(&mut self, place: Place) {
        let slot = self.slot(place);
        slot.pins = slot.pins.saturating_sub(1);
    }

    pub(super) fn deficit(&mut self, place: Place) -> &mut Deficit {
        &mut self.slot(place).deficit
    }

    fn slot(&mut self, place: Place) -> &mut Slot {
        self.slots.get_bucket_mut(place.0).expect("a place is that of a slot")
    }

    fn insert(&mut self, key: u128, now: u64) -> Option<()> {
        self.forget(GLANCE, now);
        if self.slots.len() >= self.most {
            self.forget(SEARCH, now);
        }
        if self.slots.len() >= self.most {
            return None;
        }
        self.slots.insert_unique(key as u64, Slot::new(key, now), Slot::hash);
        Some(())
    }

    /// Takes away what says nothing any more in the next places.
    fn forget(&mut self, looked_at: usize, now: u64) {
        for _ in 0..looked_at.min(self.slots.num_buckets()) {
            let at = self.hand;
            self.hand = if at + 1 < self.slots.num_buckets() { at + 1 } else { 0 };
            if let Ok(entry) = self.slots.get_bucket_entry(at)
                && entry.get().is_forgettable(now)
            {
                entry.remove();
            }
        }
    }
}

/// The bits of a key that neither the search in a table nor the choice of a shard looks at.
fn rest(key: u128) -> u32 {
    (key >> 96) as u32
}
