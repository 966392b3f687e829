//! A policy that is tried out beside the one in force.

use super::world::{World, chat};
use portcullis::authorize::RulePolicy;
use portcullis::authorize::rules::{always, model_in, role};
use portcullis::payload::OpenAiChat;
use portcullis::route::Route;
use serde_json::json;

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn a_candidate_is_recorded_and_compared_and_refuses_nothing() {
    let world = World::new();
    let live =
        RulePolicy::builder("live").permit("staff", role("staff")).permit("small", model_in(["small"]));
    let next = RulePolicy::builder("next")
        .permit("small only", model_in(["small"]))
        .permit("guests", role("guest").and(model_in(["tiny"])));
    let gate = world
        .gate()
        .route(Route::post(CHAT).dialect(OpenAiChat).by_policy())
        .policy(live.build().unwrap())
        .shadow_policy(next.build().unwrap())
        .build()
        .unwrap();
    let staff = json!({ "roles": ["staff"] });
    let guest = json!({ "roles": ["guest"] });
    let seen = world.post(&gate, CHAT, &chat("small", &json!({})), &staff).await;
    assert_eq!(seen.status, 200);
    assert_eq!(
        seen.record["policy"],
        json!({ "rules": ["staff"], "shadows": [{ "policy": "next", "verdict": "permit", "differs": false, "rules": ["small only"], "cause": null }] })
    );
    let seen = world.post(&gate, CHAT, &chat("large", &json!({})), &staff).await;
    assert_eq!(seen.status, 200, "what is tried out refuses nothing");
    let shadow = &seen.record["policy"]["shadows"][0];
    assert_eq!((&shadow["verdict"], &shadow["differs"]), (&json!("no_match"), &json!(true)));
    assert!(shadow["cause"].as_str().unwrap().contains("model:large"), "{shadow}");
    let seen = world.post(&gate, CHAT, &chat("tiny", &json!({})), &guest).await;
    assert_eq!(seen.status, 403, "what is tried out permits nothing");
    assert_eq!(seen.record["policy"]["shadows"][0]["verdict"], "permit");
    let (name, counts) = gate.policies().shadow_counts().next().unwrap();
    assert_eq!((name, counts.agreed, counts.would_refuse, counts.would_permit), ("next", 1, 1, 1));
    let posture = gate.posture().to_string();
    assert!(posture.contains("TRIED OUT, REFUSES NOTHING: next"), "{posture}");
}

#[tokio::test]
async fn a_request_that_is_refused_unread_is_compared_as_far_as_it_can_be() {
    let world = World::new();
    let live = RulePolicy::builder("live").permit("staff", role("staff")).build().unwrap();
    let next =
        RulePolicy::builder("next").permit("staff", role("staff")).permit("small", model_in(["small"]));
    let same = RulePolicy::builder("same").permit("staff", role("staff")).build().unwrap();
    let gate = world
        .gate()
        .route(Route::post(CHAT).dialect(OpenAiChat).by_policy())
        .policy(live)
        .shadow_policy(next.build().unwrap())
        .shadow_policy(same)
        .build()
        .unwrap();
    assert_eq!(world.post(&gate, CHAT, &chat("small", &json!({})), &json!({})).await.status, 403);
    let counts: Vec<_> =
        gate.policies().shadow_counts().map(|(_, counts)| (counts.agreed, counts.undecided)).collect();
    assert_eq!(counts, [(0, 1), (1, 0)]);
}

#[tokio::test]
async fn a_request_without_a_body_is_compared_wholly_though_it_is_refused_at_once() {
    let world = World::new();
    let live = RulePolicy::builder("live").permit("staff", role("staff")).build().unwrap();
    let open = RulePolicy::builder("open").permit("all", always()).build().unwrap();
    let closed = RulePolicy::builder("closed").permit("never", !always()).build().unwrap();
    let route = Route::get("/v1/models").by_policy();
    let gate =
        world.gate().route(route).policy(live).shadow_policy(open).shadow_policy(closed).build().unwrap();
    assert_eq!(world.get(&gate, "/v1/models", &json!({})).await.status, 403);
    let counts: Vec<_> =
        gate.policies().shadow_counts().map(|(_, counts)| (counts.would_permit, counts.agreed)).collect();
    assert_eq!(counts, [(1, 0), (0, 1)]);
}
