//! From a document to one that may go on, and its facts.

use super::{Dialect, DialectError, DialectErrorKind, PayloadFacts};
use crate::payload::fields::{
    Content, Field, FieldClass, FieldRules, UnknownFields, names_credential, suspects,
};
use crate::payload::json::{Document, Edit, Node};

pub(super) fn accept<D: Dialect + ?Sized>(
    dialect: &D,
    document: Document,
    rules: &FieldRules,
) -> Result<(Document, PayloadFacts), DialectError> {
    // What does not fit the API is said first: a field in the wrong case is unknown, too, but better explained.
    let mut facts = dialect.read_request(&document)?;
    facts.fields = dialect.fields().classify(document.root());
    let mut edits = Vec::new();
    for n in 0..facts.fields.len() {
        let Field { class, node, .. } = facts.fields[n];
        let fail = |kind| Err(DialectError::at_id(kind, &document, node));
        match class {
            FieldClass::Unknown => match rules.unknown {
                UnknownFields::Refuse => return fail(DialectErrorKind::UnknownField),
                UnknownFields::Strip => edits.push(Edit::remove(node)),
                UnknownFields::Pass => pass(&document, &facts.fields[n], rules, &mut facts.inline_bytes)?,
            },
            FieldClass::Repeated => return fail(DialectErrorKind::RepeatedField),
            _ => check(&document, &facts.fields[n], rules, &mut facts.inline_bytes)?,
        }
    }
    edits.extend(dialect.prepare(&document, &facts));
    if edits.is_empty() {
        return Ok((document, facts));
    }
    let prepared = document.edit(&edits)?;
    let again = dialect.read_again(&prepared, &facts)?;
    Ok((prepared, again))
}

/// The facts of a document that was changed. What stands elsewhere than in the body, or was asked before it was changed,
/// stays.
pub(super) fn again<D: Dialect + ?Sized>(
    dialect: &D,
    document: &Document,
    before: &PayloadFacts,
) -> Result<PayloadFacts, DialectError> {
    let mut facts = dialect.read_request(document)?;
    facts.fields = dialect.fields().classify(document.root());
    facts.usage_requested = before.usage_requested;
    facts.inline_bytes = before.inline_bytes;
    facts.stream |= before.stream;
    facts.model = facts.model.or_else(|| before.model.clone());
    Ok(facts)
}

fn check(
    document: &Document,
    field: &Field,
    rules: &FieldRules,
    inline_bytes: &mut u64,
) -> Result<(), DialectError> {
    let fail = |kind| Err(DialectError::at_id(kind, document, field.node));
    match field.class {
        FieldClass::Url => {
            let url = document.node(field.node).and_then(Node::as_str).unwrap_or_default();
            match rules.urls.admit(url) {
                Ok(Content::Inline(bytes)) => *inline_bytes = inline_bytes.saturating_add(bytes as u64),
                Ok(Content::Elsewhere) => {}
                Err(error) => return fail(DialectErrorKind::Url(error)),
            }
        }
        FieldClass::Credential if !rules.danger_credentials => return fail(DialectErrorKind::Credential),
        _ => {}
    }
    Ok(())
}

/// An unknown field that goes through, as far as URLs and credentials in it allow.
fn pass(
    document: &Document,
    field: &Field,
    rules: &FieldRules,
    inline_bytes: &mut u64,
) -> Result<(), DialectError> {
    let fail = |kind| Err(DialectError::at_id(kind, document, field.node));
    let name = document.pointer(field.node);
    if !rules.danger_credentials && names_credential(name.rsplit('/').next().unwrap_or_default()) {
        return fail(DialectErrorKind::Credential);
    }
    let unknown = document.node(field.node).expect("the field was found in this document");
    suspects(unknown).iter().try_for_each(|suspect| check(document, suspect, rules, inline_bytes))
}
