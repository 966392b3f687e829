use std::sync::Arc;

use super::budget::Reservation;
use super::limits::Limits;
use crate::exchange::{AnswerObserver, End, Exchange, Ran, Stage};
use crate::payload::{AnswerFacts, PayloadFacts};
use crate::refusal::Refusal;

/// Settles what a request reserved, when its answer is over.
pub(super) struct SettleUsage {
    limits: Limits,
    reservation: Reservation,
    request: Arc<PayloadFacts>,
    /// The estimate of the input, in units.
    input: u64,
}

impl SettleUsage {
    pub(super) fn new(
        limits: Limits,
        reservation: Reservation,
        request: Arc<PayloadFacts>,
        input: u64,
    ) -> Self {
        Self { limits, reservation, request, input }
    }

    /// Waits for the end of the answer.
    pub(super) fn register(self, exchange: &Exchange, reserved: u64) -> Result<(), Refusal> {
        exchange.record(|record| record.usage.get_or_insert_default().reserved = reserved);
        exchange.observe(Stage::Meter, self)
    }

    /// What was used, by the server's count where it is whole, else by what has gone by.
    fn used(&self, facts: &AnswerFacts) -> u64 {
        let reported_input = facts.usage.map(|usage| usage.input).or(facts.input).filter(|units| *units > 0);
        let input = reported_input.unwrap_or(self.input);
        let streamed = self.limits.meter().estimate(self.request.model.as_deref(), facts.output_bytes);
        let output = match facts.usage {
            // the count of an answer that broke off may be that of its beginning
            Some(usage) if is_whole(facts) && usage.output > 0 => usage.output,
            Some(usage) => usage.output.max(streamed),
            None => streamed,
        };
        input.saturating_add(output)
    }

    fn learn(&self, facts: &AnswerFacts) {
        let Some(usage) = facts.usage else { return };
        let model = self.request.model.as_deref();
        self.limits.meter().learn(model, self.request.prompt_bytes, usage.input);
        self.limits.meter().learn(model, facts.output_bytes, usage.output);
    }
}

impl AnswerObserver for SettleUsage {
    fn end(self: Box<Self>, end: End, facts: &AnswerFacts, exchange: &Exchange) {
        let settled = if end == End::Refused && is_free(exchange) {
            0
        } else if facts.unread {
            exchange.record(|record| record.usage.map_or(0, |usage| usage.reserved))
        } else {
            self.used(facts)
        };
        if is_whole(facts) {
            self.learn(facts);
        }
        exchange.record(|record| {
            let usage = record.usage.get_or_insert_default();
            usage.settled = Some(settled);
            usage.input = facts.usage.map(|usage| usage.input).or(facts.input);
            usage.output = facts.usage.map(|usage| usage.output);
        });
        self.reservation.settle(settled);
    }
}

/// Whether the server has said all that it will say, its count included.
fn is_whole(facts: &AnswerFacts) -> bool {
    facts.finished && !facts.failed
}

/// Whether nothing was used: a step refused the request, so that the handler never saw it, or the handler says so of the refusal that
/// goes out, and no call for it may have made a model work. An answer that was refused is one that the handler gave.
fn is_free(exchange: &Exchange) -> bool {
    let says_so = exchange.refusal().is_some_and(|refusal| refusal.is_uncharged());
    exchange.record(|record| {
        let has_run = || record.calls_beyond > 0 || record.calls.iter().any(|call| call.may_have_run);
        record.ran.contains(&Ran::Refused) || says_so && !has_run()
    })
}
