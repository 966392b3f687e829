//! Heads: pseudo-fields, hosts, fields that belong to a connection, ways out of HTTP.

use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, Outcome, PROTOCOL_ERROR, Wire, block, frame,
};
use super::{BODY, bearer, came_through, good, honest};
use crate::server::Server;
use http::Method;
use portcullis::route::Route;

const MALFORMED: Outcome = Outcome::Reset(PROTOCOL_ERROR);

/// The good fields, with one change.
fn changed<'a>(bearer: &'a str, change: impl FnOnce(&mut Vec<(&'a str, &'a str)>)) -> Vec<u8> {
    let mut fields = good(bearer, "/generate");
    change(&mut fields);
    block(&fields)
}

#[tokio::test]
async fn a_plain_request_passes_so_that_the_attacks_on_it_mean_something() {
    let server = Server::over_http2().await;
    let bearer = bearer(&server);
    let mut wire = Wire::connect(server.address).await;
    assert_eq!(wire.ask(&block(&good(&bearer, "/generate")), BODY.as_bytes()).await, Outcome::Status(200));
    assert_eq!(wire.ask(&block(&good(&bearer, "/models/a")), b"").await, Outcome::Status(200));
    assert_eq!(wire.ask(&block(&good("Bearer x", "/models/a")), b"").await, Outcome::Status(401));
    assert_eq!(server.seen()[0].body, BODY);
    assert_eq!((came_through(&server), honest(&server).await), (2, 200));
}

#[tokio::test]
async fn no_tunnel_is_opened_neither_plain_nor_extended() {
    let tunnel = || Route::new(Method::CONNECT, "/tunnel").scope("generate");
    let server = Server::over_http2_with(|gate| gate.route(tunnel()), 16 * 1024).await;
    let bearer = bearer(&server);
    let extended = |path, protocol| {
        let mut fields = good(&bearer, path);
        fields[0] = (":method", "CONNECT");
        fields.insert(1, (":protocol", protocol));
        block(&fields)
    };
    let mut wire = Wire::connect(server.address).await;
    for (path, status) in [("/generate", 405), ("/models/a", 405), ("/tunnel", 400), ("/nowhere", 404)] {
        for protocol in ["websocket", "connect-udp", "connect-ip", "h2c"] {
            let outcome = wire.ask(&extended(path, protocol), b"").await;
            assert_eq!(outcome, Outcome::Status(status), "{path} {protocol}");
        }
    }
    for authority in ["localhost:443", "192.0.2.1:25", "localhost"] {
        let fields = [(":method", "CONNECT"), (":authority", authority), ("authorization", &bearer)];
        let outcome = Wire::connect(server.address).await.ask(&block(&fields), b"").await;
        assert!(matches!(outcome, Outcome::Status(400..=499) | MALFORMED), "{authority}: {outcome:?}");
    }
    // `:protocol` belongs to CONNECT alone (RFC 8441 §4).
    let posted = changed(&bearer, |fields| fields.insert(1, (":protocol", "websocket")));
    let outcome = wire.ask(&posted, BODY.as_bytes()).await;
    assert_ne!(outcome, Outcome::Status(200));
    assert_eq!((came_through(&server), honest(&server).await), (0, 200));
}

#[tokio::test]
async fn the_host_is_the_same_wherever_it_is_said() {
    let server = Server::over_http2().await;
    let bearer = bearer(&server);
    let mut wire = Wire::connect(server.address).await;
    let with_host = |host| changed(&bearer, |fields| fields.push(("host", host)));
    for (head, status) in [
        (with_host("localhost"), 200),
        (with_host("LOCALHOST"), 200),
        (changed(&bearer, |fields| fields[3] = ("host", "localhost")), 200),
        (with_host("127.0.0.1"), 400),
        (with_host("localhost:81"), 400),
        (with_host("evil.test"), 400),
        (with_host("evil.test@localhost"), 400),
        (with_host(""), 400),
        (changed(&bearer, |fields| fields.extend([("host", "localhost"), ("host", "localhost")])), 400),
        (changed(&bearer, |fields| fields[3] = ("host", "evil.test")), 421),
        (changed(&bearer, |fields| fields[3].1 = "evil.test"), 421),
        (changed(&bearer, |fields| fields[3].1 = "user@localhost"), 400),
    ] {
        let before = came_through(&server);
        let outcome = wire.ask(&head, BODY.as_bytes()).await;
        let shown = String::from_utf8_lossy(&head).replace(&bearer, "…");
        assert_eq!(outcome, Outcome::Status(status), "{shown:?}");
        assert_eq!(came_through(&server) - before, usize::from(status == 200), "{shown:?}");
    }
}

#[tokio::test]
async fn pseudo_fields_stand_once_first_and_are_those_there_are() {
    let server = Server::over_http2().await;
    let bearer = bearer(&server);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("no method", changed(&bearer, |fields| fields.retain(|(name, _)| *name != ":method"))),
        ("no scheme", changed(&bearer, |fields| fields.retain(|(name, _)| *name != ":scheme"))),
        ("no path", changed(&bearer, |fields| fields.retain(|(name, _)| *name != ":path"))),
        ("an empty path", changed(&bearer, |fields| fields[2].1 = "")),
        ("two paths", changed(&bearer, |fields| fields.insert(3, (":path", "/models/a")))),
        ("two methods", changed(&bearer, |fields| fields.insert(1, (":method", "GET")))),
        ("two authorities", changed(&bearer, |fields| fields.insert(4, (":authority", "evil.test")))),
        ("a path after a field", changed(&bearer, |fields| fields.push((":path", "/models/a")))),
        ("a method after a field", changed(&bearer, |fields| fields.push((":method", "GET")))),
        ("an unknown one", changed(&bearer, |fields| fields.insert(1, (":user", "root")))),
        ("that of an answer", changed(&bearer, |fields| fields.insert(1, (":status", "200")))),
        ("a line feed in a path", changed(&bearer, |fields| fields[2].1 = "/generate HTTP/1.1\r\nx: y")),
        ("a space in a path", changed(&bearer, |fields| fields[2].1 = "/generate x")),
        ("a path without a slash", changed(&bearer, |fields| fields[2].1 = "generate")),
        ("an address for a path", changed(&bearer, |fields| fields[2].1 = "http://evil.test/generate")),
        ("dots in a path", changed(&bearer, |fields| fields[2].1 = "/x/../generate")),
        ("an escape in a path", changed(&bearer, |fields| fields[2].1 = "/%2e/generate")),
        ("an asterisk", changed(&bearer, |fields| fields[2].1 = "*")),
        ("a method that is none", changed(&bearer, |fields| fields[0].1 = "PO ST")),
        ("an empty method", changed(&bearer, |fields| fields[0].1 = "")),
        ("a method in small letters", changed(&bearer, |fields| fields[0].1 = "post")),
    ];
    for (what, head) in cases {
        let outcome = Wire::connect(server.address).await.ask(&head, BODY.as_bytes()).await;
        let refused = matches!(
            outcome,
            Outcome::Status(400..=499) | Outcome::Reset(_) | Outcome::GoAway(_) | Outcome::Closed
        );
        assert!(refused, "{what}: {outcome:?}");
        assert_eq!(came_through(&server), 0, "{what}");
    }
    assert_eq!(honest(&server).await, 200);
}

#[tokio::test]
async fn fields_that_belong_to_a_connection_make_a_request_malformed() {
    let server = Server::over_http2().await;
    let bearer = bearer(&server);
    for (name, value, expected) in [
        ("connection", "close", MALFORMED),
        ("connection", "upgrade", MALFORMED),
        ("connection", "authorization", MALFORMED),
        ("keep-alive", "timeout=5", MALFORMED),
        ("proxy-connection", "keep-alive", MALFORMED),
        ("transfer-encoding", "chunked", MALFORMED),
        ("upgrade", "websocket", MALFORMED),
        ("te", "gzip", MALFORMED),
        ("te", "trailers", Outcome::Status(200)),
        ("Authorization", "Bearer x", MALFORMED),
        ("x a", "1", MALFORMED),
        ("x-a", "1\r\nx-b: 2", MALFORMED),
        ("x-a", "\0", MALFORMED),
        ("", "1", MALFORMED),
        ("authorization", "Bearer x", Outcome::Status(400)),
        ("content-length", "4", MALFORMED),
        ("content-length", "99", MALFORMED),
        ("content-length", "-15", MALFORMED),
        ("content-length", "15", Outcome::Status(200)),
    ] {
        let before = came_through(&server);
        let head = changed(&bearer, |fields| fields.push((name, value)));
        let mut wire = Wire::connect(server.address).await;
        let outcome = wire.ask(&head, BODY.as_bytes()).await;
        // What cannot even be a field may end the whole connection.
        let is_as_expected = outcome == expected
            || expected == MALFORMED && matches!(outcome, Outcome::GoAway(_) | Outcome::Status(400));
        assert!(is_as_expected, "{name:?}: {value:?}: {outcome:?}");
        let passed = usize::from(expected == Outcome::Status(200));
        assert_eq!(came_through(&server) - before, passed, "{name:?}: {value:?}");
    }
    assert_eq!(honest(&server).await, 200);
}

#[tokio::test]
async fn trailers_bring_no_credential_and_no_second_head() {
    let server = Server::over_http2().await;
    let bearer = bearer(&server);
    for (what, with_credential, trailers, expected) in [
        ("a credential", false, block(&[("authorization", &bearer)]), Outcome::Status(401)),
        ("fields", true, block(&[("x-forwarded-user", "root"), ("host", "evil.test")]), Outcome::Status(200)),
        ("pseudo-fields", true, block(&[(":method", "GET"), (":path", "/models/a")]), Outcome::Status(200)),
    ] {
        let mut wire = Wire::connect(server.address).await;
        let stream = wire.fresh();
        let head =
            changed(&bearer, |fields| fields.retain(|(name, _)| with_credential || *name != "authorization"));
        let bytes = [
            frame(HEADERS, END_HEADERS, stream, &head),
            frame(DATA, 0, stream, BODY.as_bytes()),
            frame(HEADERS, END_HEADERS | END_STREAM, stream, &trailers),
        ];
        wire.write(&bytes.concat()).await;
        assert_eq!(wire.outcome(stream).await, expected, "{what}");
    }
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    for seen in seen {
        // Which only the handler of POST /generate is given.
        assert_eq!(seen.body, BODY);
        assert!(!seen.headers.contains_key("x-forwarded-user") && !seen.headers.contains_key("host"));
    }
}

#[tokio::test]
async fn a_head_in_pieces_is_the_same_head_and_one_that_another_frame_interrupts_is_none() {
    let server = Server::over_http2().await;
    let bearer = bearer(&server);
    let head = block(&good(&bearer, "/models/a"));
    let (first, rest) = head.split_at(20);
    let mut wire = Wire::connect(server.address).await;
    let stream = wire.fresh();
    let pieces =
        [frame(HEADERS, END_STREAM, stream, first), frame(CONTINUATION, END_HEADERS, stream, rest)].concat();
    wire.write(&pieces).await;
    assert_eq!(wire.outcome(stream).await, Outcome::Status(200));
    let stream = wire.fresh();
    let interrupted = [
        frame(HEADERS, END_STREAM, stream, first),
        frame(DATA, 0, stream, b"x"),
        frame(CONTINUATION, END_HEADERS, stream, rest),
    ];
    wire.write(&interrupted.concat()).await;
    assert_eq!(wire.outcome(stream).await, Outcome::GoAway(PROTOCOL_ERROR));
    assert_eq!((came_through(&server), honest(&server).await), (1, 200));
}
