//! The end of a server.

use crate::world::{Http1, Http2, SOON, World, connect, serve_within};
use portcullis::serve::HttpLimits;
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_answers_what_was_asked_and_takes_nothing_more() {
    let world = World::new();
    let tls = world.acceptor().require_client_certificates(world.bundles()).build().unwrap();
    let mut server = serve_within(tls, HttpLimits::default()).await;
    let config = world.client(Some(&world.gateway()));
    let mut idle = Http1::over(connect(server.address, &config).await.unwrap()).await.unwrap();
    idle.get("/").await.unwrap();
    let mut first = Http1::over(connect(server.address, &config).await.unwrap()).await.unwrap();
    let mut second = Http2::connect(server.address, &config).await;
    let asked = [
        tokio::spawn(async move { first.get("/wait").await }),
        tokio::spawn(async move { second.get("/wait").await }),
    ];
    let mut shaking = TcpStream::connect(server.address).await.unwrap();
    for _ in &asked {
        timeout(SOON, server.waiting.recv()).await.unwrap().unwrap();
    }
    server.begin_to_stop();
    // The connection without a request, and the one without a handshake, are closed at once.
    timeout(SOON, async {
        while idle.0.ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert_eq!(timeout(SOON, shaking.read(&mut [0; 1])).await.unwrap().unwrap_or(0), 0);
    let refused = TcpStream::connect(server.address).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    server.go_on.notify_waiters();
    for answer in asked {
        let answer = timeout(SOON, answer).await.unwrap().unwrap().unwrap();
        assert_eq!(answer["workload"], "spiffe://prod.example/gateway");
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_that_takes_too_long_cuts_off_and_says_so() {
    let world = World::new();
    let tls = world.acceptor().build().unwrap();
    let limits = HttpLimits::default().shutdown_time_limit(Duration::from_millis(1));
    let mut server = serve_within(tls, limits).await;
    let config = world.client(None);
    let mut client = Http1::over(connect(server.address, &config).await.unwrap()).await.unwrap();
    let asked = tokio::spawn(async move { client.get("/wait").await });
    timeout(SOON, server.waiting.recv()).await.unwrap().unwrap();
    let error = server.stop().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().contains("1 connection"), "{error}");
    assert!(timeout(SOON, asked).await.unwrap().unwrap().is_err());
}
