//! Bodies are bounded, read once and strictly, and the handler receives what was read.
#![allow(clippy::unwrap_used, reason = "these are tests; clippy knows only the functions that are marked so")]

mod common;

use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use common::World;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use portcullis::Payload;
use serde_json::Value;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::{Layer, ServiceExt};

/// Answers with what each sort of handler received: the extractor's value, plain axum's, and the length.
fn echo() -> Router {
    let both = |Payload(payload): Payload<Value>, headers: HeaderMap, Json(json): Json<Value>| async move {
        let length = headers[CONTENT_LENGTH].to_str().unwrap().to_owned();
        Json(serde_json::json!({ "payload": payload, "json": json, "length": length }))
    };
    Router::new()
        .route("/generate", post(both))
        .route("/json", post(both))
        .route("/v1/chat/completions", post(both))
        .route("/models", get(|| async { "none" }))
}

type Answer = Response<UnsyncBoxBody<Bytes, axum::Error>>;

/// Every layer that a body passes, around the router.
async fn send<B>(world: &World, request: Request<B>) -> Answer
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
{
    let inside =
        world.read().layer(world.inspect().layer(tower::util::MapRequest::new(
            echo(),
            |request: Request<portcullis::read::RequestBody>| request.map(axum::body::Body::new),
        )));
    let stack = world.routes().layer(world.jwt().layer(world.authorize().layer(inside)));
    stack.oneshot(request).await.unwrap().map(BodyExt::boxed_unsync)
}

async fn ask(path: &str, body: impl Into<Bytes>) -> (StatusCode, Value) {
    let world = World::new();
    read(send(&world, world.request(path, body).map(Full::new)).await).await
}

async fn read(answer: Answer) -> (StatusCode, Value) {
    let status = answer.status();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test]
async fn both_sorts_of_handler_receive_the_same_document_and_its_length() {
    let body = r#"{"prompt": "é \u00e9", "metadata": {"t": 1.50, "z": [1, {"a": null}], "a": 12345678901234567890}}"#;
    let (status, seen) = ask("/generate", body).await;
    assert_eq!(status, StatusCode::OK, "{seen}");
    assert_eq!(seen["payload"], seen["json"]);
    assert_eq!(seen["payload"], serde_json::from_str::<Value>(body).unwrap());
    assert_eq!(seen["length"], body.len().to_string());
}

#[tokio::test]
async fn usage_is_asked_for_whatever_the_client_says_and_the_length_is_right() {
    let message = r#""model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": true"#;
    for options in [
        "",
        r#", "stream_options": null"#,
        r#", "stream_options": {}"#,
        r#", "stream_options": {"include_usage": false}"#,
        r#", "stream_options": {"include_usage": true}"#,
    ] {
        let (status, seen) = ask("/v1/chat/completions", format!("{{{message}{options}}}")).await;
        assert_eq!(status, StatusCode::OK, "{options}: {seen}");
        assert_eq!(seen["json"]["stream_options"]["include_usage"], true, "{options}");
        assert_eq!(seen["payload"], seen["json"]);
    }
    let whole = r#"{"model": "m", "messages": [{"role": "user", "content": "hi"}]}"#;
    let (_, seen) = ask("/v1/chat/completions", whole).await;
    assert_eq!(seen["json"].get("stream_options"), None);
    assert_eq!(seen["length"], whole.len().to_string());
}

#[tokio::test]
async fn what_is_not_strict_json_is_refused_and_the_place_is_named() {
    let deep = format!(r#"{{"prompt": {}{}}}"#, "[".repeat(70), "]".repeat(70));
    for (body, place) in [
        (&br#"{"prompt": "a", "prompt": "b"}"#[..], "/prompt"),
        (br#"{"prompt": "a", "p\u0072ompt": "b"}"#, "/prompt"),
        (br#"{"prompt": "a", "x": {"y": 1, "y": 2}}"#, "/x/y"),
        (b"{\"prompt\": \"\xff\"}", "byte"),
        (br#"{"prompt": "\ud800"}"#, "byte"),
        (br#"{"prompt": "a"} {}"#, "byte"),
        (br#"{"prompt": "a",}"#, "byte"),
        (br#"{"prompt": "a", "n": 01}"#, "byte"),
        (br#"{"prompt": "a", "n": NaN}"#, "byte"),
        (b"\xef\xbb\xbf{\"prompt\": \"a\"}", "byte"),
        (br#"{"prompt": "a""#, "byte"),
        (b"", ""),
        (br#"{"prompt": 5}"#, "/prompt"),
        (br#"["prompt"]"#, ""),
        (br#"{"prompt": [1, 2, 3]}"#, "/prompt"),
        (deep.as_bytes(), "/prompt"),
    ] {
        let (status, error) = ask("/generate", Bytes::copy_from_slice(body)).await;
        let shown = String::from_utf8_lossy(body);
        assert_eq!(
            (status, &error["code"]),
            (StatusCode::BAD_REQUEST, &"malformed_request".into()),
            "{shown}"
        );
        let said = error.to_string();
        assert!(said.contains(place), "{shown}: {said} does not name {place}");
    }
}

#[tokio::test]
async fn bodies_that_are_no_json_are_415_and_bodies_where_none_belongs_413() {
    let world = World::new();
    for (name, value) in [
        (CONTENT_TYPE, "text/plain"),
        (CONTENT_TYPE, "application/x-www-form-urlencoded"),
        (CONTENT_TYPE, "application/json; charset=utf-16"),
        (CONTENT_ENCODING, "gzip, gzip"),
        (CONTENT_ENCODING, "bzip2"),
    ] {
        let mut request = world.request("/json", "{}").map(Full::new);
        request.headers_mut().insert(name, HeaderValue::from_static(value));
        let (status, error) = read(send(&world, request).await).await;
        assert_eq!(
            (status, &error["code"]),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, &"unsupported_media_type".into())
        );
    }
    let mut request = world.request("/models", "{}").map(Full::new);
    *request.method_mut() = http::Method::GET;
    assert_eq!(send(&world, request).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

/// A byte every four seconds of the fake clock, for ever.
struct Trickle(portcullis::testing::FakeClock, bool);

impl http_body::Body for Trickle {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.1 = !self.1;
        if self.1 {
            self.0.advance(Duration::from_secs(4));
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
    }
}

#[tokio::test]
async fn a_body_that_trickles_is_refused_when_its_time_is_up() {
    let world = World::new();
    let began = world.context.clock().elapsed();
    let request = world.request("/json", "").map(|_| Trickle(world.clock.clone(), false));
    let (status, error) = read(send(&world, request).await).await;
    assert_eq!((status, &error["code"]), (StatusCode::REQUEST_TIMEOUT, &"read_timeout".into()));
    assert!(world.context.clock().elapsed() - began <= Duration::from_secs(16));
}

#[tokio::test]
async fn an_error_of_the_extractor_speaks_the_dialect() {
    #[derive(serde::Deserialize)]
    struct Wanted {
        #[expect(dead_code, reason = "only its type is asked for")]
        messages: u64,
    }
    let world = World::new();
    let handler = Router::new()
        .route("/v1/chat/completions", post(|Payload(_): Payload<Wanted>| async { "not reached" }));
    let inside = world
        .read()
        .layer(tower::util::MapRequest::new(handler, |request: Request<portcullis::read::RequestBody>| {
            request.map(axum::body::Body::new)
        }));
    let stack = world.routes().layer(world.jwt().layer(inside));
    let body = r#"{"model": "m", "messages": [{"role": "user", "content": "hi"}]}"#;
    let answer = stack.oneshot(world.request("/v1/chat/completions", body).map(Full::new)).await.unwrap();
    let (status, error) = read(answer.map(BodyExt::boxed_unsync)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(error["error"]["type"], "invalid_request_error");
    assert!(error["error"]["message"].as_str().unwrap().contains("messages"), "{error}");
}

#[cfg(feature = "inflate")]
mod encoded {
    use super::*;
    use std::io::{Read, Write};

    fn encodings(plain: &[u8]) -> [(&'static str, Vec<u8>); 4] {
        let level = flate2::Compression::best();
        let (mut gzip, mut deflate, mut brotli) = (Vec::new(), Vec::new(), Vec::new());
        flate2::read::GzEncoder::new(plain, level).read_to_end(&mut gzip).unwrap();
        flate2::read::ZlibEncoder::new(plain, level).read_to_end(&mut deflate).unwrap();
        brotli::CompressorWriter::new(&mut brotli, 4096, 5, 22).write_all(plain).unwrap();
        let zstd = zstd::encode_all(plain, 3).unwrap();
        [("gzip", gzip), ("deflate", deflate), ("br", brotli), ("zstd", zstd)]
    }

    async fn send_encoded(encoding: &'static str, body: Vec<u8>) -> (StatusCode, Value) {
        let world = World::new();
        let mut request = world.request("/json", body).map(Full::new);
        request.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        read(send(&world, request).await).await
    }

    #[tokio::test]
    async fn the_handler_sees_no_encoding() {
        let plain = format!(r#"{{"words": "{}"}}"#, "lorem ipsum ".repeat(1_000));
        for (encoding, body) in encodings(plain.as_bytes()) {
            let (status, seen) = send_encoded(encoding, body).await;
            assert_eq!(status, StatusCode::OK, "{encoding}: {seen}");
            assert_eq!(seen["length"], plain.len().to_string());
            assert_eq!(seen["payload"], seen["json"]);
        }
    }

    #[tokio::test]
    async fn a_bomb_is_counted_by_what_comes_out() {
        for (encoding, body) in encodings(&vec![b' '; 2 << 20]) {
            assert!(body.len() < 50_000, "{encoding}: {} bytes pass the limit as they come", body.len());
            let (status, error) = send_encoded(encoding, body).await;
            assert_eq!(
                (status, &error["code"]),
                (StatusCode::PAYLOAD_TOO_LARGE, &"payload_too_large".into())
            );
        }
    }

    #[tokio::test]
    async fn a_broken_encoding_is_malformed() {
        for (encoding, body) in encodings(br#"{"words": "lorem ipsum dolor sit amet"}"#) {
            let mut longer = body.clone();
            longer.extend_from_slice(b"{}");
            for broken in [body[..body.len() - 1].to_vec(), longer, b"{}".to_vec()] {
                let (status, error) = send_encoded(encoding, broken).await;
                assert_eq!((status, &error["code"]), (StatusCode::BAD_REQUEST, &"malformed_request".into()));
            }
        }
    }
}
