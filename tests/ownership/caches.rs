//! Caches are kept apart, and nobody's word for whom a request is made goes on.

use super::*;
use portcullis::protect::CacheScopes;

fn scoped(world: &World) -> Gate {
    world
        .plain()
        .cache_scopes(CacheScopes::new(&secret('c')).unwrap().add_field("cache_salt"))
        .build()
        .unwrap()
}

#[tokio::test]
async fn fields_that_say_for_whom_are_overwritten_and_those_that_part_caches_are_added() {
    let world = World::new();
    let gate = scoped(&world);
    world.serve(JSON, json!({ "choices": [], "output": [], "content": [] }));
    let claimed = json!({ "user": "carol", "safety_identifier": "x", "prompt_cache_key": "shared", "cache_salt": "shared" });
    let message = json!({ "model": "m", "max_tokens": 9, "messages": [{ "role": "user", "content": "hi" }], "metadata": { "user_id": "carol" } });
    let prompt = json!({ "model": "m", "prompt": "hi", "user": "carol" });
    for (path, body, fields) in [
        (
            "/v1/chat/completions",
            chat(&claimed),
            &["/user", "/safety_identifier", "/prompt_cache_key", "/cache_salt"][..],
        ),
        ("/v1/chat/completions", chat(&json!({})), &["/prompt_cache_key", "/cache_salt"]),
        (
            "/v1/chat/completions",
            chat(&json!({ "prompt_cache_key": null })),
            &["/prompt_cache_key", "/cache_salt"],
        ),
        (
            "/v1/responses",
            asks(&claimed),
            &["/user", "/safety_identifier", "/prompt_cache_key", "/cache_salt"],
        ),
        ("/v1/completions", prompt, &["/user", "/cache_salt"]),
        ("/v1/messages", message, &["/metadata/user_id"]),
    ] {
        let reply = world.post(&gate, ALICE, path, &body).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        let seen = world.seen().unwrap();
        let scope = seen.scope.expect("a handler finds the scope");
        for field in fields {
            assert_eq!(seen.body.pointer(field), Some(&json!(scope.as_str())), "{path} {field}");
        }
        assert_eq!(
            seen.body.to_string().matches(scope.as_str()).count(),
            fields.len(),
            "{path}: {}",
            seen.body
        );
        assert!(!seen.body.to_string().contains("carol"), "{path}: {}", seen.body);
    }
}

#[tokio::test]
async fn each_subject_in_each_tenant_has_a_scope_of_its_own_and_keeps_it() {
    let world = World::new();
    let gate = scoped(&world);
    world.serve(JSON, json!({ "object": "list" }));
    let mut scopes = Vec::new();
    for who in [ALICE, BOB, ALICE_ELSEWHERE, ("acm", "ealice"), ALICE] {
        assert_eq!(world.get(&gate, who, "/v1/files").await.status, 200);
        let scope = world.seen().unwrap().scope.unwrap();
        assert_eq!(scope.as_str().len(), 43);
        scopes.push(scope);
    }
    assert_eq!(scopes[0], scopes[4]);
    let different: std::collections::HashSet<_> = scopes.iter().collect();
    assert_eq!(different.len(), 4, "{scopes:?}");
    let posture = gate.posture().to_string();
    assert!(posture.contains("added where the API has it: prompt_cache_key, cache_salt"), "{posture}");
    let without = world.plain().build().unwrap();
    assert_eq!(world.get(&without, ALICE, "/v1/files").await.status, 200);
    assert!(world.seen().unwrap().scope.is_none());
}
