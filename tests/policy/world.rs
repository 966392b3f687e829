//! A gate with policies in front of a handler that answers as it is told.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::any;
use http_body_util::BodyExt;
use portcullis::Gate;
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::clock::UnixTime;
use portcullis::gate::GateBuilder;
use portcullis::principal::{PeerAddress, TlsConnection};
use portcullis::testing::{FakeClock, Issuer};
use serde_json::{Value, json};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use tower::ServiceExt;

pub(crate) const AUDIENCE: &str = "https://llm.test";

pub(crate) struct World {
    pub(crate) clock: FakeClock,
    pub(crate) issuer: Issuer,
    log: AuditLog,
    records: Receiver<Value>,
}

/// What came back, and what the record says.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
    pub(crate) record: Value,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = FakeClock::at(UnixTime::from_secs(1_800_000_000));
        let issuer = Issuer::with_clock("https://issuer.test", clock.shared());
        let (to_test, records) = mpsc::channel();
        let sink = move |entry: &AuditEntry| {
            let _ = to_test.send(serde_json::to_value(entry).unwrap());
        };
        let log = AuditLog::builder().sink(sink).start().unwrap();
        Self { clock, issuer, log, records }
    }

    /// A gate that does not inspect, which takes a while to set up.
    pub(crate) fn gate(&self) -> GateBuilder {
        self.inspecting().danger_without_inspection()
    }

    pub(crate) fn inspecting(&self) -> GateBuilder {
        let issuer = self.issuer.trusted().audience(AUDIENCE).plan_claim("/plan").roles_claim("/roles");
        Gate::builder()
            .clock(self.clock.shared())
            .issuer(issuer)
            .danger_without_limits()
            .audit(self.log.clone())
    }

    /// The credential of alice, with these claims.
    pub(crate) fn credential(&self, claims: &Value) -> String {
        let mut credential = self.issuer.credential("alice").audience(AUDIENCE);
        for (name, value) in claims.as_object().unwrap() {
            credential = credential.claim(name, value.clone());
        }
        credential.sign()
    }

    /// Sends a request of alice's with these claims; the handler answers with `answer`, of that type.
    pub(crate) async fn ask_for(
        &self,
        gate: &Gate,
        request: Request<Body>,
        claims: &Value,
        answer: (&'static str, &'static str),
    ) -> Seen {
        let (mut parts, body) = request.into_parts();
        let bearer = format!("Bearer {}", self.credential(claims));
        parts.headers.insert("authorization", bearer.parse().unwrap());
        parts.extensions.insert(PeerAddress("192.0.2.7:4711".parse().unwrap()));
        parts.extensions.insert(TlsConnection::new());
        let handler = move || async move { ([("content-type", answer.0)], answer.1) };
        let app = gate.protect(Router::new().fallback(any(handler)));
        let response = app.oneshot(Request::from_parts(parts, body)).await.unwrap();
        let status = response.status();
        let body = match response.into_body().collect().await {
            Ok(body) => String::from_utf8(body.to_bytes().to_vec()).unwrap(),
            Err(error) => format!("broken off: {error}"),
        };
        let record = self.records.recv_timeout(Duration::from_secs(10)).expect("a record is written");
        Seen { status, body, record }
    }

    /// Sends JSON, and is answered with some.
    pub(crate) async fn post(&self, gate: &Gate, path: &str, body: &Value, claims: &Value) -> Seen {
        let request = Request::post(path).header("content-type", "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        self.ask_for(gate, request, claims, ("application/json", ANSWER)).await
    }

    pub(crate) async fn get(&self, gate: &Gate, path: &str, claims: &Value) -> Seen {
        let request = Request::get(path).body(Body::empty()).unwrap();
        self.ask_for(gate, request, claims, ("application/json", "[]")).await
    }
}

/// What a model of OpenAI's says.
pub(crate) const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;

/// A request to a chat, for that model, and with these members.
pub(crate) fn chat(model: &str, more: &Value) -> Value {
    let mut body = json!({ "model": model, "messages": [{ "role": "user", "content": "hello" }] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}
