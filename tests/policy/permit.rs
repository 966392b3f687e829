//! The proof that a request was authorized, and what it answers of models.

use super::world::{World, chat};
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use portcullis::Gate;
use portcullis::authorize::rules::{action, business_hours, finding, model_in, role, weekdays};
use portcullis::authorize::{Authorized, HandPermitLayer, RulePolicy};
use portcullis::inspect::Inspection;
use portcullis::payload::{Category, OpenAiChat, Severity};
use portcullis::principal::{PeerAddress, TlsConnection};
use portcullis::refusal::Refusal;
use portcullis::route::Route;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;
use tower::{Layer, ServiceExt, service_fn};

const CHAT: &str = "/v1/chat/completions";
const MODELS: [&str; 4] = ["small", "large", "night", "nobody's"];

fn chat_route() -> Route {
    Route::post(CHAT).dialect(OpenAiChat).scope("generate:invoke")
}

fn gate(world: &World) -> Gate {
    let policy = RulePolicy::builder("models")
        .permit("listing", action("read"))
        .permit("everybody", action("generate").and(model_in(["small"])))
        .permit("staff", role("staff").and(model_in(["large"])))
        .permit(
            "by day",
            business_hours("Europe/Berlin", weekdays(), "08:00".."18:00").and(model_in(["night"])),
        );
    world
        .gate()
        .route(chat_route())
        .route(Route::get("/v1/models").scope("models:read"))
        .policy(policy.build().unwrap())
        .build()
        .unwrap()
}

async fn send(gate: &Gate, request: Request<Body>) -> (StatusCode, Value) {
    async fn models(who: Authorized) -> Json<Value> {
        Json(json!(who.models(&chat_route(), MODELS).await))
    }
    async fn generate(_: Authorized) -> Json<Value> {
        Json(json!({ "choices": [], "usage": { "prompt_tokens": 1, "completion_tokens": 1 } }))
    }
    let app = Router::new().route("/v1/models", get(models)).route(CHAT, post(generate));
    let response = gate.protect(app).oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn request(method: &str, path: &str, credential: &str, body: Option<&Value>) -> Request<Body> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {credential}"))
        .extension(PeerAddress("192.0.2.7:4711".parse().unwrap()))
        .extension(TlsConnection::new());
    match body {
        Some(body) => {
            request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()
        }
        None => request.body(Body::empty()).unwrap(),
    }
}

#[tokio::test]
async fn a_model_is_listed_exactly_when_it_may_be_called() {
    let world = World::new();
    let gate = gate(&world);
    // From the night of a Friday through the weekend.
    for hour in 0..60 {
        for (scopes, roles) in [
            ("models:read generate:invoke", vec![]),
            ("models:read generate:invoke", vec!["staff"]),
            ("models:read", vec!["staff"]),
        ] {
            if hour > 0 && roles.is_empty() {
                continue;
            }
            let credential = world.credential(&json!({ "scope": scopes, "roles": roles }));
            let (status, listed) = send(&gate, request("GET", "/v1/models", &credential, None)).await;
            assert_eq!(status, 200);
            for model in MODELS {
                let body = chat(model, &json!({ "max_tokens": 1 }));
                let (status, _) = send(&gate, request("POST", CHAT, &credential, Some(&body))).await;
                let is_listed = listed.as_array().unwrap().contains(&json!(model));
                assert_eq!(
                    is_listed,
                    status == 200,
                    "{model} for {scopes} {roles:?} in hour {hour}: {status}"
                );
            }
        }
        world.clock.advance(Duration::from_secs(60 * 60));
    }
}

#[tokio::test]
async fn a_rule_that_speaks_of_findings_lists_what_may_be_called() {
    let world = World::new();
    let policy = RulePolicy::builder("test")
        .permit("models", model_in(["small"]))
        .permit("listing", action("read"))
        .forbid("attacks", finding(Category::Override, Severity::Medium));
    let gate = world
        .inspecting()
        .inspection(Inspection::builder().flag(Category::Override).build())
        .route(chat_route())
        .route(Route::get("/v1/models").scope("models:read"))
        .policy(policy.build().unwrap())
        .build()
        .unwrap();
    let credential = world.credential(&json!({ "scope": "models:read generate:invoke" }));
    let (_, listed) = send(&gate, request("GET", "/v1/models", &credential, None)).await;
    assert_eq!(listed, json!(["small"]));
    let body = chat("small", &json!({ "max_tokens": 1 }));
    assert_eq!(send(&gate, request("POST", CHAT, &credential, Some(&body))).await.0, 200);
}

#[tokio::test]
async fn a_handler_that_demands_the_proof_refuses_where_no_layer_ran() {
    async fn secret(who: Authorized) -> String {
        format!("for {} alone", who.principal().name())
    }
    let app: Router = Router::new().route("/secret", get(secret));
    let bare = app.clone().oneshot(Request::get("/secret").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(bare.status(), 500);
    // Nor does an open route authorize anybody.
    let world = World::new();
    let gate = world.gate().open(http::Method::GET, "/secret").build().unwrap();
    let credential = world.credential(&json!({}));
    let open = gate.protect(app.clone()).oneshot(request("GET", "/secret", &credential, None)).await.unwrap();
    assert_eq!(open.status(), 500);
    // By its scopes alone a route does.
    let gate = world.gate().route(Route::get("/secret").scope("s")).build().unwrap();
    let credential = world.credential(&json!({ "scope": "s" }));
    let scoped = gate.protect(app).oneshot(request("GET", "/secret", &credential, None)).await.unwrap();
    assert_eq!(scoped.status(), 200);
}

#[tokio::test]
async fn a_service_that_demands_the_proof_in_its_type_gets_it_or_refuses() {
    let inner =
        HandPermitLayer::new().layer(service_fn(|(who, _): (Authorized, Request<Full<Bytes>>)| async move {
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(who.principal().name().to_owned()))))
        }));
    let bare = inner.oneshot(Request::new(Full::default())).await.unwrap();
    assert_eq!(bare.status(), 500);
    assert!(bare.extensions().get::<Refusal>().unwrap().private_cause().unwrap().contains("AuthorizeLayer"));
    let world = World::new();
    let gate = world.gate().route(Route::get("/secret").scope("s")).build().unwrap();
    let inner = HandPermitLayer::new().layer(service_fn(|(who, _): (Authorized, Request<_>)| async move {
        let mut answer = Response::new(Full::new(Bytes::from(who.principal().name().to_owned())));
        answer.headers_mut().insert("content-type", "text/plain".parse().unwrap());
        Ok::<_, Infallible>(answer)
    }));
    let credential = world.credential(&json!({ "scope": "s" }));
    let answer = gate.layer(inner).oneshot(request("GET", "/secret", &credential, None)).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "alice");
}
