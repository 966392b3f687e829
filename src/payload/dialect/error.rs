//! What does not fit a dialect, and where.

use crate::payload::fields::UrlError;
use crate::payload::json::{Document, JsonError, Node, NodeId};
use crate::refusal::{Refusal, RefusalKind};

/// A request or an answer that does not fit its dialect. The message repeats no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (at {})", if .pointer.is_empty() { "the top of the document" } else { .pointer })]
pub struct DialectError {
    kind: DialectErrorKind,
    pointer: String,
}

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialectErrorKind {
    /// A member that the API demands is missing.
    #[error("the member `{0}` is missing")]
    Missing(&'static str),
    /// Something else stands where the API wants this.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A member differs from one of the API in case only, and servers disagree whether it is that one.
    #[error("write this member `{0}`")]
    Miscased(&'static str),
    /// The member carries a prompt that cannot be read as text, so nothing could check it.
    #[error("{0}")]
    Unreadable(&'static str),
    /// A field that the API does not know.
    #[error("the API has no such field")]
    UnknownField,
    /// A field that stands there under another spelling, too.
    #[error("this field stands here twice, in two spellings")]
    RepeatedField,
    /// A URL that is not let through.
    #[error("{0}")]
    Url(UrlError),
    /// A credential in the body.
    #[error("a credential must not stand in a body")]
    Credential,
    /// Not strict JSON.
    #[error("{}", .0.kind())]
    Json(JsonError),
}

impl DialectError {
    pub(super) fn at(kind: DialectErrorKind, document: &Document, node: Node<'_>) -> Self {
        Self::at_id(kind, document, node.id())
    }

    pub(super) fn at_id(kind: DialectErrorKind, document: &Document, node: NodeId) -> Self {
        Self { kind, pointer: document.place(node) }
    }

    pub(super) fn top(kind: DialectErrorKind) -> Self {
        Self { kind, pointer: String::new() }
    }

    /// What does not fit.
    pub fn kind(&self) -> &DialectErrorKind {
        &self.kind
    }

    /// Where, as an RFC 6901 pointer; empty for the document itself.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }
}

impl From<JsonError> for DialectError {
    fn from(error: JsonError) -> Self {
        Self { pointer: error.pointer().to_owned(), kind: DialectErrorKind::Json(error) }
    }
}

/// The refusal of a request that does not fit: the caller is told what and where.
impl From<DialectError> for Refusal {
    fn from(error: DialectError) -> Self {
        let DialectError { kind, pointer } = &error;
        let refusal = Refusal::new(RefusalKind::MalformedRequest, format!("the body does not fit: {error}"));
        let refusal = if pointer.is_empty() { refusal } else { refusal.at(pointer.clone()) };
        refusal.rule(match kind {
            DialectErrorKind::Json(_) => "payload.json",
            DialectErrorKind::UnknownField | DialectErrorKind::RepeatedField => "payload.field",
            DialectErrorKind::Url(_) => "payload.url",
            DialectErrorKind::Credential => "payload.credential",
            _ => "payload.dialect",
        })
    }
}

/// The refusal of a request that is not strict JSON: the caller is told what and where.
impl From<JsonError> for Refusal {
    fn from(error: JsonError) -> Self {
        let refusal =
            Refusal::new(RefusalKind::MalformedRequest, format!("the body is not strict JSON: {error}"));
        let refusal = if error.pointer().is_empty() { refusal } else { refusal.at(error.pointer()) };
        refusal.rule("payload.json")
    }
}
