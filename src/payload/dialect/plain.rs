//! The plain `/generate` that inference servers agree on, more or less.

use bytes::Bytes;

use super::collect::{Collector, position, usage};
use super::request::RequestReader;
use super::tables::PLAIN_GENERATE;
use super::{
    AnswerFacts, Channel, Dialect, DialectError, EventFacts, OutputKind, PayloadFacts, Role, render,
};
use crate::payload::events::{AnswerEvent, AnswerFraming};
use crate::payload::fields::FieldTable;
use crate::payload::json::{Document, Kind, Node};
use crate::refusal::{ProblemJson, Refusal, Rendered, Respond};

/// A plain `/generate`: a prompt in, a text out. Refusals are `application/problem+json`.
///
/// | fact | from |
/// |---|---|
/// | model | `model`, where there is one |
/// | parts | `prompt` or `inputs`, a string or several, and `suffix` as [`Role::User`]; `system` as [`Role::System`]; `messages` as in OpenAI's; `tools` as [`Role::ToolDefinition`]; all other members as [`Role::Other`] |
/// | output cap | the largest of `max_tokens`, `max_new_tokens`, `max_completion_tokens`, `max_output_tokens`, `num_predict`, here and in `parameters` |
/// | candidates | the largest of `n`, `best_of`, `num_return_sequences`, here and in `parameters`, times the number of prompts |
/// | stream | `stream`, here or in `parameters` |
/// | output | every string of the answer but for labels |
/// | usage | `usage` with `input`/`output`, `input_tokens`/`output_tokens`, `prompt`/`completion` or `prompt_tokens`/`completion_tokens` |
/// | end | `[DONE]`, or `"done": true` |
///
/// A prompt in the model's units (an array of numbers) is refused: nothing here can read it.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainGenerate;

impl Dialect for PlainGenerate {
    fn name(&self) -> &'static str {
        "generate"
    }

    fn fields(&self) -> &'static FieldTable {
        &PLAIN_GENERATE
    }

    fn read_request(&self, document: &Document) -> Result<PayloadFacts, DialectError> {
        let (mut reader, root) = RequestReader::new(document)?;
        let mut prompts = 0_u64;
        for (key, value) in root.members() {
            match key.as_str().unwrap_or_default() {
                "model" => reader.model(value)?,
                "prompt" | "inputs" => prompts = prompts.saturating_add(reader.prompts(value)?),
                "suffix" => reader.content(Role::User, value)?,
                "system" => reader.content(Role::System, value)?,
                "messages" => {
                    reader.messages(value)?;
                    prompts = prompts.saturating_add(1);
                }
                "tools" => reader.tools(value)?,
                "parameters" if !value.is_null() => {
                    for (key, value) in reader.object(value)?.members() {
                        read_setting(&mut reader, key, value)?;
                    }
                }
                _ => read_setting(&mut reader, key, value)?,
            }
        }
        reader.need("prompt", prompts > 0)?;
        reader.facts.candidates = reader.facts.candidates.saturating_mul(prompts);
        reader.facts.usage_requested = true;
        Ok(reader.facts)
    }

    fn read_answer(
        &self,
        event: &AnswerEvent,
        _request: &PayloadFacts,
        so_far: &mut AnswerFacts,
    ) -> Result<EventFacts, DialectError> {
        let Some((mut collector, root)) = Collector::new(event)? else {
            return Collector::without_json(event, so_far);
        };
        let channel = |n, kind| Channel { choice: n, kind, index: 0 };
        if root.kind() != Kind::Object {
            collector.all(channel(0, OutputKind::Text), root);
        }
        for (key, value) in root.entries() {
            match key {
                "usage" => {
                    collector.facts.usage = any_usage(value);
                    collector.tag(value);
                }
                "error" => collector.error(value),
                "model" => collector.tag(value),
                "logprobs" => collector.all(channel(0, OutputKind::Logprobs), value),
                "choices" | "candidates" | "outputs" if value.kind() == Kind::Array => {
                    for (n, choice) in value.items().enumerate() {
                        collector.all(channel(position(choice.get("index"), n), OutputKind::Text), choice);
                    }
                }
                _ => collector.other(channel(0, OutputKind::Text), key, value),
            }
        }
        let done = root.get("done").and_then(Node::as_bool) == Some(true);
        collector.facts.finished = done || event.framing() == AnswerFraming::Json;
        Ok(collector.finish(so_far))
    }

    fn render_refusal(&self, refusal: &Refusal, request_id: &str) -> Rendered {
        ProblemJson.respond(refusal, request_id)
    }

    fn render_cut(&self, refusal: &Refusal, request_id: &str, framing: AnswerFraming) -> Bytes {
        let body = self.render_refusal(refusal, request_id).body;
        render::cut(framing, "error", refusal, &body)
    }
}

fn read_setting<'d>(
    reader: &mut RequestReader<'d>,
    key: Node<'d>,
    value: Node<'d>,
) -> Result<(), DialectError> {
    match key.as_str().unwrap_or_default() {
        "max_tokens" | "max_new_tokens" | "max_completion_tokens" | "max_output_tokens" | "num_predict" => {
            reader.cap(value)
        }
        "n" | "best_of" | "num_return_sequences" => reader.candidates(value),
        "stream" => {
            let before = reader.facts.stream;
            reader.stream(value)?;
            reader.facts.stream |= before;
            Ok(())
        }
        _ => reader.other(Role::Other, key, value, &PLAIN_GENERATE),
    }
}

fn any_usage(node: Node<'_>) -> Option<super::Usage> {
    [
        ("input", "output"),
        ("input_tokens", "output_tokens"),
        ("prompt_tokens", "completion_tokens"),
        ("prompt", "completion"),
    ]
    .into_iter()
    .find_map(|(input, output)| usage(Some(node), input, output))
}
