//! Streamed answers, over sockets.

use crate::site::{LEEWAY, NOW, Site, seconds};
use portcullis::clock::UnixTime;
use portcullis::principal::RevocationsFull;

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn a_credential_that_is_revoked_ends_its_silent_answer_which_is_settled_and_recorded_once() {
    let site = Site::new();
    let gate = site.builder().build().unwrap();
    let mut served = site.serve(&gate).await;
    let (mut client, handler) = served.stream(CHAT, &site.credential("alice")).await;
    handler.chat("the first of many words that nobody will read to their end");
    client.read_until("the first of many words").await;
    gate.revocations()
        .revoke_credential(site.issuer.name(), "jti-alice", UnixTime::from_secs(NOW + 310))
        .unwrap();
    let answer = client.read_to_end().await;
    let error = r#"data: {"error":{"message":"the credential has ended: come again with a new one","type":"authentication_error","param":null,"code":"credential_ended"}}"#;
    assert!(answer.contains(error), "{answer}");
    handler.dropped().await;
    let record = site.record();
    assert_eq!(
        (&record["decision"], &record["end"], &record["status"]),
        (&"cut".into(), &"cut".into(), &200.into())
    );
    assert_eq!((&record["reason"], &record["rule"]), (&"credential_ended".into(), &"watch:revoked".into()));
    assert_eq!(record["cause"], "the credential was revoked, by its identifier (jti)");
    let usage = |field| record["usage"][field].as_u64().unwrap();
    assert!(0 < usage("settled") && usage("settled") < usage("reserved"), "{record}");
    site.assert_no_more_records();
}

type Revoke = fn(&Site, UnixTime) -> Result<(), RevocationsFull>;

fn end_of_credential() -> UnixTime {
    UnixTime::from_secs(NOW + 300 + LEEWAY)
}

#[tokio::test]
async fn what_revokes_one_subject_ends_its_answers_and_leaves_others_alone() {
    let kinds: [(Revoke, &str); 4] = [
        (
            |site, until| site.revocations.revoke_credential(site.issuer.name(), "jti-alice", until),
            "its identifier (jti)",
        ),
        (
            |site, until| site.revocations.revoke_session(site.issuer.name(), "sid-alice", until),
            "its session (sid)",
        ),
        (|site, _| site.revocations.revoke_subject(&site.alice()), "its subject (sub)"),
        (
            |site, until| {
                site.revocations.revoke_subject_before(&site.alice(), UnixTime::from_secs(NOW + 1), until)
            },
            "its subject and when it was issued (iat)",
        ),
    ];
    for (revoke, by) in kinds {
        let site = Site::new();
        let mut served = site.serve(&site.builder().build().unwrap()).await;
        let (mut alice, of_alice) = served.stream(CHAT, &site.credential("alice")).await;
        let (mut bob, of_bob) = served.stream(CHAT, &site.credential("bob")).await;
        revoke(&site, end_of_credential()).unwrap();
        assert!(alice.read_to_end().await.contains("credential_ended"), "{by}");
        of_alice.dropped().await;
        assert_eq!(site.record()["cause"], format!("the credential was revoked, by {by}"));
        of_bob.chat("still here");
        bob.read_until("still here").await;
    }
}

#[tokio::test]
async fn what_revokes_a_whole_issuer_ends_all_answers() {
    let kinds: [(Revoke, &str); 2] = [
        (
            |site, until| {
                let moment = UnixTime::from_secs(NOW + 1);
                site.revocations.revoke_issuer_before(site.issuer.name(), moment, until)
            },
            "its issuer and when it was issued (iat)",
        ),
        (
            |site, _| site.revocations.revoke_key(site.issuer.key().thumbprint().as_bytes()),
            "the key that signed it",
        ),
    ];
    for (revoke, by) in kinds {
        let site = Site::new();
        let mut served = site.serve(&site.builder().build().unwrap()).await;
        let (mut alice, _handler) = served.stream(CHAT, &site.credential("alice")).await;
        let (mut bob, _handler) = served.stream(CHAT, &site.credential("bob")).await;
        revoke(&site, end_of_credential()).unwrap();
        for client in [&mut alice, &mut bob] {
            assert!(client.read_to_end().await.contains("credential_ended"), "{by}");
            assert_eq!(site.record()["cause"], format!("the credential was revoked, by {by}"));
        }
    }
}

#[tokio::test]
async fn an_answer_ends_when_its_credential_expires_leeway_included() {
    let site = Site::new();
    let mut served = site.serve(&site.builder().build().unwrap()).await;
    let (mut client, handler) = served.stream(CHAT, &site.credential("alice")).await;
    site.clock.advance(seconds(300 + LEEWAY - 1));
    handler.chat("just in time");
    client.read_until("just in time").await;
    site.clock.advance(seconds(1));
    assert!(client.read_to_end().await.contains("credential_ended"));
    handler.dropped().await;
    let record = site.record();
    assert_eq!(
        (&record["cause"], &record["rule"]),
        (&"the credential has expired".into(), &"watch:expired".into())
    );
    site.assert_no_more_records();
}

#[tokio::test]
async fn a_grace_lets_an_expired_credential_go_on_and_a_revoked_one_not() {
    let site = Site::new();
    let gate = site.builder().credential_grace(seconds(60)).build().unwrap();
    let mut served = site.serve(&gate).await;
    let (mut alice, of_alice) = served.stream(CHAT, &site.credential("alice")).await;
    let (mut bob, of_bob) = served.stream(CHAT, &site.credential("bob")).await;
    site.clock.advance(seconds(300 + LEEWAY + 59));
    of_alice.chat("within the grace");
    alice.read_until("within the grace").await;
    site.revocations.revoke_subject(&site.alice()).unwrap();
    assert!(alice.read_to_end().await.contains("credential_ended"));
    assert_eq!(site.record()["rule"], "watch:revoked");
    site.clock.advance(seconds(1));
    assert!(bob.read_to_end().await.contains("credential_ended"));
    of_bob.dropped().await;
    assert_eq!(site.record()["rule"], "watch:expired");
}

#[tokio::test]
async fn a_handler_that_talks_without_end_is_cut_as_one_that_is_silent_is() {
    let site = Site::new();
    let mut served = site.serve(&site.builder().build().unwrap()).await;
    let (mut client, handler) = served.stream(CHAT, &site.credential("alice")).await;
    let talking = tokio::spawn(async move {
        for n in 0.. {
            if handler.try_chat(&format!("word {n}")).is_err() {
                return n;
            }
            tokio::task::yield_now().await;
        }
        0
    });
    client.read_until("word 3").await;
    site.clock.advance(seconds(300 + LEEWAY));
    assert!(client.read_to_end().await.contains("credential_ended"));
    assert!(talking.await.unwrap() > 3, "the handler found out");
}

#[tokio::test]
async fn a_calendar_that_is_set_back_keeps_no_answer_alive() {
    let site = Site::new();
    let mut served = site.serve(&site.builder().build().unwrap()).await;
    let (mut client, _handler) = served.stream(CHAT, &site.credential("alice")).await;
    site.clock.set(UnixTime::from_secs(NOW - 10_000));
    site.clock.advance(seconds(300 + LEEWAY));
    assert!(client.read_to_end().await.contains("credential_ended"));
}

#[tokio::test]
async fn a_calendar_that_is_set_ahead_ends_a_silent_answer_when_it_looks_again() {
    let site = Site::new();
    let mut served = site.serve(&site.builder().build().unwrap()).await;
    let (mut client, _handler) = served.stream(CHAT, &site.credential("alice")).await;
    site.clock.set(UnixTime::from_secs(NOW + 300 + LEEWAY));
    site.clock.advance(seconds(30));
    assert!(client.read_to_end().await.contains("credential_ended"));
}

#[tokio::test]
async fn each_dialect_tells_its_client_in_its_own_shape() {
    let told = [
        (
            "/v1/messages",
            r#"event: error
data: {"type":"error","error":{"type":"authentication_error","message":"the credential has ended"#,
        ),
        ("/api/chat", r#"{"error":"the credential has ended: come again with a new one"}"#),
    ];
    for (path, error) in told {
        let site = Site::new();
        let mut served = site.serve(&site.builder().build().unwrap()).await;
        let (mut client, _handler) = served.stream(path, &site.credential("alice")).await;
        site.revocations.revoke_subject(&site.alice()).unwrap();
        let answer = client.read_to_end().await;
        assert!(answer.contains(error), "{path}: {answer}");
    }
}

#[tokio::test]
async fn an_answer_that_is_over_waits_for_nothing_more() {
    let site = Site::new();
    let mut served = site.serve(&site.builder().build().unwrap()).await;
    let (mut client, handler) = served.stream(CHAT, &site.credential("alice")).await;
    handler.chat("all there is");
    handler.say("data: [DONE]\n\n");
    drop(handler);
    assert!(!client.read_to_end().await.contains("credential_ended"));
    assert_eq!(site.record()["decision"], "permitted");
    site.revocations.revoke_subject(&site.alice()).unwrap();
    site.clock.advance(seconds(1_000));
    site.assert_no_more_records();
}

#[tokio::test]
async fn where_nothing_is_watched_answers_go_on_and_the_record_says_so() {
    let site = Site::new();
    let gate = site.builder().danger_without_watch().build().unwrap();
    assert!(gate.posture().to_string().contains("watch         NOT ENFORCED"), "{}", gate.posture());
    let mut served = site.serve(&gate).await;
    let (mut client, handler) = served.stream(CHAT, &site.credential("alice")).await;
    site.revocations.revoke_subject(&site.alice()).unwrap();
    site.clock.advance(seconds(1_000));
    handler.chat("no end");
    client.read_until("no end").await;
    drop(handler);
    client.read_to_end().await;
    assert_eq!(site.record()["ran"]["watch"], "off");
}

#[tokio::test]
async fn where_a_gate_only_observes_the_record_says_what_would_have_been_cut() {
    let site = Site::new();
    let gate = site.builder().danger_observe(UnixTime::from_secs(NOW + 100_000)).build().unwrap();
    let mut served = site.serve(&gate).await;
    let (mut client, handler) = served.stream(CHAT, &site.credential("alice")).await;
    site.revocations.revoke_subject(&site.alice()).unwrap();
    handler.chat("goes on");
    client.read_until("goes on").await;
    drop(handler);
    client.read_to_end().await;
    let record = site.record();
    assert_eq!((&record["decision"], &record["ran"]["watch"]), (&"permitted".into(), &"would_refuse".into()));
    let would = &record["would_refuse"][0];
    assert_eq!((&would["step"], &would["rule"]), (&"watch".into(), &"watch:revoked".into()));
}
