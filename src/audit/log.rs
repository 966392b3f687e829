use super::entry::AuditEntry;
use super::queue::{Message, Queue};
use super::sink::AuditSink;
use super::worker;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
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
    when_full: WhenFull,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// How many records may be open, and how many were dropped.
#[derive(Debug)]
pub(super) struct Slots {
    taken: AtomicUsize,
    capacity: usize,
    dropped: AtomicU64,
    stopped: AtomicBool,
}

impl Slots {
    /// The thread that writes has ended: from now on there is no room for any record.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }
}

/// The right to write one record. Given back when the record has been written.
#[derive(Debug)]
pub(super) struct Slot(Arc<Slots>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

impl AuditLog {
    /// A log that refuses when full and has room for 65,536 records that are open or wait to be written.
    pub fn builder() -> AuditLogBuilder {
        AuditLogBuilder { sinks: Vec::new(), capacity: 65_536, when_full: WhenFull::default() }
    }

    /// Waits until every record so far has been written, or `within` has passed. True when they have been. Blocks the
    /// thread: call it when the server has stopped.
    pub fn flush(&self, within: Duration) -> bool {
        let (done, wait) = mpsc::sync_channel(1);
        self.0.queue.push(Message::Flush(done));
        wait.recv_timeout(within).is_ok()
    }

    /// How many records were dropped because no slot was free.
    pub fn dropped(&self) -> u64 {
        self.0.slots.dropped.load(Ordering::Relaxed)
    }

    /// What happens when no slot is free.
    pub fn when_full(&self) -> WhenFull {
        self.0.when_full
    }

    /// Takes a slot; `None` when the record will be dropped and counted.
    pub(super) fn reserve(&self) -> Result<Option<Slot>, Full> {
        let slots = &self.0.slots;
        let stopped = slots.stopped.load(Ordering::Acquire);
        let free = |taken: usize| (taken < slots.capacity && !stopped).then_some(taken + 1);
        match (slots.taken.fetch_update(Ordering::AcqRel, Ordering::Relaxed, free), self.0.when_full) {
            (Ok(_), _) => Ok(Some(Slot(slots.clone()))),
            (Err(_), WhenFull::Refuse) => Err(Full),
            (Err(_), WhenFull::CountAndDrop) => {
                slots.dropped.fetch_add(1, Ordering::Relaxed);
                Ok(None)
            }
        }
    }

    pub(super) fn write(&self, slot: Slot, mut entry: AuditEntry) {
        entry.dropped_so_far = self.dropped();
        if self.0.slots.stopped.load(Ordering::Acquire) {
            tracing::error!(request_id = &*entry.request_id, "the audit thread has ended; a record was lost");
            return;
        }
        self.0.queue.push(Message::Entry(slot, Box::new(entry)));
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

#[derive(Debug)]
pub(super) struct Full;

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
        let queue = Arc::new(Queue::default());
        let slots = Arc::new(Slots {
            taken: AtomicUsize::new(0),
            capacity: self.capacity,
            dropped: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        });
        worker::start(self.sinks, queue.clone(), slots.clone()).map_err(AuditError::Thread)?;
        Ok(AuditLog(Arc::new(Inner { queue, slots, when_full: self.when_full })))
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
