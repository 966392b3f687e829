//! The next request.

use crate::site::{Client, LEEWAY, NOW, Site, seconds};
use portcullis::clock::UnixTime;

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn a_remembered_credential_is_refused_on_the_request_after_it_was_revoked() {
    let site = Site::new();
    let mut served = site.serve(&site.builder().build().unwrap()).await;
    let credential = site.credential("alice");
    for remembered in [false, true] {
        let (mut client, handler) = served.stream(CHAT, &credential).await;
        drop(handler);
        client.read_to_end().await;
        assert_eq!(site.record()["principal"]["remembered"], remembered);
    }
    let until = UnixTime::from_secs(NOW + 300 + LEEWAY);
    site.revocations.revoke_session(site.issuer.name(), "sid-alice", until).unwrap();
    let answer = Client::ask(served.address, CHAT, &credential).await.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("www-authenticate: Bearer realm=\"llm\", error=\"invalid_token\""), "{answer}");
    assert!(
        !answer.contains("sid") && !answer.contains("revoked"),
        "the caller must not learn why: {answer}"
    );
    let record = site.record();
    assert_eq!((&record["reason"], &record["rule"]), (&"invalid_credential".into(), &"jwt:revoked".into()));
    assert_eq!(record["cause"], "revoked, by its session (sid)");
    assert_eq!(
        (&record["ran"]["authenticate"], &record["ran"]["watch"]),
        (&"refused".into(), &"not_reached".into())
    );
}

#[tokio::test]
async fn a_subject_that_is_restored_is_served_again_with_the_same_credential() {
    let site = Site::new();
    let mut served = site.serve(&site.builder().build().unwrap()).await;
    let credential = site.credential("alice");
    site.revocations.revoke_subject(&site.alice()).unwrap();
    let answer = Client::ask(served.address, CHAT, &credential).await.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    site.revocations.restore_subject(&site.alice());
    let (mut client, _handler) = served.stream(CHAT, &credential).await;
    client.read_until("HTTP/1.1 200 ").await;
}

#[tokio::test]
async fn what_is_issued_after_the_moment_is_served() {
    let site = Site::new();
    let mut served = site.serve(&site.builder().build().unwrap()).await;
    let (old, moment) = (site.credential("alice"), UnixTime::from_secs(NOW + 5));
    site.clock.advance(seconds(5));
    let until = UnixTime::from_secs(NOW + 10_000);
    site.revocations.revoke_subject_before(&site.alice(), moment, until).unwrap();
    let answer = Client::ask(served.address, CHAT, &old).await.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    let (mut client, _handler) = served.stream(CHAT, &site.credential("alice")).await;
    client.read_until("HTTP/1.1 200 ").await;
}

#[tokio::test]
async fn an_open_route_has_nobody_to_watch() {
    let site = Site::new();
    let served = site.serve(&site.builder().build().unwrap()).await;
    let request = "x: y\r\n";
    let answer = Client::post(served.address, "/healthz", request, "").await.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "only GET is open: {answer}");
    let answer = Client::get(served.address, "/healthz").await.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "the gate lets it through to a router without it: {answer}");
    site.record();
    assert_eq!(site.record()["ran"]["watch"], "skipped");
}
