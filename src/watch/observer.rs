use super::step::refusal;
use super::subject::{Ended, Watched};
use crate::clock::{Reading, SharedClock, Sleep, UnixTime};
use crate::exchange::{AnswerObserver, Cut, End, Exchange, StepId};
use crate::payload::AnswerFacts;
use crate::principal::{Listener, Revocations};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long a silent answer waits at most before it looks at the calendar again, which may have been set ahead.
const LOOK: Duration = Duration::from_secs(30);

/// Ends an answer when what it was asked with has ended.
pub(super) struct WatchAnswer {
    watched: Watched,
    listener: Listener,
    clock: SharedClock,
    deadline: Option<Deadline>,
    timer: Option<Sleep>,
    /// Whether an end is only noted.
    is_observed: bool,
}

/// When the answer has to end, on both clocks: the calendar may be set, the other never steps back.
struct Deadline {
    at: UnixTime,
    elapsed: Duration,
    what: &'static str,
}

impl WatchAnswer {
    pub(super) fn new(
        watched: Watched,
        revocations: &Revocations,
        grace: Duration,
        exchange: &Exchange,
        reading: Reading,
    ) -> Self {
        let clock = exchange.clock().clone();
        let deadline = watched.ends().map(|(ends, what)| {
            let (at, Reading { now, elapsed }) = (ends.saturating_add(grace), reading);
            Deadline { at, elapsed: elapsed.saturating_add(at.saturating_since(now)), what }
        });
        let is_observed = exchange.is_observed();
        Self { watched, listener: revocations.listen(), clock, deadline, timer: None, is_observed }
    }

    fn ended(&mut self) -> Option<Ended> {
        if self.listener.has_news()
            && let Some(revoked) = self.watched.revoked(self.listener.revocations())
        {
            return Some(revoked);
        }
        let deadline = self.deadline.as_ref()?;
        let Reading { now, elapsed } = self.clock.read();
        let is_over = now >= deadline.at || elapsed >= deadline.elapsed;
        is_over.then_some(Ended::Expired(deadline.what))
    }

    /// Has the task woken when it is time to look again.
    fn set_timer(&mut self, cx: &mut Context<'_>) {
        let Some(deadline) = &self.deadline else { return };
        loop {
            let left = deadline.elapsed.saturating_sub(self.clock.elapsed());
            if left.is_zero() {
                return;
            }
            let timer = self.timer.get_or_insert_with(|| self.clock.sleep(left.min(LOOK)));
            if Pin::new(timer).poll(cx).is_pending() {
                return;
            }
            self.timer = None;
        }
    }
}

impl AnswerObserver for WatchAnswer {
    fn poll_cut(&mut self, _cx: &mut Context<'_>) -> Poll<Cut> {
        if self.is_observed {
            return Poll::Pending;
        }
        self.ended().map_or(Poll::Pending, |ended| Poll::Ready(Cut(refusal(&ended))))
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<Cut> {
        if self.is_observed {
            return Poll::Pending;
        }
        self.listener.wake(cx);
        self.set_timer(cx);
        // For what came between the look before and this.
        self.poll_cut(cx)
    }

    fn end(mut self: Box<Self>, end: End, _facts: &AnswerFacts, exchange: &Exchange) {
        if !self.is_observed || end == End::Refused {
            return;
        }
        if let Some(ended) = self.ended() {
            // An observed request is never refused, so that nothing comes back.
            let _ = exchange.pardon(StepId::Watch, refusal(&ended));
        }
    }
}
