//! A gate on axum, over real sockets, in front of a handler that says what the test makes it say.

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use bytes::Bytes;
use http::{Method, Response};
use http_body::Frame;
use portcullis::Gate;
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::clock::UnixTime;
use portcullis::gate::GateBuilder;
use portcullis::limit::{Per, Plan};
use portcullis::payload::{AnthropicMessages, OllamaChat, OpenAiChat};
use portcullis::principal::{Revocations, Subject};
use portcullis::route::Route;
use portcullis::testing::{FakeClock, Issuer};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, channel};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub(crate) const AUDIENCE: &str = "https://llm.test";
pub(crate) const NOW: u64 = 1_800_000_000;
/// What an issuer is given for clocks that differ.
pub(crate) const LEEWAY: u64 = 10;
const SOON: Duration = Duration::from_secs(10);

pub(crate) struct Site {
    pub(crate) clock: FakeClock,
    pub(crate) issuer: Issuer,
    pub(crate) revocations: Revocations,
    pub(crate) log: AuditLog,
    records: Receiver<Value>,
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Site {
    pub(crate) fn new() -> Self {
        let clock = FakeClock::at(UnixTime::from_secs(NOW));
        let issuer = Issuer::with_clock("https://issuer.test", clock.shared());
        let revocations = Revocations::with_clock(clock.shared());
        let (send, records) = channel();
        let sink = move |entry: &AuditEntry| {
            let _ = send.send(serde_json::to_value(entry).unwrap());
        };
        let log = AuditLog::builder().sink(sink).start().unwrap();
        Self { clock, issuer, revocations, log, records }
    }

    pub(crate) fn builder(&self) -> GateBuilder {
        let scope = "generate:invoke";
        Gate::builder()
            .clock(self.clock.shared())
            .issuer(self.issuer.trusted().audience(AUDIENCE).leeway(seconds(LEEWAY)))
            .revocations(self.revocations.clone())
            .route(Route::post("/v1/chat/completions").dialect(OpenAiChat).scope(scope))
            .route(Route::post("/v1/messages").dialect(AnthropicMessages).scope(scope))
            .route(Route::post("/api/chat").dialect(OllamaChat).scope(scope))
            .open(Method::GET, "/healthz")
            .plan(Plan::new("wide").requests(1_000, Per::Minute).usage(1_000_000, Per::Minute))
            .default_plan("wide")
            .danger_without_inspection()
            .audit(self.log.clone())
    }

    pub(crate) fn alice(&self) -> Subject {
        Subject::new(self.issuer.name(), "alice")
    }

    /// Good for five minutes and the leeway.
    pub(crate) fn credential(&self, subject: &str) -> String {
        let credential = self.issuer.credential(subject).audience(AUDIENCE).scope("generate:invoke");
        credential.claim("jti", format!("jti-{subject}")).claim("sid", format!("sid-{subject}")).sign()
    }

    pub(crate) fn record(&self) -> Value {
        self.records.recv_timeout(SOON).expect("a record is written")
    }

    pub(crate) fn assert_no_more_records(&self) {
        assert!(self.log.flush(SOON));
        let more = self.records.try_recv().ok();
        assert!(more.is_none(), "another record: {more:?}");
    }

    /// Serves `gate`, and gives the handler's side of each answer to the test.
    pub(crate) async fn serve(&self, gate: &Gate) -> Served {
        self.serve_with(gate, Router::new()).await
    }

    /// The same, with more routes behind the gate.
    pub(crate) async fn serve_with(&self, gate: &Gate, more: Router) -> Served {
        let (tell, answers) = unbounded_channel();
        let streaming = move |content_type: &'static str| {
            let tell = tell.clone();
            post(move || {
                let (say, said) = unbounded_channel();
                tell.send(Handler(say)).unwrap();
                let answer = Response::builder().header("content-type", content_type);
                std::future::ready(answer.body(Body::new(Said(said))).unwrap())
            })
        };
        let app = Router::new()
            .route("/v1/chat/completions", streaming("text/event-stream"))
            .route("/v1/messages", streaming("text/event-stream"))
            .route("/api/chat", streaming("application/x-ndjson"))
            .merge(more);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = gate.protect(app).into_make_service_with_connect_info();
        let server = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Served { address, answers, server }
    }
}

/// A server that stops with the test.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    answers: UnboundedReceiver<Handler>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Served {
    /// A streamed answer that has begun, and its handler.
    pub(crate) async fn stream(&mut self, path: &str, credential: &str) -> (Client, Handler) {
        let mut client = Client::ask(self.address, path, credential).await;
        let handler = tokio::time::timeout(SOON, self.answers.recv()).await;
        let handler = handler.expect("the handler is called").unwrap();
        client.read_until("\r\n\r\n").await;
        (client, handler)
    }
}

/// The handler's side of an answer.
pub(crate) struct Handler(UnboundedSender<Bytes>);

impl Handler {
    pub(crate) fn say(&self, event: &str) {
        self.0.send(Bytes::copy_from_slice(event.as_bytes())).unwrap();
    }

    /// A piece of a chat completion.
    pub(crate) fn chat(&self, text: &str) {
        self.try_chat(text).unwrap();
    }

    /// The same, unless what it says would reach nobody.
    pub(crate) fn try_chat(&self, text: &str) -> Result<(), ()> {
        let chunk = json!({
            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }],
        });
        self.0.send(Bytes::from(format!("data: {chunk}\n\n"))).map_err(drop)
    }

    /// Waits until what it says would reach nobody.
    pub(crate) async fn dropped(&self) {
        tokio::time::timeout(SOON, self.0.closed()).await.expect("the handler's body is dropped");
    }
}

struct Said(UnboundedReceiver<Bytes>);

impl http_body::Body for Said {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|said| said.map(|data| Ok(Frame::data(data))))
    }
}

/// One request over a socket of its own.
pub(crate) struct Client {
    socket: TcpStream,
    seen: Vec<u8>,
}

impl Client {
    pub(crate) async fn ask(address: SocketAddr, path: &str, credential: &str) -> Self {
        let mut body = json!({
            "model": "m", "stream": true, "messages": [{ "role": "user", "content": "hi" }],
        });
        if path.starts_with("/v1/") {
            body["max_tokens"] = 50.into();
        }
        let headers = format!("content-type: application/json\r\nauthorization: Bearer {credential}\r\n");
        Self::post(address, path, &headers, &body.to_string()).await
    }

    pub(crate) async fn get(address: SocketAddr, path: &str) -> Self {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        Self { socket, seen: Vec::new() }
    }

    pub(crate) async fn post(address: SocketAddr, path: &str, headers: &str, body: &str) -> Self {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
        );
        socket.write_all((head + body).as_bytes()).await.unwrap();
        Self { socket, seen: Vec::new() }
    }

    /// A request of which only the beginning comes.
    pub(crate) async fn begin(
        address: SocketAddr,
        path: &str,
        headers: &str,
        body: &str,
        length: usize,
    ) -> Self {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        Self { socket, seen: Vec::new() }
    }

    /// All that has come, if something is there now.
    pub(crate) async fn read_to_end_or_yield(&mut self) -> Option<String> {
        tokio::select! {
            biased;
            read = self.socket.read_buf(&mut self.seen) => { read.unwrap(); }
            () = tokio::task::yield_now() => return None,
        }
        Some(self.read_to_end().await)
    }

    /// All that has come, once it holds `text`.
    pub(crate) async fn read_until(&mut self, text: &str) -> String {
        while !self.text().contains(text) {
            assert_ne!(self.read().await, 0, "the answer ended without {text:?}: {}", self.text());
        }
        self.text()
    }

    /// All that has come, once the answer is over.
    pub(crate) async fn read_to_end(&mut self) -> String {
        while self.read().await > 0 {}
        self.text()
    }

    async fn read(&mut self) -> usize {
        let read = tokio::time::timeout(SOON, self.socket.read_buf(&mut self.seen)).await;
        read.unwrap_or_else(|_| panic!("nothing more comes after: {}", self.text())).unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }
}
