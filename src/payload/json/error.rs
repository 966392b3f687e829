//! Why bytes are not one strict JSON document, and where.

use std::fmt;

/// How many bytes of a pointer an error repeats; keys are chosen by the sender.
const POINTER_LIMIT: usize = 256;
/// How many characters of one key an error repeats.
const KEY_LIMIT: usize = 64;

/// Bytes that are not one strict JSON document (RFC 8259, and the rules of [`json`](super)).
///
/// The message names the place by RFC 6901 pointer and byte, says what to send instead, and never repeats a
/// value, so it may be shown to the client and written to a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (at {}, byte {offset})", place(.pointer))]
pub struct JsonError {
    kind: JsonErrorKind,
    offset: usize,
    pointer: Box<str>,
}

impl JsonError {
    pub(in crate::payload) fn new(kind: JsonErrorKind, offset: usize, pointer: impl Into<Box<str>>) -> Self {
        Self { kind, offset, pointer: pointer.into() }
    }

    /// What is wrong.
    pub fn kind(&self) -> JsonErrorKind {
        self.kind
    }

    /// The byte of the source, counted from 0, at which it is wrong.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The innermost value around the fault, as an RFC 6901 pointer; empty for the document itself.
    ///
    /// Long keys are shortened (`…`) and control characters replaced, since keys are chosen by the sender.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }
}

/// What is wrong with a JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// Nothing but white space.
    #[error("the document is empty; send one JSON value")]
    Empty,
    /// The document is longer than 2^28 − 1 bytes, which the tape cannot address.
    #[error("the document is too long; send less than 256 MiB")]
    TooLarge,
    /// The document begins with a byte order mark, which RFC 8259 section 8.1 forbids to send.
    #[error("the document begins with a byte order mark; send UTF-8 without one")]
    ByteOrderMark,
    /// Not UTF-8.
    #[error("the document is not valid UTF-8")]
    InvalidUtf8,
    /// The document ends in the middle of a value.
    #[error("the document ends too early")]
    UnexpectedEnd,
    /// Another byte stands where the grammar wants this.
    #[error("expected {0}")]
    Expected(&'static str),
    /// More follows the document's one value.
    #[error("something follows the end of the document; send one JSON value")]
    TrailingBytes,
    /// A number outside the grammar of RFC 8259 section 6, such as `01`, `+1`, `.5` or `1.`.
    #[error("the number is malformed")]
    InvalidNumber,
    /// A raw control character (U+0000 to U+001F) inside a string.
    #[error("a control character stands in a string; escape it as \\u00XX")]
    ControlCharacter,
    /// A backslash followed by something RFC 8259 section 7 does not know.
    #[error("the escape sequence is unknown or incomplete")]
    InvalidEscape,
    /// A `\uD800`–`\uDFFF` escape that is not half of a pair.
    #[error("a surrogate escape stands alone; send both halves of the pair")]
    LoneSurrogate,
    /// An object has the same key twice, compared after escapes are resolved.
    #[error("the key appears twice in one object; send each key once")]
    DuplicateKey,
    /// Arrays and objects nest deeper than [`JsonLimits::depth`](super::JsonLimits::depth).
    #[error("arrays and objects nest more than {0} deep")]
    TooDeep(usize),
    /// More keys and values than [`JsonLimits::nodes`](super::JsonLimits::nodes).
    #[error("the document has more than {0} keys and values")]
    TooManyNodes(usize),
    /// An edit names a node which the document does not have, or one which it cannot apply to.
    #[error("the edit names no value it can apply to")]
    EditTarget,
    /// Two edits change the same bytes.
    #[error("two edits change the same value")]
    EditOverlap,
}

fn place(pointer: &str) -> impl fmt::Display + '_ {
    if pointer.is_empty() { "the top of the document" } else { pointer }
}

/// Adds one key to a pointer that a client will read: escaped as RFC 6901 says, shortened, printable.
pub(super) fn push_key_bounded(pointer: &mut String, key: &str) {
    if pointer.len() >= POINTER_LIMIT {
        if !pointer.ends_with('…') {
            pointer.push('…');
        }
        return;
    }
    pointer.push('/');
    for (n, character) in key.chars().enumerate() {
        match character {
            _ if n == KEY_LIMIT => {
                pointer.push('…');
                break;
            }
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            _ if character.is_control() => pointer.push('\u{FFFD}'),
            _ => pointer.push(character),
        }
    }
}
