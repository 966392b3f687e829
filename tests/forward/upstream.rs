//! What an upstream's answers come to, and what the record says of the call.

use crate::world::{ANSWER, Act, HELLO, KEY, Upstream, World, credential, loopback, ok, price};
use axum::Router;
use bytes::Bytes;
use http::{HeaderName, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use portcullis::delegate::{Provider, ProviderCredentialLayer, RotatingSecret};
use portcullis::fetch::{HttpsClient, HttpsClientBuilder};
use portcullis::forward::Forward;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tower::ServiceExt;

#[tokio::test]
async fn what_a_client_can_mend_comes_back_and_every_other_failure_is_a_refusal() {
    let secret = format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY} at 10.0.0.7"}}}}"#);
    for (status, more, expected, reason) in [
        (200, "", 200, None),
        (400, "", 400, None),
        (404, "", 404, None),
        (409, "", 409, None),
        (422, "", 422, None),
        (401, "", 502, Some("upstream_failed")),
        (403, "", 502, Some("upstream_failed")),
        (402, "", 502, Some("upstream_failed")),
        (302, "location: http://10.0.0.7/\r\n", 502, Some("upstream_failed")),
        (500, "", 502, Some("upstream_failed")),
        (408, "", 504, Some("upstream_timeout")),
        (504, "", 504, Some("upstream_timeout")),
        (429, "retry-after: 7\r\n", 503, Some("unavailable")),
        (503, "retry-after: x\r\n", 503, Some("unavailable")),
        (529, "", 503, Some("unavailable")),
    ] {
        let body = if status == 200 { ANSWER } else { &*secret };
        let answer = format!(
            "HTTP/1.1 {status} Whatever\r\ncontent-type: application/json\r\n{more}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let upstream = Upstream::answering(answer).await;
        let world = World::of(&upstream).await;
        let came = world.ask(&world.chat(HELLO)).await;
        assert!(came.starts_with(&format!("HTTP/1.1 {expected} ")), "{status}: {came}");
        assert!(!came.contains("Whatever"), "the upstream's words: {came}");
        let record = world.record();
        assert_eq!(record["reason"].as_str(), reason, "{record}");
        assert_eq!(record["calls"][0]["status"], status, "{record}");
        if let Some(reason) = reason {
            assert!(came.contains(reason) && !came.contains(KEY) && !came.contains("10.0.0.7"), "{came}");
            assert!(record["cause"].as_str().unwrap().contains(&status.to_string()), "{record}");
        }
        let retry = came
            .to_ascii_lowercase()
            .lines()
            .find_map(|line| line.strip_prefix("retry-after: ").map(str::to_owned));
        assert_eq!(retry.as_deref(), (status == 429).then_some("7"), "{came}");
        assert_eq!(upstream.came().len(), 1, "nothing is tried twice");
    }
}

/// Of an upstream whose model was too slow for a proxy before it.
const LATE: &str =
    "HTTP/1.1 504 Gateway Timeout\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

/// An address where nobody listens.
async fn not_there() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// To this machine, over TLS.
fn encrypted() -> HttpsClientBuilder {
    let roots = portcullis::testing::CertificateAuthority::new("ours").pem();
    HttpsClient::builder().roots_pem(roots).internal_host("127.0.0.1")
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_a_502_that_does_not_say_where() {
    let address = not_there().await;
    let world = World::with(&format!("http://{address}"), |forward| forward).await;
    let came = world.ask(&world.chat(HELLO)).await;
    assert!(came.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{came}");
    assert!(!came.contains("127.0.0.1") && !came.contains(&address.port().to_string()), "{came}");
    assert!(world.record()["cause"].as_str().unwrap().contains("no connection"));
}

#[tokio::test]
async fn what_never_reached_the_upstream_is_given_back_and_what_may_have_run_is_not() {
    // Two thirds of a minute's budget, so that two of them do not fit.
    let dear = HELLO.replacen('{', r#"{"max_tokens":650000,"#, 1);
    let not_there = World::with(&format!("http://{}", not_there().await), |forward| forward).await;
    let unlisted = HttpsClient::builder().loopback_only();
    let unlisted = World::with("http://127.0.0.1:1", |forward| forward.connect_by(unlisted)).await;
    let hangs_up = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", hangs_up.local_addr().unwrap());
    tokio::spawn(async move { while hangs_up.accept().await.is_ok() {} });
    let shakes_no_hands = World::with(&url, |forward| forward.connect_by(encrypted())).await;
    for world in [not_there, unlisted, shakes_no_hands] {
        for _ in 0..4 {
            let came = world.ask(&world.chat(&dear)).await;
            assert!(came.starts_with("HTTP/1.1 502 "), "{came}");
            let record = world.record();
            assert_eq!(record["usage"]["settled"], 0, "{record}");
            assert!(record["usage"]["reserved"].as_u64().unwrap() > 650_000, "{record}");
        }
    }
    let upstream = Upstream::start([Act::Close]).await;
    let world = World::of(&upstream).await;
    let came = world.ask(&world.chat(&dear)).await;
    assert!(came.starts_with("HTTP/1.1 502 "), "{came}");
    let record = world.record();
    assert!(record["usage"]["settled"].as_u64().unwrap() > 0, "{record}");
    assert_eq!(upstream.came().len(), 1, "a request went out");
}

#[tokio::test]
async fn what_another_upstream_may_have_done_is_charged_though_the_last_one_was_not_reached() {
    let gone = format!("http://{}", not_there().await);
    let slow = Upstream::answering(LATE).await;
    for (first, charged) in [(slow.url(), true), (gone.clone(), false)] {
        let world = World::protecting(|key| {
            let forward =
                |url: &str| Forward::builder(credential(url, key)).connect_by(loopback()).build().unwrap();
            let (first, second) = (forward(&first), forward(&gone));
            Router::new().fallback(async move |request: axum::extract::Request| {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let request = || Request::from_parts(parts.clone(), Full::new(body.clone()));
                let answer = first.oneshot(request()).await.unwrap();
                assert!(answer.status().is_server_error());
                second.oneshot(request()).await.unwrap()
            })
        })
        .await;
        let came = world.ask(&world.chat(HELLO)).await;
        assert!(came.starts_with("HTTP/1.1 502 "), "{came}");
        let record = world.record();
        assert_eq!(record["calls"].as_array().unwrap().len(), 2, "{record}");
        assert_eq!(record["usage"]["settled"].as_u64().unwrap() > 0, charged, "{record}");
    }
}

#[tokio::test]
async fn the_record_tells_provider_model_status_usage_and_cost() {
    let upstream = Upstream::answering(ok(ANSWER)).await;
    let world = World::with(&upstream.url(), |forward| forward.price("small", price())).await;
    world.ask(&world.chat(HELLO)).await;
    let record = world.record();
    let call = &record["calls"][0];
    assert_eq!(
        (&call["hop"], &call["model"], &call["credential"]),
        (&"openai".into(), &"small".into(), &"provider".into())
    );
    assert_eq!((&call["status"], &call["currency"]), (&200.into(), &"USD".into()));
    // 9 units in and 3 out.
    assert_eq!(call["cost"], 0.000_008_25);
    assert_eq!((&record["usage"]["input"], &record["usage"]["output"]), (&9.into(), &3.into()));
    assert!(!record.to_string().contains(KEY));
}

#[tokio::test]
async fn without_a_gate_nothing_is_passed_on() {
    let upstream = Upstream::answering(ok(ANSWER)).await;
    let key = RotatingSecret::new(KEY.into()).unwrap();
    let forward = Forward::builder(credential(&upstream.url(), &key)).connect_by(loopback()).build().unwrap();
    assert!(!format!("{forward:?} {forward}").contains(KEY));
    let request = Request::post("/v1/chat/completions").body(Full::<Bytes>::from(HELLO)).unwrap();
    let answer = forward.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("misconfigured"));
    assert!(upstream.came().is_empty());
}

#[tokio::test]
async fn an_address_inside_the_network_is_reached_only_if_it_is_listed() {
    let upstream = Upstream::answering(ok(ANSWER)).await;
    let world =
        World::with(&upstream.url(), |forward| forward.connect_by(HttpsClient::builder().loopback_only()))
            .await;
    let came = world.ask(&world.chat(HELLO)).await;
    assert!(came.starts_with("HTTP/1.1 502 "), "{came}");
    assert!(world.record()["cause"].as_str().unwrap().contains("list it as internal"));
    assert!(upstream.came().is_empty());
}

#[tokio::test]
async fn an_upstream_that_takes_the_connection_and_never_shakes_hands_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let limit = Duration::from_millis(100);
    let world = World::with(&url, |forward| forward.connect_by(encrypted()).connect_within(limit)).await;
    let request = world.chat(HELLO);
    let asked = tokio::time::timeout(Duration::from_secs(10), world.ask(&request));
    let came = asked.await.expect("nobody waits for a handshake for ever");
    assert!(came.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"), "{came}");
    let record = world.record();
    assert!(record["cause"].as_str().unwrap().contains("no connection within 100 ms"));
    assert_eq!(record["usage"]["settled"], 0, "{record}");
    drop(listener);
}

#[test]
fn what_cannot_be_used_is_named_when_it_is_built() {
    let key = RotatingSecret::new(KEY.into()).unwrap();
    let several = ProviderCredentialLayer::builder(Provider::openai(), key.clone())
        .destination("https://a.test")
        .destination("https://b.test")
        .build()
        .unwrap();
    let one = || Forward::builder(credential("http://127.0.0.1:1", &key)).connect_by(loopback());
    for (builder, field) in [
        (Forward::builder(several).connect_by(loopback()), "credential"),
        (one().at_once(0), "at_once"),
        (one().head_within(Duration::ZERO), "head_within"),
        (one().silent_for(Duration::ZERO), "silent_for"),
        (one().connect_within(Duration::ZERO), "connect_by"),
        (one().base_path("openai"), "base_path"),
        (one().base_path("/openai/"), "base_path"),
        (one().allow_request_header(HeaderName::from_static("transfer-encoding")), "allow_request_header"),
        (one().allow_request_header(HeaderName::from_static("host")), "allow_request_header"),
        (one().allow_request_header(HeaderName::from_static("cookie")), "allow_request_header"),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{field}`: ")), "{error}");
    }
}
