//! Which actor may act for whom, where, and with what.

use super::world::*;
use http::StatusCode;
use portcullis::principal::Subject;
use portcullis::sts::{ActorClient, Grant};
use serde_json::{Value, json};

#[tokio::test]
async fn two_hops_make_a_chain_of_two_actors_with_the_users_rights_and_no_others() {
    let world = World::new();
    let sts = world.sts();
    let login = world.credential(
        WEB,
        [
            ("plan", json!("paid")),
            ("tid", json!("acme")),
            ("roles", json!(["reader", "owner"])),
            ("acr", json!("strong")),
            ("auth_time", json!(NOW - 60)),
        ],
    );
    let first = Asking::new(&login, ORCHESTRATOR).by_web().send(&sts).await;
    let claims = first.claims();
    assert_eq!(
        (&claims["iss"], &claims["sub"], &claims["aud"]),
        (&json!(STS), &json!("alice"), &json!(ORCHESTRATOR))
    );
    assert_eq!((&claims["act"], &claims["client_id"]), (&json!({ "sub": "web" }), &json!("web")));
    assert_eq!((&claims["scope"], &claims["plan"]), (&json!("chat docs:read hr:read"), &json!("paid")));
    assert_eq!(
        (&claims["tenant"], &claims["acr"], &claims["auth_time"]),
        (&json!("acme"), &json!("strong"), &json!(NOW - 60))
    );
    assert_eq!(
        (&claims["roles"], &claims["cnf"]),
        (&Value::Null, &Value::Null),
        "the grant passes on no role"
    );
    assert_eq!((&first.body["token_type"], &first.body["expires_in"]), (&json!("Bearer"), &json!(300)));
    assert_eq!(first.body["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    let record = world.record();
    assert_eq!(
        (record.decision, record.actor.as_str(), record.subject.as_deref()),
        ("issued", "web", Some("alice"))
    );
    assert_eq!(
        (record.exchanged_id.as_deref(), record.client_request_id.as_deref()),
        (Some("root"), Some("chain-1"))
    );
    assert_eq!(record.credential_id.as_deref(), claims["jti"].as_str());

    let second = Asking::new(first.credential(), VECTORS)
        .with("scope", "docs:read")
        .by_orchestrator(&world.from(WORKLOAD))
        .send(&sts)
        .await;
    let claims = second.claims();
    assert_eq!(claims["act"], json!({ "sub": "orchestrator", "act": { "sub": "web" } }));
    assert_eq!(
        (&claims["sub"], &claims["scope"], &second.body["scope"]),
        (&json!("alice"), &json!("docs:read"), &json!("docs:read"))
    );
    assert_eq!((&claims["plan"], &claims["tenant"]), (&json!("paid"), &json!("acme")));
    assert!(
        claims["cnf"]["x5t#S256"].is_string(),
        "bound to the certificate that the orchestrator has shown"
    );
    let root = &claims["portcullis_root"];
    assert_eq!((&root["iss"], &root["sub"]), (&json!(LOGIN), &json!("alice")));
    assert_eq!((&root["jti"], &root["sid"], &root["iat"]), (&json!("root"), &json!("session"), &json!(NOW)));
    let record = world.record();
    assert_eq!(record.actors, ["orchestrator of https://sts.test", "web of https://sts.test"]);
    assert_eq!((record.workload.as_deref(), record.bound), (Some(WORKLOAD), Some("certificate")));
}

#[tokio::test]
async fn what_no_grant_permits_is_refused() {
    let world = World::new();
    let sts = world
        .builder()
        .actor(
            ActorClient::by_secret("narrow", SECRET.into())
                .audience(WEB)
                .grant(Grant::to("https://a.test").scopes(["chat"]).for_subject(Subject::new(LOGIN, "bob")))
                .grant(Grant::to("https://b.test").scopes(["chat"]).for_tenant(LOGIN, "globex"))
                .grant(Grant::to("https://c.test").scopes(["chat"]).for_subjects_of("https://other.test")),
        )
        .build()
        .unwrap();
    let alice = world.credential(WEB, [("tid", json!("acme"))]);
    for (audience, words) in [
        (VECTORS, "no grant of the actor is to that audience"),
        (STS, "no grant of the actor is to that audience"),
        ("https://orchestrator.test/", "no grant of the actor is to that audience"),
    ] {
        Asking::new(&alice, audience).by_web().send(&sts).await.assert_refused(400, "invalid_target");
        assert_eq!(world.record().cause.as_deref(), Some(words));
    }
    for audience in ["https://a.test", "https://b.test", "https://c.test"] {
        let asking = Asking::new(&alice, audience).basic("narrow", SECRET);
        asking.send(&sts).await.assert_refused(400, "invalid_target");
        assert_eq!(world.record().cause.as_deref(), Some("the grant of the actor is not for this subject"));
    }
    let bob = world.credential(WEB, [("sub", json!("bob")), ("tid", json!("globex"))]);
    for audience in ["https://a.test", "https://b.test"] {
        let answer = Asking::new(&bob, audience).basic("narrow", SECRET).send(&sts).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
}

#[tokio::test]
async fn scopes_are_those_of_the_subject_that_the_grant_passes_on() {
    let world = World::new();
    let sts = world.sts();
    for (held, asked, expected) in [
        ("chat docs:read", "", Ok("chat docs:read")),
        ("chat admin", "", Ok("chat")),
        ("chat docs:read", "docs:read", Ok("docs:read")),
        ("chat docs:read", "docs:read docs:read", Ok("docs:read")),
        ("chat", "docs:read", Err("the subject lacks docs:read")),
        ("chat admin", "chat admin", Ok("chat")),
        ("chat admin", "admin", Err("the grant of the actor lacks admin")),
        ("chat", "chat docs:read hr:read", Ok("chat")),
        ("admin", "", Err("the grant of the actor lacks admin")),
        ("chat", " ", Err("scope names none; leave it out, or name some")),
    ] {
        let login = world.credential(WEB, [("scope", json!(held))]);
        let answer = Asking::new(&login, ORCHESTRATOR).with("scope", asked).by_web().send(&sts).await;
        let record = world.record();
        match expected {
            Ok(scope) => assert_eq!(answer.claims()["scope"], scope, "{held}: {asked}"),
            Err(words) => {
                answer.assert_refused(400, "invalid_scope");
                assert_eq!(record.cause.as_deref(), Some(words));
            }
        }
    }
}

#[tokio::test]
async fn what_is_issued_ends_with_what_it_is_exchanged_for() {
    let world = World::new();
    let sts = world.sts();
    for (left, expected) in [(20, 20), (299, 299), (300, 300), (7200, 300)] {
        let login = world.credential(WEB, [("exp", json!(NOW + left))]);
        let answer = Asking::new(&login, ORCHESTRATOR).by_web().send(&sts).await;
        assert_eq!(answer.claims()["exp"], json!(NOW + expected));
        assert_eq!(answer.body["expires_in"], json!(expected));
    }
    // Good by the leeway alone: nothing is left to pass on.
    let login = world.credential(WEB, [("exp", json!(NOW))]);
    Asking::new(&login, ORCHESTRATOR).by_web().send(&sts).await.assert_refused(400, "invalid_request");
    // And with the certificate of the actor, whichever is first.
    let certificate = world.authority.spiffe(WORKLOAD).lifetime(std::time::Duration::from_secs(60)).issue();
    let now = portcullis::clock::Clock::now(&world.clock);
    let tls = portcullis::principal::TlsConnection::with_peer(
        world.bundles.verify_client(certificate.chain(), now).unwrap(),
    );
    let login = world.credential(ORCHESTRATOR, []);
    let answer = Asking::new(&login, VECTORS).by_orchestrator(&tls).send(&sts).await;
    let left = answer.body["expires_in"].as_u64().unwrap();
    assert!((58..=60).contains(&left), "{left}");
    world.clock.advance(std::time::Duration::from_secs(61));
    let answer = Asking::new(&login, VECTORS).by_orchestrator(&tls).send(&sts).await;
    answer.assert_refused(401, "invalid_client");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_issued() {
    let world = World::new();
    let sts = world.builder().audit(|_| Err(std::io::Error::other("the disk is full"))).build().unwrap();
    let answer = Asking::new(&world.credential(WEB, []), ORCHESTRATOR).by_web().send(&sts).await;
    answer.assert_refused(503, "temporarily_unavailable");
}
