//! The parsed form: one flat list of 16-byte nodes over the source.
//!
//! A container stands before its children; an object's children are key, value, key, value. What a node's last
//! two words mean depends on its tag:
//!
//! | tag | `link` | `count` |
//! |---|---|---|
//! | array, object | the node after the whole container | elements, members |
//! | escaped string, escaped key | where its text begins in `unescaped` | bytes of that text |
//! | all others | unused | unused |

use bytestring::ByteString;

use super::JsonLimits;

/// The longest source that 28-bit counts and 32-bit offsets address.
pub(super) const SOURCE_LIMIT: usize = (1 << 28) - 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Tag {
    Null,
    False,
    True,
    Integer,
    Fraction,
    String,
    EscapedString,
    Key,
    EscapedKey,
    Array,
    Object,
}

impl Tag {
    const ALL: [Self; 16] = {
        use Tag::*;
        [
            Null,
            False,
            True,
            Integer,
            Fraction,
            String,
            EscapedString,
            Key,
            EscapedKey,
            Array,
            Object,
            Null,
            Null,
            Null,
            Null,
            Null,
        ]
    };
}

/// One key or value. `start..end` is its span in the source, quotes and brackets included.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) link: u32,
    count_and_tag: u32,
}

impl Entry {
    pub(super) fn new(tag: Tag, start: usize, end: usize, link: usize, count: usize) -> Self {
        // Callers stay below SOURCE_LIMIT, which bounds every offset, count and index.
        Self {
            start: start as u32,
            end: end as u32,
            link: link as u32,
            count_and_tag: (count as u32) << 4 | tag as u32,
        }
    }

    pub(super) fn tag(self) -> Tag {
        Tag::ALL[(self.count_and_tag & 15) as usize]
    }

    pub(super) fn count(self) -> usize {
        (self.count_and_tag >> 4) as usize
    }

    pub(super) fn is_container(self) -> bool {
        matches!(self.tag(), Tag::Array | Tag::Object)
    }

    pub(super) fn span(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// What a parse yields beside the source.
pub(super) struct Tape {
    pub(super) nodes: Vec<Entry>,
    /// The text of every string that has escapes, one after the other.
    pub(super) unescaped: String,
}

/// A source and its tape, shared by all clones of a document.
pub(super) struct Shared {
    pub(super) source: ByteString,
    pub(super) tape: Tape,
    pub(super) limits: JsonLimits,
}

impl Shared {
    pub(super) fn entry(&self, index: u32) -> Entry {
        self.tape.nodes[index as usize]
    }

    /// The node that follows this one and all its children.
    pub(super) fn after(&self, index: u32) -> u32 {
        let entry = self.entry(index);
        if entry.is_container() { entry.link } else { index + 1 }
    }

    /// The text of a string or key, escapes resolved.
    pub(super) fn text(&self, entry: Entry) -> Option<&str> {
        match entry.tag() {
            Tag::String | Tag::Key => Some(&self.source[entry.start as usize + 1..entry.end as usize - 1]),
            Tag::EscapedString | Tag::EscapedKey => {
                Some(&self.tape.unescaped[entry.link as usize..entry.link as usize + entry.count()])
            }
            _ => None,
        }
    }
}
