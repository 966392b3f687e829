use super::observer::WatchAnswer;
use super::subject::{Ended, Watched};
use crate::clock::UnixTime;
use crate::exchange::{Check, Exchange, Stage, Step, StepId};
use crate::principal::Revocations;
use crate::refusal::{Refusal, RefusalKind};
use crate::route::Access;
use http::{HeaderValue, request};
use std::time::Duration;

/// The step of [`WatchCredentialLayer`](super::WatchCredentialLayer).
#[derive(Debug)]
pub(super) struct WatchCredential {
    pub(super) revocations: Revocations,
    pub(super) grace: Duration,
}

impl Step for WatchCredential {
    fn id(&self) -> StepId {
        StepId::Watch
    }

    fn check(&self, _parts: &mut request::Parts, exchange: &Exchange) -> Check {
        if exchange.route().is_some_and(|route| *route.access() == Access::Open) {
            return Check::Skip;
        }
        let Some(watched) = Watched::of(exchange) else {
            return Check::Refuse(Refusal::stacked_wrongly("WatchCredentialLayer", "VerifyJwtLayer"));
        };
        let reading = exchange.clock().read();
        if let Some(ended) = self.has_ended(&watched, reading.now) {
            return Check::Refuse(refusal(&ended));
        }
        let observer = WatchAnswer::new(watched, &self.revocations, self.grace, exchange, reading);
        exchange.observe(Stage::Watch, observer).into()
    }
}

impl WatchCredential {
    fn has_ended(&self, watched: &Watched, now: UnixTime) -> Option<Ended> {
        if let Some(revoked) = watched.revoked(&self.revocations) {
            return Some(revoked);
        }
        let (ends, what) = watched.ends()?;
        (now >= ends).then_some(Ended::Expired(what))
    }
}

/// What a request is refused with, and a streamed answer cut.
pub(super) fn refusal(ended: &Ended) -> Refusal {
    // RFC 6750 §3.1: also for what was revoked.
    let challenge = HeaderValue::from_static(
        "Bearer error=\"invalid_token\", error_description=\"the credential has ended\"",
    );
    Refusal::new(RefusalKind::CredentialEnded, "the credential has ended: come again with a new one")
        .challenge(challenge)
        .rule(ended.rule())
        .cause(ended.to_string())
}
