//! The thread that writes records.

use super::lane::Lane;
use super::queue::{Message, Queue};
use super::sink::AuditSink;
use super::slots::{Slot, Slots};
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How long a sink that failed is left alone.
const PAUSE: Duration = Duration::from_millis(200);

/// How often the lane of requests without an identity is asked what is due, while it counts and nothing else happens.
const TICK: Duration = Duration::from_secs(1);

pub(super) fn start(
    mut sinks: Vec<Box<dyn AuditSink>>,
    queue: Arc<Queue>,
    slots: Arc<Slots>,
    lane: Arc<Lane>,
) -> io::Result<()> {
    thread::Builder::new()
        .name("portcullis-audit".to_owned())
        .spawn(move || {
            let dropped = slots.clone();
            let _ended = Ended(slots);
            run(&mut sinks, &queue, &lane, &dropped);
        })
        .map(drop)
}

/// Dropped when the thread ends, also by a sink that panics: nothing may go on unrecorded.
struct Ended(Arc<Slots>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.stop();
        if thread::panicking() {
            tracing::error!("a sink of the audit log panicked; no more records are taken");
        }
    }
}

/// Writes until nothing more will come.
fn run(sinks: &mut [Box<dyn AuditSink>], queue: &Queue, lane: &Lane, slots: &Slots) {
    // The slots of records that a sink has taken and not yet put where they belong.
    let mut unflushed: Vec<Slot> = Vec::new();
    while let Some(messages) = queue.take(lane.is_counting().then_some(TICK)) {
        let mut waiting = Vec::new();
        let mut spent = Vec::with_capacity(messages.len());
        for message in messages {
            match message {
                Message::Entry(slot, entry) => {
                    until_done(sinks, slots, |sink| sink.write(&entry));
                    unflushed.push(slot);
                    spent.push(entry);
                }
                Message::Flush(done) => waiting.push(done),
            }
        }
        for (slot, mut entry) in lane.sweep(false) {
            entry.trace();
            entry.dropped_so_far = slots.dropped();
            until_done(sinks, slots, |sink| sink.write(&entry));
            unflushed.push(slot);
        }
        until_done(sinks, slots, AuditSink::flush);
        unflushed.clear();
        for done in waiting {
            // Who asked may have stopped waiting.
            let _ = done.try_send(());
        }
        queue.leave(spent);
        queue.gather();
    }
}

/// Stops the taking of records before whoever waits for the thread learns that it has ended: what waits in the queue is
/// dropped while the panic unwinds.
struct StopOnPanic<'a>(&'a Slots);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}

/// Does `work` on every sink, again and again on one that fails. Meanwhile the queue fills, which is what stops the
/// service.
fn until_done(
    sinks: &mut [Box<dyn AuditSink>],
    slots: &Slots,
    mut work: impl FnMut(&mut dyn AuditSink) -> io::Result<()>,
) {
    let _stop = StopOnPanic(slots);
    for sink in sinks {
        let mut failing = false;
        while let Err(error) = work(&mut **sink) {
            if !std::mem::replace(&mut failing, true) {
                tracing::error!(%error, "the audit log cannot be written; trying again until it can");
            }
            thread::park_timeout(PAUSE);
        }
        if failing {
            tracing::info!("the audit log is written again");
        }
    }
}
