use crate::exchange::{Context, Exchange, RequestPayload};
use crate::payload::{AnyJson, Dialect, Document};
use crate::principal::Principal;
use bytes::Bytes;
use http::Request;
use std::sync::Arc;

/// A request as a handler sees it behind a gate: asked by `principal`, with its body read. For tests of handlers on their
/// own, without an issuer.
///
/// A gate refuses such a request: it finds that somebody has been at it.
///
/// ```
/// use http::Request;
/// use portcullis::principal::{AuthenticationMethod, Credential, Principal, Subject};
/// use portcullis::testing::as_principal;
///
/// let alice = Subject::new("https://issuer.test", "alice");
/// let principal = Principal::builder(alice, Credential::new(AuthenticationMethod::Asserted)).build();
/// let request = as_principal(Request::post("/generate").body(r#"{"prompt":"hello"}"#).unwrap(), principal);
/// ```
///
/// # Panics
/// When the request has a body that is not strict JSON.
pub fn as_principal<B: AsRef<[u8]>>(request: Request<B>, principal: Principal) -> Request<B> {
    let (mut parts, body) = request.into_parts();
    let exchange = Exchange::join(&mut parts, &Context::default());
    exchange.set_principal(principal).expect("the exchange was just opened");
    if !body.as_ref().is_empty() {
        let document =
            Document::parse(Bytes::copy_from_slice(body.as_ref())).expect("the body is strict JSON");
        let (document, facts) = AnyJson.accept(document).expect("any JSON fits");
        exchange
            .set_payload(RequestPayload { document, facts: Arc::new(facts) })
            .expect("the exchange was just opened");
    }
    // Closed, so that a gate that sees this request finds the exchange over and refuses.
    drop(exchange);
    Request::from_parts(parts, body)
}
