use super::Exchange;
use crate::payload::{AnswerEvent, AnswerFacts};
use crate::refusal::Refusal;
use std::collections::VecDeque;
use std::task::{Context, Poll};

/// The order in which observers see an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Counts and settles.
    Meter,
    /// Looks for what must not leave.
    Inspect,
    /// Looks for tools that the model may not call for this principal.
    Authorize,
    /// Drops or encrypts fields.
    Protect,
    /// Ends an answer whose credential no longer holds.
    Watch,
    /// Writes the record, last.
    Audit,
}

impl Stage {
    pub(super) const COUNT: usize = 6;
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The whole answer was handed over.
    Complete,
    /// A layer refused the request, or the answer before its head was sent.
    Refused,
    /// An observer ended the answer early.
    Cut,
    /// The handler failed: its future or its body gave an error.
    Failed,
    /// The client left, or the handler panicked.
    Aborted,
}

impl End {
    /// The end as one lower-case word, for records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Refused => "refused",
            Self::Cut => "cut",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
        }
    }
}

/// Ends an answer: the client is told by a typed event, and the handler's body is dropped.
#[derive(Clone, Debug)]
pub struct Cut(pub Refusal);

/// Where an observer puts the events that may go on.
#[derive(Debug, Default)]
pub struct Released(pub(super) VecDeque<AnswerEvent>);

impl Released {
    /// Lets `event` go on to the next stage.
    pub fn push(&mut self, event: AnswerEvent) {
        self.0.push_back(event);
    }
}

/// One stage that watches an answer.
///
/// It may hold an event back, pass it, change it or make several of it. It never blocks: what takes time is begun in
/// [`event`](Self::event) and waited for in [`poll_release`](Self::poll_release).
pub trait AnswerObserver: Send + 'static {
    /// Sees one event. `facts` is what the dialect has read of the answer, this event included.
    ///
    /// # Errors
    /// To end the answer.
    fn event(
        &mut self,
        event: AnswerEvent,
        _facts: &AnswerFacts,
        released: &mut Released,
    ) -> Result<(), Cut> {
        released.push(event);
        Ok(())
    }

    /// Asked before the next event is read: an observer that still works on what it holds is pending and holds up the
    /// answer; what it releases goes on first.
    fn poll_release(&mut self, _cx: &mut Context<'_>, _released: &mut Released) -> Poll<Result<(), Cut>> {
        Poll::Ready(Ok(()))
    }

    /// Asked on every poll, also while the handler is silent or the client is slow: ready to end the answer, and what was
    /// not handed over yet with it. Not asked once the head of an answer in one piece has been sent.
    fn poll_cut(&mut self, _cx: &mut Context<'_>) -> Poll<Cut> {
        Poll::Pending
    }

    /// Asked after [`poll_cut`](Self::poll_cut) when nothing can be handed over now: the place to set a timer, or to have oneself
    /// woken, which an answer that is there at once does not pay for. Ready to end the answer.
    fn poll_idle(&mut self, _cx: &mut Context<'_>) -> Poll<Cut> {
        Poll::Pending
    }

    /// The handler has said all: release what is held, or begin to; [`poll_release`](Self::poll_release) is asked until
    /// it is ready, and after that nothing more is released.
    ///
    /// # Errors
    /// To end the answer.
    fn flush(&mut self, _facts: &AnswerFacts, _released: &mut Released) -> Result<(), Cut> {
        Ok(())
    }

    /// The exchange is over. Consumes the observer, so that it is told exactly once; never waits.
    fn end(self: Box<Self>, end: End, facts: &AnswerFacts, exchange: &Exchange);
}
