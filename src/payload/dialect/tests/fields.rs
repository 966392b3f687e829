//! What goes on with fields that no API has, with URLs, and with credentials.

use super::*;
use crate::payload::fields::FieldClass;
use crate::refusal::Refusal;

const REFUSE: UnknownFields = UnknownFields::Refuse;
const STRIP: UnknownFields = UnknownFields::Strip;
const PASS: UnknownFields = UnknownFields::Pass;

fn rules(unknown: UnknownFields) -> FieldRules {
    FieldRules { unknown, ..FieldRules::default() }
}

fn accept(value: &Value, unknown: UnknownFields) -> Result<(Document, PayloadFacts), DialectError> {
    OpenAiChat.accept_by(document(value), &rules(unknown))
}

fn refused(value: &Value, unknown: UnknownFields) -> String {
    accept(value, unknown).unwrap_err().to_string()
}

fn chat(more: Value) -> Value {
    let mut chat = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    let Value::Object(more) = more else { panic!("more members") };
    chat.as_object_mut().unwrap().extend(more);
    chat
}

fn image(url: &str) -> Value {
    let block = json!({"type": "image_url", "image_url": {"url": url}});
    chat(json!({"messages": [{"role": "user", "content": [block]}]}))
}

#[test]
fn an_unknown_field_is_refused_by_name_unless_the_route_says_otherwise() {
    let body = chat(json!({"api_version": 3}));
    assert_eq!(refused(&body, REFUSE), "the API has no such field (at /api_version)");
    let refusal = Refusal::from(accept(&body, REFUSE).unwrap_err());
    assert_eq!(refusal.pointer(), Some("/api_version"));
    let nested = chat(
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "weight": 1}]}]}),
    );
    assert_eq!(refused(&nested, REFUSE), "the API has no such field (at /messages/0/content/0/weight)");
    assert_eq!(refused(&nested, UnknownFields::default()), refused(&nested, REFUSE));
}

#[test]
fn stripped_fields_never_reach_the_handler_and_all_others_do() {
    let body =
        chat(json!({"x": {"text": "gone"}, "stream": true, "stream_options": {"y": 1}, "temperature": 0.50}));
    let (document, facts) = accept(&body, STRIP).unwrap();
    let left: Value = serde_json::from_slice(document.source()).unwrap();
    let kept = chat(json!({"stream": true, "stream_options": {"include_usage": true}, "temperature": 0.5}));
    assert_eq!(left, kept);
    assert!(facts.fields_of(FieldClass::Unknown).next().is_none());
    assert!(facts.parts.iter().all(|part| document.node(part.node).unwrap().as_str() != Some("gone")));
    assert!(!facts.usage_requested, "the client did not ask for the usage");
}

#[test]
fn passed_fields_are_noted_and_urls_and_credentials_in_them_are_not_let_through() {
    let (document, facts) = accept(&chat(json!({"x": {"text": "here"}})), PASS).unwrap();
    let unknown: Vec<_> = facts.fields_of(FieldClass::Unknown).map(|node| document.pointer(node)).collect();
    assert_eq!(unknown, ["/x"]);
    for (more, message) in [
        (json!({"api_key": "sk-1"}), "a credential must not stand in a body (at /api_key)"),
        (
            json!({"x": {"vertex_credentials": {}}}),
            "a credential must not stand in a body (at /x/vertex_credentials)",
        ),
        (json!({"api_base": "http://169.254.169.254/"}), "a URL must begin with https:// (at /api_base)"),
        (json!({"x": ["https://evil.example/"]}), "the host of this URL is not allowed here (at /x/0)"),
    ] {
        assert_eq!(refused(&chat(more), PASS), message);
    }
}

#[test]
fn only_listed_hosts_are_let_through_and_inline_content_is_counted() {
    let url = image("https://images.example.com/cat.png");
    assert_eq!(
        refused(&url, REFUSE),
        "the host of this URL is not allowed here (at /messages/0/content/0/image_url/url)"
    );
    let allowed =
        FieldRules { urls: UrlPolicy::none().host("images.example.com").unwrap(), ..FieldRules::default() };
    let (_, facts) = OpenAiChat.accept_by(document(&url), &allowed).unwrap();
    assert_eq!(facts.fields_of(FieldClass::Url).count(), 1);
    let (_, facts) = accept(&image("data:image/png;base64,AAAAAAAA"), REFUSE).unwrap();
    assert_eq!(facts.inline_bytes, 25);
    for url in [
        "http://images.example.com/",
        "https://127.0.0.1/",
        "https://x@images.example.com/",
        "file:///etc/passwd",
        "",
    ] {
        assert!(OpenAiChat.accept_by(document(&image(url)), &allowed).is_err(), "{url}");
    }
}

#[test]
fn each_api_has_its_urls_and_credentials_checked() {
    let message = json!([{"role": "user", "content": "hi"}]);
    let cases: [(&dyn Dialect, Value, &str); 7] = [
        (
            &OpenAiResponses,
            json!({"model": "m", "tools": [{"type": "mcp", "server_url": "https://mcp.example/"}]}),
            "/tools/0/server_url",
        ),
        (
            &OpenAiResponses,
            json!({"model": "m", "tools": [{"type": "mcp", "headers": {"Authorization": "x"}}]}),
            "/tools/0/headers",
        ),
        (
            &OpenAiResponses,
            json!({"model": "m", "input": [{"role": "user", "content": [{"type": "input_image", "image_url": "http://10.0.0.1/"}]}]}),
            "/input/0/content/0/image_url",
        ),
        (
            &AnthropicMessages,
            json!({"model": "m", "max_tokens": 1, "messages": message, "mcp_servers": [{"type": "url", "name": "x", "authorization_token": "x"}]}),
            "/mcp_servers/0/authorization_token",
        ),
        (
            &AnthropicMessages,
            json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://metadata.google.internal/"}}]}]}),
            "/messages/0/content/0/source/url",
        ),
        (
            &Gemini,
            json!({"contents": [{"parts": [{"file_data": {"file_uri": "gs://bucket/file"}}]}]}),
            "/contents/0/parts/0/file_data/file_uri",
        ),
        (&OllamaAdmin, json!({"model": "m", "password": "x"}), "/password"),
    ];
    for (dialect, value, pointer) in cases {
        let error = dialect.accept(document(&value)).unwrap_err();
        assert_eq!(error.pointer(), pointer, "{dialect:?}: {error}");
        let credential = matches!(error.kind(), DialectErrorKind::Credential);
        assert!(credential || matches!(error.kind(), DialectErrorKind::Url(_)), "{error}");
        let lax = FieldRules { danger_credentials: true, ..FieldRules::default() };
        assert_eq!(dialect.accept_by(document(&value), &lax).is_ok(), credential, "{dialect:?}");
    }
}

#[test]
fn what_costs_or_gives_a_power_is_noted_with_its_place() {
    let body =
        chat(json!({"n": 2, "store": true, "reasoning_effort": "high", "user": "u", "logprobs": false,
        "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "web_search"}]}));
    let error = accept(&body, REFUSE);
    let (document, facts) = error.unwrap();
    let at = |class| -> Vec<_> { facts.fields_of(class).map(|node| document.pointer(node)).collect() };
    assert_eq!(at(FieldClass::Model), ["/model"]);
    assert_eq!(at(FieldClass::Privileged), ["/store", "/tools/1/type"]);
    assert_eq!(at(FieldClass::Identity), ["/user"]);
    assert_eq!(at(FieldClass::Cost), ["/n", "/reasoning_effort"]);
}

#[test]
fn the_facts_hold_for_a_document_that_was_changed_since() {
    let (document, facts) = accept(&chat(json!({"store": true})), REFUSE).unwrap();
    let content = document.at("/messages/0/content").unwrap().id();
    let changed = document.edit(&[Edit::replace(content, "\"a much longer text\"")]).unwrap();
    let again = OpenAiChat.read_again(&changed, &facts).unwrap();
    let stored = again.fields_of(FieldClass::Privileged).next().unwrap();
    assert_eq!(changed.pointer(stored), "/store");
}

#[test]
fn two_spellings_of_one_field_are_refused_whatever_the_route_says() {
    let body = json!({"contents": [{"parts": [{"text": "hi"}]}],
        "generationConfig": {"maxOutputTokens": 1, "max_output_tokens": 9000}});
    for unknown in [REFUSE, STRIP, PASS] {
        let error = Gemini.accept_by(document(&body), &rules(unknown)).unwrap_err();
        assert_eq!(error.pointer(), "/generationConfig/max_output_tokens");
    }
}
