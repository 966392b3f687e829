//! Single controls.

use crate::measure::{Report, nanos, nanos_of_both};
use crate::world::{AUDIENCE, bearer, chat_body, drive, prose, request};
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response};
use bytes::Bytes;
use portcullis::authorize::AuthorizeLayer;
use portcullis::exchange::{Check, Context, Exchange, MatchRouteLayer, Step, StepId, StepLayer};
use portcullis::inspect::{Provenance, RuleSet};
use portcullis::jose::{Jws, KeySet};
use portcullis::jwt::VerifyJwtLayer;
use portcullis::payload::{Document, OpenAiChat};
use portcullis::principal::{Revocations, Subject};
use portcullis::route::{Route, RouteTable};
use portcullis::testing::Issuer;
use std::convert::Infallible;
use std::time::{Duration, SystemTime};
use tower::{Layer, Service, ServiceExt, service_fn};

struct Permit;

impl Step for Permit {
    fn id(&self) -> StepId {
        StepId::Authorize
    }

    fn check(&self, _parts: &mut http::request::Parts, _exchange: &Exchange) -> Check {
        Check::Permit
    }
}

/// A service that answers at once, with a head as answers have one.
fn innermost()
-> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = impl Send> + Clone {
    service_fn(|_request: Request<Body>| {
        let mut answer = Response::new(Body::empty());
        answer.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
        std::future::ready(Ok(answer))
    })
}

/// What a service costs, made ready and asked.
fn asks<S>(mut service: S, body: &Bytes, credential: Option<&str>) -> impl FnMut()
where
    S: Service<Request<Body>>,
    S::Error: std::fmt::Debug,
{
    move || {
        drive(async {
            service.ready().await.expect("ready").call(request(body, credential)).await.expect("answers")
        });
    }
}

/// What the first service costs above the second, in microseconds.
fn micros_over(one: impl FnMut(), other: impl FnMut()) -> f64 {
    let (one, other) = nanos_of_both(one, other);
    (one - other) / 1_000.0
}

pub(crate) fn machinery(report: &mut Report) {
    let body = Bytes::from_static(b"{}");
    let steps = (0..StepId::COUNT).map(|_| Box::new(Permit) as Box<dyn Step>).collect();
    let checked = StepLayer::of(steps, Context::default()).layer(innermost());
    let cost = micros_over(asks(checked, &body, None), asks(innermost(), &body, None));
    report.at_most("machinery: all steps permit at once", cost, 0.3, "µs");
}

pub(crate) fn jwt(report: &mut Report) {
    let issuer = Issuer::new("https://issuer.test");
    let credential = bearer(&issuer, "alice");
    let compact = credential.trim_start_matches("Bearer ").to_owned();
    let body = Bytes::from_static(b"{}");
    let context = Context::default();
    let without =
        || asks(StepLayer::new(Permit, context.clone()).layer(innermost()), &body, Some(&credential));
    let layer = |remember: bool| {
        let builder =
            VerifyJwtLayer::builder().issuer(issuer.trusted().audience(AUDIENCE)).context(context.clone());
        let builder = if remember { builder } else { builder.remember_at_most(0, 0) };
        builder.build().expect("the layer is complete").layer(innermost())
    };
    let warm = micros_over(asks(layer(true), &body, Some(&credential)), without());
    report.at_most("jwt: seen before", warm, 1.0, "µs");

    let builder = VerifyJwtLayer::builder().issuer(issuer.trusted().audience(AUDIENCE));
    let builder = builder.context(context.clone()).revocations(everybody_else(&issuer));
    let among = builder.build().expect("the layer is complete").layer(innermost());
    let among = micros_over(asks(among, &body, Some(&credential)), without());
    report.note("jwt: seen before, among 100,000 revocations of every kind", among, "µs");

    let keys = KeySet::from_jwks(issuer.jwks()).expect("a key set");
    let signed = Jws::parse(&compact).expect("a JWS");
    let (content, signature) = compact.rsplit_once('.').expect("three parts");
    let signature = decode(signature);
    let key = keys.select(signed.kid(), signed.algorithm()).expect("the key is there");
    let (raw, first) = nanos_of_both(
        || key.verify(signed.algorithm(), content.as_bytes(), &signature).expect("holds"),
        asks(layer(false), &body, Some(&credential)),
    );
    let without = nanos(without());
    report.note("jwt: raw signature check, EdDSA", raw / 1_000.0, "µs");
    report.at_most("jwt: first time, over the raw check", (first - without) / raw, 1.1, "×");
}

/// A full list, which has something of every kind and nothing of this caller.
fn everybody_else(issuer: &Issuer) -> Revocations {
    let list = Revocations::new();
    let until = SystemTime::now() + Duration::from_secs(60 * 60);
    for number in 0..20_000 {
        let name = format!("somebody-{number}");
        let who = Subject::new(issuer.name(), name.as_str());
        let put = list
            .revoke_credential(issuer.name(), &name, until)
            .and_then(|()| list.revoke_session(issuer.name(), &name, until))
            .and_then(|()| list.revoke_subject(&who))
            .and_then(|()| list.revoke_subject_before(&who, until, until))
            .and_then(|()| list.revoke_key_name(issuer.name(), &name));
        put.expect("there is room");
    }
    list.revoke_issuer_before("https://other.test", until, until).expect("there is room");
    list
}

fn decode(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

pub(crate) fn authorize(report: &mut Report) {
    let issuer = Issuer::new("https://issuer.test");
    let credential = bearer(&issuer, "alice");
    let body = Bytes::from_static(b"{}");
    let context = Context::default();
    let route = Route::post("/v1/chat/completions").dialect(OpenAiChat).scope("generate:invoke");
    let table = RouteTable::new([route]).expect("the table is sound");
    let routes = MatchRouteLayer::builder(table).context(context.clone()).build();
    let jwt = VerifyJwtLayer::builder().issuer(issuer.trusted().audience(AUDIENCE)).context(context.clone());
    let jwt = jwt.build().expect("the layer is complete");
    // As many layers on both sides: only what the innermost one decides differs.
    let with = AuthorizeLayer::builder().context(context.clone()).build().layer(innermost());
    let without = StepLayer::new(Permit, context).layer(innermost());
    let with = asks(routes.layer(jwt.layer(with)), &body, Some(&credential));
    let without = asks(routes.layer(jwt.layer(without)), &body, Some(&credential));
    report.at_most("authorize: scopes", micros_over(with, without), 0.5, "µs");
}

pub(crate) fn json(report: &mut Report) {
    let body = Bytes::from(chat_body());
    let (ours, theirs) = nanos_of_both(
        || Document::parse(body.clone()).expect("strict JSON"),
        || serde_json::from_slice::<serde_json::Value>(&body).expect("JSON"),
    );
    report.note("json: strict parse of a 4 KB chat body", ours / 1_000.0, "µs");
    report.at_most("json: against serde_json's Value", ours / theirs, 2.0, "×");
}

pub(crate) fn inspect(report: &mut Report) {
    let rules = RuleSet::builtin();
    for (name, bytes) in [("4 KB", 4_000), ("256 KB", 256_000)] {
        let text = prose(bytes);
        let time = nanos(|| rules.scan(&text, Provenance::Conversation, |_| ()).raw().len());
        let speed = text.len() as f64 / time * 1_000.0;
        report.at_least(&format!("inspect: benign text of {name}"), speed, 500.0, "MB/s");
    }
}
