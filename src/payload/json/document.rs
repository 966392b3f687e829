//! The document: source, tape, and the ways into them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use serde::Deserialize;

use super::error::{JsonError, JsonErrorKind, push_key_bounded};
use super::node::{Node, NodeId};
use super::parse;
use super::tape::{SOURCE_LIMIT, Shared, Tag};
use super::{DeserializeError, pointer};

/// How large a document may be in nodes; bytes are bounded by who reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct JsonLimits {
    /// How deep arrays and objects may nest: 64 unless said otherwise. Deserialization recurses this deep, so
    /// keep it in the hundreds at most.
    pub depth: usize,
    /// How many keys and values a document may have: 1,000,000 unless said otherwise, which is 16 MB of nodes.
    pub nodes: usize,
}

impl JsonLimits {
    /// These limits with another depth.
    pub fn with_depth(self, depth: usize) -> Self {
        Self { depth, ..self }
    }

    /// These limits with another number of keys and values.
    pub fn with_nodes(self, nodes: usize) -> Self {
        Self { nodes, ..self }
    }
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self { depth: 64, nodes: 1_000_000 }
    }
}

/// One strictly parsed JSON document. Cheap to clone; its `Debug` shows sizes, never content.
#[derive(Clone)]
pub struct Document {
    shared: Arc<Shared>,
}

impl Document {
    /// Reads `source` by the rules of [this module](super), within the default [`JsonLimits`].
    pub fn parse(source: Bytes) -> Result<Self, JsonError> {
        Self::parse_with(source, JsonLimits::default())
    }

    /// Reads `source` within the given limits, which also hold for every edit of the document.
    pub fn parse_with(source: Bytes, limits: JsonLimits) -> Result<Self, JsonError> {
        check_beginning(&source)?;
        let kept = source.clone();
        let source = ByteString::try_from(source).map_err(|error| {
            let valid = error.valid_up_to();
            invalid_utf8(std::str::from_utf8(&kept[..valid]).unwrap_or_default(), limits)
        })?;
        Self::parse_text(source, limits)
    }

    /// Reads what is known to be UTF-8.
    pub(crate) fn parse_text(source: ByteString, limits: JsonLimits) -> Result<Self, JsonError> {
        check_beginning(source.as_bytes())?;
        let tape = parse::parse(&source, limits)?;
        Ok(Self { shared: Arc::new(Shared { source, tape, limits }) })
    }

    /// The document's value.
    pub fn root(&self) -> Node<'_> {
        Node::new(&self.shared, 0)
    }

    /// The key or value with this id; `None` when the id belongs to another, larger document.
    pub fn node(&self, id: NodeId) -> Option<Node<'_>> {
        ((id.0 as usize) < self.shared.tape.nodes.len()).then(|| Node::new(&self.shared, id.0))
    }

    /// The value at an RFC 6901 pointer; `""` is the root.
    pub fn at(&self, pointer: &str) -> Option<Node<'_>> {
        pointer::resolve(self.root(), pointer)
    }

    /// The RFC 6901 pointer of a value, or of the member that a key names.
    ///
    /// Worked out on demand, in a time that grows with the number of siblings on the way. Keys come as they are:
    /// what a sender chose to write. Empty for the root and for ids of another document.
    pub fn pointer(&self, id: NodeId) -> String {
        pointer::of(self.root(), id, pointer::push_key)
    }

    /// The pointer for messages and records: long keys are shortened (`…`) and control characters replaced, since keys
    /// are chosen by the sender, as they are in [`JsonError::pointer`].
    pub(crate) fn place(&self, id: NodeId) -> String {
        pointer::of(self.root(), id, push_key_bounded)
    }

    /// Every string value, in the order of the source.
    pub fn strings(&self) -> impl Iterator<Item = Node<'_>> {
        self.tagged(|tag| matches!(tag, Tag::String | Tag::EscapedString))
    }

    /// Every key of every object, in the order of the source: keys can carry an attack as well as values.
    pub fn keys(&self) -> impl Iterator<Item = Node<'_>> {
        self.tagged(|tag| matches!(tag, Tag::Key | Tag::EscapedKey))
    }

    /// The bytes this was parsed from, white space and all.
    pub fn source(&self) -> &Bytes {
        self.shared.source.as_bytes()
    }

    /// The limits this was parsed within.
    pub fn limits(&self) -> JsonLimits {
        self.shared.limits
    }

    /// How many keys and values there are.
    pub fn node_count(&self) -> usize {
        self.shared.tape.nodes.len()
    }

    /// How many bytes of memory the document takes: its source, 16 bytes for each key and value, and its strings that had
    /// escapes once more.
    pub fn memory_bytes(&self) -> usize {
        let tape = &self.shared.tape;
        self.shared.source.len() + size_of_val(&*tape.nodes) + tape.unescaped.len()
    }

    /// The document as a value of `T`, which may borrow its strings, escapes resolved.
    ///
    /// An error names the pointer of the value that does not fit, and what was expected there.
    pub fn deserialize<'de, T: Deserialize<'de>>(&'de self) -> Result<T, DeserializeError> {
        self.root().deserialize()
    }

    fn tagged(&self, want: impl Fn(Tag) -> bool) -> impl Iterator<Item = Node<'_>> {
        let nodes = self.shared.tape.nodes.iter().enumerate();
        nodes.filter(move |(_, entry)| want(entry.tag())).map(|(n, _)| Node::new(&self.shared, n as u32))
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("bytes", &self.shared.source.len())
            .field("nodes", &self.shared.tape.nodes.len())
            .finish()
    }
}

/// Refuses what is too long, or begins with a byte order mark.
fn check_beginning(source: &[u8]) -> Result<(), JsonError> {
    if source.len() > SOURCE_LIMIT {
        return Err(JsonError::new(JsonErrorKind::TooLarge, SOURCE_LIMIT, ""));
    }
    if source.starts_with(b"\xEF\xBB\xBF") {
        return Err(JsonError::new(JsonErrorKind::ByteOrderMark, 0, ""));
    }
    Ok(())
}

/// The error for a source of which only `valid` is UTF-8. Where it breaks, the parser stands in some value.
fn invalid_utf8(valid: &str, limits: JsonLimits) -> JsonError {
    match parse::parse(valid, limits) {
        Err(earlier) if earlier.offset() >= valid.len() => {
            JsonError::new(JsonErrorKind::InvalidUtf8, valid.len(), earlier.pointer())
        }
        Err(earlier) if earlier.kind() != JsonErrorKind::Empty => earlier,
        _ => JsonError::new(JsonErrorKind::InvalidUtf8, valid.len(), ""),
    }
}
