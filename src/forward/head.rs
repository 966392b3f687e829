//! The head of the request that goes to the upstream.

use super::service::Inner;
use crate::delegate::of_connection;
use crate::exchange::{CallFacts, CallNote, Exchange};
use crate::refusal::{Refusal, RefusalKind, escaped};
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, Request, Uri, Version, request};
use std::sync::Arc;

/// Makes of the head of a checked request the one that goes on.
pub(super) fn outbound(
    inner: &Inner,
    mut parts: request::Parts,
    exchange: &Exchange,
) -> Result<request::Parts, Refusal> {
    let uri = target(inner, &parts.uri)?;
    let of_connection = of_connection(&parts.headers);
    let mut headers = HeaderMap::new();
    for name in inner.headers.iter().filter(|name| !of_connection.contains(name)) {
        for value in parts.headers.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    let (mut made, ()) = Request::new(()).into_parts();
    made.method = std::mem::take(&mut parts.method);
    made.uri = uri;
    made.version = Version::HTTP_11;
    made.headers = headers;
    made.extensions.insert(exchange.clone());
    Ok(made)
}

/// What frames a message, or says to whom it goes, and is made anew for the next one.
pub(super) fn is_framing(name: &HeaderName) -> bool {
    [CONTENT_LENGTH, TRANSFER_ENCODING, HOST].contains(name)
        || of_connection(&HeaderMap::new()).contains(name)
}

/// The upstream's address with the request's path.
fn target(inner: &Inner, uri: &Uri) -> Result<Uri, Refusal> {
    let mut text = inner.base.clone() + uri.path();
    if let Some(query) = uri.query() {
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let name = pair.split('=').next().unwrap_or_default();
            if !inner.queries.iter().any(|allowed| **allowed == *name) {
                let shown = escaped(&name.chars().take(64).collect::<String>()).into_owned();
                let public = format!("the query parameter {shown:?} is not taken");
                return Err(Refusal::new(RefusalKind::MalformedRequest, public).rule("forward:query"));
            }
        }
        text.push('?');
        text.push_str(query);
    }
    text.parse().map_err(|_| Refusal::new(RefusalKind::MalformedRequest, "the path cannot be passed on"))
}

/// Begins the entry in the record.
pub(super) fn note(inner: &Inner, exchange: &Exchange) -> CallNote {
    let mut facts = CallFacts::passing_on(Arc::clone(&inner.hop));
    facts.model = exchange.record(|record| record.read.as_ref().and_then(|read| read.model.clone()));
    let payload = exchange.payload();
    let model = payload.as_ref().and_then(|payload| payload.facts.model.as_deref());
    facts.price = model.and_then(|model| inner.prices.get(model)).cloned();
    CallNote::begin(Some(exchange.clone()), facts)
}
