//! Bodies and answers of requests that are only observed: what cannot be read goes on as it came, and is noted.

use super::answer::{AnswerBody, seal, unreadable_type};
use super::body::RequestBody;
use super::buffers::Held;
use super::head::{self, Framing};
use super::opaque;
use super::service::Watched;
use crate::exchange::{Exchange, Ran, StepId};
use crate::refusal::Refusal;
use crate::route::Access;
use bytes::Bytes;
use http::{Response, request, response};
use http_body::Body;

/// Lets a body go inward, read when it can be.
pub(super) fn admit(
    bytes: Bytes,
    parts: &mut request::Parts,
    exchange: &Exchange,
    read: impl FnOnce(Bytes, &mut request::Parts, &Exchange) -> Result<RequestBody, Refusal>,
) -> Result<RequestBody, Refusal> {
    let was_noted = |ran| matches!(ran, Ran::WouldRefuse | Ran::NotEvaluated);
    if was_noted(exchange.record(|record| record.ran(StepId::Read))) {
        // Its head was not as the route has it: the body stays as the head describes it.
        return Ok(unread(bytes, exchange));
    }
    let refusal = match read(bytes.clone(), parts, exchange) {
        Ok(body) => return Ok(body),
        Err(refusal) => refusal,
    };
    exchange.pardon(StepId::Read, refusal)?;
    head::describe_body(&mut parts.headers, bytes.len());
    Ok(unread(bytes, exchange))
}

fn unread(bytes: Bytes, exchange: &Exchange) -> RequestBody {
    exchange.record(|record| record.unread.body = (!bytes.is_empty()).then_some(bytes.len() as u64));
    RequestBody::unread(bytes)
}

/// Whether an answer is handed on unread: because it cannot be read, which is noted, or because there is nothing to learn
/// from it.
pub(super) fn goes_unread<B: Body>(head: &response::Parts, body: Option<&B>, exchange: &Exchange) -> bool {
    if head.status.is_informational() {
        return false;
    }
    let is_empty = body.is_none_or(Body::is_end_stream);
    let is_open = || exchange.route().is_some_and(|route| *route.access() == Access::Open);
    let readable = head::check_unencoded(&head.headers).and_then(|()| match head::framing(&head.headers) {
        Framing::Readable(_) => Ok(()),
        _ if is_empty => Ok(()),
        Framing::Unsaid if is_open() => Ok(()),
        Framing::Unreadable if opaque::bound(head, exchange).is_some() => Ok(()),
        _ => Err(unreadable_type(exchange, head)),
    });
    match readable {
        Ok(()) => exchange.payload().is_none() && !is_empty,
        Err(refusal) => exchange.pardon(StepId::Read, refusal).is_ok(),
    }
}

/// Hands an answer on as it came; the observers are told its end.
pub(super) fn hand_on<B: Body<Data = Bytes>>(
    head: response::Parts,
    body: Option<B>,
    exchange: &Exchange,
    held: Option<Held>,
) -> Result<Watched<B>, Refusal> {
    let pipeline = seal(exchange, &head)?;
    let response = Response::from_parts(head, AnswerBody::unread(body, pipeline, held));
    Ok(Watched { response, whole: false })
}
