//! OpenAI chat completions.

use bytes::Bytes;

use super::collect::{Collector, position, usage};
use super::request::RequestReader;
use super::tables::OPENAI_CHAT;
use super::{
    AnswerFacts, Channel, Dialect, DialectError, EventFacts, OutputKind, PayloadFacts, Role, render,
};
use crate::payload::events::{AnswerEvent, AnswerFraming};
use crate::payload::fields::FieldTable;
use crate::payload::json::{Document, Edit, Kind, Node};
use crate::refusal::{Refusal, Rendered};

/// The [chat completions API](https://platform.openai.com/docs/api-reference/chat) of OpenAI, which most servers of
/// open models speak too.
///
/// | fact | from |
/// |---|---|
/// | model | `model`, required |
/// | parts | `messages[]`: every string under its role, tool calls as [`Role::ToolCall`]; `tools`, `functions`, `response_format` as [`Role::ToolDefinition`]; all other members as [`Role::Other`] |
/// | output cap | the larger of `max_tokens` and `max_completion_tokens` |
/// | candidates | the larger of `n` and `best_of` |
/// | stream | `stream` |
/// | usage requested | `stream_options.include_usage`, which the gate sets in every stream |
/// | output | `choices[]`: every string of `delta`, `message`, `text`; `logprobs` apart |
/// | usage | `usage.prompt_tokens`, `usage.completion_tokens`; a chunk whose `choices` are empty is usage only |
/// | end | `data: [DONE]` |
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAiChat;

impl Dialect for OpenAiChat {
    fn name(&self) -> &'static str {
        "openai-chat"
    }

    fn fields(&self) -> &'static FieldTable {
        &OPENAI_CHAT
    }

    fn read_request(&self, document: &Document) -> Result<PayloadFacts, DialectError> {
        let (mut reader, root) = RequestReader::new(document)?;
        let mut messages = false;
        for (key, value) in root.members() {
            match key.as_str().unwrap_or_default() {
                "model" => reader.model(value)?,
                "messages" => {
                    reader.messages(value)?;
                    messages = true;
                }
                "stream" => reader.stream(value)?,
                "stream_options" => reader.stream_options(value)?,
                "max_tokens" | "max_completion_tokens" => reader.cap(value)?,
                "n" | "best_of" => reader.candidates(value)?,
                "tools" | "functions" => reader.tools(value)?,
                "response_format" => reader.all(Role::ToolDefinition, value),
                _ => reader.other(Role::Other, key, value, &OPENAI_CHAT)?,
            }
        }
        reader.need_model()?;
        reader.need("messages", messages)?;
        Ok(reader.facts)
    }

    fn prepare(&self, document: &Document, facts: &PayloadFacts) -> Vec<Edit> {
        ask_for_usage(document, facts)
    }

    fn read_answer(
        &self,
        event: &AnswerEvent,
        _request: &PayloadFacts,
        so_far: &mut AnswerFacts,
    ) -> Result<EventFacts, DialectError> {
        read_completion(event, so_far)
    }

    fn render_refusal(&self, refusal: &Refusal, _request_id: &str) -> Rendered {
        render::openai(refusal)
    }

    fn render_cut(&self, refusal: &Refusal, _request_id: &str, framing: AnswerFraming) -> Bytes {
        render::cut(framing, "", refusal, &render::openai(refusal).body)
    }
}

const OTHER: Channel = Channel { choice: 0, kind: OutputKind::Other, index: 0 };

/// Makes a stream report its usage, whatever the client said.
pub(super) fn ask_for_usage(document: &Document, facts: &PayloadFacts) -> Vec<Edit> {
    if !facts.stream || facts.usage_requested {
        return Vec::new();
    }
    let root = document.root();
    vec![match root.get("stream_options") {
        Some(options) if options.kind() == Kind::Object => Edit::set(options.id(), "include_usage", "true"),
        _ => Edit::set(root.id(), "stream_options", r#"{"include_usage":true}"#),
    }]
}

/// Reads an event of chat completions, or of completions.
pub(super) fn read_completion(
    event: &AnswerEvent,
    so_far: &mut AnswerFacts,
) -> Result<EventFacts, DialectError> {
    let Some((mut collector, root)) = Collector::object(event)? else {
        return Collector::without_json(event, so_far);
    };
    let mut choices = None;
    for (key, value) in root.entries() {
        match key {
            "choices" => {
                choices = Some(value.len());
                for (n, choice) in collector.elements(OTHER, value).enumerate() {
                    read_choice(&mut collector, choice, n);
                }
            }
            "usage" => {
                collector.facts.usage = usage(Some(value), "prompt_tokens", "completion_tokens");
                collector.tag(value);
            }
            "error" => collector.error(value),
            "model" | "object" | "obfuscation" => collector.tag(value),
            _ => collector.other(OTHER, key, value),
        }
    }
    let facts = &mut collector.facts;
    facts.finished = event.framing() == AnswerFraming::Json;
    facts.usage_only =
        !facts.finished && choices == Some(0) && facts.usage.is_some() && facts.outputs.is_empty();
    Ok(collector.finish(so_far))
}

fn read_choice(collector: &mut Collector, choice: Node<'_>, n: usize) {
    let channel = |kind, index| Channel { choice: position(choice.get("index"), n), kind, index };
    for (key, value) in collector.members(channel(OutputKind::Other, 0), choice) {
        match key {
            "delta" | "message" => {
                for (key, value) in collector.members(channel(OutputKind::Text, 0), value) {
                    match key {
                        "content" => collector.all(channel(OutputKind::Text, 0), value),
                        "reasoning" | "reasoning_content" | "reasoning_details" | "thinking" => {
                            collector.all(channel(OutputKind::Reasoning, 0), value);
                        }
                        "refusal" => collector.all(channel(OutputKind::Refusal, 0), value),
                        "function_call" => collector.all(channel(OutputKind::ToolCall, 0), value),
                        "tool_calls" => {
                            for (n, call) in
                                collector.elements(channel(OutputKind::ToolCall, 0), value).enumerate()
                            {
                                collector
                                    .all(channel(OutputKind::ToolCall, position(call.get("index"), n)), call);
                            }
                        }
                        _ => collector.other(channel(OutputKind::Other, 0), key, value),
                    }
                }
            }
            "text" => collector.all(channel(OutputKind::Text, 0), value),
            "logprobs" => collector.all(channel(OutputKind::Logprobs, 0), value),
            _ => collector.other(channel(OutputKind::Other, 0), key, value),
        }
    }
}
