//! Tools that the model calls: an answer that calls one which the caller may not use is refused, or cut.

use super::world::{World, chat};
use axum::body::Body;
use axum::http::Request;
use portcullis::Gate;
use portcullis::authorize::rules::{model_in, tool_in};
use portcullis::authorize::{AccessRequest, Decided, RulePolicy, Verdict, policy_fn};
use portcullis::payload::{AnthropicMessages, OpenAiChat};
use portcullis::route::Route;
use serde_json::json;

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

fn rules() -> RulePolicy {
    RulePolicy::builder("test")
        .permit("models", model_in(["*"]))
        .permit("tools", tool_in(["search", "delete_draft"]))
        .build()
        .unwrap()
}

fn gate(world: &World) -> Gate {
    world
        .gate()
        .route(Route::post(CHAT).dialect(OpenAiChat).by_policy())
        .route(Route::post(MESSAGES).dialect(AnthropicMessages).by_policy())
        .policy(rules())
        .build()
        .unwrap()
}

fn request(path: &str, stream: bool) -> Request<Body> {
    let body = match path {
        CHAT => chat("m", &json!({ "stream": stream })),
        _ => chat("m", &json!({ "stream": stream, "max_tokens": 100 })),
    };
    let request = Request::post(path).header("content-type", "application/json");
    request.body(Body::from(body.to_string())).unwrap()
}

#[tokio::test]
async fn a_whole_answer_that_calls_a_forbidden_tool_is_refused() {
    let world = World::new();
    let gate = gate(&world);
    let allowed = r#"{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"search","arguments":"{}"}}]}}]}"#;
    let refused = r#"{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"fine"}},{"index":1,"message":{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"search","arguments":"{}"}},{"id":"2","type":"function","function":{"name":"delete_all","arguments":"{}"}}]}}]}"#;
    let seen = world.ask_for(&gate, request(CHAT, false), &json!({}), ("application/json", allowed)).await;
    assert_eq!((seen.status.as_u16(), seen.body.as_str()), (200, allowed));
    let seen = world.ask_for(&gate, request(CHAT, false), &json!({}), ("application/json", refused)).await;
    assert_eq!(seen.status, 403, "{seen:?}");
    assert!(!seen.body.contains("delete_all"), "{}", seen.body);
    assert!(seen.record["cause"].as_str().unwrap().contains("tool:delete_all"), "{}", seen.record);
}

#[tokio::test]
async fn a_stream_is_cut_before_the_call_of_a_forbidden_tool_goes_out() {
    let world = World::new();
    let gate = gate(&world);
    let stream = concat!(
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"let me see\"}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"1\",\"function\":{\"name\":\"delete_all\",\"arguments\":\"\"}}]}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]}}]}\n\n",
        "data: [DONE]\n\n",
    );
    let seen = world.ask_for(&gate, request(CHAT, true), &json!({}), ("text/event-stream", stream)).await;
    assert!(seen.body.contains("let me see") && !seen.body.contains("delete_all"), "{}", seen.body);
    assert_eq!((&seen.record["end"], &seen.record["reason"]), (&json!("cut"), &json!("forbidden")));
    let stream = concat!(
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"delete_all\",\"input\":{}}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    let seen = world.ask_for(&gate, request(MESSAGES, true), &json!({}), ("text/event-stream", stream)).await;
    assert!(!seen.body.contains("delete_all"), "{}", seen.body);
    assert_eq!(seen.record["end"], "cut");
}

#[tokio::test]
async fn a_name_that_comes_in_pieces_is_put_together() {
    let world = World::new();
    let gate = gate(&world);
    // Each piece is a tool that the caller may use, and both together are none.
    let stream = concat!(
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"1\",\"function\":{\"name\":\"search\"}}]}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"delete_draft\"}}]}}]}\n\n",
        "data: [DONE]\n\n",
    );
    let seen = world.ask_for(&gate, request(CHAT, true), &json!({}), ("text/event-stream", stream)).await;
    assert_eq!(seen.record["end"], "cut", "{seen:?}");
    assert!(!seen.body.contains("delete_draft"), "{}", seen.body);
    // Two calls, or one of a tool that the client has, repeated.
    let tools = json!([{ "type": "function", "function": { "name": "search" } }]);
    let asked = || {
        let body = chat("m", &json!({ "stream": true, "tools": tools }));
        let request = Request::post(CHAT).header("content-type", "application/json");
        request.body(Body::from(body.to_string())).unwrap()
    };
    for second in [(1, "delete_draft"), (0, "search")] {
        let stream = format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{{\"index\":0,\"id\":\"1\",\"function\":{{\"name\":\"search\"}}}}]}}}}]}}\n\n\
             data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{{\"index\":{},\"function\":{{\"name\":\"{}\"}}}}]}}}}]}}\n\n\
             data: [DONE]\n\n",
            second.0, second.1
        );
        let stream: &'static str = stream.leak();
        let seen = world.ask_for(&gate, asked(), &json!({}), ("text/event-stream", stream)).await;
        assert_eq!(seen.record["end"], "complete", "{seen:?}");
    }
}

#[tokio::test]
async fn a_decision_that_takes_a_while_holds_the_call_up_and_nothing_else_out_of_order() {
    let world = World::new();
    let asked = policy_fn("asked", |request: &AccessRequest<'_>| {
        let permits = request.resources.iter().all(|resource| resource.id != "delete_all");
        Decided::later(async move {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            if permits { Verdict::permit() } else { Verdict::no_match().because("not that one") }
        })
    });
    let route = Route::post(CHAT).dialect(OpenAiChat).by_policy();
    let gate = world.gate().route(route).policy(asked).build().unwrap();
    let event = |text: &str| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{text}}}]}}\n\n");
    let call = |index: u32, name: &str| {
        event(&format!(
            "{{\"tool_calls\":[{{\"index\":{index},\"id\":\"1\",\"function\":{{\"name\":\"{name}\"}}}}]}}"
        ))
    };
    let text = |text: &str| event(&format!("{{\"content\":\"{text}\"}}"));
    let stream: &'static str = [
        text("one"),
        call(0, "search"),
        text("two"),
        call(1, "add"),
        text("three"),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat()
    .leak();
    let seen = world.ask_for(&gate, request(CHAT, true), &json!({}), ("text/event-stream", stream)).await;
    assert_eq!(seen.body, stream);
    let stream: &'static str =
        [text("one"), call(0, "search"), text("two"), call(1, "delete_all"), text("three")].concat().leak();
    let seen = world.ask_for(&gate, request(CHAT, true), &json!({}), ("text/event-stream", stream)).await;
    assert!(
        seen.body.contains("two") && !seen.body.contains("delete_all") && !seen.body.contains("three"),
        "{}",
        seen.body
    );
    assert_eq!(seen.record["cause"], "not that one");
}

#[tokio::test]
async fn a_route_that_is_only_observed_lets_the_call_out_and_records_it() {
    let world = World::new();
    let until = portcullis::clock::UnixTime::from_secs(1_900_000_000);
    let route = Route::post(CHAT).dialect(OpenAiChat).by_policy().danger_observe(until);
    let gate = world.gate().route(route).policy(rules()).build().unwrap();
    let answer = r#"{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"delete_all","arguments":"{}"}}]}}]}"#;
    let seen = world.ask_for(&gate, request(CHAT, false), &json!({}), ("application/json", answer)).await;
    assert_eq!((seen.status.as_u16(), seen.body.as_str()), (200, answer));
    assert_eq!(seen.record["would_refuse"][0]["step"], "policy");
}
