//! The gate among layers of others: in the right order everything works, a wrong one is harmless or named.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking, as tests do")]

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION,
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ORIGIN,
};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use http_body_util::BodyExt;
use portcullis::Gate;
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::exchange::EdgeRules;
use portcullis::limit::{Per, Plan};
use portcullis::payload::AnyJson;
use portcullis::principal::{PeerAddress, TlsConnection};
use portcullis::refusal::Refusal;
use portcullis::route::Route;
use portcullis::testing::Issuer;
use serde::Deserialize;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use tower::{Layer, Service, ServiceExt};
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

const AUDIENCE: &str = "https://llm.test";
const APP: &str = "https://app.test";
const SOON: Duration = Duration::from_secs(10);

struct World {
    issuer: Issuer,
    gate: Gate,
    log: AuditLog,
    records: Receiver<Value>,
}

impl World {
    fn new() -> Self {
        let issuer = Issuer::new("https://issuer.test");
        let (send, records) = mpsc::channel();
        let sink = move |entry: &AuditEntry| drop(send.send(serde_json::to_value(entry).unwrap()));
        let log = AuditLog::builder().sink(sink).start().unwrap();
        let gate = Gate::builder()
            .issuer(issuer.trusted().audience(AUDIENCE).plan_claim("/plan"))
            .route(Route::post("/json").dialect(AnyJson).scope("generate:invoke"))
            .edge(EdgeRules::default().allowed_origins([APP]).unwrap())
            .plan(Plan::new("free").requests(100, Per::Minute).usage(100_000, Per::Minute))
            .audit(log.clone())
            .build()
            .unwrap();
        Self { issuer, gate, log, records }
    }

    fn request(&self, body: impl Into<Body>) -> Request<Body> {
        let credential = self.issuer.credential("alice").audience(AUDIENCE);
        let credential = credential.scope("generate:invoke").claim("plan", "free").sign();
        let mut request = stranger(body);
        request.headers_mut().insert(AUTHORIZATION, format!("Bearer {credential}").try_into().unwrap());
        request
    }

    /// The only record there is.
    fn record(&self) -> Value {
        assert!(self.log.flush(SOON));
        let mut records: Vec<Value> = self.records.try_iter().collect();
        assert_eq!(records.len(), 1, "{records:#?}");
        records.remove(0)
    }
}

/// A request without a credential.
fn stranger(body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::post("/json").body(body.into()).unwrap();
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request.extensions_mut().insert(PeerAddress("192.0.2.7:4711".parse().unwrap()));
    request.extensions_mut().insert(TlsConnection::new());
    request
}

/// What a browser asks before it sends a request for a page of another origin.
fn preflight() -> Request<Body> {
    let mut request = Request::builder().method(Method::OPTIONS).uri("/json").body(Body::empty()).unwrap();
    request.headers_mut().insert(ORIGIN, HeaderValue::from_static(APP));
    request.headers_mut().insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"));
    request.extensions_mut().insert(PeerAddress("192.0.2.7:4711".parse().unwrap()));
    request.extensions_mut().insert(TlsConnection::new());
    request
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin([HeaderValue::from_static(APP)])
        .allow_methods([Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
}

fn echo() -> Router {
    async fn echo(body: Bytes) -> ([(axum::http::HeaderName, &'static str); 1], Bytes) {
        ([(CONTENT_TYPE, "application/json")], body)
    }
    Router::new().route("/json", post(echo))
}

fn hanging() -> Router {
    Router::new().route("/json", post(|| async { std::future::pending::<Json<Value>>().await }))
}

async fn ask<S, B>(service: S, request: Request<Body>) -> Response<B>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
{
    service.oneshot(request).await.unwrap()
}

async fn bytes<B>(response: Response<B>) -> Bytes
where
    B: axum::body::HttpBody<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn with_cors_outside_a_preflight_passes_without_a_credential_and_refusals_can_be_read() {
    let world = World::new();
    let app = cors().layer(world.gate.protect(echo()));
    let response = ask(app.clone(), preflight()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], APP);

    let mut request = stranger("{}");
    request.headers_mut().insert(ORIGIN, HeaderValue::from_static(APP));
    let response = ask(app.clone(), request).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], APP, "the page may read why");
    assert_eq!(world.record()["reason"], "missing_credential", "the preflight never came to the gate");

    let mut request = world.request("{}");
    request.headers_mut().insert(ORIGIN, HeaderValue::from_static(APP));
    let response = ask(app, request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], APP);
}

#[tokio::test]
async fn with_cors_inside_a_preflight_is_refused_and_the_record_names_the_layer() {
    let world = World::new();
    let app = world.gate.protect(echo().layer(cors()));
    let response = ask(app, preflight()).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(world.record()["cause"].as_str().unwrap().contains("CorsLayer outside"));
}

#[tokio::test]
async fn compression_outside_compresses_what_the_gate_has_read() {
    let world = World::new();
    let app = CompressionLayer::new().layer(world.gate.protect(echo()));
    let text = json!({ "text": "word ".repeat(1_000) }).to_string();
    let mut request = world.request(text.clone());
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    let response = ask(app, request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
    let compressed = bytes(response).await;
    assert!(compressed.starts_with(&[0x1f, 0x8b]) && compressed.len() < text.len() / 10);
    let record = world.record();
    assert_eq!((&record["end"], &record["decision"]), (&json!("complete"), &json!("permitted")));
}

#[tokio::test]
async fn compression_inside_finds_nobody_who_asks_for_it_and_what_is_compressed_all_the_same_is_refused() {
    let world = World::new();
    let app = world.gate.protect(echo().layer(CompressionLayer::new()));
    let text = json!({ "text": "word ".repeat(1_000) }).to_string();
    let mut request = world.request(text.clone());
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    let response = ask(app, request).await;
    assert_eq!(response.headers().get(CONTENT_ENCODING), None);
    assert_eq!(bytes(response).await, text);
    assert_eq!(world.record()["decision"], "permitted");

    // A layer in between that asks for compression itself.
    let asks = axum::middleware::map_request(async |mut request: Request<Body>| {
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        request
    });
    let app = world.gate.protect(echo().layer(CompressionLayer::new()).layer(asks));
    let response = ask(app, world.request(text)).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    let refusal = response.extensions().get::<Refusal>().unwrap();
    assert!(refusal.private_cause().unwrap().contains("CompressionLayer outside"), "{refusal:?}");
    assert_eq!(world.record()["reason"], "unreadable_answer");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_outside_ends_the_request_which_is_recorded_and_settled_once() {
    let world = World::new();
    let timeout = TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(5));
    let response = ask(timeout.layer(world.gate.protect(hanging())), world.request("{}")).await;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    let record = world.record();
    assert_eq!(record["end"], "aborted");
    assert!(record["usage"]["settled"].is_u64(), "{record}");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_inside_gives_an_answer_which_is_recorded_and_settled_once() {
    let world = World::new();
    let timeout = TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(5));
    let response = ask(world.gate.protect(hanging().layer(timeout)), world.request("{}")).await;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert!(bytes(response).await.is_empty());
    let record = world.record();
    assert_eq!((&record["end"], &record["status"]), (&json!("complete"), &json!(504)));
    assert!(record["usage"]["settled"].is_u64(), "{record}");
}

#[tokio::test]
async fn tracing_outside_and_inside_changes_nothing() {
    let world = World::new();
    let app = TraceLayer::new_for_http().layer(world.gate.protect(echo().layer(TraceLayer::new_for_http())));
    let response = ask(app.clone(), world.request(r#"{"a":1}"#)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(bytes(response).await, r#"{"a":1}"#);
    assert_eq!(world.record()["end"], "complete");
    let response = ask(app, stranger("{}")).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(response.extensions().get::<Refusal>().is_some());
}

#[tokio::test]
async fn all_of_them_at_once_in_the_order_of_the_guide() {
    let world = World::new();
    let timeout = TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(60));
    let gated = world.gate.protect(echo().layer(timeout));
    let app = TraceLayer::new_for_http().layer(cors().layer(CompressionLayer::new().layer(gated)));
    assert_eq!(ask(app.clone(), preflight()).await.status(), StatusCode::OK);
    let mut request = world.request(json!({ "text": "word ".repeat(1_000) }).to_string());
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    request.headers_mut().insert(ORIGIN, HeaderValue::from_static(APP));
    let response = ask(app, request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], APP);
    bytes(response).await;
    assert_eq!(world.record()["end"], "complete");
}

#[tokio::test]
async fn a_handler_that_takes_json_gets_the_bytes_that_were_inspected_numbers_and_all() {
    #[derive(Deserialize)]
    struct Asked {
        prompt: String,
        seed: u64,
        temperature: f64,
    }
    async fn typed(headers: HeaderMap, Json(asked): Json<Asked>) -> Json<Value> {
        Json(json!([asked.prompt, asked.seed, asked.temperature, headers[CONTENT_LENGTH].to_str().unwrap()]))
    }
    let world = World::new();
    let body = "{ \"prompt\" : \"hé\\u0021\",\r\n \"seed\":12345678901234567890, \
                \"temperature\": 0.1000000000000000055, \"huge\": 1e400, \"zero\": -0.0e-9 }";
    let response = ask(world.gate.protect(echo()), world.request(body)).await;
    assert_eq!(bytes(response).await, body, "not a byte differs");

    let app = Router::new().route("/json", post(typed));
    let response = ask(world.gate.protect(app), world.request(body)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let answer: Value = serde_json::from_slice(&bytes(response).await).unwrap();
    assert_eq!(answer, json!(["hé!", 12_345_678_901_234_567_890_u64, 0.1, body.len().to_string()]));
}

#[tokio::test]
async fn a_chunked_body_has_its_length_when_it_comes_to_the_handler() {
    async fn length(headers: HeaderMap, body: Bytes) -> Json<Value> {
        let told: usize = headers[CONTENT_LENGTH].to_str().unwrap().parse().unwrap();
        Json(json!([told, body.len()]))
    }
    let world = World::new();
    let frames =
        ["{\"a\":", "[1,", "2]}"].map(|chunk| Ok::<_, Infallible>(Bytes::from_static(chunk.as_bytes())));
    let chunks = Body::from_stream(Chunks(frames.into_iter()));
    let app = Router::new().route("/json", post(length));
    let response = ask(world.gate.protect(app), world.request(chunks)).await;
    assert_eq!(bytes(response).await, "[11,11]");
}

/// A stream of what an iterator gives.
struct Chunks<I>(I);

impl<I: Iterator + Unpin> futures_core::Stream for Chunks<I> {
    type Item = I::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<I::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}
