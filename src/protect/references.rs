use super::ReferenceKeys;
use super::uri;
use crate::exchange::RequestPayload;
use crate::payload::{Edit, FieldClass, Node, NodeId, json};
use crate::principal::Account;
use crate::refusal::{Refusal, RefusalKind};
use crate::route::{ReferencePlace, Route};
use http::request;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Seals references to tenant and subject; see the [module](super).
#[derive(Clone)]
pub struct SealReferences {
    keys: ReferenceKeys,
    shared: Arc<HashSet<Box<str>>>,
}

impl SealReferences {
    /// Seals with these keys.
    pub fn new(keys: ReferenceKeys) -> Self {
        Self { keys, shared: Arc::default() }
    }

    /// Takes and gives these ids as they are: things that belong to the service itself, such as a prompt that is stored with the
    /// provider, or a vector store for all.
    pub fn shared<I: Into<Box<str>>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        Arc::make_mut(&mut self.shared).extend(ids.into_iter().map(Into::into));
        self
    }

    /// The sealed form of an id that leaves; `None` for one that leaves as it is.
    pub(super) fn seal(&self, owner: &Account, id: &str) -> Option<Result<String, UnsealableId>> {
        if id.is_empty() || self.shared.contains(id) {
            return None;
        }
        Some(self.keys.seal_for(owner, id).ok_or(UnsealableId))
    }

    fn open(&self, owner: &Account, sealed: &str) -> Option<String> {
        if self.shared.contains(sealed) {
            return Some(sealed.to_owned());
        }
        self.keys.open_for(owner, sealed)
    }

    /// Opens what a request refers to: what stands in the body is added to `edits`, path and query are changed. One that cannot be
    /// opened is an error when all others are.
    pub(super) fn open_all(
        &self,
        parts: &mut request::Parts,
        route: &Route,
        payload: Option<&RequestPayload>,
        owner: &Account,
        edits: &mut Vec<Edit>,
    ) -> Result<(), Refusal> {
        if route.has_unsealed_references() {
            return Ok(());
        }
        let mut in_body = Ok(());
        if let Some(payload) = payload {
            for node in referring(route, payload) {
                let node = payload.document.node(node).expect("the facts name nodes of this document");
                match node.as_str().and_then(|sealed| self.open(owner, sealed)) {
                    Some(id) => edits.push(Edit::replace(node.id(), json::quote(&id))),
                    None if in_body.is_ok() => {
                        let place = payload.document.place(node.id());
                        in_body = Err(unknown(&place).at(place));
                    }
                    None => {}
                }
            }
        }
        let elsewhere = uri::rewrite(parts, route, |place, sealed| {
            self.open(owner, sealed).ok_or_else(|| unknown(&place.to_string()))
        });
        in_body.and(elsewhere)
    }
}

/// An id that is too long to be one.
#[derive(Debug)]
pub(super) struct UnsealableId;

/// The values of the body that refer to stored things, each once.
fn referring(route: &Route, payload: &RequestPayload) -> Vec<NodeId> {
    let mut nodes: Vec<NodeId> = Vec::new();
    if route.opens_fields() {
        nodes.extend(payload.facts.fields_of(FieldClass::Reference));
    }
    for place in route.references() {
        let ReferencePlace::Body(pointer) = place else { continue };
        match payload.document.at(pointer) {
            Some(list) if list.kind() == json::Kind::Array => nodes.extend(list.items().map(Node::id)),
            Some(value) if !value.is_null() => nodes.push(value.id()),
            _ => {}
        }
    }
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

/// The same whether it is somebody else's, was changed, or never was.
fn unknown(place: &str) -> Refusal {
    Refusal::new(RefusalKind::UnknownReference, "what this request refers to is not there")
        .rule("sealed")
        .cause(format!("the reference at {place} was not given to this subject of this tenant"))
}

impl fmt::Debug for SealReferences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shared: Vec<&str> = self.shared.iter().map(|id| &**id).collect();
        shared.sort_unstable();
        f.debug_struct("SealReferences").field("keys", &self.keys).field("shared", &shared).finish()
    }
}

impl fmt::Display for SealReferences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "references are sealed to tenant and subject ({} keys)", self.keys.count())?;
        if !self.shared.is_empty() {
            write!(f, ", but for {} that are shared", self.shared.len())?;
        }
        Ok(())
    }
}
