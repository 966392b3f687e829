//! OpenAI completions, the older API.

use bytes::Bytes;

use super::openai_chat::{ask_for_usage, read_completion};
use super::request::RequestReader;
use super::tables::OPENAI_COMPLETIONS;
use super::{AnswerFacts, Dialect, DialectError, EventFacts, PayloadFacts, Role, render};
use crate::payload::events::{AnswerEvent, AnswerFraming};
use crate::payload::fields::FieldTable;
use crate::payload::json::{Document, Edit};
use crate::refusal::{Refusal, Rendered};

/// The older [completions API](https://platform.openai.com/docs/api-reference/completions) of OpenAI.
///
/// | fact | from |
/// |---|---|
/// | model | `model`, required |
/// | parts | `prompt`, a string or several, required, and `suffix` as [`Role::User`]; all other members as [`Role::Other`] |
/// | output cap | `max_tokens` |
/// | candidates | the larger of `n` and `best_of`, times the number of prompts |
/// | stream | `stream` |
/// | usage requested | `stream_options.include_usage`, which the gate sets in every stream |
/// | output | `choices[].text`; `logprobs` apart |
/// | usage | `usage.prompt_tokens`, `usage.completion_tokens`; a chunk whose `choices` are empty is usage only |
/// | end | `data: [DONE]` |
///
/// A prompt in the model's units (an array of numbers) is refused: nothing here can read it. A missing prompt is refused,
/// too; OpenAI would begin a new document.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAiCompletions;

impl Dialect for OpenAiCompletions {
    fn name(&self) -> &'static str {
        "openai-completions"
    }

    fn fields(&self) -> &'static FieldTable {
        &OPENAI_COMPLETIONS
    }

    fn read_request(&self, document: &Document) -> Result<PayloadFacts, DialectError> {
        let (mut reader, root) = RequestReader::new(document)?;
        let mut prompts = 0;
        for (key, value) in root.members() {
            match key.as_str().unwrap_or_default() {
                "model" => reader.model(value)?,
                "prompt" => prompts = reader.prompts(value)?,
                "suffix" => reader.content(Role::User, value)?,
                "stream" => reader.stream(value)?,
                "stream_options" => reader.stream_options(value)?,
                "max_tokens" => reader.cap(value)?,
                "n" | "best_of" => reader.candidates(value)?,
                _ => reader.other(Role::Other, key, value, &OPENAI_COMPLETIONS)?,
            }
        }
        reader.need_model()?;
        reader.need("prompt", prompts > 0)?;
        reader.facts.candidates = reader.facts.candidates.saturating_mul(prompts);
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
