//! What an authorization server answers to an exchange: a call is made only with what was asked for, whatever it answers.

use std::convert::Infallible;
use std::future::ready;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use portcullis::delegate::{ActOnBehalfLayer, CredentialExchange, OnBehalfOf, OutboundError};
use portcullis::fetch::{Fetch, Fetching};
use portcullis::jwt::ClientAuthentication;
use portcullis::principal::{AuthenticationMethod, Credential, PresentedCredential, Principal, Subject};
use serde_json::{Value, json};
use tower::{Layer, Service, service_fn};

use crate::{choose, seed};

const SUBJECT: &str = "of-the-caller";
const VECTORS: &str = "https://vectors.test";
const SCOPE: &str = "vectors:read";

/// A server that answers everybody alike.
#[derive(Debug)]
struct Answering(StatusCode, Bytes);

impl Fetch for Answering {
    fn fetch(&self, _: Request<Bytes>) -> Fetching {
        let mut response = Response::new(self.1.clone());
        *response.status_mut() = self.0;
        Fetching::new(ready(Ok(response)))
    }
}

pub fn check(data: &[u8]) {
    let Some((choice, input)) = choose(data, 4) else { return };
    let status = if choice < 2 { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let (client, server) =
        (ClientAuthentication::certificate("orchestrator"), Answering(status, Bytes::copy_from_slice(input)));
    let entra = choice % 2 == 1;
    let exchange = match entra {
        true => CredentialExchange::entra("https://login.test/token", client, server),
        false => CredentialExchange::rfc8693("https://login.test/token", client, server),
    };
    let layer = ActOnBehalfLayer::builder(exchange).audience(VECTORS).scope(SCOPE).destination(VECTORS);
    let shown: Arc<Mutex<Option<String>>> = Arc::default();
    let next = {
        let shown = Arc::clone(&shown);
        service_fn(move |request: Request<()>| {
            let value = request.headers()["authorization"].to_str().expect("visible ASCII").to_owned();
            *shown.lock().expect("nobody panics in here") = Some(value);
            ready(Ok::<_, Infallible>(Response::new(())))
        })
    };
    let presented = PresentedCredential::new(SUBJECT.into());
    let credential = Credential::new(AuthenticationMethod::Jwt);
    let alice =
        Principal::builder(Subject::new("https://login.test", "alice"), credential).presented(presented);
    let mut client = layer.build().expect("the layer is complete").layer(next);
    let mut request = Request::get(VECTORS).body(()).expect("a request");
    request.extensions_mut().insert(OnBehalfOf::from(alice.build()));
    let mut call = pin!(client.call(request));
    let Poll::Ready(outcome) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it waits for nobody")
    };
    let shown = shown.lock().expect("nobody panics in here").take();
    match outcome {
        Ok(_) => assert_granted(status, input, &shown.expect("a call was made"), entra),
        Err(OutboundError::Refused(refusal)) => {
            assert_eq!(shown, None, "a call was made and refused");
            let told = format!("{} {}", refusal.public(), refusal.private_cause().unwrap_or_default());
            assert!(!told.contains(SUBJECT), "the caller's credential is told: {told}");
        }
        Err(error) => panic!("{error}"),
    }
}

/// By a second reading of the answer.
fn assert_granted(status: StatusCode, input: &[u8], shown: &str, entra: bool) {
    assert_eq!(status, StatusCode::OK);
    let answer: Value = serde_json::from_slice(input).expect("what was used is JSON");
    let credential = shown.strip_prefix("Bearer ").expect("a bearer credential");
    assert_eq!(answer["access_token"], credential);
    assert!(!credential.is_empty() && credential != SUBJECT);
    assert!(answer["token_type"].as_str().expect("text").eq_ignore_ascii_case("bearer"));
    let fits = |scope: &str| scope.split(' ').all(|name| name.is_empty() || name == SCOPE || entra);
    assert!(answer.get("scope").is_none_or(|scope| fits(scope.as_str().expect("text"))));
    let lifetime = |seconds: &Value| (1..=86_400).contains(&seconds.as_u64().expect("a number"));
    assert!(answer.get("expires_in").is_none_or(lifetime));
    let parts: Vec<&str> = credential.split('.').collect();
    if let [header, claims, _] = parts[..]
        && header.starts_with("ey")
    {
        let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
        let claims: Value = serde_json::from_slice(&claims).expect("claims are JSON");
        let audiences = claims["aud"].as_array().cloned().unwrap_or_else(|| vec![claims["aud"].clone()]);
        assert!(!audiences.is_empty() && audiences.iter().all(|audience| *audience == VECTORS));
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let jwt =
        |claims: Value| format!("eyJhbGciOiJFZERTQSJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let answer = |credential: &str| {
        json!({
            "access_token": credential, "token_type": "Bearer", "expires_in": 300, "scope": SCOPE,
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        })
        .to_string()
    };
    let far = 4_000_000_000_u64;
    vec![
        seed(0, answer("opaque")),
        seed(0, answer(&jwt(json!({ "aud": VECTORS, "exp": far, "scope": SCOPE })))),
        seed(0, answer(&jwt(json!({ "aud": [VECTORS, "https://hr.test"], "exp": far })))),
        seed(0, answer(&jwt(json!({ "aud": [VECTORS], "exp": 1.5, "scp": [SCOPE] })))),
        seed(1, answer(&jwt(json!({ "aud": VECTORS, "scp": "vectors:read admin" })))),
        seed(1, r#"{"access_token":"a","token_type":"bearer"}"#),
        seed(2, r#"{"error":"invalid_grant","error_description":"of-the-caller is unknown"}"#),
        seed(3, r#"{"error":"interaction_required","claims":"{}"}"#),
        seed(2, "oops"),
        seed(0, r#"{"of-the-caller": oops}"#),
        seed(1, r#"{"access_token":"a","token_type":"Bearer of-the-caller"}"#),
    ]
}
