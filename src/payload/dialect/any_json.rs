//! Any JSON: for routes that are declared plain JSON.

use bytes::Bytes;

use super::collect::Collector;
use super::tables::ANY_JSON;
use super::{
    AnswerFacts, Channel, Dialect, DialectError, EventFacts, OutputKind, PayloadFacts, PromptPart, Role,
    render,
};
use crate::payload::events::{AnswerEvent, AnswerFraming};
use crate::payload::fields::FieldTable;
use crate::payload::json::Document;
use crate::refusal::{ProblemJson, Refusal, Rendered, Respond};

/// Any JSON document, for a route that is no LLM API. Refusals are `application/problem+json`.
///
/// | fact | from |
/// |---|---|
/// | parts | every string and every key, role [`Role::Other`] |
/// | output | every string of the answer |
/// | usage, model, cap, stream | not known |
#[derive(Debug, Clone, Copy, Default)]
pub struct AnyJson;

impl Dialect for AnyJson {
    fn name(&self) -> &'static str {
        "json"
    }

    fn fields(&self) -> &'static FieldTable {
        &ANY_JSON
    }

    fn read_request(&self, document: &Document) -> Result<PayloadFacts, DialectError> {
        let mut facts = PayloadFacts::new();
        for node in document.root().descend().filter(|node| node.as_str().is_some()) {
            facts.parts.push(PromptPart { role: Role::Other, node: node.id() });
            facts.prompt_bytes += node.raw().len().saturating_sub(2) as u64;
        }
        Ok(facts)
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
        collector.every(Channel { choice: 0, kind: OutputKind::Other, index: 0 }, root);
        collector.facts.finished = event.framing() == AnswerFraming::Json;
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
