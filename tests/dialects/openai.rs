//! OpenAI's completions and embeddings.

use super::*;

const BLOCKED: &str = "policy of the service";

fn completion(text: &str) -> Value {
    json!({ "id": "c", "object": "text_completion", "created": 1, "model": "m",
        "choices": [{ "text": text, "index": 0, "logprobs": null, "finish_reason": null }] })
}

#[tokio::test]
async fn a_completion_is_permitted_and_settles_at_the_servers_count() {
    let world = World::new();
    let mut whole = completion("four words of text");
    whole["usage"] = json!({ "prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12 });
    world.serve(JSON, whole.to_string());
    let asked = json!({ "model": "m", "prompt": ["once", "twice"], "max_tokens": 40, "n": 2 });
    let record = world.settles("/v1/completions", &asked, 12).await;
    assert_eq!((&record["action"], &record["model"]), (&json!("generate"), &json!("m")));
    assert_eq!(record["body"]["dialect"], "openai-completions");
    assert!(record["usage"]["reserved"].as_u64().unwrap() > 160, "two prompts, two answers each: {record}");
    assert!(record["coverage"]["parts"].as_u64().unwrap() >= 2);
}

#[tokio::test]
async fn a_stream_of_completions_is_counted_though_the_client_did_not_ask_for_the_count() {
    let world = World::new();
    let count = json!({ "id": "c", "object": "text_completion", "created": 1, "model": "m", "choices": [],
        "usage": { "prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8 } });
    let said = sse(&[completion("four "), completion("words")]);
    let done = "data: [DONE]\n\n";
    world.serve(SSE, format!("{said}{}{done}", sse(&[count])));
    let asked = json!({ "model": "m", "prompt": "once", "stream": true });
    let reply = world.post("/v1/completions", &asked).await;
    assert_eq!(reply.text, format!("{said}{done}"), "the count is for the gate alone");
    let record = world.record();
    assert_eq!((&record["usage"]["settled"], &record["body"]["stream"]), (&json!(8), &json!(true)));
    assert_eq!(world.seen().unwrap().1["stream_options"]["include_usage"], true);
}

#[tokio::test]
async fn a_completion_is_refused_where_the_attack_stands_as_openai_says_it() {
    let world = World::new();
    for (body, pointer) in [
        (json!({ "model": "m", "prompt": ["once", ATTACK] }), "/prompt/1"),
        (json!({ "model": "m", "prompt": "once", "suffix": ATTACK }), "/suffix"),
        (json!({ "model": "m", "prompt": "once", "user": ATTACK }), "/user"),
    ] {
        let error = &world.blocks("/v1/completions", &body, pointer).await["error"];
        assert!(error["message"].as_str().unwrap().contains(BLOCKED), "{error}");
        assert_eq!(
            (&error["type"], &error["code"]),
            (&json!("invalid_request_error"), &json!("content_blocked"))
        );
    }
    let units = json!({ "model": "m", "prompt": [1, 2, 3] });
    let told = world.misunderstands("/v1/completions", &units, "/prompt/0").await;
    assert_eq!(told["error"]["param"], "/prompt/0");
    let unknown = json!({ "model": "m", "prompt": "once", "guard": "off" });
    world.misunderstands("/v1/completions", &unknown, "/guard").await;
    let nobody = world.knows_nobody("/v1/completions", &json!({})).await;
    assert_eq!(nobody["error"]["type"], "authentication_error");
}

#[tokio::test]
async fn embeddings_cost_their_input_and_nothing_else() {
    let world = World::new();
    world.serve(
        JSON,
        json!({ "object": "list", "model": "e", "usage": { "prompt_tokens": 8, "total_tokens": 8 },
        "data": [{ "object": "embedding", "index": 0, "embedding": [0.25, -0.5] }] })
        .to_string(),
    );
    let asked = json!({ "model": "e", "input": ["once", "twice"], "encoding_format": "float" });
    let record = world.settles("/v1/embeddings", &asked, 8).await;
    assert_eq!((&record["usage"]["input"], &record["usage"]["output"]), (&json!(8), &json!(0)));
    assert!(record["usage"]["reserved"].as_u64().unwrap() < 20, "no output is reserved: {record}");
    assert_eq!(record["body"]["dialect"], "openai-embeddings");
}

#[tokio::test]
async fn an_attack_that_is_to_be_embedded_is_refused_where_it_stands() {
    let world = World::new();
    let told = world
        .blocks("/v1/embeddings", &json!({ "model": "e", "input": ["a", "b", ATTACK] }), "/input/2")
        .await;
    assert_eq!(told["error"]["code"], "content_blocked");
    let units = json!({ "model": "e", "input": [[1, 2]] });
    world.misunderstands("/v1/embeddings", &units, "/input/0").await;
}
