//! Clients that leave, over real sockets: what was open is settled and recorded, once.

#![allow(clippy::unwrap_used, reason = "these are tests; clippy knows only the functions that are marked so")]

mod common;

use bytes::Bytes;
use common::{SOON, World};
use http::{Request, Response};
use http_body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, Service};

const PROMPT: &str = r#"{"prompt": "hi", "max_tokens": 50}"#;

/// One event, then silence. Tells when it is dropped.
struct Silent {
    said: bool,
    dropped: mpsc::Sender<()>,
}

impl http_body::Body for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if std::mem::replace(&mut self.said, true) {
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"data: {\"text\":\"some words\"}\n\n")))))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = self.dropped.send(());
    }
}

async fn serve<S, RB>(service: S) -> SocketAddr
where
    S: Service<Request<hyper::body::Incoming>, Response = Response<RB>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    RB: http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                // A client that leaves is an error here.
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    });
    address
}

async fn send(address: SocketAddr, credential: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /generate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer {credential}\r\ncontent-length: {}\r\n\r\n{PROMPT}",
        PROMPT.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_mid_stream_is_charged_and_recorded_once() {
    let world = World::new();
    let (audit, records) = world.audit();
    let (dropped, drops) = mpsc::channel();
    let handler = tower::service_fn(move |_| {
        let body = Silent { said: false, dropped: dropped.clone() };
        let answer = Response::builder().header("content-type", "text/event-stream").body(body).unwrap();
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let limits = world.limits(100, 10_000);
    let inside = world.read().layer(world.inspect().layer(world.usage(&limits).layer(handler)));
    let service = audit.layer(world.routes().layer(world.jwt().layer(world.authorize().layer(inside))));
    let address = serve(service).await;

    for _ in 0..3 {
        let mut socket = send(address, &world.credential("generate:invoke")).await;
        let mut seen = Vec::new();
        while !seen.windows(10).any(|bytes| bytes == b"some words") {
            assert_ne!(socket.read_buf(&mut seen).await.unwrap(), 0, "{}", String::from_utf8_lossy(&seen));
        }
        drop(socket);
        drops.recv_timeout(SOON).expect("the handler's body is dropped when the client leaves");
        let record = records.next();
        assert_eq!(record["end"], "aborted");
        assert_eq!(record["decision"], "permitted");
        assert_eq!(record["status"], 200);
        let settled = record["usage"]["settled"].as_u64().unwrap();
        let reserved = record["usage"]["reserved"].as_u64().unwrap();
        assert!(0 < settled && settled < reserved, "{settled} of {reserved}");
    }
    records.assert_no_more();
    assert!(drops.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_before_the_answer_is_recorded_once() {
    let world = World::new();
    let (audit, records) = world.audit();
    let (called, calls) = mpsc::channel();
    let handler = tower::service_fn(move |_| {
        called.send(()).unwrap();
        std::future::pending::<Result<Response<Silent>, Infallible>>()
    });
    let limits = world.limits(100, 10_000);
    let inside = world.read().layer(world.usage(&limits).layer(handler));
    let address = serve(audit.layer(world.routes().layer(world.jwt().layer(inside)))).await;
    let socket = send(address, &world.credential("generate:invoke")).await;
    tokio::task::block_in_place(|| calls.recv_timeout(SOON)).expect("the handler is called");
    drop(socket);
    let record = tokio::task::block_in_place(|| records.next());
    assert_eq!((&record["end"], &record["status"]), (&"aborted".into(), &serde_json::Value::Null));
    records.assert_no_more();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_within_its_own_body_is_recorded_once() {
    let world = World::new();
    let (audit, records) = world.audit();
    let handler =
        tower::service_fn(|_| async { panic!("not reached") as Result<Response<Silent>, Infallible> });
    let address = serve(audit.layer(world.routes().layer(world.read().layer(handler)))).await;
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = "POST /generate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    socket.write_all(head.as_bytes()).await.unwrap();
    drop(socket);
    // Whether hyper fails the body or drops the request first is its affair.
    let record = tokio::task::block_in_place(|| records.next());
    let end = record["end"].as_str().unwrap();
    assert!(end == "aborted" || (end == "refused" && record["reason"] == "malformed_request"), "{record}");
    records.assert_no_more();
}
