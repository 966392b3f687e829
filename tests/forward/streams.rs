//! Answers that come piece by piece, and ends before their time.

use crate::world::{ANSWER, Act, HELLO, Upstream, World, ok, read_message};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

const STREAM: &str = r#"{"model":"small","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

fn event(data: &str) -> Vec<u8> {
    let event = format!("data: {data}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len()).into_bytes()
}

fn delta(text: &str) -> Vec<u8> {
    event(&format!(
        r#"{{"id":"c","object":"chat.completion.chunk","created":1,"model":"small","choices":[{{"index":0,"finish_reason":null,"delta":{{"content":"{text}"}}}}]}}"#
    ))
}

/// Reads until what came ends with, or holds, that.
async fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut text = String::new();
    while !text.contains(wanted) {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "it ended before {wanted}: {text}");
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    text
}

#[tokio::test]
async fn each_event_reaches_the_client_before_the_upstream_sends_the_next_one() {
    let last = event("[DONE]");
    let upstream = Upstream::start([
        Act::Send(HEAD.into()),
        Act::Send(delta("one")),
        Act::Wait,
        Act::Send(delta("two")),
        Act::Wait,
        Act::Send(last),
        Act::Send(b"0\r\n\r\n".to_vec()),
    ])
    .await;
    let world = World::of(&upstream).await;
    let mut client = world.send(&world.chat(STREAM)).await;
    let head = read_until(&mut client, "one").await;
    assert!(head.to_ascii_lowercase().contains("transfer-encoding: chunked"), "{head}");
    assert!(!head.to_ascii_lowercase().contains("content-length"), "{head}");
    upstream.go_on();
    read_until(&mut client, "two").await;
    upstream.go_on();
    read_until(&mut client, "0\r\n\r\n").await;
    let record = world.record();
    assert_eq!((&record["end"], &record["calls"][0]["status"]), (&"complete".into(), &200.into()));
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_connection_to_the_upstream_with_it() {
    // In the middle of a stream, and before the head of the answer.
    for script in [vec![Act::Send(HEAD.into()), Act::Send(delta("one")), Act::Wait], vec![Act::Wait]] {
        let (upstream, streams) = (Upstream::start(script.clone()).await, script.len() > 1);
        let world = World::of(&upstream).await;
        let mut client = world.send(&world.chat(STREAM)).await;
        upstream.arrived().await;
        if streams {
            read_until(&mut client, "one").await;
        }
        drop(client);
        upstream.left().await;
        assert_eq!(world.record()["end"], "aborted");
    }
}

#[tokio::test]
async fn an_upstream_that_sends_no_head_is_given_up() {
    let upstream = Upstream::start([Act::Wait]).await;
    let world = World::with(&upstream.url(), |forward| forward.head_within(Duration::from_secs(30))).await;
    let mut client = world.send(&world.chat(HELLO)).await;
    upstream.arrived().await;
    world.clock.advance(Duration::from_secs(30));
    let answer = read_message(&mut client, true).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"), "{answer}");
    upstream.left().await;
    let record = world.record();
    assert_eq!(record["reason"], "upstream_timeout");
    assert!(record["cause"].as_str().unwrap().contains("30000 ms"), "{record}");
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_ended_and_one_that_goes_on_is_not() {
    let upstream = Upstream::start([
        Act::Send(HEAD.into()),
        Act::Send(delta("one")),
        Act::Wait,
        Act::Send(delta("two")),
        Act::Wait,
    ])
    .await;
    let world = World::with(&upstream.url(), |forward| forward.silent_for(Duration::from_secs(20))).await;
    let mut client = world.send(&world.chat(STREAM)).await;
    read_until(&mut client, "one").await;
    world.clock.advance(Duration::from_secs(19));
    upstream.go_on();
    read_until(&mut client, "two").await;
    world.clock.advance(Duration::from_secs(19));
    world.clock.advance(Duration::from_secs(1));
    let mut rest = Vec::new();
    // The connection breaks, so that nobody takes the answer for whole.
    let ended = client.read_to_end(&mut rest).await;
    assert!(!String::from_utf8_lossy(&rest).contains("0\r\n\r\n"), "{ended:?} {rest:?}");
    upstream.left().await;
    assert_eq!(world.record()["end"], "failed");
}

#[tokio::test]
async fn an_upstream_that_answers_before_it_has_read_everything_is_heard() {
    let refusal =
        r#"{"error":{"message":"too long","type":"invalid_request_error","param":null,"code":null}}"#;
    let answer = format!(
        "HTTP/1.1 413 Content Too Large\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{refusal}",
        refusal.len()
    );
    let upstream = Upstream::hasty([Act::Send(answer.into_bytes()), Act::Wait]).await;
    let world = World::of(&upstream).await;
    let body = HELLO.replace("hello", &"long ".repeat(100_000));
    let answer = world.ask(&world.chat(&body)).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.ends_with(refusal), "{answer}");
}

#[tokio::test]
async fn no_more_requests_are_under_way_at_once_than_may_be() {
    let upstream = Upstream::start([Act::Wait, Act::Send(ok(ANSWER).into_bytes())]).await;
    let world = World::with(&upstream.url(), |forward| forward.at_once(1)).await;
    let mut first = world.send(&world.chat(HELLO)).await;
    upstream.arrived().await;
    let answer = world.ask(&world.chat(HELLO)).await;
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("retry-after: 1\r\n"), "{answer}");
    let record = world.record();
    assert_eq!((&record["rule"], &record["usage"]["settled"]), (&"forward:at_once".into(), &0.into()));
    upstream.go_on();
    assert!(read_message(&mut first, true).await.unwrap().starts_with("HTTP/1.1 200"));
    upstream.go_on();
    assert!(world.ask(&world.chat(HELLO)).await.starts_with("HTTP/1.1 200"), "the place is free again");
    assert_eq!(upstream.came().len(), 2);
}
