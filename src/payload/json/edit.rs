//! Changes to a document: the source spliced, everything else verbatim, and the result parsed again.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::document::Document;
use super::error::{JsonError, JsonErrorKind};
use super::node::{Kind, Node, NodeId};

/// One change to a document; see [`Document::edit`].
#[derive(Clone)]
pub struct Edit {
    target: NodeId,
    change: Change,
}

#[derive(Clone)]
enum Change {
    Replace(Box<str>),
    Set { key: Box<str>, json: Box<str> },
    Remove,
}

impl Edit {
    /// Puts the JSON text `json` in the place of a value. A key can be replaced, too, by the text of a string.
    pub fn replace(node: NodeId, json: impl Into<Box<str>>) -> Self {
        Self { target: node, change: Change::Replace(json.into()) }
    }

    /// Gives `object` the member `key` with the JSON text `json` as its value: added at the end, or put in the
    /// place of the value it has.
    pub fn set(object: NodeId, key: impl Into<Box<str>>, json: impl Into<Box<str>>) -> Self {
        Self { target: object, change: Change::Set { key: key.into(), json: json.into() } }
    }

    /// Takes an element out of its array, or a member, named by its value, out of its object.
    pub fn remove(node: NodeId) -> Self {
        Self { target: node, change: Change::Remove }
    }
}

impl std::fmt::Debug for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let change = match self.change {
            Change::Replace(_) => "replace",
            Change::Set { .. } => "set",
            Change::Remove => "remove",
        };
        f.debug_struct("Edit").field("target", &self.target).field("change", &change).finish()
    }
}

/// The JSON text of a string: quoted, and escaped where RFC 8259 section 7 demands it.
pub fn quote(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\0'..' ' => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                let code = character as usize;
                json.push_str("\\u00");
                json.push(HEX[code >> 4] as char);
                json.push(HEX[code & 15] as char);
            }
            _ => json.push(character),
        }
    }
    json.push('"');
    json
}

impl Document {
    /// Applies all edits at once; each names a node of this document, not of one half changed.
    ///
    /// Every byte that no edit names is kept. The result is parsed by the same rules and limits, so a change
    /// that makes a duplicate key or nests too deep is refused. So are texts that are not one JSON value each,
    /// and edits of which one changes what another one changes or removes.
    pub fn edit(&self, edits: &[Edit]) -> Result<Document, JsonError> {
        if edits.is_empty() {
            return Ok(self.clone());
        }
        let mut plan = Plan::default();
        for edit in edits {
            let refused = || JsonError::new(JsonErrorKind::EditTarget, 0, "");
            let node = self.node(edit.target).ok_or_else(refused)?;
            match &edit.change {
                Change::Replace(json) => {
                    let kind = self.check(json)?;
                    if node.is_key() && kind != Kind::String {
                        return Err(self.misplaced(node));
                    }
                    plan.splice(node.span(), json.to_string());
                }
                Change::Set { key, json } => {
                    self.check(json)?;
                    if node.kind() != Kind::Object {
                        return Err(self.misplaced(node));
                    }
                    match node.get(key) {
                        Some(value) => plan.splice(value.span(), json.to_string()),
                        None => plan.appended.entry(node.id()).or_default().push((key, json)),
                    }
                }
                Change::Remove => {
                    let parent =
                        self.parent(node).filter(|_| !node.is_key()).ok_or_else(|| self.misplaced(node))?;
                    plan.removed.entry(parent.id()).or_default().push(node.id());
                }
            }
        }
        let splices = plan.finish(self);
        let source = self.spliced(splices)?;
        Document::parse_with(Bytes::from(source), self.limits())
    }

    fn spliced(&self, mut splices: Vec<Splice>) -> Result<Vec<u8>, JsonError> {
        splices.sort_by_key(|splice| (splice.span.start, splice.span.end));
        let source = self.source();
        let mut out =
            Vec::with_capacity(source.len() + splices.iter().map(|splice| splice.text.len()).sum::<usize>());
        let mut at = 0;
        for splice in splices {
            if splice.span.start < at {
                return Err(JsonError::new(JsonErrorKind::EditOverlap, splice.span.start, ""));
            }
            out.extend_from_slice(&source[at..splice.span.start]);
            out.extend_from_slice(splice.text.as_bytes());
            at = splice.span.end;
        }
        out.extend_from_slice(&source[at..]);
        Ok(out)
    }

    /// A text that is more or less than one value could change what surrounds it.
    fn check(&self, json: &str) -> Result<Kind, JsonError> {
        let document = Document::parse_with(Bytes::copy_from_slice(json.as_bytes()), self.limits())?;
        Ok(document.root().kind())
    }

    fn misplaced(&self, node: Node<'_>) -> JsonError {
        JsonError::new(JsonErrorKind::EditTarget, node.span().start, self.pointer(node.id()))
    }

    fn parent(&self, node: Node<'_>) -> Option<Node<'_>> {
        let mut parent = None;
        let mut at = self.root();
        while at.id() != node.id() {
            parent = Some(at);
            let around = |child: &Node<'_>| child.id() <= node.id() && node.id().0 < child.after();
            at = at.items().chain(at.members().map(|(_, value)| value)).find(around)?;
        }
        parent
    }
}

struct Splice {
    span: std::ops::Range<usize>,
    text: String,
}

#[derive(Default)]
struct Plan<'e> {
    splices: Vec<Splice>,
    appended: BTreeMap<NodeId, Vec<(&'e str, &'e str)>>,
    removed: BTreeMap<NodeId, Vec<NodeId>>,
}

impl Plan<'_> {
    fn splice(&mut self, span: std::ops::Range<usize>, text: String) {
        self.splices.push(Splice { span, text });
    }

    fn finish(mut self, document: &Document) -> Vec<Splice> {
        let mut removed = std::mem::take(&mut self.removed);
        for (container, children) in &mut removed {
            children.sort_unstable();
            children.dedup();
            let Some(container) = document.node(*container) else { continue };
            self.remove(container, children);
        }
        for (object, members) in std::mem::take(&mut self.appended) {
            let Some(object) = document.node(object) else { continue };
            let kept = object.len() - removed.get(&object.id()).map_or(0, Vec::len);
            let mut text = String::new();
            for (key, json) in members {
                if kept > 0 || !text.is_empty() {
                    text.push(',');
                }
                text.push_str(&quote(key));
                text.push(':');
                text.push_str(json);
            }
            let end = object.span().end - 1;
            self.splice(end..end, text);
        }
        self.splices
    }

    /// Takes `children` out with one comma each, so that those which stay are still divided by one.
    fn remove(&mut self, container: Node<'_>, children: &[NodeId]) {
        let spans = container
            .items()
            .map(|item| (item.id(), item.span()))
            .chain(container.members().map(|(key, value)| (value.id(), key.span().start..value.span().end)));
        let spans: Vec<_> = spans.collect();
        let mut kept = false;
        for (n, (id, span)) in spans.iter().enumerate() {
            if children.binary_search(id).is_err() {
                kept = true;
                continue;
            }
            let start = if kept { spans[n - 1].1.end } else { span.start };
            let end = if kept { span.end } else { spans.get(n + 1).map_or(span.end, |next| next.1.start) };
            self.splice(start..end, String::new());
        }
    }
}
