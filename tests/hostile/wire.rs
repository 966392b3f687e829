//! The wire: framing, targets, methods, protocols, headers.

use crate::server::{Server, read};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BODY: &str = r#"{"prompt":"hi"}"#;
/// A request that nobody may make, for the end of another one.
const HIDDEN: &str = "POST /generate HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{\"prompt\":\"hi\"}";

/// That nothing came through but what a caller with a credential asked for, at most once.
fn assert_at_most_alice(server: &Server, what: &str) {
    let seen = server.seen();
    assert!(seen.len() <= 1, "{what}: {seen:?}");
    assert!(
        seen.iter().all(|seen| seen.subject.as_deref() == Some("alice") && seen.body == BODY),
        "{what}: {seen:?}"
    );
}

#[tokio::test]
async fn a_request_hidden_in_another_ones_framing_needs_a_credential_of_its_own() {
    let chunked = "f\r\n{\"prompt\":\"hi\"}\r\n0\r\n\r\n";
    let framings: &[(&str, String)] = &[
        ("length, then chunked", format!("content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n{chunked}")),
        (
            "chunked, then length",
            format!("transfer-encoding: chunked\r\ncontent-length: 200\r\n\r\n{chunked}"),
        ),
        ("two lengths", format!("content-length: 15\r\ncontent-length: 0\r\n\r\n{BODY}")),
        ("a list of lengths", format!("content-length: 15, 0\r\n\r\n{BODY}")),
        ("a signed length", format!("content-length: +15\r\n\r\n{BODY}")),
        ("a hexadecimal length", format!("content-length: 0xf\r\n\r\n{BODY}")),
        (
            "chunked twice",
            format!("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n{chunked}"),
        ),
        ("chunked, identity", format!("transfer-encoding: chunked, identity\r\n\r\n{chunked}")),
        ("an unknown coding", format!("transfer-encoding: xchunked\r\ncontent-length: 15\r\n\r\n{BODY}")),
        ("a folded header", format!("transfer-encoding:\r\n chunked\r\ncontent-length: 15\r\n\r\n{BODY}")),
        (
            "a space before the colon",
            format!("transfer-encoding : chunked\r\ncontent-length: 15\r\n\r\n{BODY}"),
        ),
        (
            "a tab for the value",
            format!("transfer-encoding:\tchunked\r\ncontent-length: 15\r\n\r\n{chunked}"),
        ),
        ("bare line feeds", format!("content-length: 15\ntransfer-encoding: chunked\n\n{chunked}")),
        (
            "a chunk extension",
            "transfer-encoding: chunked\r\n\r\nf;a=\"\n0\r\n\r\n\"\r\n{\"prompt\":\"hi\"}\r\n0\r\n\r\n"
                .into(),
        ),
        (
            "a chunk that is too long for any number",
            "transfer-encoding: chunked\r\n\r\n1000000000000000f\r\n{\"prompt\":\"hi\"}\r\n0\r\n\r\n".into(),
        ),
        ("a NUL in a header", format!("x-a: \0\r\ncontent-length: 15\r\n\r\n{BODY}")),
    ];
    for (what, rest) in framings {
        let server = Server::start().await;
        let credential = server.credential();
        let head = format!(
            "POST /generate HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {credential}\r\ncontent-type: application/json\r\n"
        );
        let reply = server.send(format!("{head}{rest}{HIDDEN}")).await;
        assert_at_most_alice(&server, what);
        let fine = reply.statuses().iter().filter(|status| **status == 200).count();
        assert!(fine <= 1 && fine == server.seen().len(), "{what}: {}", reply.0);
    }
}

#[tokio::test]
async fn each_request_of_a_pipeline_shows_its_own_credential() {
    let server = Server::start().await;
    let good = server.good("/generate", BODY).replace("connection: close\r\n", "");
    let reply = server.send(format!("{good}{good}{HIDDEN}{good}")).await;
    assert_eq!(reply.statuses(), [200, 200, 401]);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn trailers_are_never_taken_for_headers_and_do_not_go_inward() {
    let server = Server::start().await;
    let credential = server.credential();
    let chunked = format!(
        "f\r\n{BODY}\r\n0\r\nauthorization: Bearer {credential}\r\nx-forwarded-for: 192.0.2.1\r\nhost: evil.test\r\n\r\n"
    );
    let head = "POST /generate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\ntrailer: authorization\r\n";
    assert_eq!(server.send(format!("{head}\r\n{chunked}")).await.status(), 401);
    assert!(server.seen().is_empty());
    let reply = server.send(format!("{head}authorization: Bearer {credential}\r\n\r\n{chunked}")).await;
    assert_eq!(reply.status(), 200);
    let seen = &server.seen()[0];
    assert_eq!(seen.headers["host"], "localhost");
    for absent in ["authorization", "x-forwarded-for", "transfer-encoding"] {
        assert!(!seen.headers.contains_key(absent), "{absent}");
    }
    assert_eq!(seen.headers["content-length"], "15");
}

#[tokio::test]
async fn only_the_one_spelling_of_a_target_reaches_its_route() {
    let server = Server::start().await;
    let credential = server.credential();
    let cases = [
        ("/generate", 200),
        ("http://localhost/generate", 200),
        ("/generate?x=1#y", 200),
        ("http://evil.test/generate", 400),
        ("http://user@localhost/generate", 400),
        ("https://localhost:1/generate", 400),
        ("localhost:80", 400),
        ("*", 404),
        ("//generate", 400),
        ("/x//generate", 400),
        ("/./generate", 400),
        ("/x/../generate", 400),
        ("/x/..;/generate", 400),
        ("/generate;a=b", 400),
        ("/generate/", 404),
        ("/generate%2f", 400),
        ("/%2e%2e/generate", 400),
        ("/%252e%252e/generate", 400),
        ("/x\\generate", 400),
        ("/generate%00", 400),
        ("/generate%", 400),
        ("/%67enerate", 404),
        ("/GENERATE", 404),
        ("/generate\u{200b}", 400),
        ("/models/\u{202e}x", 400),
        ("/models/\u{7f}x", 400),
        ("/generate?access_token=x", 400),
        ("/generate?%61ccess_token=x", 400),
    ];
    for (target, status) in cases {
        let method = if target.starts_with("/models") { "GET" } else { "POST" };
        let length = if method == "GET" { 0 } else { 15 };
        let reply = server
            .send(format!(
                "{method} {target} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {credential}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{}",
                &BODY[..length]
            ))
            .await;
        let before = server.seen().len();
        assert_eq!(reply.status(), status, "{target}: {}", reply.0);
        assert!(before <= 3, "{target}");
    }
}

#[tokio::test]
async fn no_method_but_the_routes_own_reaches_it() {
    let server = Server::start().await;
    let credential = server.credential();
    for (method, path, status) in [
        ("OPTIONS", "/generate", 405),
        ("OPTIONS", "*", 404),
        ("TRACE", "/generate", 405),
        ("GET", "/generate", 405),
        ("HEAD", "/generate", 405),
        ("post", "/generate", 405),
        ("QUERY", "/generate", 405),
        ("M-SEARCH", "/generate", 405),
        ("CONNECT", "localhost:80", 400),
        ("PRI", "*", 404),
        ("POST", "/healthz", 405),
        ("POST", "/models/a", 405),
    ] {
        let reply = server
            .send(format!(
                "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {credential}\r\nconnection: close\r\nx-http-method-override: POST\r\n\r\n"
            ))
            .await;
        assert_eq!(reply.status(), status, "{method} {path}: {}", reply.0);
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn no_other_protocol_is_spoken_behind_the_gate() {
    let server = Server::start().await;
    let credential = server.credential();
    for headers in [
        "upgrade: websocket\r\nconnection: Upgrade, close\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n",
        "upgrade: h2c\r\nconnection: Upgrade, HTTP2-Settings, close\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n",
        "upgrade: h2c\r\nconnection: close\r\n",
        "connection: close, UPGRADE\r\n",
    ] {
        for path in ["/models/a", "/healthz"] {
            let reply = server
                .send(format!(
                    "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {credential}\r\n{headers}\r\n"
                ))
                .await;
            assert_eq!(reply.status(), 400, "{path} {headers}: {}", reply.0);
        }
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn who_has_no_credential_is_refused_before_a_body_is_asked_for() {
    let server = Server::start().await;
    let head = |credential: &str| {
        format!(
            "POST /generate HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\nconnection: close\r\n{credential}content-type: application/json\r\ncontent-length: 15\r\n\r\n"
        )
    };
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(head("").as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");

    let credential = format!("authorization: Bearer {}\r\n", server.credential());
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(head(&credential).as_bytes()).await.unwrap();
    let mut line = [0; 12];
    socket.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"HTTP/1.1 100", "who has one is asked");
    socket.write_all(BODY.as_bytes()).await.unwrap();
    assert_eq!(read(socket).await.statuses(), [200]);
}

#[tokio::test]
async fn headers_that_say_two_things_are_refused() {
    let server = Server::start().await;
    let credential = server.credential();
    let bearer = format!("authorization: Bearer {credential}\r\n");
    let json = "content-type: application/json\r\n";
    let cases = [
        (format!("{bearer}{bearer}{json}"), 400),
        (format!("{bearer}authorization: Basic YTpi\r\n{json}"), 400),
        (format!("authorization: Bearer {credential}, Bearer {credential}\r\n{json}"), 400),
        (format!("authorization: Bearer {credential} x\r\n{json}"), 401),
        (format!("authorization: Bearer\t{credential}\r\n{json}"), 401),
        (format!("Authorization_: Bearer {credential}\r\n{json}"), 401),
        (format!("proxy-authorization: Bearer {credential}\r\n{json}"), 401),
        (format!("x-api-key: {credential}\r\n{json}"), 401),
        (format!("cookie: authorization=Bearer {credential}\r\n{json}"), 401),
        (format!("{bearer}{json}{json}"), 400),
        (format!("{bearer}content-type: application/json, text/plain\r\n"), 415),
        (format!("{bearer}content-type: application/json; charset=utf-16\r\n"), 415),
        (format!("{bearer}content-type: application/json; charset=utf-8; charset=utf-7\r\n"), 415),
        (format!("{bearer}content-type: text/plain\r\n"), 415),
        (format!("{bearer}content-type: application/xml\r\n"), 415),
        (bearer.clone(), 415),
        (format!("{bearer}{json}content-encoding: identity\r\ncontent-encoding: gzip\r\n"), 400),
        (format!("{bearer}{json}content-encoding: gzip, gzip\r\n"), 415),
        (format!("{bearer}{json}content-encoding: exi\r\n"), 415),
        (format!("{bearer}{json}host: localhost\r\n"), 400),
        (format!("{bearer}{json}origin: https://evil.test\r\n"), 403),
        (format!("{bearer}{json}{}", "x-a: 1\r\n".repeat(200)), 431),
        (format!("{bearer}{json}x-a: {}\r\n", "a".repeat(17_000)), 431),
    ];
    for (headers, status) in &cases {
        let reply = server
            .send(format!(
                "POST /generate HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 15\r\n{headers}\r\n{BODY}"
            ))
            .await;
        let shown = headers.replace(&credential, "…");
        assert_eq!(reply.status(), *status, "{shown}: {}", reply.0);
        assert!(!reply.0.contains(&credential), "a refusal repeats no credential");
    }
    assert!(server.seen().is_empty());
}
