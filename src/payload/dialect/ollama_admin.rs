//! The requests of Ollama's API that change the server.

use bytes::Bytes;

use super::collect::Collector;
use super::request::RequestReader;
use super::tables::{OLLAMA_ADMIN, OLLAMA_MESSAGE};
use super::{
    AnswerFacts, Channel, Dialect, DialectError, DialectErrorKind, EventFacts, OutputKind, PayloadFacts,
    Role, render,
};
use crate::payload::events::{AnswerEvent, AnswerFraming};
use crate::payload::fields::FieldTable;
use crate::payload::json::{Document, Node};
use crate::refusal::{Refusal, Rendered};

/// Ollama's [`/api/pull`, `/api/push`, `/api/create`, `/api/copy` and `/api/delete`](https://github.com/ollama/ollama/blob/main/docs/api.md),
/// which load, publish, make and remove models. The action of their routes is `admin`.
///
/// | fact | from |
/// |---|---|
/// | model | `model`, or its older name `name`, or `source`: one of them, required. `from` and `destination` are fields of class model, too |
/// | parts | `system`, `template` as [`Role::System`]; `messages[]` under their role; all other members as [`Role::Other`] |
/// | output cap | always 0: nothing is generated |
/// | stream | `stream`, true unless it says false |
/// | output | every string but digests, as other text |
/// | usage | none |
/// | end | `"status": "success"` |
#[derive(Debug, Clone, Copy, Default)]
pub struct OllamaAdmin;

impl Dialect for OllamaAdmin {
    fn name(&self) -> &'static str {
        "ollama-admin"
    }

    fn fields(&self) -> &'static FieldTable {
        &OLLAMA_ADMIN
    }

    fn action(&self) -> Option<&'static str> {
        Some("admin")
    }

    /// Files are named by their digests, whoever sent them.
    fn gives_out_references(&self) -> bool {
        false
    }

    fn read_request(&self, document: &Document) -> Result<PayloadFacts, DialectError> {
        let (reader, root) = RequestReader::new(document)?;
        let mut reader = reader.with_messages(&OLLAMA_MESSAGE);
        reader.facts.stream = true;
        for (key, value) in root.members() {
            match key.as_str().unwrap_or_default() {
                "model" | "name" | "source" => {
                    if reader.facts.model.is_some() {
                        let why = "name the model once, as `model` (or `source`, to copy it)";
                        return reader.fail(DialectErrorKind::Unreadable(why), value);
                    }
                    reader.model(value)?;
                }
                "stream" => reader.stream(value)?,
                "system" | "template" => reader.content(Role::System, value)?,
                "messages" if !value.is_null() => reader.messages(value)?,
                _ => reader.other(Role::Other, key, value, &OLLAMA_ADMIN)?,
            }
        }
        reader.need_model()?;
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
                "error" => collector.error(value),
                "digest" => collector.tag(value),
                _ => collector.other(Channel { choice: 0, kind: OutputKind::Other, index: 0 }, key, value),
            }
        }
        let succeeded = root.get("status").and_then(Node::as_str) == Some("success");
        collector.facts.finished = succeeded || event.framing() == AnswerFraming::Json;
        Ok(collector.finish(so_far))
    }

    fn render_refusal(&self, refusal: &Refusal, _request_id: &str) -> Rendered {
        render::ollama(refusal)
    }

    fn render_cut(&self, refusal: &Refusal, _request_id: &str, framing: AnswerFraming) -> Bytes {
        render::cut(framing, "error", refusal, &render::ollama(refusal).body)
    }
}
