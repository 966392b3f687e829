//! Text Generation Inference: `/generate`, `/generate_stream`, and `/`.

use super::*;

#[tokio::test]
async fn a_whole_answer_settles_at_its_details_and_without_them_at_what_was_said() {
    let world = World::new();
    let asked = json!({ "inputs": "once", "parameters": { "max_new_tokens": 30, "details": true } });
    let details = json!({ "finish_reason": "length", "generated_tokens": 3, "seed": null, "tokens": [],
        "prefill": [{ "id": 1, "text": "a", "logprob": null }, { "id": 2, "text": "b", "logprob": -1.0 }] });
    world.serve(JSON, json!({ "generated_text": "upon a time", "details": details }).to_string());
    let record = world.settles("/generate", &asked, 5).await;
    assert_eq!(
        (&record["body"]["dialect"], &record["body"]["stream"]),
        (&json!("tgi-generate"), &json!(false))
    );
    assert_eq!((&record["action"], &record["usage"]["output"]), (&json!("generate"), &json!(3)));

    world.serve(JSON, json!([{ "generated_text": "upon a time" }]).to_string());
    let reply = world.post("/", &asked).await;
    assert_eq!(reply.json(), json!([{ "generated_text": "upon a time" }]));
    let record = world.record();
    assert!(
        record["usage"]["output"].is_null() && record["usage"]["settled"].as_u64().unwrap() > 3,
        "{record}"
    );
}

#[tokio::test]
async fn a_stream_settles_at_its_last_event() {
    let world = World::new();
    let token = |id: u64, text: &str| json!({ "id": id, "text": text, "logprob": -0.5, "special": false });
    let answer = sse(&[
        json!({ "index": 1, "token": token(1, "upon"), "generated_text": null, "details": null }),
        json!({ "index": 2, "token": token(2, " a time"), "generated_text": "upon a time",
            "details": { "finish_reason": "length", "generated_tokens": 2, "input_length": 4, "seed": null } }),
    ]);
    world.serve(SSE, &*answer);
    let asked = json!({ "inputs": "once", "parameters": { "max_new_tokens": 30 } });
    let record = world.settles("/generate_stream", &asked, 6).await;
    assert_eq!(record["body"]["stream"], true);
    let reply = world.post("/generate_stream", &asked).await;
    assert_eq!(reply.text, answer);
}

#[tokio::test]
async fn what_is_refused_is_told_in_the_servers_own_words() {
    let world = World::new();
    for path in ["/", "/generate", "/generate_stream"] {
        let told = world.blocks(path, &json!({ "inputs": ATTACK }), "/inputs").await;
        assert_eq!(told["error_type"], "validation", "{told}");
        assert!(told["error"].as_str().unwrap().contains("policy of the service"), "{told}");
    }
    let stop = json!({ "inputs": "once", "parameters": { "stop": ["a", ATTACK] } });
    world.blocks("/generate", &stop, "/parameters/stop/1").await;
    let image = json!({ "inputs": "see ![](http://169.254.169.254/latest)" });
    let told = world.misunderstands("/generate", &image, "/inputs").await;
    assert!(told["error"].as_str().unwrap().contains("would be fetched"), "{told}");
    let unknown = json!({ "inputs": "once", "parameters": { "guard": false } });
    assert_eq!(
        world.misunderstands("/generate", &unknown, "/parameters/guard").await["error_type"],
        "validation"
    );
    assert_eq!(world.knows_nobody("/generate", &json!({})).await["error_type"], "validation");
}
