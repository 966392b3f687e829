use super::*;

fn read(dialect: &dyn Dialect, value: &Value) -> PayloadFacts {
    dialect.read_request(&document(value)).unwrap()
}

fn refused(dialect: &dyn Dialect, value: &Value) -> String {
    dialect.read_request(&document(value)).unwrap_err().to_string()
}

/// The strings that are parts, under their role, joined.
fn spoken(dialect: &dyn Dialect, value: &Value, role: Role) -> Vec<String> {
    let document = document(value);
    let facts = dialect.read_request(&document).unwrap();
    let parts = facts.parts.iter().filter(|part| part.role == role);
    let texts = parts.map(|part| document.node(part.node).unwrap().as_str().unwrap().to_owned());
    // In no order: in which `serde_json` writes members depends on who else is compiled in.
    let mut texts: Vec<String> = texts.collect();
    texts.sort();
    texts
}

fn with(mut value: Value, pointer: &str, new: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap()[key] = new;
    value
}

#[test]
fn each_full_request_yields_its_facts() {
    let facts = |dialect: &dyn Dialect, value| {
        let facts = read(dialect, &value);
        (facts.output_cap, facts.candidates, facts.stream, facts.tools)
    };
    assert_eq!(facts(&OpenAiChat, openai_chat()), (Some(9), 2, true, true));
    assert_eq!(facts(&OpenAiResponses, openai_responses()), (Some(7), 1, true, true));
    assert_eq!(facts(&AnthropicMessages, anthropic()), (Some(11), 1, false, true));
    assert_eq!(facts(&OllamaGenerate, ollama_generate()), (Some(13), 1, true, false));
    assert_eq!(facts(&OllamaChat, ollama_chat()), (Some(13), 1, false, true));
    assert_eq!(facts(&PlainGenerate, plain()), (Some(17), 6, true, false));
    for (dialect, value) in all_dialects().into_iter().take(6) {
        assert_eq!(read(dialect, &value).model.as_deref(), Some("small"), "{dialect:?}");
    }
}

#[test]
fn strings_stand_under_the_role_that_speaks_them() {
    let chat = openai_chat();
    assert_eq!(spoken(&OpenAiChat, &chat, Role::System), ["system text"]);
    assert_eq!(spoken(&OpenAiChat, &chat, Role::Developer), ["developer text"]);
    assert_eq!(spoken(&OpenAiChat, &chat, Role::Tool), ["tool result"]);
    assert_eq!(
        spoken(&OpenAiChat, &chat, Role::ToolCall),
        ["f g", "old arguments", "old call", "{\"x\": 1}"]
    );
    assert!(spoken(&OpenAiChat, &chat, Role::User).contains(&"the name".to_owned()));
    let tools = spoken(&OpenAiChat, &chat, Role::ToolDefinition);
    for text in
        ["tool name", "tool text", "inner text", "deep default", "a free name", "old tool", "format name"]
    {
        assert!(tools.contains(&text.to_owned()), "{text}");
    }

    let blocks = anthropic();
    assert_eq!(spoken(&AnthropicMessages, &blocks, Role::Tool), ["result"]);
    assert_eq!(spoken(&AnthropicMessages, &blocks, Role::ToolCall), ["f g", "free key", "free text"]);
    assert_eq!(spoken(&AnthropicMessages, &blocks, Role::System), ["system text"]);

    let responses = openai_responses();
    assert_eq!(spoken(&OpenAiResponses, &responses, Role::Tool), ["output text"]);
    assert_eq!(spoken(&OpenAiResponses, &responses, Role::ToolCall), ["argument text", "f g"]);
    assert_eq!(spoken(&OpenAiResponses, &responses, Role::System), ["instruction text"]);
    assert_eq!(spoken(&OpenAiResponses, &responses, Role::User), ["plain text"]);
    assert_eq!(spoken(&OpenAiResponses, &json!({"model": "m", "input": "hi"}), Role::User), ["hi"]);
    assert_eq!(spoken(&PlainGenerate, &json!({"inputs": "hi"}), Role::User), ["hi"]);
}

#[test]
fn a_member_of_the_wrong_type_is_refused_with_its_place() {
    for (dialect, value, pointer, wrong, message) in [
        (
            &OpenAiChat as &dyn Dialect,
            openai_chat(),
            "/stream",
            json!("yes"),
            "expected a boolean (at /stream)",
        ),
        (
            &OpenAiChat,
            openai_chat(),
            "/max_tokens",
            json!(-1),
            "expected a whole number above 0 (at /max_tokens)",
        ),
        (
            &OpenAiChat,
            openai_chat(),
            "/max_tokens",
            json!(1.5),
            "expected a whole number above 0 (at /max_tokens)",
        ),
        (
            &OpenAiChat,
            openai_chat(),
            "/max_tokens",
            json!("9"),
            "expected a whole number above 0 (at /max_tokens)",
        ),
        (&OpenAiChat, openai_chat(), "/n", json!(0), "expected a whole number above 0 (at /n)"),
        (&OpenAiChat, openai_chat(), "/model", json!(4), "expected a string (at /model)"),
        (&OpenAiChat, openai_chat(), "/model", json!(""), "expected the name of a model (at /model)"),
        (&OpenAiChat, openai_chat(), "/messages", json!([]), "expected at least one message (at /messages)"),
        (&OpenAiChat, openai_chat(), "/messages", json!([1]), "expected an object (at /messages/0)"),
        (
            &OpenAiChat,
            openai_chat(),
            "/messages",
            json!([{}]),
            "the member `role` is missing (at /messages/0)",
        ),
        (
            &OpenAiChat,
            openai_chat(),
            "/messages",
            json!([{"role": "root", "content": ""}]),
            "expected one of system, developer, user, assistant, tool, function (at /messages/0/role)",
        ),
        (
            &OpenAiChat,
            openai_chat(),
            "/messages",
            json!([{"role": "user", "content": 4}]),
            "expected a string or an array of content blocks (at /messages/0/content)",
        ),
        (
            &OpenAiChat,
            openai_chat(),
            "/messages",
            json!([{"role": "user", "content": [{"type": "text", "text": 4}]}]),
            "expected a string (at /messages/0/content/0/text)",
        ),
        (&OpenAiChat, openai_chat(), "/stream_options", json!(1), "expected an object (at /stream_options)"),
        (
            &OpenAiChat,
            openai_chat(),
            "/stream_options",
            json!({"include_usage": "no"}),
            "expected a boolean (at /stream_options/include_usage)",
        ),
        (&OpenAiChat, openai_chat(), "/tools", json!("x"), "expected an array (at /tools)"),
        (&OpenAiResponses, openai_responses(), "/input", json!(4), "expected an array (at /input)"),
        (
            &OpenAiResponses,
            openai_responses(),
            "/background",
            json!(true),
            "answers in the background cannot be checked; send `background` false (at /background)",
        ),
        (
            &AnthropicMessages,
            anthropic(),
            "/max_tokens",
            json!(null),
            "the member `max_tokens` is missing (at the top of the document)",
        ),
        (&OllamaGenerate, ollama_generate(), "/prompt", json!([1]), "expected a string (at /prompt)"),
        (
            &AnthropicMessages,
            anthropic(),
            "/messages/0/role",
            json!("system"),
            "expected one of user, assistant (at /messages/0/role)",
        ),
        (
            &OllamaGenerate,
            ollama_generate(),
            "/context",
            json!([1, 2]),
            "`context` holds a prompt that cannot be checked; use /api/chat (at /context)",
        ),
        (
            &OllamaChat,
            ollama_chat(),
            "/options/num_predict",
            json!(-1),
            "expected a whole number above 0 (at /options/num_predict)",
        ),
        (
            &PlainGenerate,
            plain(),
            "/prompt",
            json!([[1, 2]]),
            "a prompt in the model's units cannot be checked; send text (at /prompt/0)",
        ),
        (
            &PlainGenerate,
            plain(),
            "/prompt",
            json!([]),
            "expected a string or an array of strings (at /prompt)",
        ),
        (&PlainGenerate, plain(), "/parameters", json!([]), "expected an object (at /parameters)"),
    ] {
        assert_eq!(refused(dialect, &with(value, pointer, wrong)), message);
    }
    for (dialect, _) in all_dialects().into_iter().take(6) {
        assert_eq!(refused(dialect, &json!([])), "expected an object (at the top of the document)");
        assert!(refused(dialect, &json!({})).ends_with("is missing (at the top of the document)"));
    }
}

#[test]
fn what_a_server_that_ignores_case_would_heed_is_refused() {
    for key in ["Stream", "STREAM", "\u{17f}tream"] {
        for (dialect, value) in all_dialects().into_iter().take(6) {
            let value = with(value, &format!("/{key}"), json!(false));
            assert_eq!(refused(dialect, &value), format!("write this member `stream` (at /{key})"));
        }
    }
    let value = with(ollama_chat(), "/options/NUM_PREDICT", json!(100_000));
    assert_eq!(refused(&OllamaChat, &value), "write this member `num_predict` (at /options/NUM_PREDICT)");
    let value = with(openai_chat(), "/messages/0/Content", json!("x"));
    assert_eq!(refused(&OpenAiChat, &value), "write this member `content` (at /messages/0/Content)");
}

#[test]
fn null_is_as_good_as_absent() {
    let chat = |key: &str| with(openai_chat(), &format!("/{key}"), Value::Null);
    assert!(!read(&OpenAiChat, &chat("stream")).stream);
    assert_eq!(read(&OpenAiChat, &chat("max_completion_tokens")).output_cap, Some(5));
    assert_eq!(read(&OpenAiChat, &chat("n")).candidates, 1);
    read(&OpenAiChat, &chat("stream_options"));
    read(&PlainGenerate, &with(plain(), "/parameters", Value::Null));
    assert!(read(&OllamaGenerate, &with(ollama_generate(), "/stream", Value::Null)).stream);
    assert!(!read(&OllamaGenerate, &with(ollama_generate(), "/stream", json!(false))).stream);
}

#[test]
fn what_only_lowers_the_bill_is_not_believed() {
    let body = json!({"prompt": "x", "n": 2, "best_of": 5, "max_tokens": 1, "parameters": {"max_new_tokens": 50, "stream": true}, "stream": false});
    let facts = read(&PlainGenerate, &body);
    assert_eq!((facts.candidates, facts.output_cap, facts.stream), (5, Some(50), true));
    let body = json!({"prompt": "x", "inputs": ["y", "z"]});
    assert_eq!(read(&PlainGenerate, &body).candidates, 3);
}

#[test]
fn a_chat_stream_is_made_to_report_its_usage_whatever_the_client_sent() {
    let stream = |options: Option<Value>| {
        let mut value = openai_chat();
        value.as_object_mut().unwrap().remove("stream_options");
        match options {
            Some(options) => with(value, "/stream_options", options),
            None => value,
        }
    };
    for (options, requested) in [
        (None, false),
        (Some(json!(null)), false),
        (Some(json!({})), false),
        (Some(json!({"include_usage": false})), false),
        (Some(json!({"include_obfuscation": false, "include_usage": null})), false),
        (Some(json!({"include_usage": true})), true),
    ] {
        let (document, facts) = OpenAiChat.accept_by(document(&stream(options.clone())), &lenient()).unwrap();
        let asked = document.at("/stream_options/include_usage").unwrap();
        assert_eq!((asked.as_bool(), facts.usage_requested), (Some(true), requested), "{options:?}");
        for part in &facts.parts {
            assert!(document.node(part.node).unwrap().as_str().is_some());
        }
    }
    let whole = with(stream(None), "/stream", json!(false));
    assert!(OpenAiChat.accept_by(document(&whole), &lenient()).unwrap().0.at("/stream_options").is_none());
    for (dialect, value) in all_dialects().into_iter().skip(1) {
        let before = document(&value);
        assert_eq!(dialect.accept_by(before.clone(), &lenient()).unwrap().0.source(), before.source());
    }
}
