//! Which credentials of users and actors are exchanged.

use super::world::*;
use http::StatusCode;
use portcullis::principal::{Actor, Subject};
use portcullis::sts::{ActorClient, Grant};
use portcullis::testing::Issuer;
use serde_json::{Value, json};

const CLAIMS_OF_SUBJECT: &str = "subject_token";

#[tokio::test]
async fn a_credential_must_be_addressed_to_the_exchange_or_to_the_very_actor() {
    let world = World::new();
    let sts = world.sts();
    for (audience, status) in [
        (WEB, 200),
        (STS, 200),
        ("https://sts.test/token", 200),
        (ORCHESTRATOR, 400),
        (VECTORS, 400),
        ("x", 400),
    ] {
        let login = world.credential(audience, []);
        let answer = Asking::new(&login, ORCHESTRATOR).by_web().send(&sts).await;
        assert_eq!(answer.status.as_u16(), status, "{audience}");
        let record = world.record();
        assert_eq!(record.cause.is_some_and(|cause| cause.contains("`aud`")), status == 400);
    }
    // Nor can the orchestrator exchange what was issued for itself to the web application, and the reverse.
    let first = Asking::new(&world.credential(WEB, []), ORCHESTRATOR).by_web().send(&sts).await;
    let answer = Asking::new(first.credential(), ORCHESTRATOR).by_web().send(&sts).await;
    answer.assert_refused(400, "invalid_request");
}

#[tokio::test]
async fn a_credential_that_does_not_hold_is_not_exchanged() {
    let world = World::new();
    let sts = world.sts();
    let stranger = Issuer::with_clock(LOGIN, portcullis::testing::FakeClock::shared(&world.clock));
    let forged = stranger.credential("alice").audience(WEB).scope("chat").sign();
    let unknown =
        Issuer::with_clock("https://evil.test", portcullis::testing::FakeClock::shared(&world.clock));
    let unknown = unknown.credential("alice").audience(WEB).scope("chat").sign();
    let expired = world.credential(WEB, [("exp", json!(NOW - 60))]);
    let id_token = world.credential(WEB, [("nonce", json!("x"))]);
    for credential in [forged.as_str(), &unknown, &expired, &id_token, "x", "a.b.c", &"x".repeat(9000)] {
        let answer = Asking::new(credential, ORCHESTRATOR).by_web().send(&sts).await;
        answer.assert_refused(400, "invalid_request");
        assert_eq!(answer.body["error_description"], "the subject_token cannot be used");
        assert!(world.record().cause.unwrap().starts_with(CLAIMS_OF_SUBJECT));
    }
}

#[tokio::test]
async fn may_act_is_honoured() {
    let world = World::new();
    let sts = world
        .builder()
        .actor(
            ActorClient::by_secret("admin", SECRET.into())
                .known_as(Actor::new(LOGIN, "admin"))
                .audience(WEB)
                .grant(Grant::to(ORCHESTRATOR).scopes(["chat"]).for_everybody()),
        )
        .build()
        .unwrap();
    for (may, by_web, by_admin) in [
        (json!({ "sub": "admin" }), 400, 200),
        (json!({ "sub": "admin", "iss": LOGIN }), 400, 200),
        (json!({ "sub": "web" }), 400, 400),
        (json!({ "sub": "web", "iss": STS }), 200, 400),
        (json!({ "sub": "admin", "iss": STS }), 400, 400),
        (json!("admin"), 400, 400),
    ] {
        let login = world.credential(WEB, [("may_act", may.clone())]);
        for (client, status) in [("web", by_web), ("admin", by_admin)] {
            let answer = Asking::new(&login, ORCHESTRATOR).basic(client, SECRET).send(&sts).await;
            assert_eq!(answer.status.as_u16(), status, "{may} {client}: {answer:?}");
            if status == 200 && client == "admin" {
                assert_eq!(answer.claims()["act"], json!({ "sub": "admin", "iss": LOGIN }));
            }
        }
    }
}

#[tokio::test]
async fn those_who_acted_before_are_actors_of_the_exchange_and_nobody_comes_twice() {
    let world = World::new();
    let sts = world.sts();
    let tls = world.from(WORKLOAD);
    let of_sts = |id: &str| json!({ "sub": id, "iss": STS });
    let mut deep = of_sts("web");
    for n in 0..7 {
        deep = json!({ "sub": n.to_string(), "iss": STS, "act": deep });
    }
    for (act, words) in [
        (json!({ "sub": "web" }), Some("is no actor of this exchange")),
        (of_sts("stranger"), Some("is no actor of this exchange")),
        (of_sts("orchestrator"), Some("would come twice")),
        (json!({ "sub": "web", "iss": STS, "act": of_sts("web") }), Some("would come twice")),
        (deep, Some("no actor of this exchange")),
        (of_sts("web"), None),
    ] {
        let login = world.credential(ORCHESTRATOR, [("act", act.clone())]);
        let answer = Asking::new(&login, VECTORS).by_orchestrator(&tls).send(&sts).await;
        let record = world.record();
        match words {
            Some(words) => {
                answer.assert_refused(400, "invalid_request");
                assert!(record.cause.unwrap().contains(words), "{act}");
            }
            None => assert_eq!(answer.status, StatusCode::OK, "{answer:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_revoked_is_not_exchanged_and_nobody_who_is_revoked_acts() {
    type Revoke = fn(&portcullis::principal::Revocations);
    let revocations: [(Revoke, u16); 4] = [
        (|list| list.revoke_credential(LOGIN, "root", far()).unwrap(), 400),
        (|list| list.revoke_session(LOGIN, "session", far()).unwrap(), 400),
        (|list| list.revoke_subject(&Subject::new(LOGIN, "alice")).unwrap(), 400),
        (|list| list.revoke_subject(&Subject::new(STS, "orchestrator")).unwrap(), 401),
    ];
    for (revoke, status) in revocations {
        let world = World::new();
        let sts = world.sts();
        let first = Asking::new(&world.credential(WEB, []), ORCHESTRATOR).by_web().send(&sts).await;
        let second = || Asking::new(first.credential(), VECTORS).by_orchestrator(&world.from(WORKLOAD));
        assert_eq!(second().send(&sts).await.status, StatusCode::OK);
        revoke(&world.revocations);
        assert_eq!(second().send(&sts).await.status.as_u16(), status, "a descendant of what was revoked");
    }
}

fn far() -> portcullis::clock::UnixTime {
    portcullis::clock::UnixTime::from_secs(NOW + 10_000)
}

#[tokio::test]
async fn an_actor_token_is_of_the_client_and_ends_the_earlier() {
    let world = World::new();
    let sts = world
        .builder()
        .actor(
            ActorClient::by_secret("admin", SECRET.into())
                .known_as(Actor::new(LOGIN, "admin"))
                .audience(WEB)
                .grant(Grant::to(ORCHESTRATOR).scopes(["chat"]).for_everybody()),
        )
        .build()
        .unwrap();
    let kind = "urn:ietf:params:oauth:token-type:jwt";
    let of = |subject: &str, audience: &str, more: Vec<(&str, Value)>| {
        let token = world.login.credential(subject).audience(audience).claim("exp", NOW + 30);
        more.into_iter().fold(token, |token, (name, value)| token.claim(name, value)).sign()
    };
    let ask = async |token: &str, kind: &str| {
        let asking = Asking::new(&world.credential(WEB, []), ORCHESTRATOR).basic("admin", SECRET);
        asking.with("actor_token", token).with("actor_token_type", kind).send(&sts).await
    };
    let answer = ask(&of("admin", STS, vec![]), kind).await;
    assert_eq!(answer.body["expires_in"], 30, "{answer:?}");
    for (token, kind) in [
        (of("admin", STS, vec![]), ""),
        (String::new(), kind),
        (of("admin", STS, vec![]), "urn:ietf:params:oauth:token-type:saml2"),
        (of("alice", STS, vec![]), kind),
        (of("admin", WEB, vec![]), kind),
        (of("admin", STS, vec![("act", json!({ "sub": "x" }))]), kind),
        (of("admin", STS, vec![("cnf", json!({ "x5t#S256": "A".repeat(43) }))]), kind),
        (of("admin", STS, vec![("cnf", json!({ "jkt": "A".repeat(43) }))]), kind),
    ] {
        ask(&token, kind).await.assert_refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn users_of_two_issuers_who_are_called_alike_stay_two() {
    let world = World::new();
    let partner =
        Issuer::with_clock("https://partner.test", portcullis::testing::FakeClock::shared(&world.clock));
    let web = ActorClient::by_secret("web", SECRET.into())
        .audience(WEB)
        .grant(Grant::to(ORCHESTRATOR).scopes(["chat"]).for_everybody());
    let sts = portcullis::sts::Sts::builder(STS)
        .subjects_under("login:", world.login.trusted())
        .danger_without_audit()
        .subjects_under("partner:", partner.trusted())
        .actor(web)
        .clock(portcullis::testing::FakeClock::shared(&world.clock))
        .build()
        .unwrap();
    for (login, name) in [(&world.login, "login:alice"), (&partner, "partner:alice")] {
        let credential = login.credential("alice").audience(WEB).scope("chat").sign();
        assert_eq!(Asking::new(&credential, ORCHESTRATOR).by_web().send(&sts).await.claims()["sub"], name);
    }
    let long = world.login.credential("x".repeat(250)).audience(WEB).scope("chat").sign();
    Asking::new(&long, ORCHESTRATOR).by_web().send(&sts).await.assert_refused(400, "invalid_request");
}

#[tokio::test]
async fn a_user_who_is_called_like_an_actor_is_not_taken_for_it() {
    let world = World::new();
    let sts = world.sts();
    let login = world.credential(WEB, [("sub", json!("orchestrator"))]);
    Asking::new(&login, ORCHESTRATOR).by_web().send(&sts).await.assert_refused(400, "invalid_request");
    assert_eq!(world.record().cause.as_deref(), Some("the subject is called like an actor"));
}
