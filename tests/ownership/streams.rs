//! Ids in streamed answers, event by event.

use super::*;
use std::collections::HashSet;

fn sse(events: &[Value]) -> String {
    events
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or("message")))
        .collect()
}

fn data(text: &str) -> Vec<Value> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    lines.map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[tokio::test]
async fn every_event_of_a_stream_calls_one_thing_by_one_sealed_name() {
    let world = World::new();
    let gate = world.sealed().build().unwrap();
    let response = json!({ "id": "resp_9f", "object": "response", "status": "in_progress", "output": [] });
    let item = json!({ "id": "msg_9f", "type": "message", "role": "assistant", "content": [] });
    let done = json!({ "id": "resp_9f", "object": "response", "status": "completed", "output": [{ "id": "msg_9f", "type": "message", "content": [{ "type": "output_text", "text": "one two" }] }],
        "usage": { "input_tokens": 1, "output_tokens": 2 } });
    let delta = |text: &str| json!({ "type": "response.output_text.delta", "item_id": "msg_9f", "output_index": 0, "content_index": 0, "delta": text });
    let events = [
        json!({ "type": "response.created", "response": response }),
        json!({ "type": "response.output_item.added", "output_index": 0, "item": item }),
        delta("one "),
        delta("two"),
        json!({ "type": "response.completed", "response": done }),
    ];
    world.serve(SSE, sse(&events));
    let reply = world.post(&gate, ALICE, "/v1/responses", &asks(&json!({ "stream": true }))).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(!reply.text.contains("resp_9f") && !reply.text.contains("msg_9f"), "{}", reply.text);
    let seen = data(&reply.text);
    assert_eq!(seen.len(), events.len());
    let named = |pointers: &[(usize, &str)]| -> HashSet<String> {
        pointers
            .iter()
            .map(|(n, pointer)| seen[*n].pointer(pointer).unwrap().as_str().unwrap().to_owned())
            .collect()
    };
    let items = named(&[(1, "/item/id"), (2, "/item_id"), (3, "/item_id"), (4, "/response/output/0/id")]);
    let responses = named(&[(0, "/response/id"), (4, "/response/id")]);
    assert_eq!((items.len(), responses.len()), (1, 1), "{items:?} {responses:?}");
    assert_eq!(seen[3]["delta"], "two");

    let next = asks(&json!({ "previous_response_id": responses.iter().next() }));
    world.seen().unwrap();
    assert_eq!(world.post(&gate, ALICE, "/v1/responses", &next).await.status, 200);
    assert_eq!(world.seen().unwrap().body["previous_response_id"], "resp_9f");
    assert_eq!(world.post(&gate, BOB, "/v1/responses", &next).await.status, 404);
}

#[tokio::test]
async fn a_streamed_chat_has_sealed_ids_in_every_chunk_and_ends_as_it_did() {
    let world = World::new();
    let gate = world.sealed().build().unwrap();
    let chunk = |delta: Value| json!({ "id": "chatcmpl-5", "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": delta }] });
    let call = json!({ "tool_calls": [{ "index": 0, "id": "call_7", "type": "function", "function": { "name": "f", "arguments": "" } }] });
    let text: String = [chunk(json!({ "content": "a" })), chunk(call)]
        .iter()
        .map(|chunk| format!("data: {chunk}\n\n"))
        .collect();
    world.serve(SSE, format!("{text}data: [DONE]\n\n"));
    let reply = world.post(&gate, ALICE, "/v1/chat/completions", &chat(&json!({ "stream": true }))).await;
    let chunks = data(&reply.text);
    assert_eq!((chunks.len(), &chunks[0]["id"]), (2, &chunks[1]["id"]));
    assert!(!reply.text.contains("chatcmpl-5"), "{}", reply.text);
    assert_eq!(chunks[1]["choices"][0]["delta"]["tool_calls"][0]["id"], "call_7");
    assert!(reply.text.ends_with("data: [DONE]\n\n"), "{}", reply.text);
}

#[tokio::test]
async fn a_stream_is_cut_at_an_id_that_cannot_be_sealed() {
    let world = World::new();
    let gate = world.sealed().build().unwrap();
    let response = json!({ "id": "r".repeat(600), "object": "response", "output": [] });
    world.serve(SSE, sse(&[json!({ "type": "response.created", "response": response })]));
    let reply = world.post(&gate, ALICE, "/v1/responses", &asks(&json!({ "stream": true }))).await;
    assert!(!reply.text.contains("rrrr"), "{}", reply.text);
    assert!(
        world.record()["cause"].as_str().unwrap().contains("the id at /response/id is too long to be sealed")
    );
}
