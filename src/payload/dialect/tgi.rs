//! Text Generation Inference's own API.

use bytes::Bytes;

use super::collect::{Collector, usage};
use super::request::RequestReader;
use super::tables::{TGI_GENERATE, TGI_PARAMETERS};
use super::{
    AnswerFacts, Channel, Dialect, DialectError, DialectErrorKind, EventFacts, OutputKind, PayloadFacts,
    Role, Usage, render,
};
use crate::payload::events::{AnswerEvent, AnswerFraming};
use crate::payload::fields::FieldTable;
use crate::payload::json::{Document, Node};
use crate::refusal::{Refusal, Rendered};

/// The [`/generate`, `/generate_stream` and `/`](https://huggingface.github.io/text-generation-inference/) of Text
/// Generation Inference.
///
/// | fact | from |
/// |---|---|
/// | model | none: a server has one. `parameters.adapter_id` is a field of class model |
/// | parts | `inputs`, required, as [`Role::User`]; `parameters.grammar` as [`Role::ToolDefinition`]; all other members as [`Role::Other`] |
/// | output cap | `parameters.max_new_tokens` |
/// | candidates | `parameters.best_of` |
/// | stream | `stream`, and the path `/generate_stream` |
/// | output | `token.text` of every event; `generated_text`, which repeats it; `details.best_of_sequences[]` |
/// | usage | `details.generated_tokens`, with `details.input_length` of a stream or the length of `details.prefill` |
/// | end | the event with `generated_text` |
///
/// Servers of models that see take `![](https://…)` in `inputs` for an image, and fetch it. Text with `![](` is refused,
/// unless `data:` follows. They do so in chat completions, too, where it cannot be told from Markdown.
#[derive(Debug, Clone, Copy, Default)]
pub struct TgiGenerate;

impl Dialect for TgiGenerate {
    fn name(&self) -> &'static str {
        "tgi-generate"
    }

    fn fields(&self) -> &'static FieldTable {
        &TGI_GENERATE
    }

    fn read_path(&self, path: &str, facts: &mut PayloadFacts) -> Result<(), DialectError> {
        facts.stream |= path.ends_with("/generate_stream");
        Ok(())
    }

    fn read_request(&self, document: &Document) -> Result<PayloadFacts, DialectError> {
        let (mut reader, root) = RequestReader::new(document)?;
        let mut inputs = false;
        for (key, value) in root.members() {
            match key.as_str().unwrap_or_default() {
                "inputs" => {
                    if names_image(reader.string(value)?) {
                        let why = "an image by URL in the text would be fetched; send it as a data: URL";
                        return reader.fail(DialectErrorKind::Unreadable(why), value);
                    }
                    reader.part(Role::User, value);
                    inputs = true;
                }
                "stream" => reader.stream(value)?,
                "parameters" if !value.is_null() => {
                    for (key, value) in reader.object(value)?.members() {
                        match key.as_str().unwrap_or_default() {
                            "max_new_tokens" => reader.cap(value)?,
                            "best_of" => reader.candidates(value)?,
                            "grammar" => reader.all(Role::ToolDefinition, value),
                            _ => reader.other(Role::Other, key, value, &TGI_PARAMETERS)?,
                        }
                    }
                }
                _ => reader.other(Role::Other, key, value, &TGI_GENERATE)?,
            }
        }
        reader.need("inputs", inputs)?;
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
        let whole = event.framing() == AnswerFraming::Json;
        // The path `/` answers with an array of one.
        let answers = root.items().chain((root.items().len() == 0).then_some(root));
        for answer in answers {
            for (key, value) in collector.members(channel(OutputKind::Text), answer) {
                match key {
                    "token" => read_unit(&mut collector, value),
                    "generated_text" => {
                        collector.facts.finished |= !value.is_null();
                        let counted = collector.facts.output_bytes;
                        collector.complete = true;
                        collector.all(channel(OutputKind::Text), value);
                        if !whole {
                            collector.facts.output_bytes = counted;
                        }
                        collector.complete = whole;
                    }
                    "details" => read_details(&mut collector, value),
                    "top_tokens" => collector.all(channel(OutputKind::Logprobs), value),
                    "error" | "error_type" => collector.error(value),
                    _ => collector.other(channel(OutputKind::Other), key, value),
                }
            }
        }
        if !whole && collector.facts.finished {
            // Its last unit is in the same event: what was not counted before counts now.
            let last = root.get("token").and_then(|token| token.get("text")).map_or(0, Node::text_len);
            collector.facts.output_bytes = last as u64;
        }
        collector.facts.finished |= whole;
        Ok(collector.finish(so_far))
    }

    fn render_refusal(&self, refusal: &Refusal, _request_id: &str) -> Rendered {
        render::tgi(refusal)
    }

    fn render_cut(&self, refusal: &Refusal, _request_id: &str, framing: AnswerFraming) -> Bytes {
        render::cut(framing, "", refusal, &render::tgi(refusal).body)
    }
}

/// Whether a server may find an image to fetch in the text.
fn names_image(text: &str) -> bool {
    text.split("![](").skip(1).any(|image| !image.starts_with("data:"))
}

const fn channel(kind: OutputKind) -> Channel {
    Channel { choice: 0, kind, index: 0 }
}

fn read_unit(collector: &mut Collector, unit: Node<'_>) {
    for (key, value) in collector.members(channel(OutputKind::Text), unit) {
        match key {
            "text" => collector.all(channel(OutputKind::Text), value),
            _ => collector.other(channel(OutputKind::Other), key, value),
        }
    }
}

fn read_details(collector: &mut Collector, details: Node<'_>) {
    if !details.is_null() {
        let prefill = details.get("prefill").map(|units| units.len() as u64).filter(|units| *units > 0);
        let generated = details.get("generated_tokens").and_then(Node::as_u64);
        collector.facts.usage = usage(Some(details), "input_length", "generated_tokens")
            .or_else(|| Some(Usage { input: prefill?, output: generated? }));
    }
    for (key, value) in collector.members(channel(OutputKind::Other), details) {
        match key {
            "tokens" | "top_tokens" => collector.all(channel(OutputKind::Logprobs), value),
            "prefill" => collector.all(channel(OutputKind::Echo), value),
            "best_of_sequences" => {
                for (n, sequence) in collector.elements(channel(OutputKind::Text), value).enumerate() {
                    read_sequence(collector, sequence, u32::try_from(n + 1).unwrap_or(u32::MAX));
                }
            }
            _ => collector.other(channel(OutputKind::Other), key, value),
        }
    }
}

fn read_sequence(collector: &mut Collector, sequence: Node<'_>, choice: u32) {
    for (key, value) in collector.members(Channel { choice, ..channel(OutputKind::Text) }, sequence) {
        let kind = match key {
            "generated_text" => OutputKind::Text,
            "tokens" | "top_tokens" => OutputKind::Logprobs,
            "prefill" => OutputKind::Echo,
            _ => OutputKind::Other,
        };
        collector.other(Channel { choice, ..channel(kind) }, key, value);
    }
}
