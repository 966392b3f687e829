//! The lane of requests without an identity: their records are counted together, so that whoever sends them can fill
//! neither the queue nor the disk, nor take the slots of callers who are known.

use super::entry::{Aggregate, AuditEntry};
use super::slots::{Slot, Slots};
use crate::clock::SharedClock;
use crate::exchange::StepId;
use crate::principal::AddressPrefix;
use crate::refusal::Refusal;
use http::StatusCode;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long requests that are alike are counted before their number is written.
pub(super) const WINDOW: Duration = Duration::from_secs(10);

/// How many sorts of requests are told apart at once. What comes on top is counted by reason alone.
pub(super) const MOST_SORTS: usize = 256;

/// How many requests of one sort have a record of their own before the others are counted.
const ALONE: u32 = 8;

/// How many records of their own strangers are given in one window, of all sorts together.
const ALONE_IN_ALL: u32 = 256;

/// How many records of this lane may wait to be written. Without room they go on counting.
const ROOM: usize = 1_024;

pub(super) struct Lane {
    slots: Arc<Slots>,
    state: Mutex<State>,
}

struct State {
    tallies: HashMap<Sort, Tally>,
    /// The clock of the first gate that wrote here: two clocks need not have the same origin.
    clock: Option<SharedClock>,
    next: Duration,
    /// How many have had a record of their own since the window of all sorts began, and when it ends.
    alone: u32,
    alone_until: Duration,
}

/// What requests have in common that are counted together.
#[derive(PartialEq, Eq, Hash)]
struct Sort {
    prefix: Option<AddressPrefix>,
    route: Option<Box<str>>,
    decision: &'static str,
    reason: Option<&'static str>,
    /// What would have been refused, where the gate only observes.
    would_refuse: Box<[(StepId, &'static str)]>,
    status: Option<StatusCode>,
    /// What kind of failure it was, of handshakes: they have one reason for all.
    failure: Option<Box<str>>,
}

/// What has been counted of one sort and is not written yet.
struct Tally {
    sum: Option<Box<AuditEntry>>,
    alone: u32,
    ends: Duration,
}

/// A record that can be written now.
pub(super) type Ready = (Slot, Box<AuditEntry>);

impl Lane {
    pub(super) fn new() -> Self {
        let state = State {
            tallies: HashMap::new(),
            clock: None,
            next: Duration::MAX,
            alone: 0,
            alone_until: Duration::ZERO,
        };
        Self { slots: Slots::new(ROOM), state: Mutex::new(state) }
    }

    pub(super) fn slots(&self) -> &Slots {
        &self.slots
    }

    /// Counts a request, and gives back what is to be written: its own record when it is among the first, and the numbers
    /// that are due.
    pub(super) fn fold(
        &self,
        entry: Box<AuditEntry>,
        prefix: Option<AddressPrefix>,
        clock: &SharedClock,
    ) -> Vec<Ready> {
        let mut guard = self.state();
        let state = &mut *guard;
        let now = state.clock.get_or_insert_with(|| clock.clone()).elapsed();
        let mut ready = if now >= state.next { self.due(state, now, false) } else { Vec::new() };
        let mut sort = Sort::of(&entry, prefix);
        let is_told_apart = state.tallies.contains_key(&sort) || state.tallies.len() < MOST_SORTS;
        if !is_told_apart {
            sort = sort.by_reason_alone();
        }
        let prefix = sort.prefix;
        let tally = state.tallies.entry(sort).or_insert_with(|| {
            let ends = now.saturating_add(WINDOW);
            state.next = state.next.min(ends);
            Tally { sum: None, alone: 0, ends }
        });
        if now >= state.alone_until {
            (state.alone, state.alone_until) = (0, now.saturating_add(WINDOW));
        }
        // The first have their own records at once, so that an alarm need not wait for the number.
        let is_alone = is_told_apart && tally.alone < ALONE && state.alone < ALONE_IN_ALL;
        if let Some(slot) = is_alone.then(|| self.slots.take()).flatten() {
            tally.alone += 1;
            state.alone += 1;
            ready.push((slot, entry));
        } else if let Some(sum) = &mut tally.sum {
            sum.count(entry.time);
        } else {
            let mut first = entry.counted_once(prefix);
            if !is_told_apart {
                (first.client, first.route) = (None, None);
            }
            tally.sum = Some(Box::new(first));
        }
        ready
    }

    /// The numbers that are due, or all of them.
    pub(super) fn sweep(&self, all: bool) -> Vec<Ready> {
        let mut state = self.state();
        let Some(now) = state.clock.as_ref().map(|clock| clock.elapsed()) else { return Vec::new() };
        self.due(&mut state, now, all)
    }

    /// Whether something waits for the end of its window.
    pub(super) fn is_counting(&self) -> bool {
        !self.state().tallies.is_empty()
    }

    fn due(&self, state: &mut State, now: Duration, all: bool) -> Vec<Ready> {
        let mut ready = Vec::new();
        state.tallies.retain(|_, tally| {
            if !all && tally.ends > now {
                return true;
            }
            let Some(sum) = tally.sum.take() else { return false };
            match self.slots.take() {
                Some(slot) => {
                    ready.push((slot, sum));
                    false
                }
                None => {
                    tally.sum = Some(sum);
                    tally.ends = now.saturating_add(WINDOW);
                    true
                }
            }
        });
        state.next = state.tallies.values().map(|tally| tally.ends).min().unwrap_or(Duration::MAX);
        ready
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sort {
    fn of(entry: &AuditEntry, prefix: Option<AddressPrefix>) -> Self {
        let (route, status) = (entry.pattern().map(Into::into), entry.record.status);
        let would_refuse =
            entry.record.would_refuse.iter().map(|(step, refusal)| (*step, refusal.kind().code()));
        let failure = entry.refusal.as_ref().filter(|_| entry.is_handshake()).and_then(Refusal::rule_name);
        Self {
            prefix,
            route,
            decision: entry.decision(),
            reason: entry.reason(),
            would_refuse: would_refuse.collect(),
            status,
            failure: failure.map(Into::into),
        }
    }

    /// Of these there are no more than there are reasons.
    fn by_reason_alone(self) -> Self {
        let would_refuse = self.would_refuse.iter().take(1).copied().collect();
        Self { prefix: None, route: None, status: None, would_refuse, ..self }
    }
}

impl AuditEntry {
    /// This record as the first of a number. Its id is the example.
    fn counted_once(&self, prefix: Option<AddressPrefix>) -> Self {
        let aggregate = Aggregate { count: 1, first: self.time, last: self.time, prefix };
        Self { aggregate: Some(aggregate), ..self.clone() }
    }

    fn count(&mut self, time: crate::clock::UnixTime) {
        if let Some(aggregate) = &mut self.aggregate {
            aggregate.count += 1;
            aggregate.first = aggregate.first.min(time);
            aggregate.last = aggregate.last.max(time);
        }
    }
}
