//! From the bytes of a body to the document and its facts.

use crate::exchange::{Exchange, ReadFacts, RequestPayload};
use crate::payload::{Dialect, Document, FieldRules};
use crate::refusal::Refusal;
use bytes::Bytes;
use std::sync::Arc;

/// The most of a model's name that is kept for records.
const MODEL_CHARS: usize = 256;

/// Parses a body, lets the dialect read it and prepare it, and puts it into the exchange. Answers with the length of what
/// goes inward.
pub(super) fn understand(
    bytes: Bytes,
    dialect: &dyn Dialect,
    path: &str,
    exchange: &Exchange,
) -> Result<usize, Refusal> {
    let length = bytes.len() as u64;
    let strictest = FieldRules::default();
    let rules = exchange.route().map_or(&strictest, |route| route.field_rules());
    let (document, mut facts) = dialect.accept_by(Document::parse(bytes)?, rules)?;
    dialect.read_path(path, &mut facts)?;
    let model = facts.model.as_ref().map(recorded);
    let read = ReadFacts { bytes: length, dialect: Some(dialect.name()), model, stream: facts.stream };
    exchange.record(|record| record.read = Some(read));
    let prepared = document.source().len();
    exchange.set_payload(RequestPayload { document, facts: Arc::new(facts) })?;
    Ok(prepared)
}

/// The name as it is recorded. It has at least as many bytes as characters, so most names need no counting.
fn recorded(model: &Arc<str>) -> Arc<str> {
    if model.len() <= MODEL_CHARS {
        return model.clone();
    }
    model.char_indices().nth(MODEL_CHARS).map_or_else(|| model.clone(), |(end, _)| model[..end].into())
}
