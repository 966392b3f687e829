//! The APIs beside the conversations: completions, embeddings, TGI, Gemini, MCP, and what changes an Ollama server.

use super::*;

const STREAM: AnswerFraming = AnswerFraming::ServerSentEvents;

fn read(dialect: &dyn Dialect, value: &Value) -> PayloadFacts {
    dialect.read_request(&document(value)).unwrap()
}

fn refused(dialect: &dyn Dialect, value: &Value) -> String {
    dialect.read_request(&document(value)).unwrap_err().to_string()
}

fn sse(events: &[Value]) -> String {
    events.iter().map(|event| format!("data: {event}\n\n")).collect()
}

fn usage(input: u64, output: u64) -> Option<Usage> {
    Some(Usage { input, output })
}

fn text_of(dialect: &dyn Dialect, value: &Value, role: Role) -> Vec<String> {
    let document = document(value);
    let facts = dialect.read_request(&document).unwrap();
    let parts = facts.parts.iter().filter(|part| part.role == role);
    parts.map(|part| document.node(part.node).unwrap().as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_full_request_of_these_yields_its_facts() {
    let facts = |dialect: &dyn Dialect, value| {
        let facts = read(dialect, &value);
        (facts.output_cap, facts.candidates, facts.stream)
    };
    assert_eq!(facts(&OpenAiCompletions, openai_completions()), (Some(5), 6, true));
    assert_eq!(facts(&OpenAiEmbeddings, openai_embeddings()), (Some(0), 1, false));
    assert_eq!(facts(&TgiGenerate, tgi()), (Some(17), 3, true));
    assert_eq!(facts(&OllamaAdmin, ollama_admin()), (Some(0), 1, true));
    assert_eq!(facts(&Gemini, gemini()), (Some(19), 2, false));
    assert_eq!(facts(&Mcp, mcp()), (Some(0), 1, false));
    for dialect in
        [&OpenAiCompletions as &dyn Dialect, &OpenAiEmbeddings, &TgiGenerate, &OllamaAdmin, &Gemini]
    {
        assert!(
            refused(dialect, &json!({})).ends_with("is missing (at the top of the document)"),
            "{dialect:?}"
        );
        assert_eq!(refused(dialect, &json!([])), "expected an object (at the top of the document)");
    }
}

#[test]
fn units_in_the_place_of_text_are_refused() {
    let why = "a prompt in the model's units cannot be checked; send text";
    for units in [json!([1, 2]), json!([[1, 2]])] {
        let body = json!({"model": "m", "prompt": units.clone()});
        assert_eq!(refused(&OpenAiCompletions, &body), format!("{why} (at /prompt/0)"));
        let body = json!({"model": "m", "input": units});
        assert_eq!(refused(&OpenAiEmbeddings, &body), format!("{why} (at /input/0)"));
    }
}

#[test]
fn completions_are_made_to_report_their_usage() {
    let body = json!({"model": "m", "prompt": "x", "stream": true});
    let (document, facts) = OpenAiCompletions.accept(document(&body)).unwrap();
    assert_eq!(
        document.at("/stream_options/include_usage").and_then(crate::payload::json::Node::as_bool),
        Some(true)
    );
    assert!(!facts.usage_requested);
    let (events, facts) = read_answer(
        &OpenAiCompletions,
        STREAM,
        &sse(&[
            json!({"object": "text_completion", "choices": [{"text": "Grüße", "index": 0, "finish_reason": null}]}),
            json!({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}),
        ]),
    );
    assert_eq!((facts.usage, facts.output_bytes), (usage(5, 2), 7));
    assert!(events[1].usage_only && !events[0].usage_only);
}

#[test]
fn vectors_are_no_output_and_their_usage_is_all_input() {
    let answer = json!({"object": "list", "model": "m", "usage": {"prompt_tokens": 8, "total_tokens": 8},
        "data": [{"object": "embedding", "index": 0, "embedding": [0.1, -0.2]},
            {"object": "embedding", "index": 1, "embedding": "QUFB".repeat(100)}]});
    let (events, facts) = read_answer(&OpenAiEmbeddings, AnswerFraming::Json, &answer.to_string());
    assert_eq!((facts.usage, facts.output_bytes, facts.finished), (usage(8, 0), 0, true));
    assert_eq!(events[0].outputs.len(), 1);
}

#[test]
fn tgi_streams_by_its_path_and_counts_what_it_repeats_once() {
    let mut facts = read(&TgiGenerate, &json!({"inputs": "hi"}));
    TgiGenerate.read_path("/generate", &mut facts).unwrap();
    assert!(!facts.stream);
    TgiGenerate.read_path("/tgi/generate_stream", &mut facts).unwrap();
    assert!(facts.stream);
    let first = r#"{"index": 1, "token": {"id": 1, "text": "Hel", "logprob": -0.1, "special": false}, "generated_text": null, "details": null}"#;
    let details =
        r#""details": {"finish_reason": "length", "generated_tokens": 2, "input_length": 4, "seed": null}"#;
    let last = r#""token": {"id": 2, "text": "lo", "logprob": -0.1, "special": false}"#;
    // As the server writes it, and with the repetition first.
    for last in [
        format!(r#"{{"index": 2, {last}, "generated_text": "Hello", {details}}}"#),
        format!(r#"{{"generated_text": "Hello", {details}, "index": 2, {last}}}"#),
    ] {
        let stream = format!("data: {first}\n\ndata: {last}\n\n");
        let (_, facts) = read_answer(&TgiGenerate, STREAM, &stream);
        assert_eq!((facts.usage, facts.output_bytes, facts.finished), (usage(4, 2), 5, true));
    }
    let whole = json!({"generated_text": "Hello", "details": {"finish_reason": "length", "generated_tokens": 2,
        "prefill": [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}], "tokens": [{"id": 1, "text": "Hello"}],
        "best_of_sequences": [{"generated_text": "Howdy", "generated_tokens": 2}]}});
    let (_, facts) = read_answer(&TgiGenerate, AnswerFraming::Json, &whole.to_string());
    assert_eq!((facts.usage, facts.output_bytes, facts.finished), (usage(2, 2), 10, true));
    let (_, facts) =
        read_answer(&TgiGenerate, AnswerFraming::Json, &json!([{"generated_text": "Hello"}]).to_string());
    assert_eq!((facts.usage, facts.output_bytes), (None, 5));
}

#[test]
fn an_image_that_tgi_would_fetch_is_refused_in_the_text() {
    for text in ["![](http://169.254.169.254/)", "look ![](https://x/) here", "![](data:,x) ![](HTTP://x)"] {
        let error = refused(&TgiGenerate, &json!({"inputs": text}));
        assert!(error.starts_with("an image by URL in the text would be fetched"), "{error}");
    }
    read(&TgiGenerate, &json!({"inputs": "![](data:image/png;base64,AA) and ![a cat](https://x/)"}));
}

#[test]
fn changing_an_ollama_server_is_the_action_admin() {
    assert_eq!(OllamaAdmin.action(), Some("admin"));
    assert_eq!(read(&OllamaAdmin, &json!({"name": "older"})).model.as_deref(), Some("older"));
    assert_eq!(read(&OllamaAdmin, &json!({"source": "a", "destination": "b"})).model.as_deref(), Some("a"));
    let error = refused(&OllamaAdmin, &json!({"model": "allowed", "name": "other"}));
    assert_eq!(error, "name the model once, as `model` (or `source`, to copy it) (at /name)");
    let error =
        OllamaAdmin.accept(document(&json!({"model": "m", "remote_host": "http://evil"}))).unwrap_err();
    assert_eq!(error.pointer(), "/remote_host");
    let lines = "{\"status\":\"pulling manifest\"}\n{\"status\":\"success\"}\n";
    let (events, facts) = read_answer(&OllamaAdmin, AnswerFraming::NdJson, lines);
    assert!(facts.finished && !events[0].finished && events[1].finished);
    let (_, facts) = read_answer(&OllamaAdmin, AnswerFraming::NdJson, "{\"error\":\"no such model\"}\n");
    assert!(facts.failed);
}

#[test]
fn gemini_has_its_model_and_its_streaming_in_the_path() {
    let path = |path: &str| {
        let mut facts = read(&Gemini, &gemini());
        Gemini.read_path(path, &mut facts).map(|()| (facts.model.unwrap(), facts.stream))
    };
    let model = || std::sync::Arc::from("gemini-2.5-flash");
    assert_eq!(path("/v1beta/models/gemini-2.5-flash:generateContent"), Ok((model(), false)));
    assert_eq!(path("/models/gemini-2.5-flash:streamGenerateContent"), Ok((model(), true)));
    for wrong in [
        "/v1beta/models/gemini:countTokens",
        "/v1beta/models/gemini:batchGenerateContent",
        "/v1beta/models/gemini",
        "/v1beta/models/:generateContent",
        "/v1beta/models/gem%69ni:generateContent",
        "/v1beta/models/gemini:generateContent:x",
        "/",
    ] {
        assert!(path(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn gemini_requests_stand_under_their_roles_in_either_spelling() {
    assert_eq!(text_of(&Gemini, &gemini(), Role::System), ["system text"]);
    assert!(text_of(&Gemini, &gemini(), Role::ToolCall).contains(&"f g".to_owned()));
    assert!(text_of(&Gemini, &gemini(), Role::Tool).contains(&"result".to_owned()));
    let snake = json!({"contents": [{"parts": [{"function_response": {"name": "f", "response": {"r": "result"}}}]}],
        "generation_config": {"max_output_tokens": 3, "candidate_count": 4}});
    let facts = read(&Gemini, &snake);
    assert_eq!((facts.output_cap, facts.candidates), (Some(3), 4));
    assert!(text_of(&Gemini, &snake, Role::Tool).contains(&"result".to_owned()));
    for (pointer, wrong) in [
        ("/contents", json!([])),
        ("/contents", json!([{"role": "root", "parts": []}])),
        ("/contents", json!([{"parts": {}}])),
    ] {
        let mut body = gemini();
        *body.pointer_mut(pointer).unwrap() = wrong;
        refused(&Gemini, &body);
    }
}

#[test]
fn gemini_answers_count_thoughts_and_only_the_last_count_is_whole() {
    let chunk = |text: &str, thought: bool, reason: Value, output: u64| {
        json!({"candidates": [{"index": 0, "finishReason": reason, "content": {"role": "model",
            "parts": [{"text": text, "thought": thought}]}}], "modelVersion": "gemini",
            "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": output, "thoughtsTokenCount": 3, "totalTokenCount": 8}})
    };
    let chunks = [chunk("hm", true, Value::Null, 1), chunk("Grüße", false, json!("STOP"), 4)];
    let (events, facts) = read_answer(&Gemini, STREAM, &sse(&chunks));
    assert_eq!((events[0].usage, events[0].input, events[0].finished), (None, Some(5), false));
    assert_eq!((facts.usage, facts.output_bytes, facts.finished), (usage(5, 7), 9, true));
    assert_eq!(events[0].outputs[0].channel.kind, OutputKind::Reasoning);
    assert_eq!(events[1].outputs[0].channel.kind, OutputKind::Text);
    let (_, facts) = read_answer(&Gemini, AnswerFraming::Json, &json!(chunks).to_string());
    assert_eq!((facts.usage, facts.output_bytes, facts.finished), (usage(5, 7), 9, true));
    let (_, facts) =
        read_answer(&Gemini, STREAM, &sse(&[json!({"error": {"code": 503, "message": "overloaded"}})]));
    assert!(facts.failed);
}

#[test]
fn mcp_names_the_tool_or_the_resource() {
    let facts = read(&Mcp, &mcp());
    assert_eq!(facts.operation.as_deref(), Some("tools/call"));
    assert_eq!((facts.tool.as_deref(), facts.resource.as_deref()), (Some("delete everything"), None));
    let call = |method: &str, params: Value| json!({"jsonrpc": "2.0", "id": "a", "method": method, "params": params});
    let facts = read(&Mcp, &call("resources/read", json!({"uri": "file:///a"})));
    assert_eq!((facts.tool, facts.resource.as_deref()), (None, Some("file:///a")));
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {"roots": {}},
        "clientInfo": {"name": "c", "version": "1", "websiteUrl": "https://example.com", "icons": [{"src": "https://x/y"}]}});
    let (_, facts) = Mcp.accept(document(&call("initialize", hello))).unwrap();
    assert_eq!((facts.operation.as_deref(), facts.tool), (Some("initialize"), None));
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": "text"}});
    assert_eq!(read(&Mcp, &answer).operation.as_deref(), Some("response"));
    assert!(text_of(&Mcp, &answer, Role::Tool).contains(&"text".to_owned()));
}

#[test]
fn what_is_no_single_message_of_the_protocol_is_refused() {
    let message = |method: Value| json!({"jsonrpc": "2.0", "id": 1, "method": method});
    for (value, error) in [
        (json!([mcp()]), "send one message, not a batch (at the top of the document)"),
        (json!({"id": 1, "method": "ping"}), "expected `jsonrpc` with \"2.0\" (at the top of the document)"),
        (json!({"jsonrpc": "1.0", "method": "ping"}), "expected `jsonrpc` with \"2.0\" (at /jsonrpc)"),
        (json!({"jsonrpc": "2.0", "id": 1}), "the member `method` is missing (at the top of the document)"),
        (message(json!("tools/execute")), "expected a method of the protocol (at /method)"),
        (message(json!(1)), "expected a string (at /method)"),
        (message(json!("tools/call")), "the member `name` is missing (at the top of the document)"),
        (message(json!("resources/read")), "the member `uri` is missing (at the top of the document)"),
    ] {
        assert_eq!(refused(&Mcp, &value), error, "{value}");
    }
    let web =
        json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "http://10.0.0.1/"}});
    assert_eq!(Mcp.accept(document(&web)).unwrap_err().pointer(), "/params/uri");
}

#[test]
fn an_mcp_answer_ends_with_its_result() {
    let (events, facts) = read_answer(
        &Mcp,
        STREAM,
        &sse(&[
            json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"message": "half"}}),
            json!({"jsonrpc": "2.0", "id": 7, "result": {"content": [{"type": "text", "text": "done"}], "isError": false}}),
        ]),
    );
    assert!(!events[0].finished && events[1].finished && facts.finished && !facts.failed);
    assert!(events[1].outputs.iter().any(|output| output.channel.kind == OutputKind::Text));
    assert_eq!(facts.usage, None);
}
