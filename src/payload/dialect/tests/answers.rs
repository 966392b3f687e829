use super::*;

fn sse(events: &[Value]) -> String {
    let mut stream: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    stream.push_str("data: [DONE]\n\n");
    stream
}

fn named(events: &[Value]) -> String {
    let name = |event: &Value| event["type"].as_str().unwrap().to_owned();
    events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", name(event))).collect()
}

const STREAM: AnswerFraming = AnswerFraming::ServerSentEvents;

fn usage(input: u64, output: u64) -> Option<Usage> {
    Some(Usage { input, output })
}

#[test]
fn a_chat_stream_is_counted_over_all_choices_and_its_usage_chunk_is_told_apart() {
    let (events, facts) = read_answer(
        &OpenAiChat,
        STREAM,
        &sse(&[
            json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m", "usage": null, "choices": [
            {"index": 0, "delta": {"role": "assistant", "content": "Grüße"}, "finish_reason": null},
            {"index": 1, "delta": {"reasoning_content": "hm"}}]}),
            json!({"choices": [{"index": 1, "delta": {"tool_calls": [{"index": 3, "id": "call_1", "type": "function",
            "function": {"name": "fn", "arguments": "{}"}}]}, "finish_reason": "tool_calls"}]}),
            json!({"choices": [{"index": 0, "delta": {"refusal": "no"}, "logprobs": {"content": [{"token": "zzzz"}]}}]}),
            json!({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}}),
        ]),
    );
    assert_eq!(events.iter().map(|event| event.output_bytes).collect::<Vec<_>>(), [9, 4, 2, 0, 0]);
    assert_eq!((facts.usage, facts.output_bytes, facts.finished), (usage(5, 7), 15, true));
    assert_eq!(
        events.iter().map(|event| event.usage_only).collect::<Vec<_>>(),
        [false, false, false, true, false]
    );
    assert_eq!(events[0].outputs[1].channel, Channel { choice: 1, kind: OutputKind::Reasoning, index: 0 });
    assert_eq!(events[1].outputs[0].channel, Channel { choice: 1, kind: OutputKind::ToolCall, index: 3 });
    assert!(events[2].outputs.iter().any(|output| output.channel.kind == OutputKind::Logprobs));
}

#[test]
fn usage_that_comes_with_content_does_not_make_a_chunk_hidden() {
    let chunk = json!({"choices": [{"delta": {"content": "x"}}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}});
    let smuggled =
        json!({"choices": [], "note": "text", "usage": {"prompt_tokens": 1, "completion_tokens": 1}});
    let hidden =
        json!({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "note": "a text"}});
    let (events, _) = read_answer(&OpenAiChat, STREAM, &sse(&[chunk, smuggled, hidden]));
    assert!(events[..3].iter().all(|event| !event.usage_only && event.outputs.len() == 1));
}

#[test]
fn a_whole_chat_answer_yields_every_choice() {
    let answer = json!({"id": "x", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "one"}, "finish_reason": "stop"},
        {"index": 1, "message": {"role": "assistant", "content": [{"type": "text", "text": "two"}]}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4}});
    let (events, facts) = read_answer(&OpenAiChat, AnswerFraming::Json, &answer.to_string());
    assert_eq!((facts.usage, facts.output_bytes, facts.finished), (usage(3, 4), 6, true));
    assert!(events[0].outputs.iter().all(|output| output.complete) && !events[0].usage_only);
}

#[test]
fn usage_that_is_not_whole_numbers_was_not_reported() {
    for reported in [
        json!(null),
        json!({}),
        json!({"prompt_tokens": 5}),
        json!({"prompt_tokens": 5, "completion_tokens": -1}),
        json!({"prompt_tokens": 5, "completion_tokens": 1.5}),
        json!({"prompt_tokens": "5", "completion_tokens": 1}),
    ] {
        let answer = json!({"choices": [], "usage": reported}).to_string();
        assert_eq!(read_answer(&OpenAiChat, AnswerFraming::Json, &answer).1.usage, None, "{answer}");
    }
}

#[test]
fn a_responses_stream_counts_deltas_once_and_takes_usage_at_the_end() {
    let output = json!([{"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
        "content": [{"type": "output_text", "text": "Hello", "annotations": []}]}]);
    let (events, facts) = read_answer(
        &OpenAiResponses,
        STREAM,
        &named(&[
            json!({"type": "response.created", "response": {"instructions": "secret instructions", "output": []}}),
            json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 2, "item_id": "msg_1", "delta": "Hel"}),
            json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 2, "item_id": "msg_1", "delta": "lo"}),
            json!({"type": "response.output_text.done", "output_index": 1, "content_index": 2, "text": "Hello"}),
            json!({"type": "response.completed", "response": {"output": output, "usage": {"input_tokens": 8, "output_tokens": 2}}}),
        ]),
    );
    assert_eq!(events.iter().map(|event| event.output_bytes).collect::<Vec<_>>(), [0, 3, 2, 0, 0]);
    assert_eq!((facts.usage, facts.output_bytes, facts.finished), (usage(8, 2), 5, true));
    let channel = Channel { choice: 1, kind: OutputKind::Text, index: 2 };
    assert_eq!((events[1].outputs[0].channel, events[1].outputs[0].complete), (channel, false));
    assert_eq!((events[3].outputs[0].channel, events[3].outputs[0].complete), (channel, true));
    assert_eq!(events[0].outputs[0].channel.kind, OutputKind::Echo);

    let (_, facts) = read_answer(
        &OpenAiResponses,
        STREAM,
        &named(&[json!({"type": "response.completed", "response": {"output": output}})]),
    );
    assert_eq!(facts.output_bytes, 5, "what was never streamed counts at the end");
    let (_, facts) =
        read_answer(&OpenAiResponses, STREAM, &named(&[json!({"type": "error", "message": "x"})]));
    assert!(facts.failed && facts.finished && facts.output_bytes == 0);
}

#[test]
fn a_messages_stream_takes_its_input_at_the_start_and_its_output_at_the_end() {
    let start = json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
        "content": [], "model": "m", "usage": {"input_tokens": 10, "cache_creation_input_tokens": 20,
            "cache_read_input_tokens": 30, "output_tokens": 1}}});
    let delta = |kind: &str, key: &str, text: &str| json!({"type": "content_block_delta", "index": 2, "delta": {"type": kind, key: text}});
    let stream = [
        start,
        json!({"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
        delta("text_delta", "text", "Hello"),
        delta("thinking_delta", "thinking", "hm"),
        delta("signature_delta", "signature", "c2ln"),
        delta("input_json_delta", "partial_json", "{\"a\""),
        json!({"type": "content_block_stop", "index": 2}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 15}}),
        json!({"type": "message_stop"}),
    ];
    let (events, facts) = read_answer(&AnthropicMessages, STREAM, &named(&stream));
    assert_eq!((facts.usage, facts.output_bytes, facts.finished), (usage(60, 15), 11, true));
    assert_eq!(events[3].outputs[0].channel, Channel { choice: 0, kind: OutputKind::Text, index: 2 });
    let (_, cut_off) = read_answer(&AnthropicMessages, STREAM, &named(&stream[..5]));
    assert_eq!((cut_off.usage, cut_off.input, cut_off.output_bytes), (None, Some(60), 7));
    let whole = json!({"type": "message", "content": [{"type": "tool_use", "id": "toolu_1", "name": "fn", "input": {"a": "b"}}],
        "usage": {"input_tokens": 1, "output_tokens": 2}});
    let (events, facts) = read_answer(&AnthropicMessages, AnswerFraming::Json, &whole.to_string());
    assert_eq!((facts.usage, facts.output_bytes, facts.finished), (usage(1, 2), 4, true));
    assert!(events[0].outputs.iter().all(|output| output.channel.kind == OutputKind::ToolCall));
}

#[test]
fn ollama_reports_usage_with_the_line_that_is_done() {
    let lines = [
        json!({"model": "m", "created_at": "2026-01-01T00:00:00Z", "response": "Hel", "done": false}),
        json!({"response": "lo", "thinking": "hm", "done": false, "eval_count": 9, "prompt_eval_count": 9}),
        json!({"response": "", "done": true, "done_reason": "stop", "prompt_eval_count": 4, "eval_count": 6, "context": [1]}),
    ];
    let stream: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let (_, facts) = read_answer(&OllamaGenerate, AnswerFraming::NdJson, &stream);
    assert_eq!((facts.usage, facts.output_bytes, facts.finished), (usage(4, 6), 7, true));
    let line = json!({"message": {"role": "assistant", "content": "Hi", "tool_calls": [{"function": {"name": "fn", "arguments": {"k v": "w"}}}]},
        "done": true, "prompt_eval_count": 1, "eval_count": 2});
    let (_, facts) = read_answer(&OllamaChat, AnswerFraming::Json, &line.to_string());
    assert_eq!((facts.usage, facts.output_bytes), (usage(1, 2), 8));
}

#[test]
fn a_plain_answer_counts_every_text() {
    let answer = json!({"text": "Hello", "outputs": [{"text": "a"}, {"text": "b"}], "usage": {"input": 1, "output": 2}});
    let (_, facts) = read_answer(&PlainGenerate, AnswerFraming::Json, &answer.to_string());
    assert_eq!((facts.usage, facts.output_bytes), (usage(1, 2), 7));
    let (_, facts) = read_answer(&PlainGenerate, AnswerFraming::Text, "Hello");
    assert_eq!((facts.output_bytes, facts.finished), (5, true));
    let (events, facts) = read_answer(&AnyJson, AnswerFraming::Json, r#"{"k":["v"]}"#);
    assert_eq!((facts.output_bytes, events[0].outputs.len()), (2, 2));
}

#[test]
fn an_event_that_is_not_what_the_api_sends_is_an_error() {
    for (dialect, source) in [
        (&OpenAiChat as &dyn Dialect, "data: {\"choices\":[]\n\n"),
        (&OpenAiChat, "data: {\"a\":1,\"a\":2}\n\n"),
        (&OpenAiChat, "data: \"text\"\n\n"),
        (&OpenAiChat, "data: plain text\n\n"),
        (&OpenAiResponses, "data: {}\n\n"),
        (&AnthropicMessages, "data: {\"delta\":{\"text\":\"x\"}}\n\n"),
    ] {
        let mut reader = EventReader::new(STREAM, EventLimits::default());
        reader.push(&Bytes::copy_from_slice(source.as_bytes())).unwrap();
        let event = reader.next_event().unwrap();
        let read = dialect.read_answer(&event, &PayloadFacts::new(), &mut AnswerFacts::default());
        assert!(read.is_err(), "{source}");
    }
}

#[test]
fn comments_say_nothing_and_errors_of_the_server_are_told() {
    let (events, facts) =
        read_answer(&OpenAiChat, STREAM, ": ping\n\ndata: {\"error\":{\"message\":\"overloaded\"}}\n\n");
    assert_eq!(events[0], EventFacts::default());
    assert!(facts.failed && facts.output_bytes == 0 && events[1].outputs.len() == 1);
}
