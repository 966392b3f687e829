//! Floods: frames without end, of which each costs the sender next to nothing.

use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, Outcome, PING, RST_STREAM,
    SETTINGS, Wire, block, field, frame, remembered,
};
use super::{BODY, bearer, came_through, good, honest, while_others_are_served};
use crate::server::{SOON, Server};

/// How many frames a flood has, unless the server ends it before.
const MANY: usize = 50_000;

/// Writes `frames` until the server has enough, and says how it ended.
async fn flood(wire: &mut Wire, frames: impl IntoIterator<Item = Vec<u8>>) -> Option<Outcome> {
    let mut frames = frames.into_iter().peekable();
    while frames.peek().is_some() {
        let some: Vec<u8> = frames.by_ref().take(100).flatten().collect();
        if !wire.write(&some).await {
            break;
        }
    }
    wire.ping().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_never_ends_ends_its_connection() {
    let server = Server::over_http2().await;
    let bearer = bearer(&server);
    for (what, piece) in
        [("empty", Vec::new()), ("small", field("x-a", "1")), ("large", field("x-a", &"a".repeat(8_000)))]
    {
        let mut wire = Wire::connect(server.address).await;
        let stream = wire.fresh();
        let head = frame(HEADERS, END_STREAM, stream, &block(&good(&bearer, "/models/a")));
        let attack = async move {
            let pieces = (0..MANY).map(|_| frame(CONTINUATION, 0, stream, &piece));
            flood(&mut wire, std::iter::once(head).chain(pieces)).await
        };
        let ended = while_others_are_served(&server, attack).await;
        let calm = matches!(ended, Some(Outcome::GoAway(ENHANCE_YOUR_CALM) | Outcome::Closed));
        assert!(calm, "{what}: {ended:?}");
    }
    assert_eq!(came_through(&server), 0);
    assert!(
        server.written().iter().all(|record| record["principal"]["subject"] == "bob"),
        "no request came of it"
    );
}

/// Opens streams whose bodies do not come, and waits until the gate works on all of them.
async fn begin(wire: &mut Wire, server: &Server, count: usize) -> Vec<u32> {
    let bearer = bearer(server);
    let head = block(&good(&bearer, "/generate"));
    let streams: Vec<u32> = (0..count).map(|_| wire.fresh()).collect();
    for stream in &streams {
        assert!(wire.write(&frame(HEADERS, END_HEADERS, *stream, &head)).await);
    }
    while server.log.open() < count {
        assert_eq!(wire.ping().await, None);
    }
    streams
}

/// The records of all but honest callers, once everything is written.
async fn records(server: &Server) -> Vec<serde_json::Value> {
    tokio::time::timeout(SOON, server.log.written()).await.expect("what was begun is recorded");
    let records = server.written();
    records.into_iter().filter(|record| record["principal"]["subject"] != "bob").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_empty_frames_without_end_ends_its_connection() {
    let server = Server::over_http2().await;
    let mut wire = Wire::connect(server.address).await;
    let stream = begin(&mut wire, &server, 1).await[0];
    let attack = async move { flood(&mut wire, (0..MANY).map(|_| frame(DATA, 0, stream, b""))).await };
    let ended = while_others_are_served(&server, attack).await;
    // By hyper, or by the gate where hyper is too old to count them.
    let is_over = matches!(ended, Some(Outcome::GoAway(_) | Outcome::Closed | Outcome::Status(400)));
    assert!(is_over, "{ended:?}");
    let records = records(&server).await;
    assert_eq!(records.len(), 1);
    assert_ne!((&records[0]["decision"], &records[0]["end"]), (&"permitted".into(), &"complete".into()));
    assert_eq!((came_through(&server), server.log.open()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_opened_and_reset_leave_nothing_behind() {
    let server = Server::over_http2().await;
    let bearer = bearer(&server);
    let mut wire = Wire::connect(server.address).await;
    // CANCEL (RFC 9113 §7).
    let reset = |stream| frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]);
    let begun: Vec<u8> = begin(&mut wire, &server, 50).await.into_iter().flat_map(reset).collect();
    assert!(wire.write(&begun).await);
    let whole = block(&good(&bearer, "/models/a"));
    let streams: Vec<u32> = (0..5_000).map(|_| wire.fresh()).collect();
    let attack = async move {
        let frames = streams
            .into_iter()
            .flat_map(|stream| [frame(HEADERS, END_HEADERS | END_STREAM, stream, &whole), reset(stream)]);
        flood(&mut wire, frames).await
    };
    let ended = while_others_are_served(&server, attack).await;
    let calm = matches!(ended, Some(Outcome::GoAway(ENHANCE_YOUR_CALM) | Outcome::Closed));
    assert!(calm, "hyper takes a bounded number of resets: {ended:?}");
    let records = records(&server).await;
    assert!((50..5_050).contains(&records.len()), "{}", records.len());
    for record in &records {
        assert!(matches!(record["end"].as_str(), Some("aborted" | "refused" | "complete")), "{record}");
        assert!(record["usage"]["settled"].as_u64().unwrap_or(0) == 0, "nothing was used: {record}");
    }
    let broken_off = records.iter().filter(|record| record["end"] != "complete").count();
    assert!(broken_off >= 50, "{broken_off}");
    assert_eq!((server.log.open(), honest(&server).await), (0, 200));
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431_by_the_server_and_by_the_gate() {
    let many: Vec<u8> = (0..40).flat_map(|_| field("x-a", &"a".repeat(1_000))).collect();
    // For what the server itself does not stop.
    for server_takes in [16 * 1024, 1024 * 1024] {
        let server = Server::over_http2_with(|gate| gate, server_takes).await;
        let bearer = bearer(&server);
        let mut wire = Wire::connect(server.address).await;
        let head = [block(&good(&bearer, "/models/a")), many.clone()].concat();
        let stream = wire.fresh();
        let (first, rest) = head.split_at(16_000);
        let mut bytes = frame(HEADERS, END_STREAM, stream, first);
        for (at, piece) in rest.chunks(16_000).enumerate() {
            let last = (at + 1) * 16_000 >= rest.len();
            bytes.extend(frame(CONTINUATION, if last { END_HEADERS } else { 0 }, stream, piece));
        }
        wire.write(&bytes).await;
        assert_eq!(wire.outcome(stream).await, Outcome::Status(431));
        let of_gate: Vec<_> =
            server.written().into_iter().filter(|record| record["reason"] == "headers_too_large").collect();
        assert_eq!(of_gate.len(), usize::from(server_takes > 16 * 1024));
        assert_eq!((came_through(&server), honest(&server).await), (0, 200));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_is_said_once_and_meant_ten_thousand_times_is_counted_as_often() {
    for server_takes in [16 * 1024, 1024 * 1024] {
        let server = Server::over_http2_with(|gate| gate, server_takes).await;
        let bearer = bearer(&server);
        let mut wire = Wire::connect(server.address).await;
        let said = remembered("x-a", &"a".repeat(3_900));
        // The newest entry of the dynamic table (RFC 7541 §2.3.3).
        let meant = vec![0x80 | 62; 10_000];
        let head = [block(&good(&bearer, "/models/a")), said, meant].concat();
        let attack = async move { wire.ask(&head, b"").await };
        let outcome = while_others_are_served(&server, attack).await;
        assert!(
            matches!(outcome, Outcome::Status(431) | Outcome::GoAway(_) | Outcome::Reset(_)),
            "{outcome:?}"
        );
        assert_eq!(came_through(&server), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_ask_for_an_answer_hold_nobody_up() {
    let server = Server::over_http2().await;
    let bearer = bearer(&server);
    for frames in [frame(PING, 0, 0, b"12345678"), frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9])] {
        let mut wire = Wire::connect(server.address).await;
        let attack = async move { flood(&mut wire, (0..MANY / 10).map(|_| frames.clone())).await };
        while_others_are_served(&server, attack).await;
    }
    let mut wire = Wire::connect(server.address).await;
    let outcome = wire.ask(&block(&good(&bearer, "/generate")), BODY.as_bytes()).await;
    assert_eq!(outcome, Outcome::Status(200));
}
