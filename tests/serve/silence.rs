//! Clients that connect and say nothing.

use crate::world::{SOON, World, ask, connect, serve, serve_within};
use portcullis::clock::UnixTime;
use portcullis::serve::{HandshakeErrorKind, HttpLimits};
use portcullis::testing::FakeClock;
use std::collections::HashSet;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_silent_clients_hold_up_nobody_not_even_from_their_own_address() {
    let world = World::new();
    let server = world.mutual().await;
    let config = world.client(Some(&world.gateway()));
    let mut silent = Vec::new();
    for _ in 0..1_000 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
        if silent.len() % 100 == 0 {
            let answer = timeout(SOON, ask(server.address, &config)).await.unwrap().unwrap();
            assert_eq!(answer["workload"], "spiffe://prod.example/gateway");
        }
    }
    assert!(server.tls.pending_handshakes() <= 256, "{}", server.tls.pending_handshakes());
    let kinds: HashSet<_> = world.why(1).await.iter().map(HandshakeErrorKind::code).collect();
    assert_eq!(kinds, HashSet::from(["handshake_displaced"]));
    // Only those who waited longest were closed.
    let first = timeout(SOON, silent[0].read(&mut [0; 1])).await.unwrap();
    assert_eq!(first.unwrap_or(0), 0);
    let last = silent.last_mut().unwrap();
    assert_eq!(last.try_read(&mut [0; 1]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    drop(silent);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_is_not_done_in_time_ends_and_what_is_not_tls_ends_at_once() {
    let clock = FakeClock::at(UnixTime::from_secs(1_800_000_000));
    let world = World::on(&clock);
    let tls = world.acceptor().clock(clock.shared()).build().unwrap();
    let server = serve(tls).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    // It has a place before it has said anything.
    while server.tls.pending_handshakes() == 0 {
        tokio::task::yield_now().await;
    }
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut alert = Vec::new();
    let _ = timeout(SOON, plain.read_to_end(&mut alert)).await.unwrap();
    assert_eq!(world.why(1).await, [HandshakeErrorKind::NotTls]);
    clock.advance(Duration::from_secs(10));
    assert_eq!(timeout(SOON, silent.read(&mut [0; 1])).await.unwrap().unwrap_or(0), 0);
    assert_eq!(world.why(2).await, [HandshakeErrorKind::NotTls, HandshakeErrorKind::TimedOut]);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_shakes_hands_and_asks_for_nothing_is_shown_out() {
    let world = World::new();
    let tls = world.acceptor().build().unwrap();
    let short = HttpLimits::default()
        .head_time_limit(Duration::from_millis(50))
        .idle_time_limit(Duration::from_millis(50));
    let server = serve_within(tls, short).await;
    let mut config = rustls::ClientConfig::clone(&world.client(None));
    for (protocol, begin) in [
        ("http/1.1", &b""[..]),
        ("http/1.1", b"GET / HTTP/1.1\r\nhost: loc"),
        ("h2", b""),
        ("h2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
        // The beginning of a head that never ends.
        ("h2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\0\0\0\0\x01\x82"),
    ] {
        config.alpn_protocols = vec![protocol.into()];
        let mut stream = connect(server.address, &std::sync::Arc::new(config.clone())).await.unwrap();
        stream.write_all(begin).await.unwrap();
        let ended = timeout(SOON, stream.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok(), "{protocol} {begin:?} is still open");
    }
    server.stop().await.unwrap();
}
