//! An external decision point, on a real socket: asked in the words of AuthZEN 1.0, believed only when it permits.

#![allow(clippy::unwrap_used, reason = "these are tests; clippy knows only the functions that are marked so")]

#[path = "authzen/asked.rs"]
mod asked;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::IntoResponse;
use portcullis::Gate;
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::authorize::authzen::{AuthZenErrorKind, AuthZenPolicy, Entity, Evaluation};
use portcullis::clock::UnixTime;
use portcullis::fetch::HttpsClient;
use portcullis::payload::OpenAiChat;
use portcullis::principal::{PeerAddress, TlsConnection};
use portcullis::route::{ResourceKind, Route};
use portcullis::testing::{FakeClock, Issuer};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::net::TcpListener;
use tower::ServiceExt;

/// A decision point that says what it was told to.
struct DecisionPoint {
    url: String,
    state: Arc<Mutex<State>>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// What it answers, where it is not asked about what it permits.
    otherwise: Option<(u16, &'static str)>,
    permits: HashSet<String>,
    asked: Vec<(HeaderMap, Value)>,
}

impl State {
    fn permits(&self, resource: &Value) -> bool {
        self.permits.contains(resource["id"].as_str().unwrap())
    }

    async fn answer(
        state: Arc<Mutex<Self>>,
        headers: HeaderMap,
        body: Value,
        decide: impl FnOnce(&Self, &Value) -> Value,
    ) -> axum::response::Response {
        let (status, answer) = {
            let mut state = state.lock().unwrap();
            let decided = decide(&state, &body).to_string();
            state.asked.push((headers, body));
            state.otherwise.map_or((200, decided), |(status, answer)| (status, answer.to_owned()))
        };
        // Whoever waits for this one waits in vain.
        if status == 0 {
            std::future::pending::<()>().await;
        }
        (StatusCode::from_u16(status).unwrap(), [("content-type", "application/json")], answer)
            .into_response()
    }
}

impl DecisionPoint {
    async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (one, several) = (state.clone(), state.clone());
        let app = Router::new()
            .route(
                "/access/v1/evaluation",
                axum::routing::post(move |headers: HeaderMap, axum::Json(body): axum::Json<Value>| {
                    State::answer(one, headers, body, |state, body| {
                        let permits = state.permits(&body["resource"]);
                        json!({ "decision": permits, "context": { "reason": "so" } })
                    })
                }),
            )
            .route(
                "/access/v1/evaluations",
                axum::routing::post(move |headers: HeaderMap, axum::Json(body): axum::Json<Value>| {
                    State::answer(several, headers, body, |state, body| {
                        let each = body["evaluations"].as_array().unwrap().iter();
                        let decisions =
                            each.map(|one| json!({ "decision": state.permits(&one["resource"]) }));
                        json!({ "evaluations": decisions.collect::<Vec<_>>() })
                    })
                }),
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/access/v1/evaluation", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, state, server }
    }

    fn policy(&self) -> AuthZenPolicy {
        AuthZenPolicy::new(&self.url, client()).unwrap()
    }

    fn permit(&self, ids: &[&str]) {
        self.state.lock().unwrap().permits = ids.iter().map(|id| (*id).to_owned()).collect();
    }

    fn answer(&self, otherwise: Option<(u16, &'static str)>) {
        self.state.lock().unwrap().otherwise = otherwise;
    }

    fn asked(&self) -> Vec<(HeaderMap, Value)> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }
}

impl Drop for DecisionPoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn client() -> HttpsClient {
    HttpsClient::builder().loopback_only().internal_host("127.0.0.1").build().unwrap()
}

fn reads(record: &str) -> Evaluation {
    Evaluation::new(Entity::new("user", "alice@example.com"), "can_read", Entity::new("record", record))
}

#[tokio::test]
async fn a_question_is_written_as_the_specification_has_it() {
    let point = DecisionPoint::start().await;
    point.permit(&["123"]);
    // §6.1.1, the example of a simple request, and the one with properties and a context.
    let object = |value: Value| value.as_object().unwrap().clone();
    let account = Entity::new("account", "123").properties(object(json!({ "schedule": "weekdays" })));
    let alice = Entity::new("user", "alice@example.com").properties(object(json!({ "department": "Sales" })));
    let full = Evaluation::new(alice, "can_read", account)
        .action_properties(object(json!({ "method": "GET" })))
        .context(object(json!({ "time": "1985-10-26T01:22-07:00" })));
    assert_eq!(point.policy().evaluate(full).await, Ok(true));
    assert_eq!(point.policy().evaluate(reads("124")).await, Ok(false));
    let asked = point.asked();
    assert_eq!(asked[0].0["content-type"], "application/json");
    assert_eq!(
        asked[0].1,
        json!({ "subject": { "type": "user", "id": "alice@example.com", "properties": { "department": "Sales" } },
            "resource": { "type": "account", "id": "123", "properties": { "schedule": "weekdays" } },
            "action": { "name": "can_read", "properties": { "method": "GET" } },
            "context": { "time": "1985-10-26T01:22-07:00" } })
    );
    assert_eq!(
        asked[1].1,
        json!({ "subject": { "type": "user", "id": "alice@example.com" },
            "resource": { "type": "record", "id": "124" }, "action": { "name": "can_read" } })
    );
}

#[tokio::test]
async fn only_a_decision_that_is_true_in_an_answer_of_success_permits() {
    let point = DecisionPoint::start().await;
    for (status, answer) in [
        (200, "{}"),
        (200, r#"{"decision": "true"}"#),
        (200, r#"{"decision": 1}"#),
        (200, r#"{"decision": true, "decision": false}"#),
        (200, "[]"),
        (200, ""),
        (201, r#"{"decision": true}"#),
        (401, r#"{"decision": true}"#),
        (500, r#"{"decision": true}"#),
        (302, r#"{"decision": true}"#),
    ] {
        point.answer(Some((status, answer)));
        let refused = point.policy().evaluate(reads("1")).await.unwrap_err();
        let wanted = status == 200 && matches!(refused.kind, AuthZenErrorKind::Answer(_));
        assert!(wanted || refused.kind == AuthZenErrorKind::Status(status), "{status} {answer}: {refused}");
    }
    point.answer(Some((200, r#"{"decision": true}"#)));
    assert_eq!(point.policy().evaluate(reads("1")).await, Ok(true));
    point.answer(Some((200, r#"{"decision": false, "context": {"decision": true}}"#)));
    assert_eq!(point.policy().evaluate(reads("1")).await, Ok(false));
}

#[tokio::test]
async fn a_decision_point_that_does_not_answer_in_time_or_is_not_there_refuses() {
    let point = DecisionPoint::start().await;
    let clock = FakeClock::at(UnixTime::from_secs(1_800_000_000));
    point.answer(Some((0, "")));
    let policy = point.policy().clock(clock.shared()).time_limit(Duration::from_millis(300));
    let asking = tokio::spawn(async move { policy.evaluate(reads("1")).await });
    while point.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(!asking.is_finished());
    clock.advance(Duration::from_millis(301));
    assert_eq!(asking.await.unwrap().unwrap_err().kind, AuthZenErrorKind::TooLate(300));

    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let policy = AuthZenPolicy::new(&format!("http://{gone}/access/v1/evaluation"), client()).unwrap();
    let refused = policy.evaluate(reads("1")).await.unwrap_err();
    assert!(matches!(refused.kind, AuthZenErrorKind::Unreachable(_)), "{refused}");
    for endpoint in ["", "/access", "not a url"] {
        assert!(matches!(
            AuthZenPolicy::new(endpoint, client()).unwrap_err().kind,
            AuthZenErrorKind::Endpoint(_)
        ));
    }
    assert_eq!(point.policy().bearer(&"a\nb".into()).unwrap_err().kind, AuthZenErrorKind::Bearer);
}

#[tokio::test]
async fn a_decision_is_remembered_for_as_long_as_was_stated_and_for_what_was_asked() {
    let point = DecisionPoint::start().await;
    let clock = FakeClock::at(UnixTime::from_secs(1_800_000_000));
    let policy = point.policy().clock(clock.shared()).remember_for(Duration::from_secs(10));
    let at = |time: &str, record: &str| {
        reads(record).context(json!({ "time": time }).as_object().unwrap().clone())
    };
    point.permit(&["1"]);
    assert_eq!(policy.evaluate(at("a", "1")).await, Ok(true));
    assert_eq!(policy.evaluate(at("a", "2")).await, Ok(false));
    point.permit(&["2"]);
    clock.advance(Duration::from_millis(9_999));
    // The time of day makes no difference; a right that was taken away lives on for so long.
    assert_eq!(policy.evaluate(at("b", "1")).await, Ok(true));
    assert_eq!(policy.evaluate(at("b", "2")).await, Ok(false));
    assert_eq!(point.asked().len(), 2);
    clock.advance(Duration::from_millis(1));
    assert_eq!(policy.evaluate(at("b", "1")).await, Ok(false));
    assert_eq!(policy.evaluate(at("b", "2")).await, Ok(true));
    assert_eq!(point.asked().len(), 2);
    // Failures are not decisions.
    clock.advance(Duration::from_secs(10));
    point.answer(Some((500, "")));
    policy.evaluate(at("b", "2")).await.unwrap_err();
    point.answer(None);
    assert_eq!(policy.evaluate(at("b", "2")).await, Ok(true));
    // Nothing is remembered unless it was stated.
    let forgetful = point.policy();
    point.asked();
    assert_eq!(
        (forgetful.evaluate(reads("2")).await, forgetful.evaluate(reads("2")).await),
        (Ok(true), Ok(true))
    );
    assert_eq!(point.asked().len(), 2);
}

#[tokio::test]
async fn a_gate_asks_about_everything_that_a_request_touches_and_refuses_when_it_is_down() {
    let point = DecisionPoint::start().await;
    let (send, records) = mpsc::channel::<Value>();
    let sink = move |entry: &AuditEntry| drop(send.send(serde_json::to_value(entry).unwrap()));
    let issuer = Issuer::new("https://issuer.test");
    let policy = point
        .policy()
        .name("pdp")
        .property("department", "/department")
        .kinds([ResourceKind::Model, ResourceKind::Tool])
        .bearer(&"a secret of the gate".into())
        .unwrap();
    let gate = Gate::builder()
        .issuer(issuer.trusted().audience("https://llm.test").tenant_claim("/tenant"))
        .route(Route::post("/v1/chat/completions").dialect(OpenAiChat).scope("use"))
        .policy(policy)
        .danger_without_inspection()
        .danger_without_limits()
        .audit(AuditLog::builder().sink(sink).start().unwrap())
        .build()
        .unwrap();
    let posture = gate.posture().to_string();
    assert!(
        posture.contains("pdp: the decision point at http://127.0.0.1") && !posture.contains("a secret"),
        "{posture}"
    );
    assert!(posture.contains("by pdp: whom the decision point permits"), "{posture}");
    let app = Router::new().route(
        "/v1/chat/completions",
        axum::routing::post(|| async { axum::Json(json!({ "choices": [] })) }),
    );
    let ask = async || {
        let credential = issuer.credential("alice").audience("https://llm.test").scope("use");
        let credential = credential.claim("department", "sales").claim("tenant", "acme").sign();
        let tool = json!({ "type": "function", "function": { "name": "look", "parameters": {} } });
        let body =
            json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }], "tools": [tool] });
        let mut request = Request::post("/v1/chat/completions")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {credential}"))
            .body(Body::from(body.to_string()))
            .unwrap();
        request.extensions_mut().insert(PeerAddress("192.0.2.7:4711".parse().unwrap()));
        request.extensions_mut().insert(TlsConnection::new());
        gate.protect(app.clone()).oneshot(request).await.unwrap().status()
    };
    point.permit(&["m", "look"]);
    assert_eq!(ask().await, StatusCode::OK);
    let asked = point.asked();
    let mut things: Vec<String> = asked
        .iter()
        .map(|(_, body)| format!("{}:{}", body["resource"]["type"], body["resource"]["id"]))
        .collect();
    things.sort();
    assert_eq!(things, ["\"model\":\"m\"", "\"tool\":\"look\""]);
    let (headers, body) = &asked[0];
    assert_eq!(headers["authorization"], "Bearer a secret of the gate");
    assert_eq!(
        (&body["subject"]["type"], &body["subject"]["id"]),
        (&json!("user"), &json!("https://issuer.test|alice"))
    );
    let told = &body["subject"]["properties"];
    assert_eq!(
        (&told["issuer"], &told["department"], &told["tenant"]),
        (&json!("https://issuer.test"), &json!("sales"), &json!("acme"))
    );
    assert_eq!(
        (&body["action"]["name"], &body["context"]["client"]),
        (&json!("generate"), &json!("192.0.2.7"))
    );
    let record = || records.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(record().to_string().contains("pdp"));
    point.permit(&["m"]);
    assert_eq!(ask().await, StatusCode::FORBIDDEN);
    assert_eq!(record()["cause"], "the decision point refuses tool:look");
    point.answer(Some((500, "")));
    assert_eq!(ask().await, StatusCode::SERVICE_UNAVAILABLE);
    assert!(record()["cause"].as_str().unwrap().contains("the decision point answered 500"));
}

const FILE: &str = r#"
danger_without_limits = true

[audit]
danger_off = true

[[issuers]]
issuer = "https://issuer.test"
audiences = ["https://llm.test"]
keys = 'KEYS'

[[routes]]
method = "POST"
path = "/v1/chat/completions"
dialect = "openai-chat"
scopes = ["use"]

[authzen]
endpoint = "http://127.0.0.1:1/access/v1/evaluation"
name = "pdp"
remember_for = "10s"
time_limit = "250ms"
bearer_file = "pdp.secret"
properties = { department = "/department" }
kinds = ["model"]
"#;

#[test]
fn a_file_names_the_decision_point_and_what_is_wrong_with_it_is_said() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("authzen");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("pdp.secret"), "a secret\n").unwrap();
    std::fs::write(folder.join("broken.secret"), "a\nsecret\n").unwrap();
    let text = FILE.replace("KEYS", &Issuer::new("https://issuer.test").jwks());
    let build = |text: &str| portcullis::gate::config::Config::parse(text)?.relative_to(&folder).build();
    let posture = build(&text).unwrap().posture().to_string();
    let line = "pdp: the decision point at http://127.0.0.1:1/access/v1/evaluation, within 250 ms; remembered for 10 s";
    assert!(posture.contains(line), "{posture}");
    let tried = "[shadow.authzen]\nendpoint = \"http://127.0.0.1:1/next\"\n";
    let posture = build(&format!("{text}{tried}")).unwrap().posture().to_string();
    let line = "TRIED OUT, REFUSES NOTHING: authzen-shadow: the decision point at http://127.0.0.1:1/next";
    assert!(posture.contains(line), "{posture}");
    for (from, to, says) in [
        ("pdp.secret", "none.secret", "cannot be read"),
        ("pdp.secret", "broken.secret", "holds what no header can"),
        ("http://127.0.0.1:1/access", "http:///access", "is no URL"),
        (
            "remember_for",
            "evaluations_endpoint = \"https://pdp.example/several\"\nremember_for",
            "both be https",
        ),
    ] {
        let error = build(&text.replace(from, to)).unwrap_err();
        assert_eq!(error.key(), "authzen", "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}
