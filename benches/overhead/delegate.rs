//! What a call on behalf of a caller costs over the bare client, when the credential for it is remembered.

use crate::measure::{Report, nanos_of_both};
use crate::world::{bearer, drive};
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use portcullis::delegate::{ActOnBehalfLayer, CredentialExchange, OnBehalfOf};
use portcullis::fetch::{Fetch, Fetching};
use portcullis::jwt::ClientAuthentication;
use portcullis::principal::{
    AuthenticationMethod, Credential, PresentedCredential, Principal, Revocations, Subject,
};
use portcullis::testing::Issuer;
use std::convert::Infallible;
use std::future::ready;
use tower::{Layer, Service, ServiceExt, service_fn};

/// A server that issues the same credential to everybody, at once.
#[derive(Debug)]
struct Issuing(Bytes);

impl Fetch for Issuing {
    fn fetch(&self, _: Request<Bytes>) -> Fetching {
        Fetching::new(ready(Ok(Response::new(self.0.clone()))))
    }
}

pub(crate) fn outbound(report: &mut Report) {
    let issuer = Issuer::new("https://issuer.test");
    let answer = serde_json::json!({
        "access_token": "0".repeat(700), "token_type": "Bearer", "expires_in": 3_600,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    });
    let server = Issuing(answer.to_string().into());
    let client = ClientAuthentication::certificate("orchestrator");
    let exchange = CredentialExchange::rfc8693("https://login.test/token", client, server);
    let revocations = Revocations::new();
    for number in 0..1_000 {
        let subject = Subject::new("https://issuer.test", format!("user-{number}"));
        revocations.revoke_subject(&subject).expect("there is room");
    }
    let layer = ActOnBehalfLayer::builder(exchange)
        .audience("https://vectors.test")
        .scope("vectors:read")
        .destination("https://vectors.test")
        .revocations(revocations)
        .build()
        .expect("the layer is complete");
    // Its SHA-256 is worked out once: in a gate, when the credential is verified.
    let presented = PresentedCredential::new(bearer(&issuer, "alice").as_str().into());
    let credential = Credential::new(AuthenticationMethod::Jwt);
    let alice =
        Principal::builder(Subject::new("https://issuer.test", "alice"), credential).presented(presented);
    let alice = OnBehalfOf::from(alice.build());
    let (with, without) = nanos_of_both(calls(layer.layer(next()), &alice), calls(next(), &alice));
    report.at_most("delegate: a call on behalf, warm", (with - without) / 1_000.0, 1.0, "µs");
}

fn next()
-> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = impl Send> + Clone {
    service_fn(|_: Request<Body>| ready(Ok(Response::new(Body::empty()))))
}

fn calls<S>(mut service: S, caller: &OnBehalfOf) -> impl FnMut()
where
    S: Service<Request<Body>>,
    S::Error: std::fmt::Debug,
{
    let caller = caller.clone();
    move || {
        let mut request = Request::get("https://vectors.test/collections/hr")
            .header("accept", "application/json")
            .body(Body::empty())
            .expect("the request is well formed");
        request.extensions_mut().insert(caller.clone());
        drive(async { service.ready().await.expect("ready").call(request).await.expect("answers") });
    }
}
