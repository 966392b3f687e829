//! Claims that policies read are rights, too: those count that every actor has.

use super::world::*;
use http::StatusCode;
use portcullis::authorize::rules::{acting_for, always, claim, role, subject};
use portcullis::authorize::{RulePolicy, policy_fn};
use portcullis::payload::PlainGenerate;
use portcullis::principal::{ActorRule, Delegation};
use portcullis::route::Route;
use serde_json::{Value, json};

/// The orchestrator with these claims, and the web application with those.
fn acting(orchestrators: &[&str], webs: &[&str]) -> Delegation {
    let claims = |rule: ActorRule, claims: &[&str]| rule.roles(["staff"]).claims(claims.iter().copied());
    Delegation::new().actor(claims(orchestrator(), orchestrators)).actor(claims(web(), webs))
}

async fn asked(policy: RulePolicy, delegation: Delegation, claims: &[(&'static str, Value)]) -> (u16, Value) {
    let world = World::new();
    let route = Route::post("/asked").dialect(PlainGenerate).by_policy();
    let gate = world.builder().route(route).policy(policy).delegation(delegation).danger_without_limits();
    let gate = gate.build().unwrap();
    let claims = claims.iter().cloned().chain([("act", both())]);
    let (status, _) =
        ask(&gate, request("/asked", &world.from(ORCHESTRATOR), &world.credential(claims))).await;
    (status.as_u16(), world.record())
}

#[tokio::test]
async fn a_claim_that_an_actor_lacks_permits_nothing_and_the_record_names_the_actor() {
    let policy = || {
        RulePolicy::builder("test")
            .permit("finance", claim("/department").is("finance"))
            .permit("staff", role("staff").and(claim("/country").exists()))
            .build()
            .unwrap()
    };
    let finance = [("department", json!("finance"))];
    let (status, _) = asked(policy(), acting(&["/department"], &["/department"]), &finance).await;
    assert_eq!(status, 200);
    let (status, record) = asked(policy(), acting(&["/department"], &["/level"]), &finance).await;
    assert_eq!(status, 403, "{record}");
    let withheld = json!([{ "right": "claim /department", "lacked_by": "web of https://sts.test" }]);
    assert_eq!(record["principal"]["withheld"], withheld, "{record}");
    assert!(record["cause"].as_str().unwrap().contains("is withheld, since an actor lacks it"), "{record}");
    // Another rule may permit all the same.
    let both = [("department", json!("finance")), ("country", json!("DE")), ("roles", json!(["staff"]))];
    let (status, _) = asked(policy(), acting(&["/country"], &["/country"]), &both).await;
    assert_eq!(status, 200);
    let (status, _) = asked(policy(), acting(&[], &[]), &both).await;
    assert_eq!(status, 403);
    let every = ActorRule::new(ISSUER, "web").danger_every_right();
    let delegation = Delegation::new().actor(orchestrator().claims(["/department"])).actor(every);
    assert_eq!(asked(policy(), delegation, &finance).await.0, 200);
}

#[tokio::test]
async fn a_claim_that_is_withheld_lifts_nothing_that_forbids_by_it() {
    let policies: [fn() -> RulePolicy; 2] = [
        || {
            let rules = RulePolicy::builder("test").permit("all", always());
            rules.forbid("suspended", claim("/suspended").is(true)).build().unwrap()
        },
        || RulePolicy::builder("test").permit("active", !claim("/suspended").is(true)).build().unwrap(),
    ];
    for policy in policies {
        for (suspended, actors, expected) in [
            (json!(true), acting(&["/suspended"], &["/suspended"]), 403),
            (json!(true), acting(&[], &[]), 403),
            (json!(false), acting(&[], &["/suspended"]), 403),
            (json!(false), acting(&["/suspended"], &["/suspended"]), 200),
            (Value::Null, acting(&[], &[]), 200),
        ] {
            let (status, record) = asked(policy(), actors, &[("suspended", suspended.clone())]).await;
            assert_eq!(status, expected, "{suspended}: {record}");
        }
    }
}

#[tokio::test]
async fn a_policy_of_the_hosts_own_can_tell_why_a_claim_has_no_value() {
    let world = World::new();
    let policy = policy_fn("test", |request| {
        let claims = request.principal.claims();
        assert_eq!(claims.get("/level"), None);
        assert!(claims.is_withheld("/level") && !claims.is_unread("/level"));
        assert!(!claims.is_withheld("/other") && claims.is_unread("/other"));
        portcullis::authorize::Verdict::permit().into()
    });
    let reads = RulePolicy::builder("reads").permit("all", always().or(claim("/level").exists()));
    let gate = world
        .builder()
        .route(Route::post("/asked").dialect(PlainGenerate).by_policy())
        .policy(policy)
        .policy(reads.build().unwrap())
        .delegation(acting(&[], &[]))
        .danger_without_limits()
        .build()
        .unwrap();
    let credential = world.credential([("act", both()), ("level", json!(3))]);
    let (status, _) = ask(&gate, request("/asked", &world.from(ORCHESTRATOR), &credential)).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn whom_somebody_acts_for_is_known_by_issuer_and_name() {
    for (issuer, status) in [(ISSUER, 200), ("https://partner.test", 403)] {
        let policy = RulePolicy::builder("test").permit("for alice", acting_for(issuer, "alice"));
        let (seen, record) = asked(policy.build().unwrap(), acting(&[], &[]), &[]).await;
        assert_eq!(seen, status, "{record}");
    }
    let policy = RulePolicy::builder("test").permit("alice", subject(ISSUER, "alice"));
    assert_eq!(asked(policy.build().unwrap(), acting(&[], &[]), &[]).await.0, 200);
}
