//! Ollama's own API.

use bytes::Bytes;

use super::collect::{Collector, usage};
use super::request::RequestReader;
use super::tables::{OLLAMA_CHAT, OLLAMA_GENERATE, OLLAMA_MESSAGE, OLLAMA_OPTIONS};
use super::{
    AnswerFacts, Channel, Dialect, DialectError, DialectErrorKind, EventFacts, OutputKind, PayloadFacts,
    Role, render,
};
use crate::payload::events::{AnswerEvent, AnswerFraming};
use crate::payload::fields::FieldTable;
use crate::payload::json::{Document, Node};
use crate::refusal::{Refusal, Rendered};

/// Ollama's [`/api/generate`](https://github.com/ollama/ollama/blob/main/docs/api.md).
///
/// | fact | from |
/// |---|---|
/// | model | `model`, required |
/// | parts | `prompt`, `suffix` as [`Role::User`]; `system`, `template` as [`Role::System`]; `format` as [`Role::ToolDefinition`]; all other members, images too, as [`Role::Other`] |
/// | output cap | `options.num_predict` |
/// | candidates | always 1 |
/// | stream | `stream`, true unless it says false |
/// | output | `response`, `thinking` |
/// | usage | `prompt_eval_count`, `eval_count` of the line that is `done` |
/// | end | `"done": true` |
///
/// `context` is refused: it is a prompt in the model's units, which nothing here can read. `/api/chat` does without.
#[derive(Debug, Clone, Copy, Default)]
pub struct OllamaGenerate;

/// Ollama's [`/api/chat`](https://github.com/ollama/ollama/blob/main/docs/api.md).
///
/// | fact | from |
/// |---|---|
/// | model | `model`, required |
/// | parts | `messages[]` under their role, `tool_calls` as [`Role::ToolCall`]; `tools`, `format` as [`Role::ToolDefinition`]; all other members as [`Role::Other`] |
/// | output cap | `options.num_predict` |
/// | candidates | always 1 |
/// | stream | `stream`, true unless it says false |
/// | output | `message`: `content`, `thinking`, `tool_calls` |
/// | usage | `prompt_eval_count`, `eval_count` of the line that is `done` |
/// | end | `"done": true` |
#[derive(Debug, Clone, Copy, Default)]
pub struct OllamaChat;

/// Reads the members that both have in common.
fn read_common<'d>(
    reader: &mut RequestReader<'d>,
    key: Node<'d>,
    value: Node<'d>,
    known: &FieldTable,
) -> Result<(), DialectError> {
    match key.as_str().unwrap_or_default() {
        "model" => reader.model(value),
        "stream" => reader.stream(value),
        "format" => {
            reader.member(Role::ToolDefinition, key, value);
            Ok(())
        }
        "options" if !value.is_null() => {
            for (option, set) in reader.object(value)?.members() {
                match option.as_str().unwrap_or_default() {
                    "num_predict" => reader.cap(set)?,
                    _ => reader.other(Role::Other, option, set, &OLLAMA_OPTIONS)?,
                }
            }
            Ok(())
        }
        _ => reader.other(Role::Other, key, value, known),
    }
}

impl Dialect for OllamaGenerate {
    fn name(&self) -> &'static str {
        "ollama-generate"
    }

    fn fields(&self) -> &'static FieldTable {
        &OLLAMA_GENERATE
    }

    fn read_request(&self, document: &Document) -> Result<PayloadFacts, DialectError> {
        let (mut reader, root) = RequestReader::new(document)?;
        reader.facts.stream = true;
        for (key, value) in root.members() {
            let role = match key.as_str().unwrap_or_default() {
                "prompt" | "suffix" => Role::User,
                "system" | "template" => Role::System,
                "context" if !value.is_null() => {
                    let why = "`context` holds a prompt that cannot be checked; use /api/chat";
                    return reader.fail(DialectErrorKind::Unreadable(why), value);
                }
                _ => {
                    read_common(&mut reader, key, value, &OLLAMA_GENERATE)?;
                    continue;
                }
            };
            if !value.is_null() {
                reader.string(value)?;
                reader.part(role, value);
            }
        }
        reader.need_model()?;
        reader.facts.usage_requested = true;
        Ok(reader.facts)
    }

    fn read_answer(
        &self,
        event: &AnswerEvent,
        _request: &PayloadFacts,
        so_far: &mut AnswerFacts,
    ) -> Result<EventFacts, DialectError> {
        read_line(event, so_far)
    }

    fn render_refusal(&self, refusal: &Refusal, _request_id: &str) -> Rendered {
        render::ollama(refusal)
    }

    fn render_cut(&self, refusal: &Refusal, _request_id: &str, framing: AnswerFraming) -> Bytes {
        render::cut(framing, "error", refusal, &render::ollama(refusal).body)
    }
}

impl Dialect for OllamaChat {
    fn name(&self) -> &'static str {
        "ollama-chat"
    }

    fn fields(&self) -> &'static FieldTable {
        &OLLAMA_CHAT
    }

    fn read_request(&self, document: &Document) -> Result<PayloadFacts, DialectError> {
        let (reader, root) = RequestReader::new(document)?;
        let mut reader = reader.with_messages(&OLLAMA_MESSAGE);
        reader.facts.stream = true;
        let mut messages = false;
        for (key, value) in root.members() {
            match key.as_str().unwrap_or_default() {
                "messages" => {
                    reader.messages(value)?;
                    messages = true;
                }
                "tools" => reader.tools(value)?,
                _ => read_common(&mut reader, key, value, &OLLAMA_CHAT)?,
            }
        }
        reader.need_model()?;
        reader.need("messages", messages)?;
        reader.facts.usage_requested = true;
        Ok(reader.facts)
    }

    fn read_answer(
        &self,
        event: &AnswerEvent,
        _request: &PayloadFacts,
        so_far: &mut AnswerFacts,
    ) -> Result<EventFacts, DialectError> {
        read_line(event, so_far)
    }

    fn render_refusal(&self, refusal: &Refusal, _request_id: &str) -> Rendered {
        render::ollama(refusal)
    }

    fn render_cut(&self, refusal: &Refusal, _request_id: &str, framing: AnswerFraming) -> Bytes {
        render::cut(framing, "error", refusal, &render::ollama(refusal).body)
    }
}

fn read_line(event: &AnswerEvent, so_far: &mut AnswerFacts) -> Result<EventFacts, DialectError> {
    let Some((mut collector, root)) = Collector::object(event)? else {
        return Collector::without_json(event, so_far);
    };
    let channel = |kind| Channel { choice: 0, kind, index: 0 };
    for (key, value) in root.entries() {
        match key {
            "response" => collector.all(channel(OutputKind::Text), value),
            "thinking" => collector.all(channel(OutputKind::Reasoning), value),
            "message" => {
                for (key, value) in collector.members(channel(OutputKind::Text), value) {
                    let kind = match key {
                        "content" => OutputKind::Text,
                        "thinking" => OutputKind::Reasoning,
                        "tool_calls" => OutputKind::ToolCall,
                        _ => OutputKind::Other,
                    };
                    collector.other(channel(kind), key, value);
                }
            }
            "logprobs" => collector.all(channel(OutputKind::Logprobs), value),
            "error" => collector.error(value),
            "model" | "created_at" | "remote_model" | "remote_host" => collector.tag(value),
            _ => collector.other(channel(OutputKind::Other), key, value),
        }
    }
    let done = root.get("done").and_then(Node::as_bool) == Some(true);
    if done {
        collector.facts.usage = usage(Some(root), "prompt_eval_count", "eval_count");
    }
    collector.facts.finished = done || event.framing() == AnswerFraming::Json;
    Ok(collector.finish(so_far))
}
