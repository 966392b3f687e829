//! Ids leave sealed to tenant and subject, and open for nobody else.

use super::*;
use portcullis::gate::GateErrorKind;

fn answered(id: &str) -> Value {
    json!({ "id": id, "object": "response", "status": "completed", "model": "m", "metadata": { "id": "mine", "file_id": "theirs" },
        "output": [
            { "type": "message", "id": "msg_0a1b", "role": "assistant", "content": [{ "type": "output_text", "text": "see resp_77aa", "annotations": [{ "type": "file_citation", "file_id": "file-9c8d", "index": 0 }] }] },
            { "type": "function_call", "id": "fc_55", "call_id": "call_42", "name": "look", "arguments": "{\"id\":\"x\"}" }],
        "tools": [{ "type": "file_search", "vector_store_ids": ["vs_1", "vs_2"] }],
        "conversation": { "id": "conv_3" }, "previous_response_id": null,
        "usage": { "input_tokens": 2, "output_tokens": 3 } })
}

async fn sealed_response(world: &World, gate: &Gate, who: Who) -> Value {
    world.serve(JSON, answered("resp_77aa"));
    let reply = world.post(gate, who, "/v1/responses", &asks(&json!({}))).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

#[tokio::test]
async fn an_id_leaves_sealed_and_comes_back_as_the_handler_gave_it() {
    let world = World::new();
    let gate = world.sealed().build().unwrap();
    let answer = sealed_response(&world, &gate, ALICE).await;
    let at = |pointer: &str| answer.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    for (pointer, real) in [
        ("/id", "resp_77aa"),
        ("/output/0/id", "msg_0a1b"),
        ("/output/0/content/0/annotations/0/file_id", "file-9c8d"),
        ("/output/1/id", "fc_55"),
        ("/tools/0/vector_store_ids/1", "vs_2"),
        ("/conversation/id", "conv_3"),
    ] {
        let (shown, prefix) = (at(pointer), &real[..=real.find(['_', '-']).unwrap()]);
        assert!(shown.starts_with(prefix) && shown != real, "{pointer}: {shown}");
        assert!(shown.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{shown}");
        assert!(shown.len() <= 128, "{} bytes", shown.len());
    }
    // What the model or the client wrote stays, and so does what is called by the client alone.
    assert_eq!(at("/output/1/call_id"), "call_42");
    assert_eq!(at("/output/1/arguments"), "{\"id\":\"x\"}");
    assert_eq!(answer["metadata"], json!({ "id": "mine", "file_id": "theirs" }));
    world.seen().unwrap();

    let again = asks(
        &json!({ "previous_response_id": at("/id"), "conversation": { "id": at("/conversation/id") },
        "input": [{ "type": "item_reference", "id": at("/output/0/id") },
            { "type": "function_call_output", "call_id": "call_42", "output": "done" },
            { "role": "user", "content": [{ "type": "input_file", "file_id": at("/output/0/content/0/annotations/0/file_id") }] }],
        "tools": [{ "type": "file_search", "vector_store_ids": [at("/tools/0/vector_store_ids/0")] }] }),
    );
    assert_eq!(world.post(&gate, ALICE, "/v1/responses", &again).await.status, 200);
    let body = world.seen().unwrap().body;
    assert_eq!(body["previous_response_id"], "resp_77aa");
    assert_eq!(body["conversation"]["id"], "conv_3");
    assert_eq!(body["input"][0]["id"], "msg_0a1b");
    assert_eq!(body["input"][1]["call_id"], "call_42");
    assert_eq!(body["input"][2]["content"][0]["file_id"], "file-9c8d");
    assert_eq!(body["tools"][0]["vector_store_ids"], json!(["vs_1"]));
}

#[tokio::test]
async fn a_foreign_reference_a_changed_one_and_an_unknown_one_are_the_same_404() {
    let world = World::new();
    let gate = world.sealed().build().unwrap();
    let sealed = sealed_response(&world, &gate, ALICE).await["id"].as_str().unwrap().to_owned();
    let conversation =
        sealed_response(&world, &gate, ALICE).await["conversation"]["id"].as_str().unwrap().to_owned();
    while world.seen().is_some() {}
    let mut tries: Vec<(Who, String)> = vec![
        (BOB, sealed.clone()),
        (ALICE_ELSEWHERE, sealed.clone()),
        (ALICE, "resp_77aa".into()),
        (ALICE, "resp_".into()),
        (ALICE, String::new()),
        (ALICE, "no such thing".into()),
        (ALICE, "x".repeat(5_000)),
        (ALICE, sealed.replacen("resp_", "conv_", 1)),
        (ALICE, conversation.replacen("conv_", "resp_", 1)),
        (ALICE, format!("{sealed}A")),
        (ALICE, sealed.to_uppercase()),
    ];
    for at in (5..sealed.len()).step_by(7) {
        let other = if sealed.as_bytes()[at] == b'A' { "B" } else { "A" };
        tries.push((ALICE, format!("{}{other}{}", &sealed[..at], &sealed[at + 1..])));
        tries.push((ALICE, sealed[..at].to_owned()));
    }
    let mut first: Option<Reply> = None;
    for (who, tried) in tries {
        let reply =
            world.post(&gate, who, "/v1/responses", &asks(&json!({ "previous_response_id": tried }))).await;
        assert_eq!(reply.status, 404, "{tried}: {}", reply.text);
        assert_eq!(first.get_or_insert_with(|| reply.clone()), &reply, "{tried}");
        assert!(world.seen().is_none(), "{tried} came through");
    }
    assert!(world.log.flush(SOON));
    let records: Vec<Value> = world.records.try_iter().collect();
    let refused = records.iter().rev().find(|record| record["decision"] == "refused").unwrap();
    assert_eq!((&refused["reason"], &refused["rule"]), (&json!("unknown_reference"), &json!("sealed")));
    assert_eq!(refused["pointer"], "/previous_response_id");
    assert!(!records.iter().any(|record| record.to_string().contains("77aa")), "a record names an id");
    // The owner's own still opens.
    let own =
        world.post(&gate, ALICE, "/v1/responses", &asks(&json!({ "previous_response_id": sealed }))).await;
    assert_eq!(
        (own.status, &world.seen().unwrap().body["previous_response_id"]),
        (StatusCode::OK, &json!("resp_77aa"))
    );
}

#[tokio::test]
async fn path_and_query_are_opened_however_the_parameter_is_spelt() {
    let world = World::new();
    let gate = world.sealed().build().unwrap();
    let answer = sealed_response(&world, &gate, ALICE).await;
    let (response, item) = (answer["id"].as_str().unwrap(), answer["output"][0]["id"].as_str().unwrap());
    world.seen().unwrap();
    let path = format!("/v1/responses/{response}/input_items");
    for (query, seen) in [
        (format!("?after={item}&limit=2"), "?after=msg_0a1b&limit=2"),
        (format!("?limit=2&%61fter={item}"), "?limit=2&%61fter=msg_0a1b"),
        (format!("?after=%6D{}", &item[1..]), "?after=msg_0a1b"),
        (String::new(), ""),
        ("?limit=2".to_owned(), "?limit=2"),
    ] {
        let reply = world.get(&gate, ALICE, &format!("{path}{query}")).await;
        assert_eq!(reply.status, 200, "{query}: {}", reply.text);
        assert_eq!(world.seen().unwrap().path, format!("/v1/responses/resp_77aa/input_items{seen}"));
        assert_eq!(reply.json()["id"], *response, "the answer names it as before");
    }
    let mut refused = Vec::new();
    for (who, target) in [
        (BOB, path.clone()),
        (ALICE_ELSEWHERE, format!("/v1/responses/{response}")),
        (ALICE, "/v1/responses/resp_77aa".to_owned()),
        (ALICE, format!("{path}?after=msg_0a1b")),
        (ALICE, format!("{path}?%61fter=msg_0a1b")),
        (ALICE, format!("{path}?after={item}&after=msg_0a1b")),
        (ALICE, format!("{path}?after")),
    ] {
        let reply = world.get(&gate, who, &target).await;
        assert!(world.seen().is_none(), "{target} came through");
        refused.push(reply.json()["title"].clone());
        assert_eq!(reply.status, 404, "{target}: {}", reply.text);
    }
    refused.dedup();
    assert_eq!(refused.len(), 1, "{refused:?}");
}

#[tokio::test]
async fn a_stored_completion_is_sealed_and_calls_of_tools_are_not() {
    let world = World::new();
    let gate = world.sealed().build().unwrap();
    let call =
        json!({ "id": "call_1", "type": "function", "function": { "name": "look", "arguments": "{}" } });
    let message = json!({ "role": "assistant", "content": null, "tool_calls": [call], "audio": { "id": "audio_5", "data": "" } });
    let answer = json!({ "id": "chatcmpl-7", "object": "chat.completion", "choices": [{ "index": 0, "message": message }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 1 } });
    world.serve(JSON, answer);
    let reply =
        world.post(&gate, ALICE, "/v1/chat/completions", &chat(&json!({ "store": true }))).await.json();
    let audio = &reply["choices"][0]["message"]["audio"]["id"];
    assert!(reply["id"].as_str().unwrap().starts_with("chatcmpl-") && reply["id"] != "chatcmpl-7");
    assert!(audio.as_str().unwrap().starts_with("audio_") && *audio != "audio_5");
    assert_eq!(reply["choices"][0]["message"]["tool_calls"][0]["id"], "call_1");
    world.seen().unwrap();

    let turns =
        json!([{ "role": "assistant", "audio": { "id": audio } }, { "role": "user", "content": "and?" }]);
    assert_eq!(
        world.post(&gate, ALICE, "/v1/chat/completions", &chat(&json!({ "messages": turns }))).await.status,
        200
    );
    assert_eq!(world.seen().unwrap().body["messages"][0]["audio"]["id"], "audio_5");
    let stolen = world.post(&gate, BOB, "/v1/chat/completions", &chat(&json!({ "messages": turns }))).await;
    assert_eq!(stolen.status, 404, "{}", stolen.text);
}

#[tokio::test]
async fn a_file_that_was_uploaded_goes_into_a_batch_of_its_owner_only() {
    let world = World::new();
    let gate = world.sealed().build().unwrap();
    world.serve(JSON, json!({ "id": "file-abc", "object": "file" }));
    let media = "application/octet-stream";
    let uploaded = world.send(&gate, ALICE, Method::POST, "/v1/files", media, "{}\n".into()).await.json();
    assert_ne!(uploaded["id"], "file-abc");
    world.seen().unwrap();
    world.serve(JSON, json!({ "id": "batch_1", "object": "batch", "input_file_id": "file-abc", "output_file_id": "file-def", "error_file_id": null }));
    let body =
        json!({ "input_file_id": uploaded["id"], "more": [uploaded["id"]], "completion_window": "24h" });
    let batch = world.post(&gate, ALICE, "/v1/batches", &body).await;
    assert_eq!(batch.status, 200, "{}", batch.text);
    let seen = world.seen().unwrap().body;
    assert_eq!((&seen["input_file_id"], &seen["more"]), (&json!("file-abc"), &json!(["file-abc"])));
    assert_eq!(batch.json()["input_file_id"], uploaded["id"], "one id has one sealed form");
    assert!(batch.json()["output_file_id"].as_str().unwrap().starts_with("file-"));
    assert!(!batch.text.contains("file-def") && !batch.text.contains("batch_1"), "{}", batch.text);
    for (who, body) in [
        (BOB, body.clone()),
        (ALICE, json!({ "input_file_id": "file-abc" })),
        (ALICE, json!({ "input_file_id": 7 })),
        (ALICE, json!({ "input_file_id": uploaded["id"], "more": [uploaded["id"], {}] })),
    ] {
        assert_eq!(world.post(&gate, who, "/v1/batches", &body).await.status, 404, "{body}");
        assert!(world.seen().is_none());
    }
}

#[tokio::test]
async fn what_belongs_to_the_service_is_for_all_and_a_list_that_nobody_declared_gives_nothing_away() {
    let world = World::new();
    let gate = world.sealed().build().unwrap();
    world.serve(JSON, json!({ "id": "resp_1", "prompt": { "id": "pmpt_house" } }));
    for who in [ALICE, BOB] {
        let reply = world
            .post(&gate, who, "/v1/responses", &asks(&json!({ "prompt": { "id": "pmpt_house" } })))
            .await;
        assert_eq!((reply.status, &reply.json()["prompt"]["id"]), (StatusCode::OK, &json!("pmpt_house")));
        assert_eq!(world.seen().unwrap().body["prompt"]["id"], "pmpt_house");
    }
    world.serve(JSON, json!({ "object": "list", "data": [{ "id": "file-of-somebody" }] }));
    let listed = world.get(&gate, BOB, "/v1/files").await.json();
    let file = json!([{ "role": "user", "content": [{ "type": "input_file", "file_id": listed["data"][0]["id"] }] }]);
    let used = world.post(&gate, BOB, "/v1/responses", &asks(&json!({ "input": file }))).await;
    assert_eq!(used.status, 404, "{}", used.text);
}

#[tokio::test]
async fn a_route_can_take_references_as_they_are_and_the_posture_says_so() {
    let world = World::new();
    let gate = world.sealed().build().unwrap();
    world.serve(JSON, answered("resp_9"));
    let reply = world
        .post(&gate, BOB, "/raw/v1/responses", &asks(&json!({ "previous_response_id": "resp_8" })))
        .await;
    assert_eq!((reply.status, &reply.json()["id"]), (StatusCode::OK, &json!("resp_9")));
    assert_eq!(world.seen().unwrap().body["previous_response_id"], "resp_8");
    let posture = gate.posture().to_string();
    assert!(
        posture.contains("references are sealed to tenant and subject (1 keys), but for 1 that are shared"),
        "{posture}"
    );
    assert!(
        posture.contains("REFERENCES UNSEALED")
            && posture.contains("references: path:response_id, query:after"),
        "{posture}"
    );
    let none = world.plain().build().unwrap().posture().to_string();
    assert!(none.contains("references go as they are"), "{none}");
}

#[tokio::test]
async fn an_older_key_still_opens_and_a_newer_one_seals() {
    let world = World::new();
    let old = world.sealed().build().unwrap();
    let sealed = sealed_response(&world, &old, ALICE).await["id"].clone();
    let keys = ReferenceKeys::new(&secret('b')).unwrap();
    let both = keys.clone().and_older(&secret('a')).unwrap();
    let both = world.sealed().references(SealReferences::new(both)).build().unwrap();
    let new = world.sealed().references(SealReferences::new(keys)).build().unwrap();
    let with = |id: &Value| asks(&json!({ "previous_response_id": id }));
    let reply = world.post(&both, ALICE, "/v1/responses", &with(&sealed)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_ne!(reply.json()["id"], sealed);
    assert_eq!(world.post(&new, ALICE, "/v1/responses", &with(&reply.json()["id"])).await.status, 200);
    assert_eq!(world.post(&new, ALICE, "/v1/responses", &with(&sealed)).await.status, 404);
    assert_eq!(world.post(&old, ALICE, "/v1/responses", &with(&reply.json()["id"])).await.status, 404);
}

#[tokio::test]
async fn apis_whose_references_are_names_of_their_own_keep_them() {
    let world = World::new();
    let gate = world.sealed().build().unwrap();
    let read = json!({ "jsonrpc": "2.0", "id": "one", "method": "resources/read", "params": { "uri": "file:///a" } });
    world.serve(JSON, json!({ "jsonrpc": "2.0", "id": "one", "result": { "contents": [] } }));
    let reply = world.post(&gate, ALICE, "/mcp", &read).await;
    assert_eq!((reply.status, &reply.json()["id"]), (StatusCode::OK, &json!("one")), "{}", reply.text);
    assert_eq!(world.seen().unwrap().body["params"]["uri"], "file:///a");
}

#[tokio::test]
async fn references_in_paths_are_refused_behind_a_router_that_has_read_them() {
    let world = World::new();
    let gate = world.sealed().build().unwrap();
    let inner = Router::new()
        .route("/v1/responses/{response_id}", axum::routing::get(|| async { "" }))
        .layer(gate.clone());
    let credential = world.issuer.credential("alice").audience(AUDIENCE).scope("use").sign();
    let mut request = Request::get("/v1/responses/resp_x")
        .header("authorization", format!("Bearer {credential}"))
        .body(Body::empty())
        .unwrap();
    request.extensions_mut().insert(PeerAddress("192.0.2.7:4711".parse().unwrap()));
    request.extensions_mut().insert(TlsConnection::new());
    assert_eq!(inner.oneshot(request).await.unwrap().status(), 500);
    assert!(world.record()["cause"].as_str().unwrap().contains("gate.protect(router)"));
}

#[tokio::test]
async fn what_cannot_work_is_an_error_of_the_builder() {
    let world = World::new();
    let declared = world.plain().route(Route::get("/v1/x/{id}").scope("use").reference_in_path("id")).build();
    let error = declared.unwrap_err();
    assert!(matches!(error.kind(), GateErrorKind::ReferencesWithoutKeys(_)), "{error}");
    for route in [
        Route::get("/v1/x/{id}").scope("use").reference_in_path("other"),
        Route::get("/v1/x-{id}").scope("use").reference_in_path("id"),
        Route::get("/v1/x").scope("use").reference_at("/id"),
        Route::post("/v1/x").dialect(AnyJson).scope("use").reference_at("id"),
        Route::post("/v1/x").dialect(AnyJson).scope("use").reference_at("/id").danger_unsealed_references(),
    ] {
        let error = world.sealed().route(route).build().unwrap_err();
        assert!(error.to_string().contains("reference"), "{error}");
    }
    let short = ReferenceKeys::new(&"short".into()).unwrap_err();
    assert_eq!(short.to_string(), "a secret of 5 bytes is too short; choose at least 32, at random");
}

#[tokio::test]
async fn the_name_of_a_tool_is_no_reference_whatever_it_looks_like() {
    let world = World::new();
    let gate = world.sealed().build().unwrap();
    let path = "/v1beta/models/gemini-2.5-flash:generateContent";
    let hi = json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }] });
    let stolen = "cachedContents/of-somebody";
    let parts = json!([{ "functionCall": { "name": stolen, "args": {} } }]);
    world.serve(
        JSON,
        json!({ "candidates": [{ "content": { "role": "model", "parts": parts }, "finishReason": "STOP" }] }),
    );
    let reply = world.post(&gate, BOB, path, &hi).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.json()["candidates"][0]["content"]["parts"], parts);
    world.seen().unwrap();
    let call = json!({ "index": 0, "id": "call_1", "type": "function", "function": { "name": stolen, "arguments": "{}" } });
    for answer in [
        json!({ "choices": [{ "index": 0, "finish_reason": "tool_calls", "message": { "role": "assistant", "content": null, "tool_calls": [call] } }] }),
        json!({ "choices": [], "tools": [{ "type": "function", "name": stolen }] }),
        json!({ "choices": [], "tool": { "name": stolen } }),
    ] {
        world.serve(JSON, &answer);
        let reply = world.post(&gate, BOB, "/v1/chat/completions", &chat(&json!({}))).await;
        assert_eq!((reply.status, reply.json()), (StatusCode::OK, answer));
    }
    while world.seen().is_some() {}
    let used = json!({ "contents": hi["contents"], "cachedContent": stolen });
    assert_eq!(world.post(&gate, BOB, path, &used).await.status, 404);
    // What the service names is one.
    for answer in [json!({ "name": stolen }), json!({ "cachedContents": [{ "name": stolen }] })] {
        world.serve(JSON, answer);
        let reply =
            world.send(&gate, BOB, Method::POST, "/v1/files", "application/octet-stream", "x".into()).await;
        assert!(reply.text.contains("cachedContents/") && !reply.text.contains(stolen), "{}", reply.text);
    }
}

#[tokio::test]
async fn where_it_is_only_observed_one_reference_that_does_not_open_hinders_nothing_else() {
    let world = World::new();
    let enforcing = world.sealed().build().unwrap();
    let answer = sealed_response(&world, &enforcing, ALICE).await;
    world.seen().unwrap();
    let scopes = portcullis::protect::CacheScopes::new(&secret('c')).unwrap();
    let until = portcullis::clock::UnixTime::from_secs(4_000_000_000);
    let gate = world.sealed().cache_scopes(scopes).danger_observe(until).build().unwrap();
    let body = asks(&json!({ "previous_response_id": answer["id"], "user": "whoever",
        "conversation": { "id": "conv_of_before" } }));
    let reply = world.post(&gate, ALICE, "/v1/responses", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.json()["id"], answer["id"], "answers are sealed all the same");
    let seen = world.seen().unwrap();
    assert_eq!(seen.body["previous_response_id"], "resp_77aa");
    assert_eq!(seen.body["conversation"]["id"], "conv_of_before");
    let scope = seen.scope.unwrap();
    assert_eq!(
        (&seen.body["user"], &seen.body["prompt_cache_key"]),
        (&json!(scope.as_str()), &json!(scope.as_str()))
    );
}
