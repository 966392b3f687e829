//! Anthropic messages.

use bytes::Bytes;

use super::collect::{Collector, position};
use super::request::{RequestReader, Roles};
use super::tables::ANTHROPIC_MESSAGES;
use super::{
    AnswerFacts, Channel, Dialect, DialectError, DialectErrorKind, EventFacts, OutputKind, PayloadFacts,
    Role, Usage, render,
};
use crate::payload::events::{AnswerEvent, AnswerFraming};
use crate::payload::fields::FieldTable;
use crate::payload::json::{Document, Node};
use crate::refusal::{Refusal, Rendered};

/// The [messages API](https://docs.anthropic.com/en/api/messages) of Anthropic.
///
/// | fact | from |
/// |---|---|
/// | model | `model`, required |
/// | parts | `system` as [`Role::System`]; `messages[]` under their role, `tool_use` blocks as [`Role::ToolCall`], `tool_result` blocks as [`Role::Tool`]; `tools` as [`Role::ToolDefinition`]; all other members as [`Role::Other`] |
/// | output cap | `max_tokens`, required |
/// | candidates | always 1 |
/// | stream | `stream` |
/// | output | `content[]`; `content_block_start`, `content_block_delta`; signatures apart |
/// | usage | `usage` of the whole message; `message_start` yields the input, `message_delta` the output, which is cumulative. Input counts `input_tokens`, `cache_creation_input_tokens` and `cache_read_input_tokens` |
/// | end | `message_stop`, `error` |
#[derive(Debug, Clone, Copy, Default)]
pub struct AnthropicMessages;

impl Dialect for AnthropicMessages {
    fn name(&self) -> &'static str {
        "anthropic-messages"
    }

    fn fields(&self) -> &'static FieldTable {
        &ANTHROPIC_MESSAGES
    }

    fn read_request(&self, document: &Document) -> Result<PayloadFacts, DialectError> {
        let (reader, root) = RequestReader::new(document)?;
        let mut reader = reader.with_roles(Roles::UserAndAssistant);
        let mut messages = false;
        for (key, value) in root.members() {
            match key.as_str().unwrap_or_default() {
                "model" => reader.model(value)?,
                "messages" => {
                    reader.messages(value)?;
                    messages = true;
                }
                "system" => reader.content(Role::System, value)?,
                "max_tokens" => reader.cap(value)?,
                "stream" => reader.stream(value)?,
                "tools" => reader.tools(value)?,
                _ => reader.other(Role::Other, key, value, &ANTHROPIC_MESSAGES)?,
            }
        }
        reader.need_model()?;
        reader.need("messages", messages)?;
        reader.need("max_tokens", reader.facts.output_cap.is_some())?;
        reader.facts.usage_requested = true;
        Ok(reader.facts)
    }

    fn read_answer(
        &self,
        event: &AnswerEvent,
        _request: &PayloadFacts,
        so_far: &mut AnswerFacts,
    ) -> Result<EventFacts, DialectError> {
        let Some((mut collector, root)) = Collector::object(event)? else {
            return Collector::without_json(event, so_far);
        };
        if event.framing() == AnswerFraming::Json {
            read_message(&mut collector, root);
            collector.facts.usage = whole(root.get("usage"), None);
            collector.facts.finished = true;
            return Ok(collector.finish(so_far));
        }
        let Some(kind) = root.get("type").and_then(Node::as_str) else {
            return Err(DialectError::top(DialectErrorKind::Missing("type")));
        };
        for (key, value) in root.entries() {
            match (kind, key) {
                (_, "type") => collector.tag(value),
                ("message_start", "message") => {
                    collector.facts.input = input(value.get("usage"));
                    read_message(&mut collector, value);
                }
                ("message_delta", "usage") => {
                    collector.facts.usage = whole(Some(value), so_far.input);
                    collector.tag(value);
                }
                (_, "error") => collector.error(value),
                (_, "delta" | "content_block") => {
                    read_block(&mut collector, value, position(root.get("index"), 0));
                }
                _ => collector.other(OTHER, key, value),
            }
        }
        collector.facts.finished = matches!(kind, "message_stop" | "error");
        Ok(collector.finish(so_far))
    }

    fn render_refusal(&self, refusal: &Refusal, request_id: &str) -> Rendered {
        render::anthropic(refusal, request_id)
    }

    fn render_cut(&self, refusal: &Refusal, request_id: &str, framing: AnswerFraming) -> Bytes {
        render::cut(framing, "error", refusal, &render::anthropic(refusal, request_id).body)
    }
}

const OTHER: Channel = Channel { choice: 0, kind: OutputKind::Other, index: 0 };

fn read_message(collector: &mut Collector, message: Node<'_>) {
    for (key, value) in collector.members(OTHER, message) {
        match key {
            "content" => {
                for (n, block) in collector.elements(OTHER, value).enumerate() {
                    read_block(collector, block, n as u32);
                }
            }
            "error" => collector.error(value),
            "model" | "usage" => collector.tag(value),
            _ => collector.other(OTHER, key, value),
        }
    }
}

fn read_block(collector: &mut Collector, block: Node<'_>, index: u32) {
    let name = block.get("type").and_then(Node::as_str).unwrap_or_default();
    for (key, value) in collector.members(Channel { choice: 0, kind: OutputKind::Text, index }, block) {
        let kind = match key {
            "text" => OutputKind::Text,
            "thinking" => OutputKind::Reasoning,
            "partial_json" | "input" | "name" => OutputKind::ToolCall,
            // Ciphertext of what was thought, and made by the server: nothing the model says.
            "signature" => OutputKind::Echo,
            _ if name.ends_with("tool_use") => OutputKind::ToolCall,
            _ => OutputKind::Other,
        };
        collector.other(Channel { choice: 0, kind, index }, key, value);
    }
}

/// All units read: fresh, written to the cache, and found there.
fn input(usage: Option<Node<'_>>) -> Option<u64> {
    let usage = usage?;
    let cached = |name| match usage.get(name) {
        Some(units) if !units.is_null() => units.as_u64(),
        _ => Some(0),
    };
    let fresh = usage.get("input_tokens")?.as_u64()?;
    let created = cached("cache_creation_input_tokens")?;
    Some(fresh.saturating_add(created).saturating_add(cached("cache_read_input_tokens")?))
}

/// The usage of the whole message. `before` is the input reported at its start, which later events need not repeat.
fn whole(usage: Option<Node<'_>>, before: Option<u64>) -> Option<Usage> {
    let output = usage?.get("output_tokens")?.as_u64()?;
    Some(Usage { input: input(usage).max(before)?, output })
}
