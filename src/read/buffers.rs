//! How many bytes of requests are kept at once: for one caller, and in all.

use crate::exchange::Exchange;
use crate::principal::ClientAddress;
use crate::refusal::{Refusal, RefusalKind};
use hashbrown::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What all requests of one stack keep.
#[derive(Debug)]
pub(super) struct Buffers {
    max_all: usize,
    max_caller: usize,
    all: AtomicUsize,
    /// By a keyed hash of the caller: two of them could only share a place by chance.
    callers: Mutex<HashMap<u64, usize>>,
    hasher: RandomState,
}

impl Buffers {
    pub(super) fn new(max_all: usize, max_caller: usize) -> Self {
        let (all, callers, hasher) = Default::default();
        Self { max_all, max_caller, all, callers, hasher }
    }

    /// Nothing yet, on the account of who asks: the subject, else the address.
    pub(super) fn open(self: &Arc<Self>, exchange: &Exchange) -> Held {
        let caller = match (exchange.principal(), exchange.client()) {
            (Some(principal), _) => self.hasher.hash_one(principal.holder()),
            (None, client) => self.hasher.hash_one(client.map(ClientAddress::prefix)),
        };
        Held { buffers: self.clone(), caller, bytes: 0 }
    }

    fn take(&self, caller: u64, bytes: usize) -> Result<(), Refusal> {
        let full =
            |public| Err(Refusal::new(RefusalKind::Unavailable, public).retry_after(Duration::from_secs(1)));
        let fits = |all: usize| all.checked_add(bytes).filter(|all| *all <= self.max_all);
        if self.all.fetch_update(Ordering::AcqRel, Ordering::Relaxed, fits).is_err() {
            return full("the service holds as many bytes of requests as it can");
        }
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let held = callers.entry(caller).or_default();
        if held.saturating_add(bytes) > self.max_caller {
            if *held == 0 {
                callers.remove(&caller);
            }
            drop(callers);
            self.all.fetch_sub(bytes, Ordering::AcqRel);
            let public = "your requests in progress hold as many bytes as they may";
            return Err(Refusal::new(RefusalKind::RateLimited, public).retry_after(Duration::from_secs(1)));
        }
        *held += bytes;
        Ok(())
    }

    fn give_back(&self, caller: u64, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.all.fetch_sub(bytes, Ordering::AcqRel);
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = callers.get_mut(&caller) {
            *held -= bytes;
            if *held == 0 {
                callers.remove(&caller);
            }
        }
    }
}

/// The bytes that one request keeps; given back when it is dropped, which is when its handler has ended.
#[derive(Debug)]
pub(super) struct Held {
    buffers: Arc<Buffers>,
    caller: u64,
    bytes: usize,
}

impl Held {
    /// Makes it `bytes` in all.
    pub(super) fn resize(&mut self, bytes: usize) -> Result<(), Refusal> {
        match bytes.checked_sub(self.bytes) {
            Some(0) => {}
            Some(more) => self.buffers.take(self.caller, more)?,
            None => self.buffers.give_back(self.caller, self.bytes - bytes),
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Held {
    /// Counts what the parsed body takes in place of its bytes: `[0,0,…]` takes nine times as much.
    pub(super) fn hold_parsed(&mut self, exchange: &Exchange) -> Result<(), Refusal> {
        let Some(payload) = exchange.payload() else { return Ok(()) };
        let bytes = payload.document.memory_bytes() + payload.facts.memory_bytes();
        if bytes > self.buffers.max_caller.min(self.buffers.max_all) {
            let public =
                "the body holds so many small values that it takes more memory than one caller may use";
            return Err(Refusal::new(RefusalKind::PayloadTooLarge, public));
        }
        self.resize(bytes)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.buffers.give_back(self.caller, self.bytes);
    }
}
