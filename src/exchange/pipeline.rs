use super::{AnswerObserver, Cut, End, Exchange, Released, Stage};
use crate::payload::{AnswerEvent, AnswerFacts};
use crate::refusal::Refusal;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, ready};

/// The observers of one exchange, in the order of their stages.
#[derive(Default)]
pub(super) struct Observers([Option<Box<dyn AnswerObserver>>; Stage::COUNT]);

impl Observers {
    /// Takes `observer` in, or gives back the stage that is taken already.
    pub(super) fn register(
        &mut self,
        stage: Stage,
        observer: Box<dyn AnswerObserver>,
    ) -> Result<(), Refusal> {
        let place = &mut self.0[stage as usize];
        if place.is_some() {
            return Err(Refusal::misconfigured(format!(
                "two layers observe the answer at the stage {stage:?}"
            )));
        }
        *place = Some(observer);
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

/// The observers while an answer goes by. Dropped before its end was told, it tells them that the client left.
pub(crate) struct Pipeline {
    observers: Observers,
    exchange: Exchange,
    facts: AnswerFacts,
    between: VecDeque<AnswerEvent>,
    released: Released,
    /// How many stages have been flushed, and whether the next one has begun to.
    flushed: usize,
    flushing: bool,
    told: bool,
}

impl Pipeline {
    pub(super) fn new(observers: Observers, exchange: Exchange) -> Self {
        let (facts, between, released) = Default::default();
        Self { observers, exchange, facts, between, released, flushed: 0, flushing: false, told: false }
    }

    pub(crate) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// What has been read of the answer, for the dialect to add to.
    pub(crate) fn facts_mut(&mut self) -> &mut AnswerFacts {
        &mut self.facts
    }

    /// Shows `event` to every stage; what all let go is added to `out`.
    pub(crate) fn event(&mut self, event: AnswerEvent, out: &mut VecDeque<AnswerEvent>) -> Result<(), Cut> {
        self.released.0.push_back(event);
        self.carry_on(0, out)
    }

    /// Asks every stage whether it is done with what it holds.
    pub(crate) fn poll_release(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut VecDeque<AnswerEvent>,
    ) -> Poll<Result<(), Cut>> {
        for stage in 0..Stage::COUNT {
            let Some(observer) = &mut self.observers.0[stage] else { continue };
            let polled = observer.poll_release(cx, &mut self.released);
            if !self.released.0.is_empty()
                && let Err(cut) = self.carry_on(stage + 1, out)
            {
                return Poll::Ready(Err(cut));
            }
            ready!(polled)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Asks every stage whether the answer must end now.
    pub(crate) fn poll_cut(&mut self, cx: &mut Context<'_>) -> Option<Cut> {
        self.find_cut(|observer| observer.poll_cut(cx))
    }

    /// Tells every stage that nothing can be handed over now, and asks whether the answer must end therefore.
    pub(crate) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Option<Cut> {
        self.find_cut(|observer| observer.poll_idle(cx))
    }

    /// The handler has said all: lets every stage release what it holds, the first stage first. A stage that still works
    /// on what it holds is waited for before the next is asked.
    pub(crate) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut VecDeque<AnswerEvent>,
    ) -> Poll<Result<(), Cut>> {
        while self.flushed < Stage::COUNT {
            let stage = self.flushed;
            if let Some(observer) = &mut self.observers.0[stage] {
                if !std::mem::replace(&mut self.flushing, true) {
                    observer.flush(&self.facts, &mut self.released)?;
                    self.carry_on(stage + 1, out)?;
                }
                ready!(self.poll_release(cx, out))?;
                self.flushing = false;
            }
            self.flushed += 1;
        }
        Poll::Ready(Ok(()))
    }

    /// Tells every stage the end, the first time only. One that panics keeps the others from nothing.
    pub(crate) fn end(&mut self, end: End) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        self.exchange.note_end(end);
        for observer in &mut self.observers.0 {
            let Some(observer) = observer.take() else { continue };
            let tell = AssertUnwindSafe(|| observer.end(end, &self.facts, &self.exchange));
            if catch_unwind(tell).is_err() {
                tracing::error!(
                    request_id = self.exchange.request_id(),
                    "an observer of the answer panicked when it was told the end"
                );
            }
        }
    }

    fn find_cut(&mut self, mut ask: impl FnMut(&mut dyn AnswerObserver) -> Poll<Cut>) -> Option<Cut> {
        self.observers.0.iter_mut().flatten().find_map(|observer| match ask(&mut **observer) {
            Poll::Ready(cut) => Some(cut),
            Poll::Pending => None,
        })
    }

    fn carry_on(&mut self, from: usize, out: &mut VecDeque<AnswerEvent>) -> Result<(), Cut> {
        for observer in self.observers.0[from..].iter_mut().flatten() {
            std::mem::swap(&mut self.between, &mut self.released.0);
            for event in self.between.drain(..) {
                observer.event(event, &self.facts, &mut self.released)?;
            }
        }
        out.extend(self.released.0.drain(..));
        Ok(())
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.end(End::Aborted);
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("told", &self.told).finish_non_exhaustive()
    }
}
