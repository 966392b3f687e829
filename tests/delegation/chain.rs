//! Who may stand in a chain of actors.

use super::world::*;
use http::StatusCode;
use portcullis::Gate;
use portcullis::clock::UnixTime;
use portcullis::principal::{Actor, ActorDirectory, ActorRule, Delegation};
use portcullis::testing::{FakeClock, Issuer};
use serde_json::{Value, json};
use std::sync::Arc;

async fn status(gate: &Gate, world: &World, claims: Value) -> StatusCode {
    let claims = claims.as_object().unwrap().clone();
    let credential = world.credential(claims.iter().map(|(name, value)| (name.as_str(), value.clone())));
    ask(gate, request("/generate", &world.from(ORCHESTRATOR), &credential)).await.0
}

#[tokio::test]
async fn the_actors_of_a_chain_are_known_to_the_handler_and_the_record_the_current_one_first() {
    let world = World::new();
    let gate = world.gate(delegation());
    let credential = world.credential([("act", both()), ("may_act", json!({ "sub": "vectors" }))]);
    let (status, answer) = ask(&gate, request("/generate", &world.from(ORCHESTRATOR), &credential)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let chain = json!(["orchestrator of https://sts.test", "web of https://sts.test"]);
    assert_eq!((&answer["who"], &answer["actors"]), (&json!("alice"), &chain));
    assert_eq!(answer["may_act"], "vectors of https://sts.test");
    let record = world.record();
    assert_eq!(record["principal"]["actors"], chain);
    assert_eq!(record["principal"]["withheld"], Value::Null, "nobody lacks anything");
}

#[tokio::test]
async fn without_delegation_a_credential_that_says_that_somebody_acts_is_refused() {
    let world = World::new();
    let gate = world.builder().danger_without_limits().build().unwrap();
    assert_eq!(status(&gate, &world, json!({ "act": both() })).await, StatusCode::UNAUTHORIZED);
    assert_may_not_act(&world.record(), "nobody may here");
    assert_eq!(status(&gate, &world, json!({})).await, StatusCode::OK);
}

#[tokio::test]
async fn an_actor_that_is_not_known_is_refused_wherever_it_stands() {
    let world = World::new();
    let gate = world.gate(delegation());
    for act in [
        json!({ "sub": "stranger" }),
        json!({ "sub": "orchestrator", "act": { "sub": "stranger" } }),
        json!({ "sub": "orchestrator", "act": { "sub": "web", "act": { "sub": "stranger" } } }),
    ] {
        assert_eq!(status(&gate, &world, json!({ "act": act })).await, StatusCode::UNAUTHORIZED, "{act}");
        assert_may_not_act(&world.record(), "the actor stranger of https://sts.test is not known here");
    }
    // The same name by another issuer is another party.
    let act = json!({ "sub": "orchestrator", "iss": "https://other.test" });
    assert_eq!(status(&gate, &world, json!({ "act": act })).await, StatusCode::UNAUTHORIZED);
    assert_may_not_act(&world.record(), "orchestrator of https://other.test");
}

#[tokio::test]
async fn a_party_that_comes_twice_is_refused_and_so_is_one_that_acts_for_itself() {
    let world = World::new();
    let alice = ActorRule::new(ISSUER, "alice").scopes(["generate:invoke"]);
    for delegation in [delegation().actor(alice), Delegation::new().danger_any_actor()] {
        let gate = world.gate(delegation);
        for act in [
            json!({ "sub": "orchestrator", "act": { "sub": "orchestrator" } }),
            json!({ "sub": "orchestrator", "act": { "sub": "web", "act": { "sub": "orchestrator" } } }),
            json!({ "sub": "orchestrator", "act": { "sub": "web", "act": { "sub": "web" } } }),
            json!({ "sub": "orchestrator", "iss": ISSUER, "act": { "sub": "orchestrator" } }),
            json!({ "sub": "orchestrator", "act": { "sub": "alice" } }),
            json!({ "sub": "alice" }),
        ] {
            assert_eq!(status(&gate, &world, json!({ "act": act })).await, StatusCode::UNAUTHORIZED, "{act}");
            assert_may_not_act(&world.record(), "comes twice in its chain, or is the subject itself");
        }
    }
}

#[tokio::test]
async fn a_chain_may_be_as_deep_as_is_set_and_never_deeper_than_eight() {
    let world = World::new();
    let deep = |depth: usize| {
        (0..depth).fold(Value::Null, |inner, n| match inner {
            Value::Null => json!({ "sub": n.to_string() }),
            inner => json!({ "sub": n.to_string(), "act": inner }),
        })
    };
    let any = Delegation::new().danger_any_actor();
    for (most, delegation) in [(8, any.clone()), (3, any.max_actors(3))] {
        let gate = world.gate(delegation);
        assert_eq!(status(&gate, &world, json!({ "act": deep(most) })).await, StatusCode::OK, "{most}");
        world.record();
        assert_eq!(status(&gate, &world, json!({ "act": deep(most + 1) })).await, StatusCode::UNAUTHORIZED);
        assert_eq!(world.record()["decision"], "refused");
    }
    // A bomb is refused by whoever parses it, before anybody builds a chain of it.
    let gate = world.gate(delegation());
    for depth in [9, 15, 16, 200] {
        assert_eq!(status(&gate, &world, json!({ "act": deep(depth) })).await, StatusCode::UNAUTHORIZED);
        let record = world.record();
        let cause = record["cause"].as_str().unwrap();
        assert!(
            cause.contains("`act`") || cause.contains("nest more than") || cause.contains("8 KiB"),
            "{cause}"
        );
    }
}

#[tokio::test]
async fn a_chain_that_is_none_is_refused() {
    let world = World::new();
    let gate = world.gate(Delegation::new().danger_any_actor());
    for (claim, value) in [
        ("act", json!("orchestrator")),
        ("act", json!(null)),
        ("act", json!([{ "sub": "orchestrator" }])),
        ("act", json!({})),
        ("act", json!({ "iss": ISSUER })),
        ("act", json!({ "sub": 7 })),
        ("act", json!({ "sub": "" })),
        ("act", json!({ "sub": "a\nb" })),
        ("act", json!({ "sub": "x".repeat(256) })),
        ("act", json!({ "sub": "orchestrator", "iss": 7 })),
        ("act", json!({ "sub": "orchestrator", "act": "web" })),
        ("act", json!({ "sub": "orchestrator", "act": {} })),
        ("act", json!({ "sub": "orchestrator", "act": null })),
        ("may_act", json!("orchestrator")),
        ("may_act", json!({ "iss": ISSUER })),
        ("portcullis_root", json!({ "sub": "alice" })),
        ("portcullis_root", json!({ "iss": "https://login.test", "sub": "alice", "key": "short" })),
        ("portcullis_root", json!({ "iss": "https://login.test", "sub": "alice", "jti": 7 })),
    ] {
        assert_eq!(status(&gate, &world, json!({ claim: value })).await, StatusCode::UNAUTHORIZED, "{value}");
        let record = world.record();
        assert!(record["cause"].as_str().unwrap().contains(claim), "{record}");
    }
}

/// A registry that knows one service, and answers about another with the wrong rule.
#[derive(Debug)]
struct Registry;

impl ActorDirectory for Registry {
    fn find(&self, actor: &Actor) -> Option<Arc<ActorRule>> {
        match actor.id() {
            "listed" | "confused" => Some(Arc::new(
                ActorRule::new(ISSUER, "listed")
                    .workload(ORCHESTRATOR.parse().unwrap())
                    .scopes(["generate:invoke"]),
            )),
            _ => None,
        }
    }
}

#[tokio::test]
async fn a_directory_knows_actors_that_no_rule_names() {
    let world = World::new();
    let gate = world.gate(Delegation::new().actor(web()).directory(Registry));
    for (id, expected) in [
        ("listed", StatusCode::OK),
        ("confused", StatusCode::UNAUTHORIZED),
        ("web", StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(status(&gate, &world, json!({ "act": { "sub": id } })).await, expected, "{id}");
    }
}

/// RFC 8693 §4.1, the second example: service16 acts for the user, and service77 acted before it.
#[tokio::test]
async fn the_examples_of_the_rfc_are_read_as_it_says() {
    let issuer = "https://issuer.example.com";
    let clock = FakeClock::at(UnixTime::from_secs(1_443_904_090));
    let signer = Issuer::with_clock(issuer, clock.shared());
    let rule = |id: &str| ActorRule::new(issuer, id).danger_from_anywhere().danger_every_right();
    let delegation = Delegation::new()
        .actor(rule("admin@example.com"))
        .actor(rule("https://service16.example.com"))
        .actor(rule("https://service77.example.com"));
    for (audience, act, may_act, expected) in [
        (
            "https://consumer.example.com",
            json!({ "sub": "admin@example.com" }),
            None,
            json!(["admin@example.com of https://issuer.example.com"]),
        ),
        (
            "https://service26.example.com",
            json!({
                "sub": "https://service16.example.com",
                "act": { "sub": "https://service77.example.com" }
            }),
            None,
            json!([
                "https://service16.example.com of https://issuer.example.com",
                "https://service77.example.com of https://issuer.example.com"
            ]),
        ),
        // §4.4: nobody acts yet; the administrator may.
        ("https://consumer.example.com", Value::Null, Some(json!({ "sub": "admin@example.com" })), json!([])),
    ] {
        let gate = Gate::builder()
            .clock(clock.shared())
            .issuer(signer.trusted().audience(audience))
            .route(
                portcullis::route::Route::post("/generate")
                    .dialect(portcullis::payload::PlainGenerate)
                    .scope("api"),
            )
            .delegation(delegation.clone())
            .danger_without_limits()
            .danger_without_inspection()
            .danger_without_audit()
            .build()
            .unwrap();
        let credential = signer
            .credential("user@example.com")
            .audience(audience)
            .claim("exp", 1_443_904_177)
            .claim("nbf", 1_443_904_077)
            .claim("scope", "api")
            .claim("client_id", "s6BhdRkqt3");
        let credential = if act.is_null() { credential } else { credential.claim("act", act) };
        let credential = match &may_act {
            Some(party) => credential.claim("may_act", party.clone()),
            None => credential,
        };
        let tls = portcullis::principal::TlsConnection::new();
        let (status, answer) = ask(&gate, request("/generate", &tls, &credential.sign())).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!((&answer["who"], &answer["actors"]), (&json!("user@example.com"), &expected));
        let may = may_act.map(|_| "admin@example.com of https://issuer.example.com");
        assert_eq!(answer["may_act"].as_str(), may);
    }
}
