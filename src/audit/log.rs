use super::entry::AuditEntry;
use super::lane::{Lane, Ready};
use super::queue::{Message, Queue};
use super::sink::AuditSink;
use super::slots::{Slot, Slots};
use super::worker;
use crate::clock::SharedClock;
use crate::principal::AddressPrefix;
use std::fmt;
use std::io;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use thiserror::Error;

/// What happens to a request when no slot for its record is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// It is refused with 503: nothing happens unrecorded.
    #[default]
    Refuse,
    /// It goes on, its record is dropped, and the next record that is written says how many were.
    CountAndDrop,
}

/// Where records go: a bounded queue, and a thread that writes them. Cheap to clone.
#[derive(Clone)]
pub struct AuditLog(Arc<Inner>);

struct Inner {
    queue: Arc<Queue>,
    slots: Arc<Slots>,
    lane: Arc<Lane>,
    when_full: WhenFull,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.write_ready(self.lane.sweep(true));
        self.queue.close();
    }
}

impl AuditLog {
    /// A log that refuses when full and has room for 65,536 records that are open or wait to be written.
    pub fn builder() -> AuditLogBuilder {
        AuditLogBuilder { sinks: Vec::new(), capacity: 65_536, when_full: WhenFull::default() }
    }

    /// Waits until every record so far has been written, or `within` has passed. True when they have been. Blocks the
    /// thread: call it when the server has stopped.
    ///
    /// What has been counted of requests without an identity is written, too, though its time has not come.
    pub fn flush(&self, within: Duration) -> bool {
        self.0.write_ready(self.0.lane.sweep(true));
        let (done, wait) = mpsc::sync_channel(1);
        self.0.queue.push(Message::Flush(done));
        wait.recv_timeout(within).is_ok()
    }

    /// How many records were dropped because no slot was free.
    pub fn dropped(&self) -> u64 {
        self.0.slots.dropped()
    }

    /// What happens when no slot is free.
    pub fn when_full(&self) -> WhenFull {
        self.0.when_full
    }

    /// How many records were begun and are not written yet: of requests that are still being answered, and of those that
    /// wait for the thread.
    pub fn open(&self) -> usize {
        self.0.slots.taken() + self.0.lane.slots().taken()
    }

    /// Waits until every record that was begun has been written. Requests that begin meanwhile are waited for, too.
    pub async fn written(&self) {
        loop {
            self.0.slots.none_taken().await;
            self.0.write_ready(self.0.lane.sweep(true));
            self.0.lane.slots().none_taken().await;
            if self.open() == 0 {
                return;
            }
        }
    }

    pub(super) fn reserve(&self) -> Place {
        let slots = &self.0.slots;
        let taken = slots.take();
        if slots.are_scarce() {
            self.0.queue.hurry();
        }
        match (taken, self.0.when_full) {
            (Some(slot), _) => Place::Slot(slot),
            (None, WhenFull::Refuse) => Place::None,
            (None, WhenFull::CountAndDrop) => {
                slots.drop_one();
                Place::Dropped
            }
        }
    }

    /// Writes the record of a request that has an identity.
    pub(super) fn write(&self, place: Place, entry: AuditEntry) {
        entry.trace();
        let Place::Slot(slot) = place else { return };
        if self.0.slots.is_stopped() {
            tracing::error!(request_id = &*entry.request_id, "the audit thread has ended; a record was lost");
            return;
        }
        self.0.push(slot, Box::new(entry));
    }

    /// Counts a request without one, and gives its place back.
    pub(super) fn fold(
        &self,
        place: Place,
        entry: AuditEntry,
        prefix: Option<AddressPrefix>,
        clock: &SharedClock,
    ) {
        if matches!(place, Place::Dropped) {
            self.0.slots.undo_drop();
        }
        drop(place);
        self.0.write_ready(self.0.lane.fold(Box::new(entry), prefix, clock));
    }
}

impl Inner {
    fn push(&self, slot: Slot, mut entry: Box<AuditEntry>) {
        entry.dropped_so_far = self.slots.dropped();
        self.queue.push(Message::Entry(slot, entry));
    }

    fn write_ready(&self, ready: Vec<Ready>) {
        for (slot, entry) in ready {
            entry.trace();
            self.push(slot, entry);
        }
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog")
            .field("slots", &self.0.slots)
            .field("when_full", &self.0.when_full)
            .finish()
    }
}

/// Where a record goes.
#[derive(Debug)]
pub(super) enum Place {
    /// It has a slot.
    Slot(Slot),
    /// None was free: the request goes on, and its record is dropped.
    Dropped,
    /// None was free: the request is refused.
    None,
}

/// Builds an [`AuditLog`].
pub struct AuditLogBuilder {
    sinks: Vec<Box<dyn AuditSink>>,
    capacity: usize,
    when_full: WhenFull,
}

impl AuditLogBuilder {
    /// Writes records to `sink`. Called more than once, to each of them.
    pub fn sink(mut self, sink: impl AuditSink) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// How many records may be open or wait to be written: at least as many as requests are served at once.
    pub fn capacity(mut self, records: usize) -> Self {
        self.capacity = records;
        self
    }

    /// What happens to a request when no slot for its record is free.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Starts the thread that writes.
    ///
    /// # Errors
    /// When there is no sink, no capacity, or no thread to be had.
    pub fn start(self) -> Result<AuditLog, AuditError> {
        if self.sinks.is_empty() {
            return Err(AuditError::NoSink);
        }
        if self.capacity == 0 {
            return Err(AuditError::NoCapacity);
        }
        let (slots, lane) = (Slots::new(self.capacity), Arc::new(Lane::new()));
        let queue = Arc::new(Queue::new(slots.clone()));
        worker::start(self.sinks, queue.clone(), slots.clone(), lane.clone()).map_err(AuditError::Thread)?;
        Ok(AuditLog(Arc::new(Inner { queue, slots, lane, when_full: self.when_full })))
    }
}

impl fmt::Debug for AuditLogBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLogBuilder")
            .field("sinks", &self.sinks.len())
            .field("capacity", &self.capacity)
            .field("when_full", &self.when_full)
            .finish()
    }
}

/// An audit log that cannot be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuditError {
    /// Nobody said where records go.
    #[error("an audit log needs somewhere to write: call .sink(JsonLines::append(\"audit.jsonl\")?)")]
    NoSink,
    /// A capacity of zero would refuse every request.
    #[error("an audit log needs room for at least one record: raise .capacity(…)")]
    NoCapacity,
    /// The system gave no thread.
    #[error("the audit thread could not be started: {0}")]
    Thread(#[source] io::Error),
}
