//! What changes an Ollama server is the action `admin`, and needs the scope that the route names.

use super::*;

#[tokio::test]
async fn an_administrator_pulls_and_deletes() {
    let world = World::new();
    let answer = "{\"status\":\"pulling manifest\"}\n{\"status\":\"success\"}\n";
    world.serve("application/x-ndjson", answer);
    let reply = world.send(Method::POST, "/api/pull", Some("admin"), &json!({ "model": "small" })).await;
    assert_eq!((reply.status, &*reply.text), (StatusCode::OK, answer));
    let record = world.record();
    assert_eq!((&record["action"], &record["model"]), (&json!("admin"), &json!("small")));
    assert_eq!(
        (&record["body"]["dialect"], &record["body"]["stream"]),
        (&json!("ollama-admin"), &json!(true))
    );
    assert_eq!(world.seen().unwrap().0, "/api/pull");

    world.serve(JSON, json!({ "status": "success" }).to_string());
    let reply = world.send(Method::DELETE, "/api/delete", Some("admin"), &json!({ "model": "small" })).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    assert_eq!(world.record()["action"], "admin");
    assert_eq!(world.seen().unwrap().0, "/api/delete");
}

#[tokio::test]
async fn who_may_only_generate_changes_nothing_and_is_told_in_ollamas_shape() {
    let world = World::new();
    let reply = world.post("/api/pull", &json!({ "model": "small" })).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    assert!(reply.json()["error"].is_string(), "{}", reply.text);
    let record = world.record();
    assert_eq!((&record["action"], &record["reason"]), (&json!("admin"), &json!("insufficient_scope")));
    assert!(world.seen().is_none());
    assert!(world.knows_nobody("/api/pull", &json!({})).await["error"].is_string());
}

#[tokio::test]
async fn an_administrator_is_refused_what_the_api_does_not_know_and_attacks_in_templates() {
    let world = World::new();
    for (body, reason, pointer) in [
        (json!({ "model": "m", "system": ATTACK }), "content_blocked", "/system"),
        (json!({ "model": "m", "template": ATTACK }), "content_blocked", "/template"),
        (json!({ "model": "m", "name": "other" }), "malformed_request", "/name"),
        (json!({ "model": "m", "remote_host": "http://evil.test" }), "malformed_request", "/remote_host"),
    ] {
        let reply = world.send(Method::POST, "/api/pull", Some("admin"), &body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}: {}", reply.text);
        assert!(reply.json()["error"].is_string(), "{}", reply.text);
        let record = world.record();
        assert_eq!((&record["reason"], &record["pointer"]), (&json!(reason), &json!(pointer)), "{body}");
        assert!(world.seen().is_none());
    }
}
