//! What is attacked: an axum application behind a gate, on loopback, and a client that writes what it likes.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, Method};
use axum::response::IntoResponse;
use axum::routing::{any, get};
use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::gate::{GateBuilder, Protected};
use portcullis::inspect::Inspection;
use portcullis::limit::{FloodQuota, Per, Plan};
use portcullis::payload::{AnthropicMessages, AnyJson, OpenAiChat, PlainGenerate};
use portcullis::principal::PeerAddress;
use portcullis::route::Route;
use portcullis::testing::Issuer;
use portcullis::{Gate, Principal};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tower::ServiceExt;

const AUDIENCE: &str = "https://llm.test";

/// Compiled once: it takes longer than most attacks.
static INSPECTION: LazyLock<Inspection> = LazyLock::new(Inspection::builtin);

/// How long to wait for what is sure to come.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// What came through to a handler.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) subject: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) issuer: Issuer,
    pub(crate) log: AuditLog,
    seen: Arc<Mutex<Vec<Seen>>>,
    records: mpsc::Receiver<Value>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// An application that writes down what it is asked, and answers with one JSON document.
    pub(crate) async fn start() -> Self {
        Self::with(|gate| gate, |app| app).await
    }

    pub(crate) async fn with(
        set: impl FnOnce(GateBuilder) -> GateBuilder,
        add: impl FnOnce(Router) -> Router,
    ) -> Self {
        let serve = |listener, protected: Protected| async move {
            axum::serve(listener, protected.into_make_service_with_connect_info()).await.unwrap();
        };
        Self::served(set, add, serve).await
    }

    /// The same application over HTTP/2, as hyper serves it, with extended CONNECT (RFC 8441) let in to the gate.
    pub(crate) async fn over_http2() -> Self {
        Self::over_http2_with(|gate| gate, 16 * 1024).await
    }

    /// The server itself takes heads up to `max_header_bytes`.
    pub(crate) async fn over_http2_with(
        set: impl FnOnce(GateBuilder) -> GateBuilder,
        max_header_bytes: u32,
    ) -> Self {
        Self::served(set, |app| app, move |listener, protected| http2(listener, protected, max_header_bytes))
            .await
    }

    async fn served<F: Future<Output = ()> + Send + 'static>(
        set: impl FnOnce(GateBuilder) -> GateBuilder,
        add: impl FnOnce(Router) -> Router,
        serve: impl FnOnce(TcpListener, Protected) -> F,
    ) -> Self {
        let (send, records) = mpsc::channel();
        let sink = move |entry: &AuditEntry| {
            let _ = send.send(serde_json::to_value(entry).unwrap());
        };
        let log = AuditLog::builder().sink(sink).start().unwrap();
        let issuer = Issuer::new("https://issuer.test");
        let plan = Plan::new("wide").requests(100_000, Per::Minute).usage(100_000_000, Per::Minute);
        let narrow = Plan::new("narrow").requests(1_000, Per::Day).usage(100, Per::Day);
        let gate = Gate::builder()
            .issuer(issuer.trusted().audience(AUDIENCE).plan_claim("/plan"))
            .route(Route::post("/generate").dialect(PlainGenerate).scope("generate"))
            .route(Route::post("/json").dialect(AnyJson).scope("generate"))
            .route(Route::post("/v1/chat/completions").dialect(OpenAiChat).scope("generate"))
            .route(Route::post("/v1/messages").dialect(AnthropicMessages).scope("generate"))
            .route(Route::get("/models/{id}").scope("generate"))
            .open(Method::GET, "/healthz")
            .inspection(INSPECTION.clone())
            .plan(plan)
            .plan(narrow)
            .flood(FloodQuota::new(100_000, Per::Second).burst(100_000))
            .audit(log.clone());
        let gate = set(gate).build().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let app = add(app(&seen));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(serve(listener, gate.protect(app)));
        Self { address, issuer, log, seen, records, task }
    }

    pub(crate) fn credential(&self) -> String {
        self.credential_of("alice", "wide")
    }

    pub(crate) fn credential_of(&self, subject: &str, plan: &str) -> String {
        self.issuer.credential(subject).audience(AUDIENCE).scope("generate").claim("plan", plan).sign()
    }

    /// What came through so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The next record.
    pub(crate) fn record(&self) -> Value {
        self.records.recv_timeout(SOON).expect("a record is written")
    }

    /// All records that are there once everything was written.
    pub(crate) fn written(&self) -> Vec<Value> {
        assert!(self.log.flush(SOON), "the log is written");
        self.records.try_iter().collect()
    }

    /// A request with a good credential.
    pub(crate) fn good(&self, path: &str, body: &str) -> String {
        self.as_subject(&self.credential(), path, body)
    }

    pub(crate) fn as_subject(&self, credential: &str, path: &str, body: &str) -> String {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {credential}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    }

    /// Writes all of it and reads until the server closes.
    pub(crate) async fn send(&self, bytes: impl AsRef<[u8]>) -> Reply {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        // A server that has seen enough closes: what was not written by then does not count.
        let _ = socket.write_all(bytes.as_ref()).await;
        read(socket).await
    }

    /// Asks with a good credential and answers with the status and the body.
    pub(crate) async fn ask(&self, path: &str, body: &str) -> Reply {
        self.send(self.good(path, body)).await
    }
}

/// Serves HTTP/2 by prior knowledge (RFC 9113 §3.3), until it is dropped.
async fn http2(listener: TcpListener, protected: Protected, max_header_bytes: u32) {
    let mut connections = JoinSet::new();
    while let Ok((stream, peer)) = listener.accept().await {
        let protected = protected.clone();
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let mut request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(PeerAddress(peer));
            protected.clone().oneshot(request)
        });
        connections.spawn(async move {
            let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            server.enable_connect_protocol().max_header_list_size(max_header_bytes);
            // An error is a client that broke the protocol.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Reads until the server closes.
pub(crate) async fn read(mut socket: TcpStream) -> Reply {
    let mut answer = Vec::new();
    let read = socket.read_to_end(&mut answer);
    let _ = tokio::time::timeout(SOON, read).await.expect("the server answers or closes");
    Reply(String::from_utf8_lossy(&answer).into_owned())
}

/// Everything that the server sent on one connection.
#[derive(Debug)]
pub(crate) struct Reply(pub(crate) String);

impl Reply {
    /// The statuses of all answers, one after the other.
    pub(crate) fn statuses(&self) -> Vec<u16> {
        let lines = self.0.match_indices("HTTP/1.");
        lines.filter_map(|(at, _)| self.0.get(at + 9..at + 12)?.parse().ok()).collect()
    }

    /// The only answer's status; 0 when the server closed without a word.
    pub(crate) fn status(&self) -> u16 {
        let statuses = self.statuses();
        assert!(statuses.len() < 2, "one answer: {}", self.0);
        statuses.first().copied().unwrap_or(0)
    }

    pub(crate) fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}

fn app(seen: &Arc<Mutex<Vec<Seen>>>) -> Router {
    let seen = Arc::clone(seen);
    let note = move |principal: Option<Principal>, request: Request| async move {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or_default();
        let mut headers = head.headers;
        headers.extend(trailers);
        let body = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        let subject = principal.map(|principal| principal.name().to_owned());
        seen.lock().unwrap().push(Seen { subject, headers, body });
        axum::Json(serde_json::json!({ "text": "fine" })).into_response()
    };
    let asked = {
        let note = note.clone();
        move |principal: Principal, request: Request| note(Some(principal), request)
    };
    Router::new()
        .route("/healthz", get(|| async { "fine" }))
        .fallback(any(move |request: Request| note(None, request)))
        .route("/generate", any(asked.clone()))
        .route("/json", any(asked.clone()))
        .route("/v1/chat/completions", any(asked.clone()))
        .route("/v1/messages", any(asked.clone()))
        .route("/models/{id}", any(asked))
}
