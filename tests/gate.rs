//! The gate as a whole: one way in, in one order, with everything that is missing said by name.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking, as tests do")]

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use axum::routing::{get, post};
use http_body_util::BodyExt;
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::exchange::{Ran, StepId};
use portcullis::gate::{GateBuilder, GateErrorKind};
use portcullis::limit::{FloodQuota, Per, Plan};
use portcullis::payload::PlainGenerate;
use portcullis::principal::{PeerAddress, TlsConnection};
use portcullis::refusal::{Refusal, RefusalKind};
use portcullis::route::Route;
use portcullis::testing::Issuer;
use portcullis::{Gate, Payload, Principal};
use serde_json::{Value, json};
use std::sync::mpsc;
use std::time::Duration;
use tower::ServiceExt;

const AUDIENCE: &str = "https://llm.test";

struct World {
    issuer: Issuer,
    records: mpsc::Receiver<Value>,
    log: AuditLog,
}

impl World {
    fn new() -> Self {
        let (to_test, records) = mpsc::channel();
        let sink = move |entry: &AuditEntry| {
            let _ = to_test.send(serde_json::to_value(entry).unwrap());
        };
        let log = AuditLog::builder().sink(sink).start().unwrap();
        Self { issuer: Issuer::new("https://issuer.test"), records, log }
    }

    fn gate(&self) -> GateBuilder {
        Gate::builder()
            .issuer(self.issuer.trusted().audience(AUDIENCE).plan_claim("/plan"))
            .route(Route::post("/generate").dialect(PlainGenerate).scope("generate:invoke"))
            .open(Method::GET, "/healthz")
            .plan(Plan::new("free").requests(3, Per::Minute).usage(10_000, Per::Minute))
            .audit(self.log.clone())
    }

    fn credential(&self, scope: &str) -> String {
        self.issuer.credential("alice").audience(AUDIENCE).scope(scope).claim("plan", "free").sign()
    }

    fn record(&self) -> Value {
        self.records.recv_timeout(Duration::from_secs(10)).expect("a record is written")
    }
}

fn app() -> Router {
    async fn generate(principal: Principal, Payload(request): Payload<Value>) -> axum::Json<Value> {
        axum::Json(json!({ "text": format!("{}: {}", principal.name(), request["prompt"]) }))
    }
    Router::new()
        .route("/generate", post(generate))
        .route("/healthz", get(|| async { "fine" }))
        .route("/forgotten", get(|| async { "the gate does not know me" }))
}

fn request(path: &str, credential: Option<&str>, body: &Value) -> Request<Body> {
    let mut request = Request::post(path).header("content-type", "application/json");
    if let Some(credential) = credential {
        request = request.header("authorization", format!("Bearer {credential}"));
    }
    from_somewhere(request.body(Body::from(body.to_string())).unwrap())
}

fn from_somewhere(mut request: Request<Body>) -> Request<Body> {
    request.extensions_mut().insert(PeerAddress("192.0.2.7:4711".parse().unwrap()));
    request.extensions_mut().insert(TlsConnection::new());
    request
}

async fn ask(gate: &Gate, request: Request<Body>) -> Response<Body> {
    gate.protect(app()).oneshot(request).await.unwrap()
}

async fn body(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn a_caller_with_the_right_gets_an_answer_and_one_record_tells_of_it() {
    let world = World::new();
    let gate = world.gate().build().unwrap();
    let prompt = json!({ "prompt": "hello" });
    let response =
        ask(&gate, request("/generate", Some(&world.credential("generate:invoke")), &prompt)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(body(response).await, r#"{"text":"alice: \"hello\""}"#);
    let record = world.record();
    assert_eq!(record["request_id"], *id);
    assert_eq!(record["decision"], "permitted");
    assert_eq!(record["principal"]["subject"], "alice");
    assert_eq!(record["route"], "/generate");
    assert_eq!(record["end"], "complete");
    let ran = record["ran"].as_object().unwrap();
    let optional = ["peer", "models", "protect", "policy"];
    assert!(
        ran.iter().all(|(step, ran)| ran == "passed" || (optional.contains(&&**step) && ran == "off")),
        "{record}"
    );
    assert!(!record.to_string().contains("hello"), "a record holds no prompt");
    assert!(world.log.flush(Duration::from_secs(10)));
    assert!(world.records.try_recv().is_err(), "one record for one request");
}

#[tokio::test]
async fn whoever_should_be_refused_is_refused_with_a_reason_in_the_record() {
    let world = World::new();
    let gate = world.gate().build().unwrap();
    let prompt = json!({ "prompt": "hello" });
    let elsewhere = Issuer::new("https://issuer.test").credential("alice").audience(AUDIENCE).sign();
    let cases = [
        (request("/generate", None, &prompt), StatusCode::UNAUTHORIZED, "missing_credential"),
        (request("/generate", Some("a.b.c"), &prompt), StatusCode::UNAUTHORIZED, "invalid_credential"),
        (request("/generate", Some(&elsewhere), &prompt), StatusCode::UNAUTHORIZED, "invalid_credential"),
        (
            request("/generate", Some(&world.credential("other")), &prompt),
            StatusCode::FORBIDDEN,
            "insufficient_scope",
        ),
        (request("/nowhere", None, &prompt), StatusCode::NOT_FOUND, "unknown_route"),
        (request("/healthz", None, &prompt), StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
    ];
    for (request, status, reason) in cases {
        let response = ask(&gate, request).await;
        assert_eq!(response.status(), status, "{reason}");
        assert!(response.extensions().get::<Refusal>().is_some());
        let record = world.record();
        assert_eq!(record["decision"], "refused");
        assert_eq!(record["reason"], reason, "{record}");
        assert_eq!(record["status"], status.as_u16());
    }
}

#[tokio::test]
async fn a_route_that_the_gate_does_not_know_cannot_be_reached() {
    let world = World::new();
    let gate = world.gate().build().unwrap();
    let request = from_somewhere(Request::get("/forgotten").body(Body::empty()).unwrap());
    assert_eq!(ask(&gate, request).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_open_route_is_exact_and_takes_no_body() {
    let world = World::new();
    let gate = world.gate().build().unwrap();
    let get = |path: &str| from_somewhere(Request::get(path).body(Body::empty()).unwrap());
    let response = ask(&gate, get("/healthz")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(body(response).await, "fine");
    let ran = world.record()["ran"].clone();
    assert_eq!(
        (&ran["route"], &ran["flood"], &ran["read"]),
        (&json!("passed"), &json!("passed"), &json!("passed"))
    );
    for step in ["authenticate", "requests", "authorize", "inspect", "usage"] {
        assert_eq!(ran[step], "skipped", "what was not checked is not called passed: {step}");
    }
    for path in ["/healthz/", "/HEALTHZ", "/healthz/../generate", "//healthz"] {
        assert!(ask(&gate, get(path)).await.status().is_client_error(), "{path}");
    }
    let with_body = from_somewhere(Request::get("/healthz").body(Body::from("hello")).unwrap());
    assert_eq!(ask(&gate, with_body).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let open: Vec<&str> = gate.posture().open_routes().map(Route::pattern).collect();
    assert_eq!(open, ["/healthz"]);
}

#[tokio::test]
async fn more_requests_than_the_plan_allows_are_429_with_retry_after() {
    let world = World::new();
    let gate = world.gate().build().unwrap();
    let credential = world.credential("generate:invoke");
    let prompt = json!({ "prompt": "hello" });
    for left in ["2", "1", "0"] {
        let response = ask(&gate, request("/generate", Some(&credential), &prompt)).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["x-ratelimit-remaining-requests"], left);
    }
    let response = ask(&gate, request("/generate", Some(&credential), &prompt)).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let after: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&after), "{after}");
}

#[tokio::test]
async fn a_flood_from_one_address_is_refused_before_its_credential_is_looked_at() {
    let world = World::new();
    let gate = world.gate().flood(FloodQuota::new(2, Per::Hour)).build().unwrap();
    for _ in 0..2 {
        assert_eq!(
            ask(&gate, request("/generate", None, &json!({}))).await.status(),
            StatusCode::UNAUTHORIZED
        );
        world.record();
    }
    let response = ask(&gate, request("/generate", None, &json!({}))).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let record = world.record();
    assert_eq!(record["reason"], "address_rate_limited");
    assert_eq!(record["ran"]["authenticate"], "not_reached");
}

#[tokio::test]
async fn without_a_peer_address_the_refusal_names_the_call_that_is_missing() {
    let world = World::new();
    let gate = world.gate().build().unwrap();
    let mut nowhere = request("/generate", None, &json!({}));
    nowhere.extensions_mut().clear();
    let response = ask(&gate, nowhere).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let refusal = response.extensions().get::<Refusal>().unwrap();
    assert_eq!(refusal.kind(), RefusalKind::Misconfigured);
    assert!(refusal.private_cause().unwrap().contains("into_make_service_with_connect_info"), "{refusal:?}");
}

#[tokio::test]
async fn an_extractor_refuses_where_no_gate_ran() {
    let response = app().oneshot(request("/generate", None, &json!({ "prompt": "hello" }))).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(response.extensions().get::<Refusal>().is_some());
}

#[test]
fn what_is_left_out_is_an_error_that_names_the_call() {
    let world = World::new();
    let issuer = || world.issuer.trusted().audience(AUDIENCE);
    let route = || Route::post("/generate").dialect(PlainGenerate).scope("generate:invoke");
    let plan = || Plan::new("free").requests(1, Per::Minute);
    let error = |builder: GateBuilder| builder.build().unwrap_err().to_string();

    assert!(error(Gate::builder()).starts_with("routes: name at least one"));
    assert!(error(Gate::builder().route(route())).contains("danger_without_limits"));
    assert!(error(Gate::builder().route(route()).plan(plan())).contains("danger_without_audit"));
    let audited = || Gate::builder().route(route()).plan(plan()).audit(world.log.clone());
    assert!(error(audited()).starts_with("issuers: "));
    assert!(audited().issuer(issuer()).build().is_ok());
    let contradiction = audited().issuer(issuer()).danger_without_limits().build().unwrap_err();
    assert!(matches!(contradiction.kind(), GateErrorKind::Contradiction { .. }));
    assert!(error(audited().issuer(issuer()).max_body_bytes(0)).contains("max_body_bytes"));
    assert!(error(audited().issuer(issuer()).route(Route::get("/a"))).contains("says not who may enter"));
    assert!(error(audited().issuer(world.issuer.trusted())).contains("audience"));
}

#[test]
fn the_posture_shows_what_is_off() {
    let world = World::new();
    let gate = world.gate().danger_without_inspection().danger_without_flood_check().build().unwrap();
    let posture = gate.posture();
    assert!(!posture.enforces(StepId::Inspect) && !posture.enforces(StepId::Flood));
    assert!(posture.enforces(StepId::Authenticate) && posture.enforces(StepId::Usage));
    let text = posture.to_string();
    assert_eq!(text.matches("NOT ENFORCED").count(), 2, "{text}");
    assert!(text.contains("nobody is asked for a client certificate"), "{text}");
    assert!(text.contains("OPEN to everybody") && text.contains("scope generate:invoke"), "{text}");
    assert!(text.contains("3 requests per minute"), "{text}");
}

#[tokio::test]
async fn a_control_that_is_off_is_told_from_one_that_was_not_reached() {
    let world = World::new();
    let gate = world.gate().danger_without_inspection().build().unwrap();
    ask(&gate, request("/generate", None, &json!({ "prompt": "hello" }))).await;
    let record = world.record();
    assert_eq!(record["ran"]["inspect"], Ran::Off.as_str());
    assert_eq!(record["ran"]["usage"], Ran::NotReached.as_str());
    assert_eq!(record["ran"]["authenticate"], Ran::Refused.as_str());
}
