//! OpenAI responses.

use bytes::Bytes;

use super::collect::{Collector, position, usage};
use super::request::{RequestReader, block_role};
use super::tables::OPENAI_RESPONSES;
use super::{
    AnswerFacts, Channel, Dialect, DialectError, DialectErrorKind, EventFacts, OutputKind, PayloadFacts,
    Role, render,
};
use crate::payload::events::{AnswerEvent, AnswerFraming};
use crate::payload::fields::FieldTable;
use crate::payload::json::{Document, Kind, Node};
use crate::refusal::{Refusal, Rendered};

/// The [responses API](https://platform.openai.com/docs/api-reference/responses) of OpenAI.
///
/// | fact | from |
/// |---|---|
/// | model | `model`, required |
/// | parts | `instructions` as [`Role::System`]; `input`: a string as [`Role::User`], messages under their role, calls as [`Role::ToolCall`], their results as [`Role::Tool`]; `tools`, `text` as [`Role::ToolDefinition`]; all other members as [`Role::Other`] |
/// | output cap | `max_output_tokens` |
/// | candidates | always 1 |
/// | stream | `stream` |
/// | output | `*.delta` events; `output[]` of the whole response; what `*.done` events repeat is counted once |
/// | usage | `usage.input_tokens`, `usage.output_tokens`, of `response` in the events that end the stream |
/// | end | `response.completed`, `response.incomplete`, `response.failed`, `error` |
///
/// `previous_response_id`, `conversation`, `prompt` and item references name text that the server keeps: it was
/// checked, if at all, when it was sent. `background` answers are refused: nobody would read them.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAiResponses;

impl Dialect for OpenAiResponses {
    fn name(&self) -> &'static str {
        "openai-responses"
    }

    fn fields(&self) -> &'static FieldTable {
        &OPENAI_RESPONSES
    }

    fn read_request(&self, document: &Document) -> Result<PayloadFacts, DialectError> {
        let (mut reader, root) = RequestReader::new(document)?;
        for (key, value) in root.members() {
            match key.as_str().unwrap_or_default() {
                "model" => reader.model(value)?,
                "input" => read_input(&mut reader, value)?,
                "instructions" => reader.content(Role::System, value)?,
                "stream" => reader.stream(value)?,
                "max_output_tokens" => reader.cap(value)?,
                "tools" => reader.tools(value)?,
                "text" => reader.all(Role::ToolDefinition, value),
                "background" => {
                    if reader.flag(value)? == Some(true) {
                        let why = "answers in the background cannot be checked; send `background` false";
                        return reader.fail(DialectErrorKind::Unreadable(why), value);
                    }
                }
                _ => reader.other(Role::Other, key, value, &OPENAI_RESPONSES)?,
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
        let Some((mut collector, root)) = Collector::object(event)? else {
            return Collector::without_json(event, so_far);
        };
        if event.framing() == AnswerFraming::Json {
            read_response(&mut collector, root);
            collector.facts.finished = true;
            return Ok(collector.finish(so_far));
        }
        let Some(kind) = root.get("type").and_then(Node::as_str) else {
            return Err(DialectError::top(DialectErrorKind::Missing("type")));
        };
        let ends = matches!(kind, "response.completed" | "response.incomplete" | "response.failed");
        // These events repeat what was streamed; whoever streamed less than that is charged for the rest.
        collector.complete = !kind.ends_with(".delta");
        for (key, value) in root.entries() {
            match key {
                "type" => collector.tag(value),
                "response" => {
                    if ends {
                        read_response(&mut collector, value);
                    } else {
                        collector.all(ECHO, value);
                    }
                }
                _ if kind == "error" => collector.other(ECHO, key, value),
                "logprobs" => collector.all(channel(root, OutputKind::Logprobs), value),
                _ => collector.other(channel(root, output_kind(kind)), key, value),
            }
        }
        let facts = &mut collector.facts;
        facts.finished = ends || kind == "error";
        facts.failed |= matches!(kind, "response.failed" | "error");
        if ends {
            facts.output_bytes = facts.output_bytes.saturating_sub(so_far.output_bytes);
        } else if collector.complete {
            facts.output_bytes = 0;
        }
        Ok(collector.finish(so_far))
    }

    fn render_refusal(&self, refusal: &Refusal, _request_id: &str) -> Rendered {
        render::openai(refusal)
    }

    fn render_cut(&self, refusal: &Refusal, _request_id: &str, framing: AnswerFraming) -> Bytes {
        match framing {
            AnswerFraming::ServerSentEvents => {
                render::cut(framing, "error", refusal, &render::openai_event(refusal).body)
            }
            _ => render::cut(framing, "", refusal, &render::openai(refusal).body),
        }
    }
}

fn read_input<'d>(reader: &mut RequestReader<'d>, input: Node<'d>) -> Result<(), DialectError> {
    match input.kind() {
        Kind::Null => {}
        Kind::String => reader.part(Role::User, input),
        _ => {
            for item in reader.array(input)?.items() {
                if reader.object(item)?.get("role").is_some() {
                    reader.message(item)?;
                    continue;
                }
                let kind = match item.get("type") {
                    Some(kind) => reader.string(kind)?,
                    None => "item_reference",
                };
                reader.all(block_role(Role::Other, kind), item);
            }
        }
    }
    Ok(())
}

const OTHER: Channel = Channel { choice: 0, kind: OutputKind::Other, index: 0 };
const ECHO: Channel = Channel { choice: 0, kind: OutputKind::Echo, index: 0 };

fn read_response(collector: &mut Collector, response: Node<'_>) {
    for (key, value) in collector.members(ECHO, response) {
        match key {
            "output" => {
                for (n, item) in collector.elements(OTHER, value).enumerate() {
                    let kind = output_kind(item.get("type").and_then(Node::as_str).unwrap_or_default());
                    collector.all(Channel { choice: n as u32, kind, index: 0 }, item);
                }
            }
            "output_text" => collector.all(Channel { choice: 0, kind: OutputKind::Text, index: 0 }, value),
            "usage" => {
                collector.facts.usage = usage(Some(value), "input_tokens", "output_tokens");
                collector.tag(value);
            }
            "error" => collector.error(value),
            _ => collector.other(ECHO, key, value),
        }
    }
}

fn channel(event: Node<'_>, kind: OutputKind) -> Channel {
    let index = event.get("content_index").or_else(|| event.get("summary_index"));
    Channel { choice: position(event.get("output_index"), 0), kind, index: position(index, 0) }
}

/// What sort of text an event or an output item of that type carries.
fn output_kind(name: &str) -> OutputKind {
    if name.contains("reasoning") {
        OutputKind::Reasoning
    } else if name.contains("refusal") {
        OutputKind::Refusal
    } else if name.contains("_call") {
        OutputKind::ToolCall
    } else if name.contains("output_text") || name == "message" {
        OutputKind::Text
    } else {
        OutputKind::Other
    }
}
