use std::sync::{Arc, Mutex, PoisonError};

use http::{request, response};

use super::budget::{Charge, Refused, Reservation, Reserving};
use super::flood::FloodCheck;
use super::headers;
use super::limits::Limits;
use super::observer::SettleUsage;
use super::rule::{Limit, Measure};
use crate::exchange::{Check, Exchange, Later, LimitLevel, Ran, RequestPayload, Step, StepId};
use crate::refusal::{Refusal, RefusalKind};
use crate::route::BodyKind;

pub(super) const REQUESTS: &str = "LimitRequestsLayer";
pub(super) const USAGE: &str = "LimitUsageLayer";

pub(super) struct Flood {
    pub(super) check: FloodCheck,
}

impl Step for Flood {
    fn id(&self) -> StepId {
        StepId::Flood
    }

    fn check(&self, _parts: &mut request::Parts, exchange: &Exchange) -> Check {
        let Some(client) = exchange.client() else {
            return Check::Refuse(Refusal::misconfigured(
                "the client's address is not known to LimitFloodLayer: put PeerAddress into each request's extensions, \
                 or serve with into_make_service_with_connect_info::<SocketAddr>(), and stack MatchRouteLayer outside",
            ));
        };
        match self.check.check(client) {
            Ok(()) => Check::Permit,
            Err(wait) => Check::Refuse(
                Refusal::new(RefusalKind::AddressRateLimited, "too many requests from this address")
                    .cause(format!("{} knocks too often", client.prefix()))
                    .rule("flood")
                    .retry_after(wait),
            ),
        }
    }

    fn answer(&self, _: &mut response::Parts, exchange: &Exchange) {
        if let Some(client) = exchange.client()
            && exchange.record(|record| record.failed_credential)
        {
            self.check.charge_failure(client);
        }
    }
}

/// The requests that this exchange has been counted for, in the request's extensions until the usage has been reserved
/// too. Dropped with them, they stay counted.
#[derive(Clone, Debug, Default)]
struct Counted(Arc<Mutex<Option<Reservation>>>);

impl Counted {
    fn put(&self, reservation: Reservation) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reservation);
    }

    fn take(&self) -> Option<Reservation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

pub(super) struct Requests {
    pub(super) limits: Limits,
}

impl Step for Requests {
    fn id(&self) -> StepId {
        StepId::Requests
    }

    fn check(&self, parts: &mut request::Parts, exchange: &Exchange) -> Check {
        let plan = match self.limits.plan_of(exchange, REQUESTS) {
            Ok(Some(plan)) => plan,
            Ok(None) => return Check::Skip,
            Err(refusal) => return Check::Refuse(refusal),
        };
        note_plan(&self.limits, plan, exchange);
        // nothing of the usage: that asks whether any is left
        let amount = |measure| Some(u64::from(measure == Measure::Requests));
        let charges = match self.limits.charges(plan, exchange, REQUESTS, amount) {
            Ok(charges) => charges,
            Err(refusal) => return Check::Refuse(refusal),
        };
        let counted = Counted::default();
        parts.extensions.insert(counted.clone());
        let decide = {
            let limits = self.limits.clone();
            move |result, exchange: &Exchange| {
                let reservation = decided(&limits, plan, result, exchange, |_| true)?;
                counted.put(reservation);
                Ok(())
            }
        };
        match self.limits.budgets().reserve(charges) {
            Reserving::Ready(result) => decide(result, exchange).into(),
            Reserving::Later(later) => {
                let exchange = exchange.clone();
                Check::Later(Later::new(async move { decide(later.await, &exchange) }))
            }
        }
    }

    fn answer(&self, parts: &mut response::Parts, exchange: &Exchange) {
        tell(&self.limits, parts, exchange);
    }
}

pub(super) struct Usage {
    pub(super) limits: Limits,
}

impl Usage {
    /// What the request may use: the estimate of its input, and its output cap for every candidate.
    fn estimate(&self, plan: usize, payload: &RequestPayload, route_cap: Option<u64>) -> (u64, u64) {
        let facts = &payload.facts;
        let input = self.limits.meter().estimate(facts.model.as_deref(), facts.prompt_bytes);
        let candidates = facts.candidates.max(1);
        let output = match facts.output_cap {
            Some(cap) => cap.saturating_mul(candidates),
            None => self.limits.default_output(plan, route_cap, candidates, input),
        };
        (input, output)
    }
}

impl Step for Usage {
    fn id(&self) -> StepId {
        StepId::Usage
    }

    fn check(&self, parts: &mut request::Parts, exchange: &Exchange) -> Check {
        let counted = parts.extensions.remove::<Counted>().and_then(|counted| counted.take());
        let plan = match self.limits.plan_of(exchange, USAGE) {
            Ok(Some(plan)) => plan,
            Ok(None) => return Check::Skip,
            Err(refusal) => return Check::Refuse(refusal),
        };
        let Some(payload) = exchange.payload() else {
            return match exchange.route().map(|route| route.body()) {
                Some(BodyKind::None | BodyKind::Opaque(_)) => Check::Skip,
                _ => Check::Refuse(Refusal::stacked_wrongly(USAGE, "ReadPayloadLayer")),
            };
        };
        if exchange.record(|record| record.ran(StepId::Requests)) != Ran::Passed {
            note_plan(&self.limits, plan, exchange);
        }
        let route_cap = exchange.route().and_then(|route| route.output_cap());
        let (input, output) = self.estimate(plan, &payload, route_cap);
        let reserved = input.saturating_add(output);
        let amount = |measure| (measure == Measure::Usage).then_some(reserved);
        let charges = match self.limits.charges(plan, exchange, USAGE, amount) {
            Ok(charges) => charges,
            Err(refusal) => return Check::Refuse(refusal),
        };
        let limits = self.limits.clone();
        let decide = move |result: Result<Reservation, Refused>, exchange: &Exchange| {
            let is_usage = |limit: &Limit| limit.measure() == Measure::Usage;
            match decided(&limits, plan, result, exchange, is_usage) {
                Ok(reservation) => {
                    drop(counted);
                    SettleUsage::new(limits, reservation, payload.facts, input).register(exchange, reserved)
                }
                Err(refusal) => {
                    // what a limit refuses counts against no limit; what anything else refuses stays counted
                    if let Some(counted) = counted {
                        note_levels(&limits, plan, &counted.refund(), exchange, |_| true);
                    }
                    Err(refusal)
                }
            }
        };
        match self.limits.budgets().reserve(charges) {
            Reserving::Ready(result) => decide(result, exchange).into(),
            Reserving::Later(later) => {
                let exchange = exchange.clone();
                Check::Later(Later::new(async move { decide(later.await, &exchange) }))
            }
        }
    }

    fn answer(&self, parts: &mut response::Parts, exchange: &Exchange) {
        if exchange.record(|record| record.ran(StepId::Requests)) != Ran::Passed {
            tell(&self.limits, parts, exchange);
        }
    }
}

/// The reservation, or the refusal by the limit that was in the way; either way the record tells how the limits stand.
fn decided(
    limits: &Limits,
    plan: usize,
    result: Result<Reservation, Refused>,
    exchange: &Exchange,
    charged: impl Fn(&Limit) -> bool,
) -> Result<Reservation, Refusal> {
    match result {
        Ok(reservation) => {
            note_levels(limits, plan, reservation.charges(), exchange, charged);
            Ok(reservation)
        }
        Err(refused) => {
            note_levels(limits, plan, &refused.charges, exchange, &charged);
            let (exceeded, refusal) = limits.prepared(plan).refusal(&refused, charged);
            exchange.record(|record| {
                if let Some(facts) = &mut record.limits {
                    facts.exceeded = exceeded;
                }
            });
            Err(refusal)
        }
    }
}

fn note_plan(limits: &Limits, plan: usize, exchange: &Exchange) {
    exchange.record(|record| {
        let facts = record.limits.get_or_insert_default();
        facts.plan = Some(limits.prepared(plan).name.clone());
    });
}

/// Writes into the record how the limits stand whose charges these are: those that `charged` keeps, in the plan's order.
fn note_levels(
    limits: &Limits,
    plan: usize,
    charges: &[Charge],
    exchange: &Exchange,
    charged: impl Fn(&Limit) -> bool,
) {
    let limits = limits.prepared(plan).limits.iter().filter(|l| charged(&l.limit));
    exchange.record(|record| {
        let levels = &mut record.limits.get_or_insert_default().levels;
        levels.reserve(charges.len());
        for (prepared, charge) in limits.zip(charges) {
            let level = charge.level();
            let level = LimitLevel {
                limit: prepared.name.clone(),
                left: level.left,
                until_full: level.until_full,
                until_next: level.until_next,
            };
            match levels.iter_mut().find(|known| known.limit == level.limit) {
                Some(known) => *known = level,
                None => levels.push(level),
            }
        }
    });
}

fn tell(limits: &Limits, parts: &mut response::Parts, exchange: &Exchange) {
    headers::remove_look_alikes(&mut parts.headers);
    exchange.record(|record| {
        let Some(facts) = &record.limits else { return };
        if let Some(plan) = facts.plan.as_deref().and_then(|plan| limits.prepared_by_name(plan)) {
            headers::write(&mut parts.headers, plan, &facts.levels);
        }
    });
}
