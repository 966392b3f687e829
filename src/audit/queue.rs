//! Hands records to the thread that writes them, without waking it for each one: a wake costs more than a record.

use super::entry::AuditEntry;
use super::slots::{Slot, Slots};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Records that have been written. Whoever brings a new one takes an old one away: memory goes back where it came from,
/// where allocators keep it at hand, and the two threads do not wait for each other.
pub(super) type Spent = Vec<Box<AuditEntry>>;

pub(super) enum Message {
    Entry(Slot, Box<AuditEntry>),
    Flush(SyncSender<()>),
}

/// How long records are gathered after some have been written.
const GATHER: Duration = Duration::from_millis(10);

/// How many records are gathered at most before the thread is woken all the same, and how many are kept that have been
/// written. Many: to wake a thread costs the server more than to write hundreds of records.
const MOST: usize = 4_096;

pub(super) struct Queue {
    /// The slots of the log. When half of them are taken nothing is gathered: what waits here holds slots that requests may want.
    slots: Arc<Slots>,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    messages: Vec<Message>,
    spent: Spent,
    writer: Writer,
    /// Whether somebody waits for what has been brought to be written.
    flushing: bool,
    closed: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Writer {
    #[default]
    Busy,
    /// Waits for the first record.
    Idle,
    /// Waits for more records, for a while.
    Gathering,
}

impl Queue {
    pub(super) fn new(slots: Arc<Slots>) -> Self {
        Self { slots, state: Mutex::default(), wake: Condvar::new() }
    }

    /// Whether nothing is gathered any longer.
    fn is_urgent(&self, state: &State) -> bool {
        state.flushing || state.closed || state.messages.len() >= MOST || self.slots.are_scarce()
    }

    /// Has what waits written now.
    pub(super) fn hurry(&self) {
        let mut state = self.state();
        if state.writer == Writer::Gathering {
            state.writer = Writer::Busy;
            drop(state);
            self.wake.notify_one();
        }
    }

    pub(super) fn push(&self, message: Message) {
        let mut guard = self.state();
        let state = &mut *guard;
        let spent = state.spent.pop();
        state.flushing |= matches!(message, Message::Flush(_));
        state.messages.push(message);
        let wakes = match state.writer {
            Writer::Busy => false,
            Writer::Idle => true,
            Writer::Gathering => self.is_urgent(state),
        };
        if wakes {
            state.writer = Writer::Busy;
        }
        drop(guard);
        if wakes {
            self.wake.notify_one();
        }
        drop(spent);
    }

    /// Leaves records that have been written to those who bring new ones; what is too many is dropped.
    pub(super) fn leave(&self, mut spent: Spent) {
        let kept = &mut self.state().spent;
        let room = MOST.saturating_sub(kept.len()).min(spent.len());
        kept.extend(spent.drain(..room));
    }

    /// No more messages will come.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.wake.notify_one();
    }

    /// Everything that waits, once there is something, or nothing after `patience`; `None` when nothing more will come.
    pub(super) fn take(&self, patience: Option<Duration>) -> Option<Vec<Message>> {
        let mut state = self.state();
        let mut waited = false;
        while state.messages.is_empty() && !state.closed && !waited {
            if !state.spent.is_empty() {
                // Nobody comes for them now.
                let spent = std::mem::take(&mut state.spent);
                drop(state);
                drop(spent);
                state = self.state();
                continue;
            }
            state.writer = Writer::Idle;
            state = match patience {
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let woken = self.wake.wait_timeout(state, patience);
                    let (state, timeout) = woken.unwrap_or_else(PoisonError::into_inner);
                    waited = timeout.timed_out();
                    state
                }
            };
        }
        state.writer = Writer::Busy;
        state.flushing = false;
        let messages = std::mem::take(&mut state.messages);
        (!messages.is_empty() || !state.closed).then_some(messages)
    }

    /// Lets messages gather, until it is time, there are many, or one is urgent.
    pub(super) fn gather(&self) {
        let mut state = self.state();
        if self.is_urgent(&state) {
            return;
        }
        state.writer = Writer::Gathering;
        let gathering = |state: &mut State| state.writer == Writer::Gathering && !self.is_urgent(state);
        let (mut state, _) =
            self.wake.wait_timeout_while(state, GATHER, gathering).unwrap_or_else(PoisonError::into_inner);
        state.writer = Writer::Busy;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_gathered_while_half_of_the_slots_are_taken_or_somebody_waits() {
        let slots = Slots::new(4);
        let queue = Queue::new(slots.clone());
        let urgent = || queue.is_urgent(&queue.state());
        let _one = slots.take();
        assert!(!urgent());
        let two = slots.take();
        assert!(urgent());
        drop(two);
        assert!(!urgent());
        queue.push(Message::Flush(std::sync::mpsc::sync_channel(1).0));
        assert!(urgent());
        assert_eq!(queue.take(None).map(|messages| messages.len()), Some(1));
        assert!(!urgent());
    }

    #[test]
    fn who_gathers_stops_when_it_is_told_to_hurry() {
        let queue = Queue::new(Slots::new(4));
        queue.state().writer = Writer::Gathering;
        queue.hurry();
        assert!(queue.state().writer == Writer::Busy);
        queue.state().writer = Writer::Idle;
        queue.hurry();
        assert!(queue.state().writer == Writer::Idle, "there is nothing to write");
    }

    #[test]
    fn written_records_are_bounded_and_go_with_those_who_bring_new_ones_or_when_nobody_does() {
        let spent = |number| (0..number).map(|_| Box::new(super::super::tests::entry())).collect();
        let slots = Slots::new(4);
        let queue = Queue::new(slots.clone());
        queue.leave(spent(MOST + 3));
        assert_eq!(queue.state().spent.len(), MOST);
        let slot = slots.take().unwrap();
        queue.push(Message::Entry(slot, Box::new(super::super::tests::entry())));
        assert_eq!(queue.state().spent.len(), MOST - 1);
        queue.take(None);
        queue.take(Some(Duration::ZERO));
        assert!(queue.state().spent.is_empty());
    }
}
