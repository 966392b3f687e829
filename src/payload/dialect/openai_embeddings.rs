//! OpenAI embeddings.

use bytes::Bytes;

use super::collect::Collector;
use super::request::RequestReader;
use super::tables::OPENAI_EMBEDDINGS;
use super::{
    AnswerFacts, Channel, Dialect, DialectError, EventFacts, OutputKind, PayloadFacts, Role, Usage, render,
};
use crate::payload::events::{AnswerEvent, AnswerFraming};
use crate::payload::fields::FieldTable;
use crate::payload::json::{Document, Node};
use crate::refusal::{Refusal, Rendered};

/// The [embeddings API](https://platform.openai.com/docs/api-reference/embeddings) of OpenAI.
///
/// | fact | from |
/// |---|---|
/// | model | `model`, required |
/// | parts | `input`, a string or several, required, as [`Role::User`]; all other members as [`Role::Other`] |
/// | output cap | always 0: a vector has no units |
/// | candidates | always 1 |
/// | stream | never |
/// | output | none; a vector as text (base64) is shown as an echo |
/// | usage | `usage.prompt_tokens` |
///
/// An input in the model's units (an array of numbers) is refused: nothing here can read it.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAiEmbeddings;

impl Dialect for OpenAiEmbeddings {
    fn name(&self) -> &'static str {
        "openai-embeddings"
    }

    fn fields(&self) -> &'static FieldTable {
        &OPENAI_EMBEDDINGS
    }

    fn read_request(&self, document: &Document) -> Result<PayloadFacts, DialectError> {
        let (mut reader, root) = RequestReader::new(document)?;
        let mut inputs = 0;
        for (key, value) in root.members() {
            match key.as_str().unwrap_or_default() {
                "model" => reader.model(value)?,
                "input" => inputs = reader.prompts(value)?,
                _ => reader.other(Role::Other, key, value, &OPENAI_EMBEDDINGS)?,
            }
        }
        reader.need_model()?;
        reader.need("input", inputs > 0)?;
        reader.facts.output_cap = Some(0);
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
        for (key, value) in root.entries() {
            match key {
                "usage" => {
                    let input = value.get("prompt_tokens").and_then(Node::as_u64);
                    collector.facts.usage = input.map(|input| Usage { input, output: 0 });
                    collector.tag(value);
                }
                "error" => collector.error(value),
                "data" | "model" | "object" => collector.tag(value),
                _ => collector.other(Channel { choice: 0, kind: OutputKind::Other, index: 0 }, key, value),
            }
        }
        collector.facts.finished = event.framing() == AnswerFraming::Json;
        Ok(collector.finish(so_far))
    }

    fn render_refusal(&self, refusal: &Refusal, _request_id: &str) -> Rendered {
        render::openai(refusal)
    }

    fn render_cut(&self, refusal: &Refusal, _request_id: &str, framing: AnswerFraming) -> Bytes {
        render::cut(framing, "", refusal, &render::openai(refusal).body)
    }
}
