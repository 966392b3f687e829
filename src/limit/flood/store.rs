//! The bounded memory of the flood check.
//!
//! Cells lie in sets of [`WAYS`]; an address has its place in one set, chosen by a keyed hash, so that nobody can aim at
//! a set. A newcomer takes an empty cell, else one whose arrival time has passed: it is as good as empty, and forgetting
//! it loses nothing.
//!
//! When every cell of the set is in use, there are two wrong answers. Refusing would let whoever has many addresses lock
//! out everybody; forgetting a cell in use would let him wash his own clean. So newcomers then share one cell with all
//! newcomers of their wider network (IPv4 /16, IPv6 /32): who is known is not hurt, an attacker competes with himself,
//! and newcomers from elsewhere hardly notice. The pressure ends as soon as cells refill.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use governor::nanos::Nanos;
use governor::state::StateStore;

use super::elapsed_nanos;
use crate::clock::SharedClock;
use crate::principal::AddressPrefix;

const WAYS: usize = 16;
const OVERFLOW: usize = 1_024;

/// When one address is expected next; zero when nobody is in the cell.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    hash: u64,
    arrival: u64,
}

#[derive(Debug)]
pub(super) struct Cells {
    sets: Box<[Mutex<[Cell; WAYS]>]>,
    overflow: Box<[Mutex<Cell>]>,
    hasher: RandomState,
    clock: SharedClock,
}

/// One memory under several limiters, so that a new quota keeps it.
#[derive(Clone, Debug)]
pub(super) struct SharedCells(pub(super) Arc<Cells>);

impl Cells {
    /// Room for `addresses`: twice as many cells, since chance fills some sets before others.
    pub(super) fn new(addresses: usize, clock: SharedClock) -> Self {
        let sets = addresses.div_ceil(WAYS / 2).clamp(1, 1 << 24).next_power_of_two();
        Self {
            sets: (0..sets).map(|_| Mutex::default()).collect(),
            overflow: (0..OVERFLOW).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            clock,
        }
    }

    fn hash(&self, key: &AddressPrefix) -> u64 {
        // the base is enough: one memory holds prefixes of one length
        self.hasher.hash_one(key.base())
    }

    fn overflow(&self, key: &AddressPrefix) -> MutexGuard<'_, Cell> {
        let hash = match key.base() {
            IpAddr::V4(ip) => self.hasher.hash_one(ip.to_bits() >> 16),
            IpAddr::V6(ip) => self.hasher.hash_one(ip.to_bits() >> 96),
        };
        lock(&self.overflow[hash as usize % OVERFLOW])
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.sets.iter().map(|set| lock(set).iter().filter(|cell| cell.arrival > 0).count()).sum()
    }
}

impl StateStore for SharedCells {
    type Key = AddressPrefix;

    fn measure_and_replace<T, F, E>(&self, key: &AddressPrefix, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let hash = self.0.hash(key);
        let mut set = lock(&self.0.sets[(hash >> 32) as usize & (self.0.sets.len() - 1)]);
        if let Some(cell) = set.iter_mut().find(|cell| cell.hash == hash && cell.arrival > 0) {
            return cell.update(measure);
        }
        let now = elapsed_nanos(&self.0.clock);
        if let Some(cell) = set.iter_mut().find(|cell| cell.arrival <= now) {
            let mut newcomer = Cell { hash, arrival: 0 };
            let out = newcomer.update(measure)?;
            *cell = newcomer;
            return Ok(out);
        }
        drop(set);
        self.0.overflow(key).update(measure)
    }
}

impl Cell {
    fn update<T, E>(&mut self, measure: impl Fn(Option<Nanos>) -> Result<(T, Nanos), E>) -> Result<T, E> {
        let (out, next) = measure((self.arrival > 0).then(|| Nanos::new(self.arrival)))?;
        self.arrival = next.as_u64();
        Ok(out)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // a cell is written in one step: there is no half-changed one to fear
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
