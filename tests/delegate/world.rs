//! A gate, an authorization server that exchanges credentials, and a service further on, on loopback.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::{Router, routing::post};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use portcullis::Gate;
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::clock::UnixTime;
use portcullis::delegate::{
    ActOnBehalf, ActOnBehalfLayerBuilder, CredentialExchange, OnBehalfOf, OutboundError,
};
use portcullis::fetch::HttpsClient;
use portcullis::gate::GateBuilder;
use portcullis::jwt::ClientAuthentication;
use portcullis::principal::{PeerAddress, TlsConnection};
use portcullis::refusal::{Refusal, RefusalKind};
use portcullis::route::Route;
use portcullis::testing::{FakeClock, Issuer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::{Layer, Service, ServiceExt, service_fn};

pub(crate) const AUDIENCE: &str = "https://orchestrator.test";
pub(crate) const VECTORS: &str = "https://vectors.test";
pub(crate) const HOP: &str = "vector database";

pub(crate) type Plain = Client<HttpConnector, Full<Bytes>>;
pub(crate) type Failure = OutboundError<hyper_util::client::legacy::Error>;

pub(crate) struct World {
    pub(crate) clock: FakeClock,
    pub(crate) issuer: Issuer,
    pub(crate) server: AuthorizationServer,
    pub(crate) vectors: Vectors,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clock = FakeClock::at(UnixTime::from_secs(1_800_000_000));
        Self {
            issuer: Issuer::with_clock("https://login.test", clock.shared()),
            server: AuthorizationServer::start(&clock).await,
            vectors: Vectors::start().await,
            clock,
        }
    }

    pub(crate) fn builder(&self) -> GateBuilder {
        Gate::builder()
            .clock(self.clock.shared())
            .issuer(self.issuer.trusted().audience(AUDIENCE))
            .route(Route::get("/ask").scope("ask"))
            .danger_without_limits()
            // Without bodies there is nothing to inspect, and its rules take a while to be made.
            .danger_without_inspection()
    }

    /// A gate that keeps credentials, and one that writes no records.
    pub(crate) fn gate(&self) -> Gate {
        self.builder().keep_credential().danger_without_audit().build().unwrap()
    }

    pub(crate) fn credential(&self, subject: &str) -> String {
        self.issuer.credential(subject).audience(AUDIENCE).scope("ask").sign()
    }

    pub(crate) fn exchange(&self) -> CredentialExchange {
        let client = ClientAuthentication::secret("orchestrator", "s3cret".into());
        CredentialExchange::rfc8693(self.server.url(), client, fetch())
    }

    pub(crate) fn layer(&self, gate: &Gate, exchange: CredentialExchange) -> ActOnBehalfLayerBuilder {
        gate.act_on_behalf(exchange)
            .audience(VECTORS)
            .scope("vectors:read")
            .destination(self.vectors.origin())
            .hop(HOP)
    }

    /// A client that acts on behalf of the callers of that gate.
    pub(crate) fn client(&self, gate: &Gate) -> ActOnBehalf<Plain> {
        self.layer(gate, self.exchange()).build().unwrap().layer(plain())
    }

    /// Who asks, as the gate finds out.
    pub(crate) async fn caller(&self, gate: &Gate, subject: &str) -> OnBehalfOf {
        caller(gate, inbound(&self.credential(subject))).await
    }

    pub(crate) fn call(&self) -> http::Request<Full<Bytes>> {
        http::Request::get(format!("{}/collections/hr?q=1", self.vectors.origin()))
            .body(Full::default())
            .unwrap()
    }
}

pub(crate) fn fetch() -> HttpsClient {
    HttpsClient::builder().loopback_only().internal_host("127.0.0.1").build().unwrap()
}

pub(crate) fn plain() -> Plain {
    Client::builder(TokioExecutor::new()).build_http()
}

pub(crate) fn inbound(credential: &str) -> http::Request<Full<Bytes>> {
    http::Request::get("/ask")
        .header("authorization", format!("Bearer {credential}"))
        .header("traceparent", TRACE)
        .extension(PeerAddress(SocketAddr::from((Ipv4Addr::LOCALHOST, 4711))))
        .extension(TlsConnection::new())
        .body(Full::default())
        .unwrap()
}

pub(crate) const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The caller of a request that a gate lets in.
pub(crate) async fn caller(gate: &Gate, request: http::Request<Full<Bytes>>) -> OnBehalfOf {
    let handler = service_fn(async |request: http::Request<portcullis::read::RequestBody>| {
        let (parts, _) = request.into_parts();
        let mut answer = http::Response::new(Full::<Bytes>::default());
        answer.extensions_mut().insert(OnBehalfOf::of(&parts).unwrap());
        Ok::<_, Infallible>(answer)
    });
    let answer = gate.layer(handler).oneshot(request).await.unwrap();
    let refusal = answer.extensions().get::<Refusal>().and_then(Refusal::private_cause);
    assert_eq!(answer.status(), StatusCode::OK, "{refusal:?}");
    answer.extensions().get::<OnBehalfOf>().unwrap().clone()
}

/// Calls, and gives back the status.
pub(crate) async fn send(
    client: &ActOnBehalf<Plain>,
    caller: &OnBehalfOf,
    mut request: http::Request<Full<Bytes>>,
) -> Result<StatusCode, Failure> {
    request.extensions_mut().insert(caller.clone());
    let mut client = client.clone();
    client.ready().await?.call(request).await.map(|answer| answer.status())
}

/// The refusal that a call came to.
pub(crate) fn refused(outcome: Result<StatusCode, Failure>) -> (RefusalKind, String) {
    match outcome.unwrap_err() {
        OutboundError::Refused(refusal) => {
            (refusal.kind(), refusal.private_cause().unwrap_or_default().to_owned())
        }
        other => panic!("{other}"),
    }
}

pub(crate) type Form = BTreeMap<String, String>;
type Answering = Box<dyn Fn(&Form) -> (StatusCode, Value) + Send + Sync>;

/// An authorization server: notes what it is asked, and issues what it is asked for unless told otherwise.
#[derive(Clone)]
pub(crate) struct AuthorizationServer(Arc<Facts>);

struct Facts {
    address: SocketAddr,
    asked: Mutex<Vec<(HeaderMap, Form)>>,
    answer: Mutex<Answering>,
    room: Semaphore,
    came: Semaphore,
}

impl AuthorizationServer {
    async fn start(clock: &FakeClock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Issuer::with_clock("https://exchange.test", clock.shared());
        let facts = Facts {
            address: listener.local_addr().unwrap(),
            asked: Mutex::default(),
            answer: Mutex::new(Box::new(move |form| (StatusCode::OK, granted(&issuer, form)))),
            room: Semaphore::new(100_000),
            came: Semaphore::new(0),
        };
        let server = Self(Arc::new(facts));
        let app = Router::new().route("/token", post(exchange)).with_state(server.clone());
        // It ends with the runtime of the test.
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/token", self.0.address)
    }

    pub(crate) fn asked(&self) -> Vec<(HeaderMap, Form)> {
        self.0.asked.lock().unwrap().clone()
    }

    pub(crate) fn times_asked(&self) -> usize {
        self.asked().len()
    }

    pub(crate) fn will_answer(&self, status: StatusCode, answer: Value) {
        *self.0.answer.lock().unwrap() = Box::new(move |_| (status, answer.clone()));
    }

    /// Answers nobody until it is [told to](Self::release).
    pub(crate) async fn hold(&self) {
        self.0.room.acquire_many(100_000).await.unwrap().forget();
    }

    pub(crate) fn release(&self) {
        self.0.room.add_permits(100_000);
    }

    /// Somebody has asked.
    pub(crate) async fn asked_once_more(&self) {
        self.0.came.acquire().await.unwrap().forget();
    }
}

/// What a server of RFC 8693 answers that does as it is asked.
pub(crate) fn granted(issuer: &Issuer, form: &Form) -> Value {
    let audience = form.get("audience").map_or("", String::as_str);
    let subject = claims(&form["subject_token"])["sub"].as_str().unwrap().to_owned();
    let credential = issuer.credential(subject).audience(audience).scope(&form["scope"]).sign();
    json!({
        "access_token": credential, "token_type": "Bearer", "expires_in": 300, "scope": form["scope"],
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    })
}

/// What stands in a JWT.
pub(crate) fn claims(credential: &str) -> Value {
    let claims = credential.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

async fn exchange(
    State(server): State<AuthorizationServer>,
    headers: HeaderMap,
    body: String,
) -> impl IntoResponse {
    let form: Form = read_form(&body);
    server.0.asked.lock().unwrap().push((headers, form.clone()));
    server.0.came.add_permits(1);
    let _room = server.0.room.acquire().await.unwrap();
    let (status, answer) = (server.0.answer.lock().unwrap())(&form);
    (status, axum::Json(answer))
}

/// The values of a form, each of which may stand there once.
pub(crate) fn read_form(body: &str) -> Form {
    let mut form = Form::new();
    for pair in body.split('&') {
        let (name, value) = pair.split_once('=').unwrap();
        let mut bytes = Vec::new();
        let mut rest = value.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                byte => byte,
            });
        }
        let before = form.insert(name.to_owned(), String::from_utf8(bytes).unwrap());
        assert_eq!(before, None, "{name} stands there twice");
    }
    form
}

/// A service further on: notes what comes, and takes it unless told otherwise.
#[derive(Clone)]
pub(crate) struct Vectors {
    address: SocketAddr,
    came: Arc<Mutex<Vec<(Uri, HeaderMap)>>>,
    answer: Arc<Mutex<StatusCode>>,
}

impl Vectors {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let vectors = Self { address, came: Arc::default(), answer: Arc::default() };
        let app = Router::new().fallback(note).with_state(vectors.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        vectors
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn will_answer(&self, status: StatusCode) {
        *self.answer.lock().unwrap() = status;
    }

    pub(crate) fn came(&self) -> Vec<(Uri, HeaderMap)> {
        self.came.lock().unwrap().clone()
    }
}

async fn note(State(vectors): State<Vectors>, request: Request) -> (StatusCode, &'static str) {
    let (parts, _) = request.into_parts();
    vectors.came.lock().unwrap().push((parts.uri, parts.headers));
    (*vectors.answer.lock().unwrap(), "found")
}

/// A log whose records come to the test.
pub(crate) fn records() -> (AuditLog, std::sync::mpsc::Receiver<Value>) {
    let (send, records) = std::sync::mpsc::channel();
    let sink = move |entry: &AuditEntry| {
        let written = serde_json::to_string(entry).unwrap() + &format!("{entry:?}");
        assert!(entry.principal.as_ref().is_none_or(|who| who.presented().is_none()), "{written}");
        send.send(serde_json::to_value(entry).unwrap()).unwrap();
    };
    (AuditLog::builder().sink(sink).start().unwrap(), records)
}
