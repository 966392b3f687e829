//! Limits: nobody gets more than was granted, or pays less than was used.

use crate::server::{SOON, Server, read};
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use futures_core::Stream;
use portcullis::Principal;
use portcullis::limit::{FloodQuota, Per};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_cap_that_is_no_whole_number_above_zero_is_refused() {
    let server = Server::start().await;
    for cap in
        ["-1", "0", "-0", "1.5", "1e1", "1.0", "\"9\"", "true", "[9]", "{}", "18446744073709551616", "9e99"]
    {
        for member in ["max_tokens", "max_completion_tokens", "n", "best_of"] {
            let body =
                format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],"{member}":{cap}}}"#);
            assert_eq!(server.ask("/v1/chat/completions", &body).await.status(), 400, "{body}");
            let body = format!(r#"{{"prompt":"hi","parameters":{{"{member}":{cap}}}}}"#);
            assert_eq!(server.ask("/generate", &body).await.status(), 400, "{body}");
        }
    }
    let huge = r#"{"prompt":"hi","max_tokens":18446744073709551615,"n":18446744073709551615}"#;
    let reply = server.ask("/generate", huge).await;
    assert_eq!(reply.status(), 400, "{}", reply.0);
    assert!(reply.body().contains("request_exceeds_limit"));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn whatever_cap_of_several_a_server_heeds_the_largest_is_reserved() {
    let server = Server::start().await;
    for (path, body, least) in [
        (
            "/v1/chat/completions",
            r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":1,"max_completion_tokens":700}"#,
            700,
        ),
        (
            "/v1/chat/completions",
            r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":100,"n":7}"#,
            700,
        ),
        (
            "/v1/chat/completions",
            r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":100,"best_of":7}"#,
            700,
        ),
        ("/generate", r#"{"prompt":"hi","max_tokens":1,"parameters":{"max_new_tokens":700}}"#, 700),
        ("/generate", r#"{"prompt":["a","b","c"],"max_tokens":100,"n":3}"#, 900),
        ("/generate", r#"{"prompt":"a","max_tokens":null}"#, 200),
    ] {
        assert_eq!(server.ask(path, body).await.status(), 200, "{body}");
        let record = server.record();
        assert!(record["usage"]["reserved"].as_u64().unwrap() >= least, "{body}: {record}");
    }
}

#[tokio::test]
async fn a_crowd_on_a_budget_that_is_nearly_empty_gets_no_more_than_it_holds() {
    let server = Server::start().await;
    let credential = server.credential_of("crowd", "narrow");
    let request = server.as_subject(&credential, "/generate", r#"{"prompt":"hi","max_tokens":39}"#);
    let mut asked = Vec::new();
    for _ in 0..40 {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        asked.push(tokio::spawn(read(socket)));
    }
    let mut fine = 0;
    for reply in asked {
        match reply.await.unwrap().status() {
            200 => fine += 1,
            status => assert_eq!(status, 429),
        }
    }
    let records = server.written();
    let settled: u64 = records.iter().filter_map(|record| record["usage"]["settled"].as_u64()).sum();
    assert!(settled <= 100, "{settled} units of 100 were used by {fine}");
    assert_eq!(records.len(), 40);
}

#[tokio::test]
async fn a_header_that_nobody_trusts_gives_no_second_address() {
    let quota = FloodQuota::new(1, Per::Minute).burst(3);
    let server = Server::with(|gate| gate.flood(quota), |app| app).await;
    let mut statuses = Vec::new();
    for n in 0..5 {
        let reply = server
            .send(format!(
                "POST /generate HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-forwarded-for: 192.0.2.{n}\r\nx-real-ip: 192.0.2.{n}\r\nforwarded: for=192.0.2.{n}\r\ncontent-length: 0\r\n\r\n"
            ))
            .await;
        statuses.push(reply.status());
    }
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
}

#[tokio::test]
async fn knocking_where_nothing_is_counts_as_knocking() {
    let quota = FloodQuota::new(1, Per::Minute).burst(3);
    let server = Server::with(|gate| gate.flood(quota), |app| app).await;
    for path in ["/nowhere", "//odd", "/generate;x", "/healthz"] {
        server.send(format!("PUT {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")).await;
    }
    let reply = server.ask("/generate", r#"{"prompt":"hi"}"#).await;
    assert_eq!(reply.status(), 429, "{}", reply.0);
}

type Answer = dyn Fn() -> axum::body::Body + Send + Sync;

/// Says `word` for ever, each time it is asked.
struct Endless(&'static str);

impl Stream for Endless {
    type Item = Result<String, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(Some(Ok(self.0.to_owned())))
    }
}

fn answering(
    content_type: &'static str,
    body: impl Fn() -> axum::body::Body + Clone + Send + Sync + 'static,
) -> Router {
    let answer = move |_: Principal| {
        std::future::ready::<Response>(([("content-type", content_type)], body()).into_response())
    };
    Router::new().route("/v1/chat/completions", any(answer.clone())).route("/generate", any(answer))
}

const STREAM: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":false},"max_tokens":50}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_an_endless_answer_pays_for_what_was_sent() {
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word word word word \"}}]}\n\n";
    let server = Server::with(
        |gate| gate,
        |_| answering("text/event-stream", move || axum::body::Body::from_stream(Endless(event))),
    )
    .await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(server.good("/v1/chat/completions", STREAM).as_bytes()).await.unwrap();
    let mut taken = vec![0; 100_000];
    tokio::time::timeout(SOON, socket.read_exact(&mut taken)).await.unwrap().unwrap();
    drop(socket);
    let record = server.record();
    assert_eq!(record["end"], "aborted");
    let words = taken.windows(5).filter(|five| five == b"word ").count() as u64;
    assert!(record["usage"]["settled"].as_u64().unwrap() >= words, "{record}");
    assert!(server.written().is_empty(), "one record");
}

#[tokio::test]
async fn a_count_that_no_server_means_does_not_make_an_answer_free() {
    let said =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"several words that were said\"}}]}\n\n";
    for usage in [
        r#"{"prompt_tokens":0,"completion_tokens":0}"#,
        r#"{"prompt_tokens":-5,"completion_tokens":-5}"#,
        r#"{"prompt_tokens":"1","completion_tokens":"1"}"#,
        r#"{"prompt_tokens":1e9,"completion_tokens":1.5}"#,
        r#"{"completion_tokens":1}"#,
        "null",
        "[]",
    ] {
        let text = format!("{said}data: {{\"choices\":[],\"usage\":{usage}}}\n\ndata: [DONE]\n\n");
        let server =
            Server::with(|gate| gate, |_| answering("text/event-stream", move || text.clone().into())).await;
        let reply = server.ask("/v1/chat/completions", STREAM).await;
        assert_eq!(reply.status(), 200);
        let record = server.record();
        assert!(record["usage"]["settled"].as_u64().unwrap() >= 5, "{usage}: {record}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_does_not_leave() {
    let json = "application/json";
    let endless = || {
        axum::body::Body::from_stream(Endless(
            "{\"a\":\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        ))
    };
    let sse = "text/event-stream";
    let cases: Vec<(&str, &'static str, Box<Answer>)> = vec![
        ("endless JSON", json, Box::new(endless)),
        ("invalid UTF-8", json, Box::new(|| b"{\"a\":\"SECRET\xff\"}".to_vec().into())),
        ("no JSON", json, Box::new(|| "SECRET".into())),
        ("JSON twice", json, Box::new(|| "{\"a\":1,\"a\":\"SECRET\"}".into())),
        ("an unknown type", "application/octet-stream", Box::new(|| "SECRET".into())),
        ("UTF-16", "text/plain; charset=utf-16", Box::new(|| "SECRET".into())),
        ("no JSON in an event", sse, Box::new(|| "data: SECRET\n\n".into())),
        ("no JSON behind a CR", sse, Box::new(|| "data: {\"choices\":[]}\r\rdata: SECRET\r\r".into())),
        ("no JSON in two lines", sse, Box::new(|| "data: {\"a\":\rdata:SECRET}\r\n\n".into())),
        ("invalid UTF-8 in an event", sse, Box::new(|| b"data: {\"a\":\"SECRET\xff\"}\n\n".to_vec().into())),
        (
            "an event without end",
            sse,
            Box::new(|| {
                axum::body::Body::from_stream(Endless("data: SECRETxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"))
            }),
        ),
    ];
    for (what, content_type, body) in cases {
        let body: std::sync::Arc<Answer> = body.into();
        let server = Server::with(|gate| gate, |_| answering(content_type, move || body())).await;
        let reply = server.ask("/v1/chat/completions", STREAM).await;
        assert!(!reply.0.contains("SECRET"), "{what}: {}", &reply.0[..reply.0.len().min(2_000)]);
        let record = server.record();
        assert_ne!(record["decision"], "permitted", "{what}: {record}");
        assert!(record["usage"]["settled"].as_u64().unwrap() > 0, "{what}: the handler worked: {record}");
    }
}
