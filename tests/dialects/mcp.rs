//! The Model Context Protocol over HTTP.

use super::*;

fn message(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn call(arguments: &Value) -> Value {
    message("tools/call", &json!({ "name": "search", "arguments": arguments }))
}

#[tokio::test]
async fn a_call_of_a_tool_is_permitted_whole_and_streamed() {
    let world = World::new();
    let result = json!({ "jsonrpc": "2.0", "id": 1, "result": { "content": [{ "type": "text", "text": "found" }], "isError": false } });
    let asked = call(&json!({ "query": "cats" }));
    world.serve(JSON, result.to_string());
    let reply = world.post("/mcp", &asked).await;
    assert_eq!((reply.status, reply.json()), (StatusCode::OK, result.clone()));
    assert_eq!(world.seen().unwrap().1, asked);
    let record = world.record();
    assert_eq!((&record["action"], &record["body"]["dialect"]), (&json!("mcp"), &json!("mcp")));

    let progress =
        json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "message": "half" } });
    let answer = sse(&[progress, result]);
    world.serve(SSE, &*answer);
    let reply = world.post("/mcp", &asked).await;
    assert_eq!(reply.text, answer);
    assert_eq!((world.record()["end"].clone(), world.seen().is_some()), (json!("complete"), true));
}

#[tokio::test]
async fn what_is_refused_is_told_as_json_rpc_tells_it() {
    let world = World::new();
    let told = world
        .blocks("/mcp", &call(&json!({ "deep": [{ "query": ATTACK }] })), "/params/arguments/deep/0/query")
        .await;
    assert_eq!((&told["jsonrpc"], &told["id"]), (&json!("2.0"), &Value::Null));
    assert_eq!(
        (&told["error"]["code"], &told["error"]["data"]["code"]),
        (&json!(-32600), &json!("content_blocked"))
    );
    let answer =
        json!({ "jsonrpc": "2.0", "id": 1, "result": { "content": [{ "type": "text", "text": ATTACK }] } });
    world.blocks("/mcp", &answer, "/result/content/0/text").await;
    let cases = [
        (json!([call(&json!({}))]), Value::Null),
        (message("tools/execute", &json!({})), json!("/method")),
        (message("resources/read", &json!({ "uri": "http://10.0.0.1/" })), json!("/params/uri")),
        (json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "guard": 1 }), json!("/guard")),
    ];
    for (body, pointer) in cases {
        let reply = world.post("/mcp", &body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}");
        let told = reply.json();
        assert_eq!(
            (&told["error"]["code"], &told["error"]["data"]["pointer"]),
            (&json!(-32600), &pointer),
            "{body}"
        );
        assert_eq!(told["error"]["data"]["request_id"], world.record()["request_id"]);
        assert!(world.seen().is_none());
    }
    assert_eq!(world.knows_nobody("/mcp", &json!({})).await["error"]["code"], -32000);
}
