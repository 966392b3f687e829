//! Tools under every name that a server may take for theirs, and who is asked about the ones that the model calls.

use super::world::{World, chat};
use axum::body::Body;
use axum::http::Request;
use portcullis::Gate;
use portcullis::authorize::RulePolicy;
use portcullis::authorize::rules::{Condition, always, model_in, offers_tools, tool_in};
use portcullis::payload::{AnthropicMessages, Gemini, OpenAiChat, OpenAiResponses};
use portcullis::route::Route;
use serde_json::{Value, json};
use std::time::Instant;

const CHAT: &str = "/v1/chat/completions";
const GEMINI: &str = "/v1beta/models/m:generateContent";
const JSON: &str = "application/json";
const MOST_BYTES: usize = 32 * 1024 * 1024;

fn policy(name: &str, permits: Condition) -> RulePolicy {
    RulePolicy::builder(name).permit("rule", permits).build().unwrap()
}

fn forbidding(forbids: Condition) -> RulePolicy {
    RulePolicy::builder("test").permit("all", always()).forbid("rule", forbids).build().unwrap()
}

fn chat_route() -> Route {
    Route::post(CHAT).dialect(OpenAiChat).by_policy()
}

/// A gate in front of every API that has tools.
fn gate(world: &World, policy: RulePolicy) -> Gate {
    world
        .gate()
        .route(chat_route())
        .route(Route::post("/v1beta/models/{call}").dialect(Gemini).by_policy())
        .route(Route::post("/v1/responses").dialect(OpenAiResponses).by_policy())
        .route(Route::post("/v1/messages").dialect(AnthropicMessages).by_policy())
        .max_body_bytes(MOST_BYTES)
        .max_body_bytes_at_once(8 * MOST_BYTES, 8 * MOST_BYTES)
        .policy(policy)
        .build()
        .unwrap()
}

fn request(path: &str, body: &Value) -> Request<Body> {
    let request = Request::post(path).header("content-type", JSON);
    request.body(Body::from(body.to_string())).unwrap()
}

fn calling(tool: &str) -> &'static str {
    json!({ "id": "c", "object": "chat.completion", "choices": [{ "index": 0, "message": { "role": "assistant",
        "tool_calls": [{ "id": "1", "type": "function", "function": { "name": tool, "arguments": "{}" } }] } }] })
    .to_string()
    .leak()
}

#[tokio::test]
async fn a_policy_that_says_nothing_of_tools_is_not_asked_about_those_that_the_model_calls() {
    let world = World::new();
    let gate = world
        .gate()
        .route(chat_route())
        .policy(policy("models", model_in(["*"])))
        .policy(forbidding(tool_in(["rm"])))
        .build()
        .unwrap();
    let body = chat("m", &json!({}));
    let seen = world.ask_for(&gate, request(CHAT, &body), &json!({}), (JSON, calling("search"))).await;
    assert_eq!((seen.status.as_u16(), seen.body.as_str()), (200, calling("search")));
    let seen = world.ask_for(&gate, request(CHAT, &body), &json!({}), (JSON, calling("rm"))).await;
    assert_eq!((seen.status.as_u16(), &seen.record["rule"]), (403, &json!("policy:rule")));
}

#[tokio::test]
async fn a_policy_that_is_tried_out_counts_the_tools_that_the_model_calls_and_cuts_nothing() {
    let world = World::new();
    let next =
        RulePolicy::builder("next").permit("models", model_in(["*"])).permit("tools", tool_in(["search"]));
    let gate = world
        .gate()
        .route(chat_route())
        .policy(policy("models", model_in(["*"])))
        .shadow_policy(next.build().unwrap())
        .build()
        .unwrap();
    let body = chat("m", &json!({}));
    for (tool, agreed, would_refuse) in [("search", 2, 0), ("rm", 3, 1)] {
        let seen = world.ask_for(&gate, request(CHAT, &body), &json!({}), (JSON, calling(tool))).await;
        assert_eq!((seen.status.as_u16(), seen.body.as_str()), (200, calling(tool)), "{seen:?}");
        let (_, counts) = gate.policies().shadow_counts().next().unwrap();
        assert_eq!((counts.agreed, counts.would_refuse), (agreed, would_refuse), "{tool}");
    }
}

#[tokio::test]
async fn a_forbidden_tool_is_found_however_the_request_writes_it() {
    let world = World::new();
    let gemini = |tools: Value| json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }], "tools": tools });
    let responses = |more: Value| {
        let mut body = json!({ "model": "m", "input": [{ "role": "user", "content": "hi" }] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let named = json!({ "type": "function", "name": "rm", "parameters": {} });
    for (forbidden, path, body) in [
        ("codeExecution", GEMINI, gemini(json!([{ "codeExecution": {} }]))),
        ("codeExecution", GEMINI, gemini(json!([{ "code_execution": {} }]))),
        ("rm", GEMINI, gemini(json!([{ "function_declarations": [{ "name": "rm" }] }]))),
        (
            "rm",
            CHAT,
            chat(
                "m",
                &json!({ "tools": [{ "type": "function", "function": { "name": "ls" }, "custom": { "name": "rm" } }] }),
            ),
        ),
        ("web_search", CHAT, chat("m", &json!({ "web_search_options": {} }))),
        (
            "rm",
            "/v1/responses",
            responses(json!({ "tools": [{ "type": "namespace", "name": "n", "tools": [named] }] })),
        ),
        (
            "rm",
            "/v1/responses",
            responses(
                json!({ "input": [{ "type": "additional_tools", "role": "developer", "tools": [named] }] }),
            ),
        ),
        (
            "bash_x",
            "/v1/messages",
            chat("m", &json!({ "max_tokens": 9, "tools": [{ "type": "bash_x", "name": "bash" }] })),
        ),
    ] {
        let gate = gate(&world, forbidding(tool_in([forbidden])));
        let seen = world.post(&gate, path, &body, &json!({})).await;
        assert_eq!(
            (seen.status.as_u16(), &seen.record["rule"]),
            (403, &json!("policy:rule")),
            "{body}: {seen:?}"
        );
    }
}

#[tokio::test]
async fn whatever_is_a_tool_counts_as_offered() {
    let world = World::new();
    let gate = gate(&world, forbidding(offers_tools()));
    for (path, more, status) in [
        (CHAT, json!({}), 200),
        (CHAT, json!({ "tools": [] }), 200),
        (CHAT, json!({ "web_search_options": {} }), 403),
        (CHAT, json!({ "functions": [{ "name": "a" }] }), 403),
    ] {
        let seen = world.post(&gate, path, &chat("m", &more), &json!({})).await;
        assert_eq!(seen.status, status, "{more}: {seen:?}");
    }
}

#[tokio::test]
async fn what_gemini_runs_itself_is_a_call_in_its_answer() {
    let world = World::new();
    let body = json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }] });
    for (forbidden, part) in [
        ("codeExecution", json!({ "executableCode": { "language": "PYTHON", "code": "1" } })),
        ("googleSearch", json!({ "toolCall": { "toolType": "GOOGLE_SEARCH_WEB", "id": "1", "args": {} } })),
        ("rm", json!({ "functionCall": { "name": "rm", "args": {} } })),
    ] {
        let answer = json!({ "candidates": [{ "content": { "role": "model", "parts": [part] }, "finishReason": "STOP" }] });
        let answer: &'static str = answer.to_string().leak();
        for (tool, status) in [(forbidden, 403), ("another", 200)] {
            let gate = gate(&world, forbidding(tool_in([tool])));
            let seen = world.ask_for(&gate, request(GEMINI, &body), &json!({}), (JSON, answer)).await;
            assert_eq!(seen.status, status, "{tool}: {seen:?}");
        }
    }
}

#[tokio::test]
async fn names_in_pieces_are_put_together_in_every_form_of_a_call() {
    let world = World::new();
    let gate = gate(
        &world,
        RulePolicy::builder("test")
            .permit("models", model_in(["*"]))
            .permit("tools", tool_in(["search", "add"]))
            .build()
            .unwrap(),
    );
    let stream = |deltas: &[Value]| -> &'static str {
        let event =
            |delta: &Value| format!("data: {}\n\n", json!({ "choices": [{ "index": 0, "delta": delta }] }));
        let events: String = deltas.iter().map(event).collect();
        (events + "data: [DONE]\n\n").leak()
    };
    let unindexed =
        |id: Value, name: &str| json!({ "tool_calls": [{ "id": id, "function": { "name": name } }] });
    let tool = |name: &str| json!({ "type": "function", "function": { "name": name } });
    let indexed = |name: &str| json!({ "tool_calls": [{ "index": 0, "function": { "name": name } }] });
    for (offers, deltas, end) in [
        (
            json!([]),
            vec![
                json!({ "function_call": { "name": "search" } }),
                json!({ "function_call": { "name": "add" } }),
            ],
            "cut",
        ),
        (json!([]), vec![unindexed(json!("1"), "search"), unindexed(Value::Null, "add")], "cut"),
        (json!([]), vec![unindexed(json!("1"), "search"), unindexed(json!("2"), "add")], "complete"),
        (json!([]), vec![indexed("add"), indexed("add")], "cut"),
        (json!([tool("add")]), vec![indexed("add"), indexed("add")], "complete"),
    ] {
        let body = chat("m", &json!({ "stream": true, "tools": offers }));
        let answer = ("text/event-stream", stream(&deltas));
        let seen = world.ask_for(&gate, request(CHAT, &body), &json!({}), answer).await;
        assert_eq!(seen.record["end"], end, "{deltas:?}: {seen:?}");
    }
}

#[tokio::test]
async fn things_that_only_a_candidate_looks_at_refuse_nothing_however_many_they_are() {
    let world = World::new();
    let live = policy("live", model_in(["m"]));
    let gate = world.gate().route(chat_route()).policy(live).shadow_policy(policy("next", tool_in(["*"])));
    let gate = gate.build().unwrap();
    for (count, undecided) in [(200, 0), (300, 1)] {
        let tools =
            (0..count).map(|n| json!({ "type": "function", "function": { "name": format!("t{n}") } }));
        let body = chat("m", &json!({ "tools": tools.collect::<Value>() }));
        let seen = world.post(&gate, CHAT, &body, &json!({})).await;
        assert_eq!(seen.status, 200, "{}", seen.record);
        let (_, counts) = gate.policies().shadow_counts().next().unwrap();
        assert_eq!((counts.agreed, counts.undecided), (1, undecided));
    }
}

#[tokio::test]
async fn more_things_than_a_sound_request_names_are_refused_at_once() {
    let world = World::new();
    let gate = gate(&world, policy("test", tool_in(["*"])));
    let tools = |names: &mut dyn Iterator<Item = usize>| -> Value {
        names.map(|n| json!({ "type": "function", "function": { "name": format!("t{n}") } })).collect()
    };
    let started = Instant::now();
    for (tools, status) in [
        (tools(&mut (0..256)), 200),
        (tools(&mut (0..100_000).map(|n| n % 2)), 200),
        (tools(&mut (0..257)), 400),
        (tools(&mut (0..100_000)), 400),
    ] {
        let seen = world.post(&gate, CHAT, &chat("m", &json!({ "tools": tools })), &json!({})).await;
        assert_eq!(seen.status, status, "{}", seen.record);
        if status == 400 {
            assert!(seen.body.contains("more than 256"), "{}", seen.body);
        }
    }
    assert!(started.elapsed().as_secs() < 60, "each was compared with all others");
}
