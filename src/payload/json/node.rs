//! One key or value of a document.

use std::fmt;

use super::tape::{Entry, Shared, Tag};

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number of any form.
    Number,
    /// A string, or a key.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

/// Names one key or value of the document it was taken from. An edit makes a new document with new ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) u32);

/// One key or value of a [`Document`](super::Document). `Debug` shows its id and kind, never content.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    shared: &'a Shared,
    index: u32,
}

impl<'a> Node<'a> {
    pub(super) fn new(shared: &'a Shared, index: u32) -> Self {
        Self { shared, index }
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        match self.tag() {
            Tag::Null => Kind::Null,
            Tag::False | Tag::True => Kind::Bool,
            Tag::Integer | Tag::Fraction => Kind::Number,
            Tag::String | Tag::EscapedString | Tag::Key | Tag::EscapedKey => Kind::String,
            Tag::Array => Kind::Array,
            Tag::Object => Kind::Object,
        }
    }

    /// Whether this is the key of a member, not a value.
    pub fn is_key(self) -> bool {
        matches!(self.tag(), Tag::Key | Tag::EscapedKey)
    }

    /// The key of the member whose value this is; `None` for elements of arrays, keys and the root.
    pub(crate) fn name(self) -> Option<&'a str> {
        let before = Self::new(self.shared, self.index.checked_sub(1)?);
        before.as_str().filter(|_| before.is_key())
    }

    /// Whether this is `null`.
    pub fn is_null(self) -> bool {
        self.tag() == Tag::Null
    }

    /// Its name within the document.
    pub fn id(self) -> NodeId {
        NodeId(self.index)
    }

    /// The text of a string or key, escapes resolved.
    pub fn as_str(self) -> Option<&'a str> {
        self.shared.text(self.entry())
    }

    /// How many bytes the text of a string or key has; 0 for all other kinds. Cheaper than the text itself.
    pub fn text_len(self) -> usize {
        match self.tag() {
            Tag::String | Tag::Key => self.raw().len() - 2,
            Tag::EscapedString | Tag::EscapedKey => self.entry().count(),
            _ => 0,
        }
    }

    /// The value of a boolean.
    pub fn as_bool(self) -> Option<bool> {
        match self.tag() {
            Tag::True => Some(true),
            Tag::False => Some(false),
            _ => None,
        }
    }

    /// A number that was written as an integer (no fraction, no exponent) and fits exactly.
    pub fn as_u64(self) -> Option<u64> {
        self.integer_text()?.parse().ok()
    }

    /// A number that was written as an integer (no fraction, no exponent) and fits exactly.
    pub fn as_i64(self) -> Option<i64> {
        self.integer_text()?.parse().ok()
    }

    /// The finite `f64` nearest to a number; `None` where there is none, as for `1e999`.
    pub fn as_f64(self) -> Option<f64> {
        self.number_text()?.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// A number as it was written.
    pub fn number_text(self) -> Option<&'a str> {
        matches!(self.tag(), Tag::Integer | Tag::Fraction).then(|| ascii(self.raw()))
    }

    /// The member of an object with this key.
    pub fn get(self, key: &str) -> Option<Node<'a>> {
        self.members().find(|(name, _)| name.is_called(key)).map(|(_, value)| value)
    }

    /// Whether a key reads like this.
    fn is_called(self, key: &str) -> bool {
        self.as_str() == Some(key)
    }

    /// The element of an array at this index. Takes a time that grows with the index.
    pub fn index(self, index: usize) -> Option<Node<'a>> {
        self.items().nth(index)
    }

    /// The members of an object, in the order of the source; empty for all other kinds.
    pub fn entries(self) -> Entries<'a> {
        Entries { members: self.members() }
    }

    /// The members of an object as nodes, so that a key, too, can be named and edited.
    pub fn members(self) -> Members<'a> {
        let left = if self.tag() == Tag::Object { self.entry().count() } else { 0 };
        Members { shared: self.shared, next: self.index + 1, left }
    }

    /// The elements of an array, in the order of the source; empty for all other kinds.
    pub fn items(self) -> Items<'a> {
        let left = if self.tag() == Tag::Array { self.entry().count() } else { 0 };
        Items { shared: self.shared, next: self.index + 1, left }
    }

    /// How many elements or members it has; 0 for all other kinds.
    pub fn len(self) -> usize {
        if self.entry().is_container() { self.entry().count() } else { 0 }
    }

    /// Whether it has neither elements nor members.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The bytes of the source it was read from, quotes and brackets included.
    pub fn raw(self) -> &'a [u8] {
        &self.shared.source.as_bytes()[self.entry().span()]
    }

    /// Every string value in and below this node, in the order of the source; itself, if it is one.
    pub fn strings(self) -> impl Iterator<Item = Node<'a>> {
        self.descend().filter(|node| matches!(node.tag(), Tag::String | Tag::EscapedString))
    }

    /// This node and everything below it, keys included, in the order of the source.
    pub fn descend(self) -> impl Iterator<Item = Node<'a>> {
        let shared = self.shared;
        (self.index..shared.after(self.index)).map(move |index| Node::new(shared, index))
    }

    /// The node after this one and all that is below it.
    pub(super) fn after(self) -> u32 {
        self.shared.after(self.index)
    }

    pub(super) fn span(self) -> std::ops::Range<usize> {
        self.entry().span()
    }

    pub(super) fn entry(self) -> Entry {
        self.shared.entry(self.index)
    }

    pub(super) fn tag(self) -> Tag {
        self.entry().tag()
    }

    pub(super) fn integer_text(self) -> Option<&'a str> {
        (self.tag() == Tag::Integer).then(|| ascii(self.raw()))
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("id", &self.index).field("kind", &self.kind()).finish()
    }
}

/// Iterator over the members of an object; see [`Node::entries`].
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    members: Members<'a>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a str, Node<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.members.next()?;
        Some((key.as_str().expect("a member begins with its key"), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.members.size_hint()
    }
}

impl ExactSizeIterator for Entries<'_> {}

/// Iterator over the keys and values of an object; see [`Node::members`].
#[derive(Clone)]
pub struct Members<'a> {
    shared: &'a Shared,
    next: u32,
    left: usize,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Node<'a>, Node<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let key = Node::new(self.shared, self.next);
        let value = Node::new(self.shared, self.next + 1);
        self.next = value.after();
        Some((key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Members<'_> {}

impl fmt::Debug for Members<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Members").field("left", &self.left).finish()
    }
}

/// Iterator over the elements of an array; see [`Node::items`].
#[derive(Clone)]
pub struct Items<'a> {
    shared: &'a Shared,
    next: u32,
    left: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let item = Node::new(self.shared, self.next);
        self.next = item.after();
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Items<'_> {}

impl fmt::Debug for Items<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("left", &self.left).finish()
    }
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("a number is ASCII")
}
