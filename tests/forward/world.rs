//! A gate on a socket, and an upstream that is a script.

use axum::Router;
use portcullis::Gate;
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::clock::UnixTime;
use portcullis::delegate::{Provider, ProviderCredentialLayer, RotatingSecret};
use portcullis::exchange::Price;
use portcullis::fetch::HttpsClient;
use portcullis::forward::{Forward, ForwardBuilder};
use portcullis::limit::{Per, Plan};
use portcullis::payload::{AnthropicMessages, OpenAiChat};
use portcullis::route::Route;
use portcullis::testing::{FakeClock, Issuer};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub(crate) const KEY: &str = "sk-of-the-provider";
pub(crate) const AUDIENCE: &str = "https://llm.test";

/// What an upstream does on each connection, after it has read a request.
#[derive(Clone)]
pub(crate) enum Act {
    Send(Vec<u8>),
    /// Until the test lets it go on.
    Wait,
    Close,
}

/// An upstream on loopback. What came is kept as it came.
#[derive(Clone)]
pub(crate) struct Upstream(Arc<Facts>);

struct Facts {
    address: SocketAddr,
    script: Vec<Act>,
    came: Mutex<Vec<String>>,
    arrived: Semaphore,
    go_on: Semaphore,
    left: Semaphore,
    whole: bool,
}

impl Upstream {
    pub(crate) async fn start(script: impl IntoIterator<Item = Act>) -> Self {
        Self::begin(script, true).await
    }

    /// One that reads the head of a request, and answers before it has read more.
    pub(crate) async fn hasty(script: impl IntoIterator<Item = Act>) -> Self {
        Self::begin(script, false).await
    }

    pub(crate) async fn answering(answer: impl Into<String>) -> Self {
        Self::start([Act::Send(answer.into().into_bytes())]).await
    }

    async fn begin(script: impl IntoIterator<Item = Act>, whole: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Self(Arc::new(Facts {
            address: listener.local_addr().unwrap(),
            script: script.into_iter().collect(),
            came: Mutex::default(),
            arrived: Semaphore::new(0),
            go_on: Semaphore::new(0),
            left: Semaphore::new(0),
            whole,
        }));
        let serving = upstream.clone();
        // It ends with the runtime of the test.
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        upstream
    }

    async fn serve(self, mut stream: TcpStream) {
        let facts = &*self.0;
        while let Some(request) = read_message(&mut stream, facts.whole).await {
            facts.came.lock().unwrap().push(request);
            facts.arrived.add_permits(1);
            for act in &facts.script {
                match act {
                    Act::Send(bytes) => {
                        if stream.write_all(bytes).await.is_err() {
                            break;
                        }
                    }
                    // Whoever waits here is told that the other end has left.
                    Act::Wait => tokio::select! {
                        permit = facts.go_on.acquire() => permit.unwrap().forget(),
                        _ = stream.read_u8() => break,
                    },
                    Act::Close => return,
                }
            }
        }
        facts.left.add_permits(1);
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    pub(crate) fn came(&self) -> Vec<String> {
        self.0.came.lock().unwrap().clone()
    }

    /// A request has come.
    pub(crate) async fn arrived(&self) {
        self.0.arrived.acquire().await.unwrap().forget();
    }

    /// The other end has closed the connection.
    pub(crate) async fn left(&self) {
        self.0.left.acquire().await.unwrap().forget();
    }

    pub(crate) fn go_on(&self) {
        self.0.go_on.add_permits(1);
    }
}

/// The next message, to the end of its body or of its head; `None` when the other end has closed.
pub(crate) async fn read_message(stream: &mut TcpStream, whole: bool) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = |line: &str| line.strip_prefix("content-length: ").map(|text| text.parse().unwrap());
            let length: Option<usize> = head.to_ascii_lowercase().lines().find_map(length);
            let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
            let over = match length {
                Some(length) => body.len() >= length,
                None => !chunked || body.ends_with("0\r\n\r\n"),
            };
            if over || !whole {
                return Some(text);
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(read @ 1..) => bytes.extend_from_slice(&buffer[..read]),
            _ => return (!bytes.is_empty()).then_some(text),
        }
    }
}

/// A gate in front of an upstream, on a socket of its own.
pub(crate) struct World {
    pub(crate) clock: FakeClock,
    pub(crate) issuer: Issuer,
    pub(crate) address: SocketAddr,
    pub(crate) key: RotatingSecret,
    records: Receiver<Value>,
}

impl World {
    pub(crate) async fn of(upstream: &Upstream) -> Self {
        Self::with(&upstream.url(), |forward| forward).await
    }

    pub(crate) async fn with(url: &str, set: impl FnOnce(ForwardBuilder) -> ForwardBuilder) -> Self {
        Self::protecting(|key| {
            let forward = set(Forward::builder(credential(url, key)).connect_by(loopback())).build().unwrap();
            Router::new().fallback_service(forward)
        })
        .await
    }

    /// A gate in front of what `app` makes with the provider's key.
    pub(crate) async fn protecting(app: impl FnOnce(&RotatingSecret) -> Router) -> Self {
        let clock = FakeClock::at(UnixTime::from_secs(1_800_000_000));
        let issuer = Issuer::with_clock("https://issuer.test", clock.shared());
        let (send, records) = std::sync::mpsc::channel();
        let sink = move |entry: &AuditEntry| send.send(serde_json::to_value(entry).unwrap()).unwrap();
        let gate = Gate::builder()
            .clock(clock.shared())
            .issuer(issuer.trusted().audience(AUDIENCE))
            .route(Route::post("/v1/chat/completions").dialect(OpenAiChat).scope("generate:invoke"))
            .route(Route::post("/v1/messages").dialect(AnthropicMessages).scope("generate:invoke"))
            .route(Route::get("/v1/models").scope("generate:invoke"))
            .plan(Plan::new("free").requests(1_000, Per::Minute).usage(1_000_000, Per::Minute))
            .default_plan("free")
            .danger_without_inspection()
            .audit(AuditLog::builder().sink(sink).start().unwrap())
            .build()
            .unwrap();
        let key = RotatingSecret::new(KEY.into()).unwrap();
        let app = gate.protect(app(&key));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            axum::serve(listener, app.into_make_service_with_connect_info()).await.unwrap();
        });
        Self { clock, issuer, address, key, records }
    }

    pub(crate) fn credential(&self) -> String {
        self.issuer.credential("alice").audience(AUDIENCE).scope("generate:invoke").sign()
    }

    /// The head of a chat request, without its framing.
    pub(crate) fn head(&self) -> String {
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             authorization: Bearer {}\r\n",
            self.credential()
        )
    }

    pub(crate) fn chat(&self, body: &str) -> String {
        format!("{}content-length: {}\r\n\r\n{body}", self.head(), body.len())
    }

    /// Sends what it is given on a new connection.
    pub(crate) async fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// Sends it, and reads the answer.
    pub(crate) async fn ask(&self, request: &str) -> String {
        let mut stream = self.send(request).await;
        read_message(&mut stream, true).await.unwrap()
    }

    pub(crate) fn record(&self) -> Value {
        self.records.recv_timeout(Duration::from_secs(10)).expect("a record is written")
    }
}

pub(crate) fn credential(url: &str, key: &RotatingSecret) -> ProviderCredentialLayer {
    ProviderCredentialLayer::builder(Provider::openai(), key.clone()).destination(url).build().unwrap()
}

pub(crate) fn loopback() -> portcullis::fetch::HttpsClientBuilder {
    HttpsClient::builder().loopback_only().internal_host("127.0.0.1")
}

/// 0.25 units of a currency for a million in, 2 for a million out.
pub(crate) fn price() -> Price {
    Price::per_million("USD", 250_000, 2_000_000)
}

pub(crate) const HELLO: &str = r#"{"model":"small","messages":[{"role":"user","content":"hello"}]}"#;
pub(crate) const ANSWER: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"small","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"hi"}}],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}"#;

pub(crate) fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
