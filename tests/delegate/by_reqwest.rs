//! By reqwest's client: what the layers made is sent where they said, and nothing else.

use crate::world::World;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, Version};
use axum::routing::any;
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use portcullis::delegate::reqwest::{ReqwestBody, ReqwestClient, ReqwestError, ReqwestErrorKind};
use portcullis::delegate::{OutboundError, Provider, ProviderCredentialLayer, RotatingSecret};
use reqwest::{Client, ClientBuilder};
use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tower::{Layer, ServiceExt};

const KEY: &str = "sk-of-this-service";

fn build(client: ClientBuilder) -> Result<ReqwestClient, ReqwestError> {
    ReqwestClient::builder(client).build()
}

/// Shows the key of this service to whatever is at that address.
fn provider(origin: &str) -> ProviderCredentialLayer {
    let key = RotatingSecret::new(KEY.into()).unwrap();
    ProviderCredentialLayer::builder(Provider::openai(), key).destination(origin).build().unwrap()
}

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    origin
}

/// A service that sends everybody elsewhere, and where it sends them.
async fn redirecting() -> (String, Arc<AtomicUsize>) {
    let arrived = Arc::new(AtomicUsize::new(0));
    let counted = arrived.clone();
    let app = Router::new()
        .route("/", any(async || axum::response::Redirect::temporary("/elsewhere")))
        .fallback(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            std::future::ready("here")
        });
    (serve(app).await, arrived)
}

type Called = Result<http::Response<ReqwestBody>, OutboundError<ReqwestError>>;

async fn call(client: &ReqwestClient, origin: &str, path: &str) -> Called {
    let request = http::Request::get(format!("{origin}{path}")).body(Full::<Bytes>::default()).unwrap();
    provider(origin).layer(client.clone()).oneshot(request).await
}

/// Why the client beneath failed.
fn failed(called: Called) -> ReqwestErrorKind {
    match called.unwrap_err() {
        OutboundError::Failed { error, .. } => error.kind,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_credential_is_exchanged_and_arrives_and_no_redirect_is_followed() {
    let world = World::new().await;
    let gate = world.gate();
    let (origin, arrived) = redirecting().await;
    // Whatever the builder says.
    let follows = Client::builder().redirect(reqwest::redirect::Policy::limited(5));
    let layer = world.layer(&gate, world.exchange()).destination(origin.as_str()).build().unwrap();
    let vectors = layer.layer(build(follows).unwrap());
    let alice = world.caller(&gate, "alice").await;
    for (uri, expected) in [
        (format!("{}/collections?q=1", world.vectors.origin()), StatusCode::OK),
        (format!("{origin}/"), StatusCode::TEMPORARY_REDIRECT),
    ] {
        let mut request = http::Request::post(uri).body(reqwest::Body::from("question")).unwrap();
        request.headers_mut().insert("authorization", "of-the-caller".parse().unwrap());
        request.extensions_mut().insert(alice.clone());
        let answer = vectors.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), expected);
    }
    assert_eq!(arrived.load(Ordering::SeqCst), 0, "nobody has looked at where it leads");
    assert_eq!(world.server.times_asked(), 1);
    let (uri, headers) = world.vectors.came().remove(0);
    assert_eq!(uri, "/collections?q=1");
    assert!(headers["authorization"].to_str().unwrap().starts_with("Bearer ey"), "{headers:?}");
    assert_eq!(headers["host"], world.vectors.origin().trim_start_matches("http://"));
    assert_eq!(headers["content-length"], "8");
    for name in ["referer", "cookie", "accept-encoding"] {
        assert!(!headers.contains_key(name), "{headers:?}");
    }
}

/// A body whose pieces the test sends, and which threads cannot share.
struct Pieces(UnboundedReceiver<&'static str>, std::cell::Cell<()>);

fn pieces() -> (UnboundedSender<&'static str>, Pieces) {
    let (send, pieces) = mpsc::unbounded_channel();
    (send, Pieces(pieces, std::cell::Cell::default()))
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0
            .poll_recv(cx)
            .map(|piece| piece.map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))))
    }
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    // Gives back each piece as it comes.
    let echo = Router::new().fallback(async |request: axum::extract::Request| request.into_body());
    let origin = serve(echo).await;
    let (send, body) = pieces();
    let model = provider(&origin).layer(build(Client::builder()).unwrap());
    let request = http::Request::post(format!("{origin}/v1")).body(body).unwrap();
    let mut answer = model.oneshot(request).await.unwrap().into_body();
    for piece in ["one", "two"] {
        send.send(piece).unwrap();
        assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), piece);
    }
    drop(send);
    assert!(answer.frame().await.is_none());
}

#[tokio::test]
async fn a_compressed_answer_comes_as_it_was_sent_though_another_crate_turns_decompression_on() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&[b' '; 4096]).unwrap();
    let gzip = Bytes::from(gzip.finish().unwrap());
    let sent = gzip.clone();
    let app = Router::new().fallback(async move |headers: HeaderMap| {
        assert!(!headers.contains_key("accept-encoding"));
        ([("content-encoding", "gzip")], sent)
    });
    let origin = serve(app).await;
    for client in [Client::builder(), Client::builder().gzip(true)] {
        let answer = call(&build(client).unwrap(), &origin, "/").await.unwrap();
        assert_eq!(answer.headers()["content-encoding"], "gzip");
        assert_eq!(answer.headers()["content-length"], gzip.len().to_string());
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), gzip);
    }
}

#[test]
fn what_would_add_something_to_every_call_is_refused_by_name() {
    let with = |headers: &[(&'static str, &str)]| {
        let headers = headers.iter().map(|(name, value)| {
            let mut value = HeaderValue::from_str(value).unwrap();
            value.set_sensitive(value == "secret");
            (HeaderName::from_static(name), value)
        });
        Client::builder().default_headers(headers.collect())
    };
    for (client, field, named) in [
        (with(&[("authorization", "secret")]), "default_headers", "authorization"),
        (with(&[("authorization", "Bearer of-nobody")]), "default_headers", "authorization"),
        (with(&[("user-agent", "mine"), ("x-api-key", "secret")]), "default_headers", "x-api-key"),
        (with(&[("accept", "a}b"), ("cookie", "a=b")]), "default_headers", "cookie"),
        (with(&[("x-tenant", "acme")]), "default_headers", "x-tenant"),
        // Which of them is which cannot be told.
        (with(&[("accept", "\", \"x\": \""), ("x-tenant", "acme")]), "default_headers", "cannot be told"),
        (with(&[("accept", "\\")]), "default_headers", "cannot be told"),
        (with(&[("idempotency-key", "boot-1")]), "default_headers", "idempotency-key"),
        (with(&[("content-type", "text/plain")]), "default_headers", "content-type"),
        (Client::builder().cookie_store(true), "cookie_store", "cookies"),
        #[cfg(unix)]
        (Client::builder().unix_socket("/run/egress.sock"), "unix_socket", "every call would go there"),
        (Client::builder().user_agent("line\nbreak"), "builder", "builder error"),
    ] {
        let error = build(client).unwrap_err();
        assert!(matches!(&error.kind, ReqwestErrorKind::Setting { field: f, .. } if *f == field), "{error}");
        assert!(error.to_string().contains(named) && !error.to_string().contains("of-nobody"), "{error}");
    }
    for (set, field) in [(0, "connect_within"), (1, "silent_for")] {
        let builder = ReqwestClient::builder(Client::builder());
        let builder = if set == 0 {
            builder.connect_within(Duration::ZERO)
        } else {
            builder.silent_for(Duration::ZERO)
        };
        assert!(builder.build().unwrap_err().to_string().starts_with(&format!("`{field}`: ")));
    }
}

#[tokio::test]
async fn headers_that_say_what_a_request_is_may_be_the_clients_and_yield_to_the_requests() {
    let app = Router::new().fallback(async |headers: HeaderMap| {
        let mut told: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        told.sort();
        told.join("\n")
    });
    let origin = serve(app).await;
    let mut headers = HeaderMap::new();
    headers.insert("accept", HeaderValue::from_static("text/plain"));
    headers.insert("accept-language", HeaderValue::from_static("nds, {de}"));
    let client = build(Client::builder().user_agent("orchestrator/1.0").default_headers(headers)).unwrap();
    let answer = call(&client, &origin, "/").await.unwrap().into_body().collect().await.unwrap().to_bytes();
    let host = origin.trim_start_matches("http://");
    let expected = format!(
        "accept-language: nds, {{de}}\naccept: text/plain\nauthorization: Bearer {KEY}\nhost: {host}\nuser-agent: orchestrator/1.0"
    );
    assert_eq!(std::str::from_utf8(&answer).unwrap(), expected);
}

#[tokio::test]
async fn what_takes_too_long_is_given_up_and_told_from_what_is_not_there() {
    let silent = Router::new()
        .route("/head", any(std::future::pending::<()>))
        .fallback(async || Body::new(Half(false)));
    let origin = serve(silent).await;
    let limit = Duration::from_millis(100);
    let client = ReqwestClient::builder(Client::builder()).silent_for(limit).build().unwrap();
    let soon = |called| tokio::time::timeout(Duration::from_secs(10), called);
    let kind = failed(soon(call(&client, &origin, "/head?secret=1")).await.expect("it is given up"));
    assert!(matches!(&kind, ReqwestErrorKind::Timeout(said) if !said.contains("secret")), "{kind}");
    let mut body = call(&client, &origin, "/body").await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
    let next = tokio::time::timeout(Duration::from_secs(10), body.frame()).await.expect("it is given up");
    let kind = next.unwrap().unwrap_err().kind;
    assert!(matches!(kind, ReqwestErrorKind::Timeout(_)), "{kind}");
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let kind = failed(call(&client, &format!("http://{nobody}"), "/?secret=1").await);
    assert!(matches!(&kind, ReqwestErrorKind::Connect(said) if !said.contains("secret")), "{kind}");
}

/// An answer that comes half, and then no further.
struct Half(bool);

impl http_body::Body for Half {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match std::mem::replace(&mut self.0, true) {
            false => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"half"))))),
            true => Poll::Pending,
        }
    }
}

#[tokio::test]
async fn no_proxy_sees_a_call_and_nothing_for_https_goes_out_without_tls() {
    let (origin, arrived) = redirecting().await;
    let proxy = reqwest::Proxy::all(format!("{origin}/proxy")).unwrap();
    let there = serve(Router::new().fallback(async || "here")).await;
    let client = build(Client::builder().proxy(proxy)).unwrap();
    let answer = call(&client, &there, "/").await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!((&*answer, arrived.load(Ordering::SeqCst)), (&b"here"[..], 0));
    // The tests' reqwest has no TLS.
    let kind = failed(call(&client, &origin.replace("http:", "https:"), "/elsewhere").await);
    assert!(matches!(kind, ReqwestErrorKind::Connect(_)), "{kind}");
    assert_eq!(arrived.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_reqwest_reads_otherwise_is_not_sent() {
    let app = Router::new().fallback(async |uri: axum::http::Uri| uri.to_string());
    let origin = serve(app).await;
    let client = build(Client::builder()).unwrap();
    for path in ["/v1/../admin", "/v1/%2e%2e/admin", "/v1/%2E/x", "/v1/{x}", "/."] {
        let kind = failed(call(&client, &origin, path).await);
        assert!(matches!(kind, ReqwestErrorKind::Uri(_)), "{path}: {kind}");
    }
    for path in ["/v1/a%2Fb?q='1'", "/"] {
        let sent = call(&client, &origin, path).await.unwrap().into_body().collect().await.unwrap();
        assert_eq!(sent.to_bytes(), path.replace('\'', "%27"));
    }
    let (mut parts, body) = Request::get(&*origin).body(Full::<Bytes>::default()).unwrap().into_parts();
    for version in [Version::HTTP_10, Version::HTTP_2] {
        // As it is when the call is made of the head of a request that came.
        parts.version = version;
        let request = Request::from_parts(parts.clone(), body.clone());
        assert_eq!(client.clone().oneshot(request).await.unwrap().status(), 200, "{version:?}");
    }
    for uri in ["/relative", "http://user@127.0.0.1/", "http://0x7f000001/"] {
        let request = http::Request::get(uri).body(Full::<Bytes>::default()).unwrap();
        let error = client.clone().oneshot(request).await.unwrap_err();
        assert!(matches!(error.kind, ReqwestErrorKind::Uri(_)), "{uri}: {error}");
    }
}
