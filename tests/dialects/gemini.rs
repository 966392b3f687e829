//! Gemini: the model and the streaming stand in the path.

use super::*;

const WHOLE: &str = "/v1beta/models/gemini-2.5-flash:generateContent";
const STREAM: &str = "/v1beta/models/gemini-2.5-flash:streamGenerateContent";

fn asked(text: &str) -> Value {
    json!({ "contents": [{ "role": "user", "parts": [{ "text": text }] }], "generationConfig": { "maxOutputTokens": 30 } })
}

fn chunk(text: &str, reason: Option<&str>, output: u64) -> Value {
    json!({ "candidates": [{ "index": 0, "finishReason": reason, "content": { "role": "model", "parts": [{ "text": text }] } }],
        "modelVersion": "gemini-2.5-flash",
        "usageMetadata": { "promptTokenCount": 5, "candidatesTokenCount": output, "thoughtsTokenCount": 3, "totalTokenCount": 8 } })
}

#[tokio::test]
async fn an_answer_settles_with_its_thoughts_whole_and_streamed() {
    let world = World::new();
    world.serve(JSON, chunk("a time", Some("STOP"), 4).to_string());
    let record = world.settles(WHOLE, &asked("once"), 12).await;
    assert_eq!((&record["model"], &record["body"]["stream"]), (&json!("gemini-2.5-flash"), &json!(false)));
    assert_eq!((&record["action"], &record["route"]), (&json!("generate"), &json!("/v1beta/models/{call}")));

    let chunks = [chunk("a ", None, 1), chunk("time", Some("STOP"), 4)];
    world.serve(SSE, sse(&chunks));
    let record = world.settles(&format!("{STREAM}?alt=sse"), &asked("once"), 12).await;
    assert_eq!((&record["model"], &record["body"]["stream"]), (&json!("gemini-2.5-flash"), &json!(true)));
    world.serve(JSON, json!(chunks).to_string());
    world.settles(STREAM, &asked("once"), 12).await;
}

#[tokio::test]
async fn what_is_refused_is_told_as_google_tells_it() {
    let world = World::new();
    let told = world.blocks(WHOLE, &asked(ATTACK), "/contents/0/parts/0/text").await;
    assert_eq!((&told["error"]["code"], &told["error"]["status"]), (&json!(400), &json!("INVALID_ARGUMENT")));
    let mut hidden = asked("once");
    hidden["systemInstruction"] = json!({ "parts": [{ "text": "be kind" }, { "text": ATTACK }] });
    world.blocks(STREAM, &hidden, "/systemInstruction/parts/1/text").await;
    let mut file = asked("once");
    file["contents"][0]["parts"][0] = json!({ "fileData": { "fileUri": "https://evil.test/a" } });
    world.misunderstands(WHOLE, &file, "/contents/0/parts/0/fileData/fileUri").await;
    for path in ["/v1beta/models/gemini:countTokens", "/v1beta/models/gemini"] {
        let reply = world.post(path, &asked("once")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(reply.json()["error"]["status"], "INVALID_ARGUMENT");
        assert!(world.seen().is_none());
        world.record();
    }
    assert_eq!(world.knows_nobody(WHOLE, &json!({})).await["error"]["status"], "UNAUTHENTICATED");
}
