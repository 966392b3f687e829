use super::circumstances::Circumstances;
use super::enforce::refusal;
use super::set::{Judged, settle, settled};
use super::{Policies, Resource, Verdict};
use crate::exchange::{AnswerObserver, Cut, End, Exchange, Released, StepId};
use crate::payload::tools::{self, Called};
use crate::payload::{AnswerEvent, AnswerFacts, AnswerFraming};
use crate::refusal::Refusal;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A verdict that is still being made.
type Pending = Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// Ends an answer that calls a tool which the principal may not use.
pub(super) struct WatchTools {
    /// Those that look at tools. Maybe all of them are only tried out.
    policies: Policies,
    circumstances: Arc<Circumstances>,
    /// The names so far, by candidate and call: some servers send them in pieces.
    names: HashMap<(u64, u64), String>,
    /// Events that wait for a verdict, and those behind them.
    held: VecDeque<AnswerEvent>,
    pending: Option<Pending>,
    /// Why the answer of a request that is only observed would have been cut.
    would_cut: Option<Refusal>,
}

impl WatchTools {
    pub(super) fn new(policies: Policies, circumstances: Arc<Circumstances>) -> Self {
        let (names, held) = Default::default();
        Self { policies, circumstances, names, held, pending: None, would_cut: None }
    }

    /// The tools that an event calls, with names that came in pieces put together. What cannot be read is refused by whoever
    /// reads the answer.
    fn called(&mut self, event: &AnswerEvent) -> Vec<String> {
        let Some(Ok(document)) = event.json() else { return Vec::new() };
        let is_whole = event.framing() != AnswerFraming::ServerSentEvents;
        let mut called = Vec::new();
        tools::called(document.root(), &mut |Called { slot, name, begins }| {
            let known = if is_whole { None } else { self.names.get_mut(&slot) };
            match known {
                Some(held) if begins => {
                    *held = name.to_owned();
                    called.push(name.to_owned());
                }
                Some(held) if !name.is_empty() => {
                    // Some servers say the name of a tool again. What is no tool that the request offers is a piece of a name.
                    if *held != name || !self.circumstances.offers(name) {
                        // A client may put the pieces together, or take the last one.
                        held.push_str(name);
                        called.extend([held.clone(), name.to_owned()]);
                    }
                }
                Some(_) => {}
                None => {
                    if !is_whole && slot.1 != Called::WHOLE {
                        self.names.insert(slot, name.to_owned());
                    }
                    called.push(name.to_owned());
                }
            }
        });
        called
    }

    /// What the policies in force say; those that are tried out are asked as well, and counted.
    fn judge(&self, called: Vec<String>) -> Result<Verdict, Pending> {
        let tools: Vec<Resource<'_>> = called.into_iter().map(Resource::tool).collect();
        let request = self.circumstances.request(&tools);
        let judged = match self.policies.is_in_force() {
            true => self.policies.judge(&request),
            false => Judged::Now(Verdict::permit()),
        };
        let policies = self.policies.clone();
        match (judged, settled(self.policies.try_out(&request))) {
            (Judged::Now(verdict), Ok(tried)) => {
                policies.compare(&verdict, &tried);
                Ok(verdict)
            }
            (judged, tried) => Err(Box::pin(async move {
                let verdict = judged.verdict().await;
                let tried = match tried {
                    Ok(tried) => tried,
                    Err(tried) => settle(tried).await,
                };
                policies.compare(&verdict, &tried);
                verdict
            })),
        }
    }

    /// Lets what is held go on, or ends the answer.
    fn decided(&mut self, verdict: &Verdict) -> Result<(), Cut> {
        if verdict.permits() {
            return Ok(());
        }
        let refusal = refusal(verdict);
        if self.circumstances.exchange().is_observed() {
            self.would_cut.get_or_insert(refusal);
            return Ok(());
        }
        Err(Cut(refusal))
    }

    fn release(&mut self, released: &mut Released) -> Result<(), Cut> {
        while self.pending.is_none() {
            let Some(event) = self.held.pop_front() else { break };
            let called = self.called(&event);
            if !called.is_empty() {
                match self.judge(called) {
                    Ok(verdict) => self.decided(&verdict)?,
                    Err(pending) => {
                        self.pending = Some(pending);
                        self.held.push_front(event);
                        break;
                    }
                }
            }
            released.push(event);
        }
        Ok(())
    }
}

impl AnswerObserver for WatchTools {
    fn event(
        &mut self,
        event: AnswerEvent,
        _facts: &AnswerFacts,
        released: &mut Released,
    ) -> Result<(), Cut> {
        self.held.push_back(event);
        self.release(released)
    }

    fn poll_release(&mut self, cx: &mut Context<'_>, released: &mut Released) -> Poll<Result<(), Cut>> {
        while let Some(pending) = &mut self.pending {
            let Poll::Ready(verdict) = pending.as_mut().poll(cx) else { return Poll::Pending };
            self.pending = None;
            if let Err(cut) = self.decided(&verdict) {
                return Poll::Ready(Err(cut));
            }
            if let Some(event) = self.held.pop_front() {
                released.push(event);
            }
            if let Err(cut) = self.release(released) {
                return Poll::Ready(Err(cut));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn end(self: Box<Self>, _end: End, _facts: &AnswerFacts, exchange: &Exchange) {
        if let Some(refusal) = self.would_cut {
            // An observed request is never refused, so that nothing comes back.
            let _ = exchange.pardon(StepId::Policy, refusal);
        }
    }
}
