//! The rights that count: those of the subject that every actor has, too.

use super::world::*;
use http::StatusCode;
use portcullis::principal::{
    Actor, ActorChain, ActorRule, AuthenticationMethod, Credential, Delegation, Principal, Subject,
};
use proptest::prelude::*;
use serde_json::json;

#[tokio::test]
async fn a_right_that_one_actor_lacks_is_missing_and_the_record_names_the_actor() {
    let world = World::new();
    let narrow = ActorRule::new(ISSUER, "web").scopes(["generate:invoke"]).roles(["reader"]);
    let wide = orchestrator().roles(["reader", "writer"]);
    let gate = world.gate(Delegation::new().actor(wide).actor(narrow));
    let from = world.from(ORCHESTRATOR);
    let claims = [("act", both()), ("roles", json!(["reader", "writer", "owner"]))];
    let credential = world.credential(claims);

    let (status, answer) = ask(&gate, request("/generate", &from, &credential)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!((&answer["scopes"], &answer["roles"]), (&json!(["generate:invoke"]), &json!(["reader"])));
    let record = world.record();
    let withheld = json!([
        { "right": "scope hr:read", "lacked_by": "web of https://sts.test" },
        { "right": "role owner", "lacked_by": "orchestrator of https://sts.test" },
        { "right": "role writer", "lacked_by": "web of https://sts.test" },
    ]);
    assert_eq!(record["principal"]["withheld"], withheld, "{record}");

    let (status, answer) = ask(&gate, request("/hr", &from, &credential)).await;
    assert_eq!((status, &answer["code"]), (StatusCode::FORBIDDEN, &json!("insufficient_scope")));
    let record = world.record();
    let cause = "the actor web of https://sts.test lacks the scope hr:read, which the subject has";
    assert_eq!((&record["cause"], &record["rule"]), (&json!(cause), &json!("scope:hr:read")));
    assert_eq!(record["principal"]["actors"][1], "web of https://sts.test");
}

#[tokio::test]
async fn an_actor_gives_no_right_to_a_subject_that_lacks_it() {
    let world = World::new();
    let gate = world.gate(delegation());
    let credential = world.credential([("act", both()), ("scope", json!("generate:invoke"))]);
    let (status, _) = ask(&gate, request("/hr", &world.from(ORCHESTRATOR), &credential)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(world.record()["cause"], "the credential lacks the scope hr:read");
}

#[tokio::test]
async fn alice_herself_has_all_her_rights() {
    let world = World::new();
    let gate = world.gate(delegation());
    let (status, answer) = ask(&gate, request("/hr", &world.from(BILLING), &world.credential([]))).await;
    assert_eq!((status, &answer["actors"]), (StatusCode::OK, &json!([])));
}

/// Names of rights and parties, few enough to meet.
fn names() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[a-e]", 0..6)
}

fn effective(delegation: &Delegation, subject: &[String], chain: &[usize]) -> Option<Vec<String>> {
    let actors: Vec<Actor> = chain.iter().map(|n| Actor::new(ISSUER, n.to_string())).collect();
    let credential = Credential::new(AuthenticationMethod::Jwt);
    let principal = Principal::builder(Subject::new(ISSUER, "alice"), credential)
        .scopes(subject.iter().map(String::as_str).collect())
        .roles(subject.iter().map(String::as_str).collect())
        .actors(ActorChain::new(actors))
        .build();
    let principal = delegation.check(principal, None).ok()?;
    let roles: Vec<&str> = principal.roles().iter().collect();
    assert_eq!(scopes(&principal), roles, "both are narrowed alike");
    let held: Vec<String> = scopes(&principal);
    for withheld in principal.withheld() {
        assert!(chain.iter().any(|n| withheld.actor.id() == n.to_string()), "{withheld:?}");
    }
    Some(held)
}

proptest! {
    #[test]
    fn an_actor_more_adds_no_right_and_no_order_of_them_does(
        subject in names(),
        rights in proptest::collection::vec(names(), 1..6),
        at in 0_usize..6,
    ) {
        let delegation = rights.iter().enumerate().fold(Delegation::new(), |delegation, (n, rights)| {
            let rule = ActorRule::new(ISSUER, n.to_string()).danger_from_anywhere();
            delegation.actor(rule.scopes(rights.iter().map(String::as_str)).roles(rights.iter().map(String::as_str)))
        });
        let mut chain: Vec<usize> = Vec::new();
        let mut before = effective(&delegation, &subject, &chain).unwrap();
        prop_assert!(before.iter().all(|right| subject.contains(right)));
        for actor in 0..rights.len() {
            chain.insert(at.min(chain.len()), actor);
            let after = effective(&delegation, &subject, &chain).unwrap();
            prop_assert!(after.iter().all(|right| before.contains(right)), "{after:?} of {before:?}");
            // It is exactly what all of them have.
            let all = |right: &&String| chain.iter().all(|n| rights[*n].contains(right));
            prop_assert!(before.iter().filter(all).all(|right| after.contains(right)));
            prop_assert!(after.iter().all(|right| chain.iter().all(|n| rights[*n].contains(right))));
            let reversed: Vec<usize> = chain.iter().rev().copied().collect();
            prop_assert_eq!(&effective(&delegation, &subject, &reversed).unwrap(), &after);
            before = after;
        }
    }
}

#[tokio::test]
async fn the_posture_says_who_may_act_and_what_weakens_it() {
    let world = World::new();
    let anywhere = ActorRule::new(ISSUER, "script").danger_from_anywhere().danger_every_right();
    let posture = world.gate(delegation().actor(anywhere)).posture().to_string();
    for words in [
        "orchestrator of https://sts.test, from spiffe://prod.test/ns/chat/sa/orchestrator",
        "web of https://sts.test, behind another actor only",
        "script of https://sts.test, FROM ANYWHERE, WITH EVERY RIGHT OF ITS SUBJECT",
    ] {
        assert!(posture.contains(words), "{posture}");
    }
    let any = world.gate(Delegation::new().danger_any_actor()).posture().to_string();
    assert!(any.contains("ANY ACTOR MAY ACT"), "{any}");
    let none = world.builder().danger_without_limits().build().unwrap().posture().to_string();
    assert!(none.contains("a credential with act is refused"), "{none}");
    let generations: Vec<_> =
        [delegation(), delegation().max_actors(2)].map(|d| world.gate(d).posture().generation.clone()).into();
    assert_ne!(generations[0], generations[1]);
}
