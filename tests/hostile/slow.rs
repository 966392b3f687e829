//! Bodies that do not come, come slowly, or end in the middle, and heads without end. Time is moved by hand.

use crate::server::{SOON, Server, read};
use portcullis::gate::GateBuilder;
use portcullis::testing::FakeClock;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SECOND: Duration = Duration::from_secs(1);

/// An application whose gate goes by a clock that stands still.
async fn timed(set: impl FnOnce(GateBuilder) -> GateBuilder) -> (Server, FakeClock) {
    let clock = FakeClock::at(SystemTime::now().into());
    let server = Server::with(|gate| set(gate.clock(clock.shared())), |app| app).await;
    (server, clock)
}

/// Sends a good head and waits until the gate asks for its body, of which `length` bytes are said to come.
async fn begin(server: &Server, credential: &str, length: usize) -> TcpStream {
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /generate HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nexpect: 100-continue\r\n\
         authorization: Bearer {credential}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut line = [0; 25];
    tokio::time::timeout(SOON, socket.read_exact(&mut line)).await.expect("the gate waits").unwrap();
    assert_eq!(&line, b"HTTP/1.1 100 Continue\r\n\r\n");
    socket
}

/// That nothing was done, recorded once, and nothing is kept or charged.
async fn assert_nothing_came_of_it(server: &Server) {
    tokio::time::timeout(SOON, server.log.written()).await.expect("what was begun is recorded");
    assert!(server.seen().is_empty());
    let record = server.record();
    assert!(record["usage"]["settled"].as_u64().unwrap_or(0) == 0, "{record}");
    assert_eq!(server.log.open(), 0);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408_when_its_time_is_up() {
    let (server, clock) = timed(|gate| gate).await;
    let mut socket = begin(&server, &server.credential(), 1_000).await;
    socket.write_all(b"{\"prompt\":\"hi").await.unwrap();
    clock.advance(30 * SECOND);
    let reply = read(socket).await;
    assert_eq!(reply.status(), 408, "{}", reply.0);
    assert_nothing_came_of_it(&server).await;
}

#[tokio::test]
async fn a_body_that_trickles_is_408_long_before_its_time_is_up() {
    let (server, clock) = timed(|gate| gate).await;
    let mut socket = begin(&server, &server.credential(), 1_000).await;
    for _ in 0..6 {
        // Whoever is refused meanwhile need not take the byte.
        let _ = socket.write_all(b" ").await;
        clock.advance(SECOND);
    }
    let reply = read(socket).await;
    assert_eq!(reply.status(), 408, "{}", reply.0);
    assert!(reply.body().contains("too slowly"), "{}", reply.0);
    assert_nothing_came_of_it(&server).await;
}

#[tokio::test]
async fn a_body_that_comes_at_any_rate_has_one_time_limit_in_all() {
    let (server, clock) = timed(|gate| gate.min_body_bytes_per_second(0)).await;
    let mut socket = begin(&server, &server.credential(), 100_000).await;
    for _ in 0..30 {
        let _ = socket.write_all(&[b' '; 1_000]).await;
        clock.advance(SECOND);
    }
    let reply = read(socket).await;
    assert_eq!(reply.status(), 408, "{}", reply.0);
    assert!(reply.body().contains("in time"), "{}", reply.0);
}

#[tokio::test]
async fn a_hundred_bodies_that_do_not_come_hold_nobody_up_and_all_end() {
    let (server, clock) = timed(|gate| gate).await;
    let mallory = server.credential_of("mallory", "wide");
    let mut stuck = Vec::new();
    for _ in 0..100 {
        stuck.push(begin(&server, &mallory, 1_000).await);
    }
    assert_eq!(server.ask("/generate", r#"{"prompt":"hi"}"#).await.status(), 200);
    clock.advance(30 * SECOND);
    for socket in stuck {
        assert_eq!(read(socket).await.status(), 408);
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_client_that_ends_its_half_in_the_middle_of_a_body_gets_nothing_done() {
    for half in ["", "{\"prompt\":\"hi\"", "{\"prompt\":\"hi\"}"] {
        let (server, _clock) = timed(|gate| gate).await;
        let mut socket = begin(&server, &server.credential(), 16).await;
        socket.write_all(half.as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
        let reply = read(socket).await;
        assert!(matches!(reply.status(), 0 | 400), "{half}: {}", reply.0);
        assert_nothing_came_of_it(&server).await;
    }
}

#[tokio::test]
async fn a_client_that_is_gone_in_the_middle_of_a_body_leaves_nothing_behind() {
    let (server, _clock) =
        timed(|gate| gate.max_body_bytes(1_000).max_body_bytes_at_once(2_000, 2_000)).await;
    for _ in 0..5 {
        let mut socket = begin(&server, &server.credential(), 900).await;
        socket.write_all(&[b' '; 800]).await.unwrap();
        drop(socket);
        assert_nothing_came_of_it(&server).await;
    }
    assert_eq!(
        server.ask("/generate", r#"{"prompt":"hi"}"#).await.status(),
        200,
        "the bytes were given back"
    );
}

#[tokio::test]
async fn a_chunked_body_without_its_last_chunk_gets_nothing_done() {
    let (server, clock) = timed(|gate| gate).await;
    let credential = server.credential();
    let head = format!(
        "POST /generate HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nexpect: 100-continue\r\nauthorization: Bearer {credential}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    for closes in [true, false] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut line = [0; 25];
        tokio::time::timeout(SOON, socket.read_exact(&mut line)).await.expect("the gate waits").unwrap();
        socket.write_all(b"f\r\n{\"prompt\":\"hi\"}\r\n").await.unwrap();
        if closes {
            socket.shutdown().await.unwrap();
        } else {
            clock.advance(30 * SECOND);
        }
        let expected: &[u16] = if closes { &[0, 400] } else { &[408] };
        let reply = read(socket).await;
        assert!(expected.contains(&reply.status()), "{}", reply.0);
        assert_nothing_came_of_it(&server).await;
    }
}

#[tokio::test]
async fn bodies_that_are_held_back_take_no_more_than_their_callers_part() {
    let (server, clock) =
        timed(|gate| gate.max_body_bytes(100_000).max_body_bytes_at_once(200_000, 10_000_000)).await;
    let mallory = server.credential_of("mallory", "wide");
    let mut stuck = Vec::new();
    for _ in 0..5 {
        let mut socket = begin(&server, &mallory, 100_000).await;
        socket.write_all(&[b' '; 60_000]).await.unwrap();
        stuck.push(socket);
    }
    let body = format!(r#"{{"prompt":"{}"}}"#, "word ".repeat(10_000));
    assert_eq!(server.ask("/generate", &body).await.status(), 200, "alice has a part of her own");
    clock.advance(30 * SECOND);
    let mut statuses = Vec::new();
    for socket in stuck {
        statuses.push(read(socket).await.status());
    }
    assert!(statuses.iter().filter(|status| **status == 429).count() >= 2, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 408 | 429)), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_without_end_end_their_connections_and_hold_nobody_up() {
    let server = Server::start().await;
    let address = server.address;
    let floods = (0..50).map(|n| {
        tokio::spawn(async move {
            let mut socket = TcpStream::connect(address).await.unwrap();
            let begin = "POST /generate HTTP/1.1\r\nhost: localhost\r\n";
            socket.write_all(begin.as_bytes()).await.unwrap();
            let lines =
                if n % 2 == 0 { "x-a: 1\r\n".repeat(1_000) } else { format!("x-a: {}", "a".repeat(8_000)) };
            let (mut written, bound) = (0, 16 * 1024 * 1024);
            while written < bound && socket.write_all(lines.as_bytes()).await.is_ok() {
                written += lines.len();
            }
            (written < bound, read(socket).await)
        })
    });
    let floods: Vec<_> = floods.collect();
    for _ in 0..20 {
        assert_eq!(server.ask("/generate", r#"{"prompt":"hi"}"#).await.status(), 200);
    }
    for flood in floods {
        let (was_ended, reply) = flood.await.unwrap();
        assert!(was_ended, "the server reads on and on");
        assert!(matches!(reply.status(), 0 | 431), "{}", reply.0);
    }
    assert_eq!(server.seen().len(), 20);
}
