//! Dialects: every string of a request is a part or a declared label, every text of an answer is an output, and what is said
//! to clients can be read.

use std::collections::HashSet;

use bytes::Bytes;
use portcullis::payload::dialect::{
    AnswerFacts, AnthropicMessages, AnyJson, Dialect, OllamaChat, OllamaGenerate, OpenAiChat,
    OpenAiResponses, PayloadFacts, PlainGenerate,
};
use portcullis::payload::events::{AnswerFraming, EventLimits, EventReader};
use portcullis::payload::json::{Document, Node, NodeId};
use portcullis::payload::{FieldClass, FieldRules, UnknownFields, UrlPolicy};
use portcullis::refusal::{Refusal, RefusalKind};

use crate::{choose, seed};

const DIALECTS: [&dyn Dialect; 7] = [
    &OpenAiChat,
    &OpenAiResponses,
    &AnthropicMessages,
    &OllamaGenerate,
    &OllamaChat,
    &PlainGenerate,
    &AnyJson,
];

const FRAMINGS: [AnswerFraming; 4] =
    [AnswerFraming::ServerSentEvents, AnswerFraming::NdJson, AnswerFraming::Json, AnswerFraming::Text];

/// The members whose values may be labels.
const LABELS: [&str; 21] = [
    "role",
    "type",
    "object",
    "status",
    "finish_reason",
    "stop_reason",
    "done_reason",
    "service_tier",
    "format",
    "detail",
    "media_type",
    "id",
    "tool_call_id",
    "tool_use_id",
    "call_id",
    "item_id",
    "response_id",
    "file_id",
    "previous_response_id",
    "approval_request_id",
    "system_fingerprint",
];

/// The dialect, the framing of the answer, the request, and after a NUL the answer; without one, the same bytes are both.
pub fn check(data: &[u8]) {
    let Some((dialect, rest)) = choose(data, DIALECTS.len()) else { return };
    let Some((framing, rest)) = choose(rest, FRAMINGS.len()) else { return };
    let (dialect, framing) = (DIALECTS[dialect], FRAMINGS[framing]);
    let mut both = rest.splitn(2, |byte| *byte == 0);
    let request = both.next().unwrap_or_default();
    let answer = both.next().unwrap_or(request);

    let facts = check_request(dialect, request);
    check_answer(dialect, framing, answer, &facts);
    let text = String::from_utf8_lossy(answer);
    check_words(dialect, framing, Refusal::new(RefusalKind::ContentBlocked, text.into_owned()).at("/a~1b"));
}

fn check_request(dialect: &dyn Dialect, request: &[u8]) -> PayloadFacts {
    let Ok(document) = Document::parse(Bytes::copy_from_slice(request)) else { return PayloadFacts::new() };
    let read = dialect.read_request(&document);
    if let Ok(facts) = &read {
        assert_covered(&document, facts);
    }
    let mut stricter = None;
    for unknown in [UnknownFields::Refuse, UnknownFields::Pass, UnknownFields::Strip] {
        let mut rules = FieldRules::default();
        rules.unknown = unknown;
        rules.urls = UrlPolicy::none().host("example.com").expect("it is a host");
        let (prepared, accepted) = match dialect.accept_by(document.clone(), &rules) {
            Ok(accepted) => accepted,
            Err(error) => {
                assert!(stricter.is_none(), "refused once unknown fields are let through: {error}");
                let refusal = Refusal::from(error);
                FRAMINGS.into_iter().for_each(|framing| check_words(dialect, framing, refusal.clone()));
                continue;
            }
        };
        let facts = read.as_ref().expect("what cannot be read is not accepted");
        check_accepted(dialect, &prepared, &accepted, facts);
        let known = accepted.fields_of(FieldClass::Unknown).next().is_none();
        assert!(known || unknown == UnknownFields::Pass, "an unknown field went through");
        if unknown == UnknownFields::Refuse {
            stricter = Some(prepared);
        } else if let Some(stricter) = &stricter {
            assert_eq!(stricter.source(), prepared.source(), "there was nothing to strip");
        }
    }
    read.unwrap_or_default()
}

fn check_accepted(dialect: &dyn Dialect, prepared: &Document, accepted: &PayloadFacts, facts: &PayloadFacts) {
    assert_covered(prepared, accepted);
    assert_eq!(accepted.usage_requested, facts.usage_requested);
    assert_eq!((&accepted.model, accepted.stream), (&facts.model, facts.stream));
    assert!(accepted.candidates >= 1 && accepted.candidates <= facts.candidates);
    if dialect.name() == OpenAiChat.name() && facts.stream {
        let asks = prepared.at("/stream_options/include_usage").and_then(Node::as_bool);
        assert_eq!(asks, Some(true), "a stream tells its usage");
    }
}

fn assert_covered(document: &Document, facts: &PayloadFacts) {
    let parts: HashSet<NodeId> = facts.parts.iter().map(|part| part.node).collect();
    assert_eq!(parts.len(), facts.parts.len(), "a part is named twice");
    let mut bytes = 0;
    for node in document.root().descend().filter(|node| node.as_str().is_some()) {
        if parts.contains(&node.id()) {
            bytes += node.raw().len() as u64 - 2;
            continue;
        }
        let pointer = document.pointer(node.id());
        let text = node.as_str().unwrap_or_default();
        let declared = if node.is_key() {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_$".contains(&byte))
        } else {
            facts.model_node == Some(node.id()) || is_label(pointer.rsplit('/').next(), text)
        };
        assert!(declared, "nobody looks at {pointer}");
    }
    assert_eq!(facts.prompt_bytes, bytes);
}

fn is_label(key: Option<&str>, text: &str) -> bool {
    let one_word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    key.is_some_and(|key| LABELS.contains(&key)) && text.len() <= 128 && text.bytes().all(one_word)
}

fn check_answer(dialect: &dyn Dialect, framing: AnswerFraming, answer: &[u8], request: &PayloadFacts) {
    let mut reader = EventReader::new(framing, EventLimits::default());
    let read = reader.push(&Bytes::copy_from_slice(answer)).and_then(|()| reader.finish());
    let mut so_far = AnswerFacts::default();
    while let Some(event) = reader.next_event() {
        let before = so_far.clone();
        let Ok(facts) = dialect.read_answer(&event, request, &mut so_far) else { return };
        assert_eq!(so_far.output_bytes, before.output_bytes.saturating_add(facts.output_bytes));
        assert!(!before.finished || so_far.finished);
        assert!(!before.failed || so_far.failed);
        assert!(!facts.usage_only || facts.outputs.is_empty(), "what is hidden says nothing");
        let Some(document) = event.json() else {
            let text = event.framing() == AnswerFraming::Text;
            assert_eq!(facts.output_bytes, if text { event.raw().len() as u64 } else { 0 });
            continue;
        };
        let document = document.expect("what the dialect read is JSON");
        let outputs: HashSet<NodeId> = facts.outputs.iter().map(|part| part.node).collect();
        assert_eq!(outputs.len(), facts.outputs.len(), "an output is named twice");
        for node in document.strings() {
            let says = node.as_str().is_some_and(|text| text.len() > 128 || text.contains(' '));
            assert!(!says || outputs.contains(&node.id()), "nobody looks at {}", document.pointer(node.id()));
        }
    }
    if read.is_ok() && framing == AnswerFraming::Text && !answer.is_empty() {
        assert!(so_far.finished);
    }
}

/// What a client is told is JSON that holds the sentence, and ends the answer as one event.
fn check_words(dialect: &dyn Dialect, framing: AnswerFraming, refusal: Refusal) {
    let rendered = dialect.render_refusal(&refusal, "req-1");
    let body = Document::parse(rendered.body).expect("a refusal's body is strict JSON");
    assert!(body.strings().any(|text| text.as_str() == Some(refusal.public())), "the sentence is told");

    let cut = dialect.render_cut(&refusal, "req-1", framing);
    let mut reader = EventReader::new(framing, EventLimits::default());
    reader.push(&cut).and_then(|()| reader.finish()).expect("what ends an answer can be read");
    let mut told = false;
    while let Some(event) = reader.next_event() {
        assert!(event.is_complete());
        match event.json() {
            Some(document) => {
                let document = document.expect("an event holds strict JSON");
                told |= document.strings().any(|text| text.as_str() == Some(refusal.public()));
            }
            None => told |= event.text().is_some_and(|text| text.contains(refusal.public())),
        }
    }
    assert!(told, "the sentence is told");
}

pub fn seeds() -> Vec<Vec<u8>> {
    const CHAT: &str = r#"{"model":"m","stream":true,"max_tokens":5,"n":2,"stop":["end here"],"messages":[{"role":"system","content":"be kind"},{"role":"user","name":"a name","content":[{"type":"text","text":"a text"},{"type":"image_url","image_url":{"url":"https://example.com/a","detail":"low"}}]},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"a result"}],"tools":[{"type":"function","function":{"name":"f","description":"a text","parameters":{"type":"object","properties":{"free key":{"type":"string"}}}}}]}"#;
    const RESPONSES: &str = r#"{"model":"m","instructions":"be kind","max_output_tokens":7,"input":[{"role":"user","content":[{"type":"input_text","text":"a text"}]},{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"a result"}]}"#;
    const MESSAGES: &str = r#"{"model":"m","max_tokens":5,"system":[{"type":"text","text":"be kind","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"a text"},{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{"free key":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"a result"}]}]}"#;
    let seeds: [(u8, u8, &str, &str); 14] = [
        (
            0,
            0,
            CHAT,
            "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"two words\"},\"finish_reason\":null}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\ndata: [DONE]\n\n",
        ),
        (
            0,
            2,
            CHAT,
            r#"{"object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"two words","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{ }"}}]},"logprobs":{"content":[{"token":"a b"}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
        ),
        (0, 0, CHAT, "data: {\"error\":{\"message\":\"out of order\",\"type\":\"server_error\"}}\n\n"),
        (
            1,
            0,
            RESPONSES,
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"i1\",\"output_index\":0,\"delta\":\"two words\"}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r1\",\"status\":\"completed\",\"output\":[],\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}}\n\n",
        ),
        (
            1,
            2,
            RESPONSES,
            r#"{"id":"r1","object":"response","status":"completed","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"two words","annotations":[]}]}],"usage":{"input_tokens":3,"output_tokens":4}}"#,
        ),
        (
            2,
            0,
            MESSAGES,
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"role\":\"assistant\",\"content\":[],\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"two words\"}}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":4}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ),
        (
            2,
            2,
            MESSAGES,
            r#"{"id":"m1","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"a thought","signature":"s"},{"type":"text","text":"two words"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":4}}"#,
        ),
        (
            3,
            1,
            r#"{"model":"m","prompt":"a text","system":"be kind","images":["AA"],"options":{"num_predict":3}}"#,
            "{\"response\":\"two words\",\"done\":false}\n{\"response\":\"\",\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":3,\"eval_count\":4}\n",
        ),
        (
            4,
            1,
            r#"{"model":"m","messages":[{"role":"user","content":"a text","images":["AA"]}],"format":"json"}"#,
            "{\"message\":{\"role\":\"assistant\",\"content\":\"two words\",\"thinking\":\"a thought\"},\"done\":true,\"eval_count\":4,\"prompt_eval_count\":3}\n",
        ),
        (
            5,
            2,
            r#"{"prompt":["one text","another"],"parameters":{"max_new_tokens":5,"best_of":2},"Stream":true}"#,
            r#"{"text":"two words","usage":{"input":3,"output":4},"done":true}"#,
        ),
        (
            5,
            0,
            r#"{"inputs":"a text","stream":true}"#,
            "data: {\"choices\":[{\"index\":1,\"text\":\"two words\"}]}\n\ndata: [DONE]\n\n",
        ),
        (5, 3, r#"{"prompt":"a text"}"#, "two words"),
        (6, 1, r#"{"free key":["a text",{"deeper":true}]}"#, "{\"anything\":\"two words\"}\n"),
        (0, 0, r#"{"model":"m","messages":[{"role":"nobody"}]}"#, ""),
    ];
    seeds
        .into_iter()
        .map(|(dialect, framing, request, answer)| {
            seed(dialect, seed(framing, [request.as_bytes(), answer.as_bytes()].join(&0)))
        })
        .collect()
}
