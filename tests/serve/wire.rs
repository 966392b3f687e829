//! Clients that write what they like.

use crate::world::{Http2, SOON, World, connect, serve};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread")]
async fn after_a_request_with_two_lengths_no_other_is_read() {
    let world = World::new();
    let server = serve(world.acceptor().build().unwrap()).await;
    let config = world.client(None);
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for lengths in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 200\r\n",
    ] {
        let mut stream = connect(server.address, &config).await.unwrap();
        let request =
            format!("POST / HTTP/1.1\r\nhost: localhost\r\n{lengths}\r\n5\r\nhello\r\n0\r\n\r\n{smuggled}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answers = String::new();
        let _ = timeout(SOON, stream.read_to_string(&mut answers)).await.expect("the connection is closed");
        assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{lengths}: {answers}");
        let lower = answers.to_lowercase();
        assert!(lower.contains("connection: close"), "{lengths}: {answers}");
        assert!(answers.contains("\"length\":5"), "{lengths}: {answers}");
    }
    // Without, the connection goes on.
    let mut stream = connect(server.address, &config).await.unwrap();
    let two = format!("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nhello{smuggled}");
    stream.write_all(two.as_bytes()).await.unwrap();
    let mut answers = Vec::new();
    while String::from_utf8_lossy(&answers).matches("\"length\"").count() < 2 {
        assert_ne!(timeout(SOON, stream.read_buf(&mut answers)).await.unwrap().unwrap(), 0);
    }
    server.stop().await.unwrap();
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const GOAWAY: u8 = 7;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_resets_what_it_asks_for_is_cut_off_and_others_are_served() {
    let world = World::new();
    let server = serve(world.acceptor().build().unwrap()).await;
    let config = world.client(None);
    let mut honest = Http2::connect(server.address, &config).await;
    honest.get("/").await.unwrap();

    let mut h2 = rustls::ClientConfig::clone(&config);
    h2.alpn_protocols = vec![b"h2".to_vec()];
    let mut attack = connect(server.address, &Arc::new(h2)).await.unwrap();
    let mut bytes = PREFACE.to_vec();
    for stream in (1..2_000u32).step_by(2) {
        // GET https://localhost/wait, by the static table (RFC 7541, appendix A).
        let head = b"\x82\x87\x04\x05/wait\x01\x09localhost";
        frame(&mut bytes, 1, 0b101, stream, head);
        frame(&mut bytes, 3, 0, stream, &8u32.to_be_bytes());
    }
    // It may be cut off while it still writes.
    let _ = attack.write_all(&bytes).await;
    let mut seen = Vec::new();
    let _ = timeout(SOON, attack.read_to_end(&mut seen)).await.expect("the connection is closed");
    let error = goaway(&seen).expect("it was told why");
    assert_eq!(error, 11, "ENHANCE_YOUR_CALM");
    honest.get("/").await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_refused_and_streams_are_bounded() {
    let world = World::new();
    let mut server = serve(world.acceptor().build().unwrap()).await;
    let config = world.client(None);
    let mut stream = connect(server.address, &config).await.unwrap();
    let large = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "y".repeat(64 * 1024));
    let _ = stream.write_all(large.as_bytes()).await;
    let mut answer = String::new();
    let _ = timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");

    let client = Http2::connect(server.address, &config).await;
    let mut asked = Vec::new();
    for _ in 0..150 {
        let mut client = client.clone();
        asked.push(tokio::spawn(async move { client.get("/wait").await }));
    }
    for _ in 0..100 {
        timeout(SOON, server.waiting.recv()).await.unwrap().unwrap();
    }
    assert!(server.waiting.try_recv().is_err(), "more than 100 at once");
    for answer in asked {
        server.go_on.notify_waiters();
        while !answer.is_finished() {
            server.go_on.notify_waiters();
            tokio::task::yield_now().await;
        }
        answer.await.unwrap().unwrap();
    }
    server.stop().await.unwrap();
}

fn frame(to: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    to.extend(&u32::try_from(payload.len()).unwrap().to_be_bytes()[1..]);
    to.extend([kind, flags]);
    to.extend(stream.to_be_bytes());
    to.extend(payload);
}

/// The error of the first `GOAWAY` frame (RFC 9113 §6.8).
fn goaway(mut bytes: &[u8]) -> Option<u32> {
    while let Some((header, rest)) = bytes.split_at_checked(9) {
        let length = u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize;
        let (payload, rest) = rest.split_at_checked(length)?;
        if header[3] == GOAWAY {
            return Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        bytes = rest;
    }
    None
}
