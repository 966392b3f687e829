use super::*;
use crate::refusal::RefusalKind;

fn body(dialect: &dyn Dialect, kind: RefusalKind) -> Value {
    let refusal = Refusal::new(kind, "a \"public\" sentence").cause("the private cause").at("/model");
    let rendered = dialect.render_refusal(&refusal, "req-1");
    let text = std::str::from_utf8(&rendered.body).unwrap();
    assert!(!text.contains("private"));
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_client_reads_a_refusal_in_its_own_shape() {
    for dialect in [&OpenAiChat as &dyn Dialect, &OpenAiResponses] {
        let error = json!({"message": "a \"public\" sentence", "type": "rate_limit_error", "param": "/model", "code": "rate_limit_exceeded"});
        assert_eq!(body(dialect, RefusalKind::RateLimited), json!({"error": error}));
    }
    assert_eq!(
        body(&AnthropicMessages, RefusalKind::InsufficientScope),
        json!({"type": "error", "error": {"type": "permission_error", "message": "a \"public\" sentence"}, "request_id": "req-1"})
    );
    for dialect in [&OllamaChat as &dyn Dialect, &OllamaGenerate] {
        assert_eq!(body(dialect, RefusalKind::Forbidden), json!({"error": "a \"public\" sentence"}));
    }
    for dialect in [&OpenAiCompletions as &dyn Dialect, &OpenAiEmbeddings] {
        assert_eq!(body(dialect, RefusalKind::Forbidden)["error"]["type"], "permission_error");
    }
    assert_eq!(body(&OllamaAdmin, RefusalKind::Forbidden), json!({"error": "a \"public\" sentence"}));
    assert_eq!(
        body(&TgiGenerate, RefusalKind::RateLimited),
        json!({"error": "a \"public\" sentence", "error_type": "overloaded"})
    );
    assert_eq!(
        body(&Gemini, RefusalKind::UsageExceeded),
        json!({"error": {"code": 429, "message": "a \"public\" sentence", "status": "RESOURCE_EXHAUSTED"}})
    );
    assert_eq!(
        body(&Mcp, RefusalKind::Forbidden),
        json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "a \"public\" sentence",
            "data": {"code": "forbidden", "pointer": "/model", "request_id": "req-1"}}})
    );
    for dialect in [&PlainGenerate as &dyn Dialect, &AnyJson] {
        assert_eq!(body(dialect, RefusalKind::Forbidden)["detail"], "a \"public\" sentence");
    }
}

#[test]
fn the_type_of_an_error_follows_from_its_status() {
    for (kind, openai, anthropic) in [
        (RefusalKind::MissingCredential, "authentication_error", "authentication_error"),
        (RefusalKind::Forbidden, "permission_error", "permission_error"),
        (RefusalKind::UnknownRoute, "invalid_request_error", "not_found_error"),
        (RefusalKind::MalformedRequest, "invalid_request_error", "invalid_request_error"),
        (RefusalKind::PayloadTooLarge, "invalid_request_error", "request_too_large"),
        (RefusalKind::UsageExceeded, "rate_limit_error", "rate_limit_error"),
        (RefusalKind::Unavailable, "server_error", "overloaded_error"),
        (RefusalKind::Misconfigured, "server_error", "api_error"),
    ] {
        assert_eq!(body(&OpenAiChat, kind)["error"]["type"], openai);
        assert_eq!(body(&AnthropicMessages, kind)["error"]["type"], anthropic);
    }
}

#[test]
fn a_cut_ends_a_stream_with_one_whole_event_that_says_why() {
    let refusal = Refusal::new(RefusalKind::AnswerBlocked, "the answer\nwas cut");
    for (dialect, _) in all_dialects() {
        for framing in
            [AnswerFraming::ServerSentEvents, AnswerFraming::NdJson, AnswerFraming::Json, AnswerFraming::Text]
        {
            let bytes = dialect.render_cut(&refusal, "req-1", framing);
            let mut reader = EventReader::new(framing, EventLimits::default());
            reader.push(&bytes).unwrap();
            reader.finish().unwrap();
            let event = reader.next_event().unwrap();
            assert!(event.is_complete() && reader.next_event().is_none(), "{dialect:?} {framing:?}");
            assert!(framing == AnswerFraming::Text || event.json().unwrap().is_ok());
            if framing.is_stream() {
                assert!(bytes.ends_with(b"\n"));
            }
        }
    }
    let stream =
        |dialect: &dyn Dialect| dialect.render_cut(&refusal, "req-1", AnswerFraming::ServerSentEvents);
    assert!(stream(&OpenAiChat).starts_with(b"data: {\"error\":{"));
    assert!(
        stream(&OpenAiResponses)
            .starts_with(b"event: error\ndata: {\"type\":\"error\",\"code\":\"answer_blocked\"")
    );
    assert!(stream(&AnthropicMessages).starts_with(b"event: error\ndata: {\"type\":\"error\",\"error\":{"));
}

#[test]
fn a_body_that_does_not_fit_becomes_a_refusal_that_names_the_place() {
    let error = OpenAiChat.read_request(&document(&json!({"model": "m", "messages": 1}))).unwrap_err();
    let refusal = Refusal::from(error);
    assert_eq!((refusal.kind(), refusal.pointer()), (RefusalKind::MalformedRequest, Some("/messages")));
    assert_eq!(refusal.public(), "the body does not fit: expected an array (at /messages)");
    let refusal = Refusal::from(Document::parse(Bytes::from_static(b"{\"a\":1,\"a\":1}")).unwrap_err());
    assert_eq!((refusal.kind(), refusal.pointer()), (RefusalKind::MalformedRequest, Some("/a")));
}
