//! What belongs to one caller is no use to another: references, caches; and models go by one name. Through a whole gate.

#![allow(clippy::unwrap_used, reason = "these are tests; clippy knows only the functions that are marked so")]

mod caches;
mod models;
mod references;
mod settings;
mod streams;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use http_body_util::BodyExt;
use portcullis::Gate;
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::gate::GateBuilder;
use portcullis::inspect::Inspection;
use portcullis::payload::{
    AnthropicMessages, AnyJson, Gemini, Mcp, OpenAiChat, OpenAiCompletions, OpenAiResponses,
};
use portcullis::principal::{PeerAddress, TlsConnection};
use portcullis::protect::{CacheScope, ReferenceKeys, SealReferences};
use portcullis::route::Route;
use portcullis::testing::Issuer;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use tower::ServiceExt;

const AUDIENCE: &str = "https://llm.test";
const SOON: Duration = Duration::from_secs(10);
const JSON: &str = "application/json";
const SSE: &str = "text/event-stream";

/// Compiled once: it takes longer than all else.
static INSPECTION: LazyLock<Inspection> = LazyLock::new(Inspection::builtin);

/// Tenant and subject.
type Who = (&'static str, &'static str);
const ALICE: Who = ("acme", "alice");
const BOB: Who = ("acme", "bob");
const ALICE_ELSEWHERE: Who = ("umbrella", "alice");

fn secret(letter: char) -> SecretString {
    String::from_iter([letter; 32]).into()
}

fn sealing() -> SealReferences {
    SealReferences::new(ReferenceKeys::new(&secret('a')).unwrap())
}

/// A service that says what it was told to, and remembers what it was asked.
struct World {
    issuer: Issuer,
    log: AuditLog,
    records: Receiver<Value>,
    served: Arc<Mutex<Served>>,
}

#[derive(Default)]
struct Served {
    content_type: &'static str,
    answer: String,
    seen: Vec<Seen>,
}

/// A request that came through.
#[derive(Clone, Debug)]
struct Seen {
    path: String,
    body: Value,
    scope: Option<CacheScope>,
}

#[derive(Clone, Debug, PartialEq)]
struct Reply {
    status: StatusCode,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

impl World {
    fn new() -> Self {
        let (send, records) = mpsc::channel();
        let sink = move |entry: &AuditEntry| drop(send.send(serde_json::to_value(entry).unwrap()));
        let log = AuditLog::builder().sink(sink).start().unwrap();
        Self { issuer: Issuer::new("https://issuer.test"), log, records, served: Arc::default() }
    }

    /// A gate with routes that declare no references.
    fn plain(&self) -> GateBuilder {
        let post = |path: &'static str| Route::post(path).scope("use");
        Gate::builder()
            .issuer(self.issuer.trusted().audience(AUDIENCE).tenant_claim("/tenant"))
            .route(post("/v1/chat/completions").dialect(OpenAiChat))
            .route(post("/v1/responses").dialect(OpenAiResponses))
            .route(post("/v1/completions").dialect(OpenAiCompletions))
            .route(post("/v1/messages").dialect(AnthropicMessages))
            .route(post("/v1beta/models/{call}").dialect(Gemini))
            .route(post("/mcp").dialect(Mcp))
            .route(Route::get("/v1/files").scope("use"))
            .inspection(INSPECTION.clone())
            .danger_without_limits()
            .audit(self.log.clone())
    }

    /// A gate that seals references.
    fn sealed(&self) -> GateBuilder {
        let one = |path: &'static str| Route::get(path).scope("use").reference_in_path("response_id");
        let upload =
            Route::post("/v1/files").scope("use").danger_opaque_body(["application/octet-stream"], 1_000);
        let batch = Route::post("/v1/batches").scope("use").dialect(AnyJson);
        let raw = Route::post("/raw/v1/responses").scope("use").dialect(OpenAiResponses);
        self.plain()
            .route(one("/v1/responses/{response_id}"))
            .route(one("/v1/responses/{response_id}/input_items").reference_in_query("after"))
            .route(upload.seal_answers())
            .route(batch.reference_at("/input_file_id").reference_at("/more"))
            .route(raw.danger_unsealed_references())
            .references(sealing().shared(["pmpt_house"]))
    }

    fn serve(&self, content_type: &'static str, answer: impl std::fmt::Display) {
        let mut served = self.served.lock().unwrap();
        (served.content_type, served.answer) = (content_type, answer.to_string());
    }

    /// What came through last; nothing since it was asked before.
    fn seen(&self) -> Option<Seen> {
        self.served.lock().unwrap().seen.pop()
    }

    fn record(&self) -> Value {
        self.records.recv_timeout(SOON).expect("a record is written")
    }

    async fn post(&self, gate: &Gate, who: Who, path: &str, body: &Value) -> Reply {
        self.send(gate, who, Method::POST, path, JSON, body.to_string()).await
    }

    async fn get(&self, gate: &Gate, who: Who, path: &str) -> Reply {
        self.send(gate, who, Method::GET, path, JSON, String::new()).await
    }

    async fn send(
        &self,
        gate: &Gate,
        (tenant, subject): Who,
        method: Method,
        path: &str,
        media: &str,
        body: String,
    ) -> Reply {
        let credential =
            self.issuer.credential(subject).audience(AUDIENCE).scope("use").claim("tenant", tenant);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", media)
            .header("authorization", format!("Bearer {}", credential.sign()))
            .body(Body::from(body))
            .unwrap();
        request.extensions_mut().insert(PeerAddress("192.0.2.7:4711".parse().unwrap()));
        request.extensions_mut().insert(TlsConnection::new());
        let response = gate.protect(self.app()).oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Reply { status, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    fn app(&self) -> Router {
        let served = self.served.clone();
        Router::new().fallback(move |request: Request| async move {
            let path = request.uri().path_and_query().unwrap().to_string();
            let scope = CacheScope::of(&request).cloned();
            let bytes = request.into_body().collect().await.unwrap().to_bytes();
            let body = serde_json::from_slice(&bytes).unwrap_or_default();
            let mut served = served.lock().unwrap();
            served.seen.push(Seen { path, body, scope });
            ([("content-type", served.content_type)], served.answer.clone())
        })
    }
}

fn asks(more: &Value) -> Value {
    let mut body = json!({ "model": "m", "input": "hi" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn chat(more: &Value) -> Value {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}
