use crate::exchange::{AnswerObserver, Check, Cut, End, Exchange, Released, Stage, Step, StepId};
use crate::payload::{AnswerEvent, AnswerFacts};
use crate::refusal::Refusal;
use http::request;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Stands outermost, observes the answer, and remembers what it was told.
#[derive(Clone, Debug)]
pub(super) struct Witness {
    stage: Stage,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug, Default)]
struct Memory {
    told: Vec<Told>,
    opened: usize,
    cut: Option<Refusal>,
    waiting: Option<Waker>,
}

/// What an observer was told in the end.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) end: End,
    pub(super) refusal: Option<Refusal>,
    pub(super) request_id: String,
}

impl Witness {
    pub(super) fn at(stage: Stage) -> Self {
        Self { stage, memory: Arc::default() }
    }

    pub(super) fn told(&self) -> Vec<Told> {
        self.memory().told.clone()
    }

    /// How many exchanges were seen.
    pub(super) fn opened(&self) -> usize {
        self.memory().opened
    }

    /// Cuts the answer, as a timer would: from outside, while nothing is polled.
    pub(super) fn cut(&self, refusal: Refusal) {
        let waiting = {
            let mut memory = self.memory();
            memory.cut = Some(refusal);
            memory.waiting.take()
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Step for Witness {
    fn id(&self) -> StepId {
        StepId::Audit
    }

    fn check(&self, _: &mut request::Parts, exchange: &Exchange) -> Check {
        self.memory().opened += 1;
        exchange.observe(self.stage, Observer { witness: self.clone(), held: Vec::new() }).into()
    }
}

/// What the witness adds to every event that carries text, so that nobody's length may be believed.
pub(super) const MARK: &str = " (seen)";

struct Observer {
    witness: Witness,
    held: Vec<AnswerEvent>,
}

impl AnswerObserver for Observer {
    /// Holds the last event back until the next comes, and changes what is said in one piece.
    fn event(&mut self, event: AnswerEvent, _: &AnswerFacts, released: &mut Released) -> Result<(), Cut> {
        self.held.drain(..).for_each(|event| released.push(event));
        let edited = match event.text() {
            Some(text) if !event.framing().is_stream() => event.with_data(&format!("{text}{MARK}")),
            _ => event,
        };
        self.held.push(edited);
        Ok(())
    }

    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<Cut> {
        let mut memory = self.witness.memory();
        memory.waiting = Some(cx.waker().clone());
        memory.cut.clone().map_or(Poll::Pending, |refusal| Poll::Ready(Cut(refusal)))
    }

    fn flush(&mut self, _: &AnswerFacts, released: &mut Released) -> Result<(), Cut> {
        self.held.drain(..).for_each(|event| released.push(event));
        Ok(())
    }

    fn end(self: Box<Self>, end: End, _: &AnswerFacts, exchange: &Exchange) {
        let request_id = exchange.request_id().to_owned();
        self.witness.memory().told.push(Told { end, refusal: exchange.refusal(), request_id });
    }
}
