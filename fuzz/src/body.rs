//! The way of a body through the layers that match the route and read the payload: inflated within its bound, strict, and
//! the same bytes for the handler and for the client who gets them back.

use std::convert::Infallible;
use std::future::Future;
use std::io::Write as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use portcullis::exchange::{EdgeRules, MatchRouteLayer};
use portcullis::payload::{AnyJson, Document};
use portcullis::principal::PeerAddress;
use portcullis::read::{ReadPayloadLayer, RequestBody};
use portcullis::route::{Route, RouteTable};
use tower::{Layer, ServiceExt, service_fn};

use crate::{choose, seed};

/// The largest body, in bytes.
const LIMIT: usize = 2048;

const ENCODINGS: [&str; 5] = ["identity", "gzip", "deflate", "br", "zstd"];

pub fn check(data: &[u8]) {
    let Some((encoding, input)) = choose(data, ENCODINGS.len()) else { return };
    let (status, answer) = now(ask(ENCODINGS[encoding], Bytes::copy_from_slice(input)));
    match status {
        StatusCode::OK => {
            assert!(answer.len() <= LIMIT, "inflated to {} bytes", answer.len());
            Document::parse(answer.clone()).expect("what the handler gets is strict JSON");
        }
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => {}
        other => panic!("{other}"),
    }
    if encoding == 0 {
        let fits = input.len() <= LIMIT && Document::parse(Bytes::copy_from_slice(input)).is_ok();
        assert_eq!(status == StatusCode::OK, fits);
        assert!(!fits || answer == input);
    }
}

/// Sends a body through the layers to a handler that gives it back.
async fn ask(encoding: &str, body: Bytes) -> (StatusCode, Bytes) {
    let echo = service_fn(|request: Request<RequestBody>| async {
        let body = request.into_body().collect().await;
        let bytes = body.map(|body| body.to_bytes()).expect("a body that was read is whole");
        let answer = Response::builder().header("content-type", "application/json").body(Full::new(bytes));
        Ok::<_, Infallible>(answer.expect("the answer is well formed"))
    });
    let route = Route::post("/").dialect(AnyJson).scope("any");
    let routes = RouteTable::new([route]).expect("the route is fine");
    let read = ReadPayloadLayer::builder().max_bytes(LIMIT).build();
    let service = MatchRouteLayer::builder(routes)
        .edge(EdgeRules::default().danger_plaintext())
        .build()
        .layer(read.layer(echo));

    let mut request = Request::post("/")
        .header("content-type", "application/json")
        .header("content-encoding", encoding)
        .body(Full::new(body))
        .expect("the request is well formed");
    request.extensions_mut().insert(PeerAddress(([192, 0, 2, 1], 1).into()));
    let Ok(response) = service.oneshot(request).await;
    let status = response.status();
    let Ok(answer) = response.into_body().collect().await;
    (status, answer.to_bytes())
}

/// Nothing here waits for anything.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..64 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("a body that is there is waited for")
}

pub fn seeds() -> Vec<Vec<u8>> {
    const TEXT: &[u8] = br#"{"prompt":"hello, hello, hello","n":[1,2,3]}"#;
    let gzip = |text: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).and_then(|()| encoder.finish()).expect("a vector takes everything")
    };
    let deflate = |text: &[u8]| {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).and_then(|()| encoder.finish()).expect("a vector takes everything")
    };
    let large = format!("\"{}\"", "a".repeat(4 * LIMIT));
    vec![
        seed(0, TEXT),
        seed(0, b"{\"a\":1,\"a\":2}"),
        seed(1, gzip(TEXT)),
        seed(1, gzip(large.as_bytes())),
        seed(1, [gzip(b"[1,"), gzip(b"2]")].concat()),
        seed(2, deflate(TEXT)),
        seed(2, deflate(large.as_bytes())),
        seed(3, brotli(TEXT)),
        seed(4, zstd(TEXT)),
        seed(4, b"\x28\xb5\x2f\xfd\x00\x58\x03\x00\x10\x61"),
    ]
}

/// One block that is not compressed (RFC 7932 §9.2).
fn brotli(text: &[u8]) -> Vec<u8> {
    let head = (text.len() as u32 - 1) << 4 | 1 << 20;
    [&head.to_le_bytes()[..3], text, &[3]].concat()
}

/// A frame of one block that is not compressed (RFC 8878 §3.1.1).
fn zstd(text: &[u8]) -> Vec<u8> {
    let block = (text.len() as u32) << 3 | 1;
    [b"\x28\xb5\x2f\xfd\x20", &[text.len() as u8][..], &block.to_le_bytes()[..3], text].concat()
}
