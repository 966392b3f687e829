//! Whatever a client calls a model, everybody further in knows it by one name.

use super::*;
use portcullis::authorize::rules::model_in;
use portcullis::authorize::{Model, ModelCatalog, RulePolicy};

fn catalog() -> ModelCatalog {
    ModelCatalog::new([
        Model::new("small")
            .alias("small-2024-08-06")
            .alias("org/Small-Instruct")
            .fine_tunes("ft:small:acme:"),
        Model::new("large"),
        Model::new("gemini-2.5-flash").alias("flash"),
    ])
    .unwrap()
}

fn called(model: &str) -> Value {
    chat(&json!({ "model": model }))
}

#[tokio::test]
async fn every_spelling_arrives_by_the_one_name_and_stands_in_the_record() {
    let world = World::new();
    let gate = world.plain().models(catalog()).build().unwrap();
    world.serve(JSON, json!({ "id": "chatcmpl-1", "choices": [] }));
    for (spelt, name) in [
        ("small", "small"),
        ("Small", "small"),
        ("SMALL:latest", "small"),
        ("small:LATEST", "small"),
        ("models/small", "small"),
        ("small-2024-08-06", "small"),
        ("ORG/small-instruct", "small"),
        ("FT:Small:acme:Tuned-7", "ft:small:acme:Tuned-7"),
    ] {
        let reply = world.post(&gate, ALICE, "/v1/chat/completions", &called(spelt)).await;
        assert_eq!(reply.status, 200, "{spelt}: {}", reply.text);
        assert_eq!(world.seen().unwrap().body["model"], name, "{spelt}");
        assert_eq!(world.record()["model"], name, "{spelt}");
    }
}

#[tokio::test]
async fn an_unlisted_model_is_refused_like_one_that_is_forbidden_and_at_the_same_place() {
    let world = World::new();
    let only_small = RulePolicy::builder("models").permit("small", model_in(["small"])).build().unwrap();
    let gate = world.plain().models(catalog()).policy(only_small).build().unwrap();
    world.serve(JSON, json!({ "id": "chatcmpl-1", "choices": [] }));
    assert_eq!(world.post(&gate, ALICE, "/v1/chat/completions", &called("SMALL")).await.status, 200);
    world.seen().unwrap();
    world.record();
    let forbidden = world.post(&gate, ALICE, "/v1/chat/completions", &called("large")).await;
    assert_eq!(forbidden.status, 403, "{}", forbidden.text);
    assert_eq!(world.record()["ran"]["policy"], "refused");
    for unknown in [
        "huge",
        "small ",
        "small:v2",
        "ft:small:other:x",
        "ft:small:acme:",
        "ft:small:acme:a b",
        "sma\u{17f}l",
    ] {
        let reply = world.post(&gate, ALICE, "/v1/chat/completions", &called(unknown)).await;
        assert_eq!(reply, forbidden, "{unknown:?}");
        assert!(world.seen().is_none());
        // The same controls have run.
        assert_eq!(world.record()["ran"]["policy"], "refused", "{unknown:?}");
    }
}

#[tokio::test]
async fn an_unlisted_model_is_forbidden_where_a_policy_permits_all() {
    let world = World::new();
    let all = portcullis::authorize::policy_fn("all", |_| portcullis::authorize::Verdict::permit().into());
    for gate in [world.plain().models(catalog()).policy(all), world.plain().models(catalog())] {
        let reply = world.post(&gate.build().unwrap(), ALICE, "/v1/chat/completions", &called("huge")).await;
        assert_eq!(reply.status, 403, "{}", reply.text);
        assert!(reply.text.contains("you may not do this") && !reply.text.contains("huge"), "{}", reply.text);
        let record = world.record();
        assert_eq!((&record["rule"], &record["ran"]["models"]), (&json!("models"), &json!("refused")));
        assert_eq!(record["ran"]["inspect"], "passed");
    }
    assert!(world.seen().is_none());
}

#[tokio::test]
async fn fallbacks_and_paths_are_named_alike() {
    let world = World::new();
    let gate = world.plain().models(catalog()).build().unwrap();
    world.serve(JSON, json!({ "type": "message", "content": [] }));
    let ask = |model: &str, fallback: &str| {
        json!({ "model": model, "max_tokens": 9, "messages": [{ "role": "user", "content": "hi" }],
            "fallbacks": [{ "model": fallback }] })
    };
    let reply = world.post(&gate, ALICE, "/v1/messages", &ask("LARGE", "small:latest")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let body = world.seen().unwrap().body;
    assert_eq!((&body["model"], &body["fallbacks"][0]["model"]), (&json!("large"), &json!("small")));
    let hidden = world.post(&gate, ALICE, "/v1/messages", &ask("large", "huge")).await;
    assert_eq!((hidden.status, world.seen().is_none()), (StatusCode::FORBIDDEN, true));
    world.record();
    world.record();

    let contents = json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }] });
    world.serve(JSON, json!({ "candidates": [] }));
    let path = |model: &str| format!("/v1beta/models/{model}:generateContent?alt=sse");
    let reply = world.post(&gate, ALICE, &path("FLASH"), &contents).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(world.seen().unwrap().path, path("gemini-2.5-flash"));
    assert_eq!(world.record()["model"], "gemini-2.5-flash");
    assert_eq!(world.post(&gate, ALICE, &path("huge"), &contents).await.status, 403);
    // Where a server chooses a model by itself, what it may choose from cannot be read.
    let routed = json!({ "contents": contents["contents"], "generationConfig": { "routingConfig": { "autoMode": {} } } });
    assert_eq!(world.post(&gate, ALICE, &path("flash"), &routed).await.status, 403);
    // A name that no path can hold is no name there.
    assert_eq!(world.post(&gate, ALICE, &path("ft:small:acme:x"), &contents).await.status, 400);
}
