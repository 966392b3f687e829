//! The same from TOML.

use super::*;
use portcullis::gate::config::Config;
use std::path::{Path, PathBuf};

const FILE: &str = r#"
danger_without_limits = true

[[issuers]]
issuer = "https://issuer.test"
audiences = ["https://llm.test"]
tenant_claim = "/tenant"
jwks_file = "keys.json"

[references]
key_files = ["new.key", "old.key"]
shared = ["pmpt_house"]

[cache_scopes]
key_file = "cache.key"
add = ["cache_salt"]

[[models]]
name = "small"
aliases = ["org/small"]
fine_tunes = ["ft:small:"]

[[routes]]
method = "POST"
path = "/v1/responses"
dialect = "openai-responses"
scopes = ["use"]

[[routes]]
method = "GET"
path = "/v1/responses/{response_id}"
scopes = ["use"]
references = ["path:response_id", "query:after"]

[[routes]]
method = "POST"
path = "/v1/files"
scopes = ["use"]
danger_opaque_body = { types = ["text/plain"], max_bytes = 100 }
seal_answers = true

[[routes]]
method = "POST"
path = "/raw"
dialect = "openai-responses"
scopes = ["use"]
danger_unsealed_references = true
"#;

fn folder(world: &World, name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ownership-{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    let write = |file: &str, text: String| std::fs::write(folder.join(file), text).unwrap();
    write("keys.json", world.issuer.jwks());
    write("new.key", "n".repeat(32) + "\n");
    write("old.key", "a".repeat(32) + "\n");
    write("cache.key", "c".repeat(40));
    write("short.key", "short".to_owned());
    folder
}

#[tokio::test]
async fn a_file_sets_up_references_models_and_caches() {
    let world = World::new();
    let config = Config::parse(FILE).unwrap().relative_to(folder(&world, "whole"));
    let gate = config.into_builder().unwrap().audit(world.log.clone()).build().unwrap();
    // What a gate with the older key alone has sealed still opens.
    let before = world.sealed().build().unwrap();
    world.serve(JSON, json!({ "id": "resp_1", "output": [] }));
    let sealed = world.post(&before, ALICE, "/v1/responses", &asks(&json!({}))).await.json()["id"].clone();
    let body = asks(&json!({ "model": "ORG/small:latest", "previous_response_id": sealed, "user": "carol" }));
    world.seen().unwrap();
    let reply = world.post(&gate, ALICE, "/v1/responses", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let seen = world.seen().unwrap();
    assert_eq!(
        (&seen.body["model"], &seen.body["previous_response_id"]),
        (&json!("small"), &json!("resp_1"))
    );
    assert_eq!(seen.body["cache_salt"], seen.body["user"]);
    assert_eq!(seen.body["user"], json!(seen.scope.unwrap().as_str()));
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(world.get(&gate, ALICE, &format!("/v1/responses/{id}")).await.status, 200);
    assert_eq!(world.seen().unwrap().path, "/v1/responses/resp_1");
    assert_eq!(world.get(&gate, BOB, &format!("/v1/responses/{id}")).await.status, 404);
    assert_eq!(
        world.post(&gate, ALICE, "/v1/responses", &asks(&json!({ "model": "huge" }))).await.status,
        403
    );
}

#[test]
fn what_is_wrong_is_said_with_its_key() {
    let world = World::new();
    let folder = folder(&world, "errors");
    for (from, to, key, says) in [
        ("\"old.key\"]", "\"short.key\"]", "references.key_files[1]", "a secret of 5 bytes is too short"),
        ("\"old.key\"]", "\"none.key\"]", "references.key_files[1]", "cannot be read"),
        ("[\"new.key\", \"old.key\"]", "[]", "references.key_files", "name a file with a secret"),
        ("\"cache.key\"", "\"short.key\"", "cache_scopes.key_file", "too short"),
        ("\"path:response_id\"", "\"path:id\"", "routes[1].references[0]", "can hold no reference"),
        ("\"query:after\"", "\"after\"", "routes[1].references[1]", "is no place of a reference"),
        (
            "seal_answers = true",
            "seal_answers = true\ndanger_unsealed_references = true",
            "routes[2].danger_unsealed_references",
            "keep one of them",
        ),
        (
            "fine_tunes = [\"ft:small:\"]",
            "fine_tunes = [\"\"]",
            "models[0].fine_tunes[0]",
            "is no name of a model",
        ),
        (
            "[[routes]]\nmethod = \"POST\"\npath = \"/raw\"",
            "[[models]]\nname = \"Org/Small\"\n[[routes]]\nmethod = \"POST\"\npath = \"/raw\"",
            "models[1].name",
            "two models are called",
        ),
        (
            "[references]\nkey_files = [\"new.key\", \"old.key\"]\nshared = [\"pmpt_house\"]",
            "",
            "references",
            "a route declares references",
        ),
    ] {
        assert!(FILE.contains(from), "{from}");
        let text = FILE.replacen(from, to, 1) + "\n[audit]\ndanger_off = true\n";
        let built = Config::parse(&text).and_then(|config| config.relative_to(&folder).build());
        let error = built.unwrap_err();
        assert_eq!(error.key(), key, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}
