//! What comes back of an upstream's answer.

use crate::delegate::OutboundError;
use crate::exchange::CallNote;
use crate::fetch::{FetchErrorKind, failure};
use crate::refusal::{Refusal, RefusalKind};
use http::header::{CONTENT_LENGTH, RETRY_AFTER};
use http::{HeaderMap, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use std::time::Duration;

/// The longest time for which a client is told to stay away.
const LONGEST_WAIT: u64 = 24 * 60 * 60;

/// An answer that comes back, or the refusal in its place.
pub(super) fn judge(hop: &str, mut response: Response<Incoming>) -> Result<Response<Incoming>, Refusal> {
    let status = response.status();
    let says = format!("{hop} answered {}", status.as_u16());
    match status.as_u16() {
        200..=299 | 400 | 404 | 409 | 413 | 415 | 422 => {
            // Whoever frames the answer anew says how long it is.
            response.headers_mut().remove(CONTENT_LENGTH);
            // The words of the upstream's status line stand there, and would go out.
            response.extensions_mut().clear();
            Ok(response)
        }
        401 | 403 | 407 => Err(failed().cause(format!("{says}: it does not take this service's credential"))),
        408 | 504 => Err(late().cause(says)),
        429 | 503 | 529 => Err(overloaded(response.headers()).cause(says)),
        300..=399 => Err(failed().cause(format!("{says}: no redirect is followed"))),
        _ => Err(failed().cause(says)),
    }
}

/// The refusal when there was no answer. What never went out is charged to nobody, and noted as such.
pub(super) fn none(hop: &str, error: OutboundError<legacy::Error>, note: &CallNote) -> Refusal {
    match error {
        OutboundError::Refused(refusal) => refusal.uncharged(),
        OutboundError::Failed { error, .. } => {
            let error = failure(&error);
            let refusal = match error.kind {
                FetchErrorKind::Timeout(_) | FetchErrorKind::ConnectTimeout(_) => late(),
                _ => failed(),
            };
            let refusal = refusal.cause(format!("{hop} was not reached: {error}"));
            if !error.kind.is_unsent() {
                return refusal;
            }
            note.note(|call| call.may_have_run = false);
            refusal.uncharged()
        }
    }
}

/// The head did not come in time.
pub(super) fn too_late(hop: &str, limit: Duration) -> Refusal {
    late().cause(format!("{hop} sent no head of an answer within {} ms (head_within)", limit.as_millis()))
}

/// So many requests are under way that this one is not begun.
pub(super) fn no_room(hop: &str) -> Refusal {
    Refusal::new(RefusalKind::Unavailable, "the model is busy; try again")
        .retry_after(Duration::from_secs(1))
        .cause(format!("as many requests are under way at {hop} as may be (at_once)"))
        .rule("forward:at_once")
}

fn failed() -> Refusal {
    Refusal::new(RefusalKind::UpstreamFailed, "the model did not answer as it must").rule("forward:upstream")
}

fn late() -> Refusal {
    Refusal::new(RefusalKind::UpstreamTimeout, "the model did not answer in time").rule("forward:upstream")
}

fn overloaded(headers: &HeaderMap) -> Refusal {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let refusal = Refusal::new(RefusalKind::Unavailable, "the model is overloaded; try again later");
    let refusal = refusal.rule("forward:upstream");
    match seconds {
        Some(seconds) => refusal.retry_after(Duration::from_secs(seconds.min(LONGEST_WAIT))),
        None => refusal,
    }
}
