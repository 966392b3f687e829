//! Strict JSON, read once.
//!
//! What two parsers may read differently, an attacker will make them read differently. So a document is read
//! once, by rules that leave no choice, and everybody downstream works on the same [`Document`].
//!
//! 1. The grammar is RFC 8259 and nothing more: one value, no byte order mark, no comments, no trailing bytes.
//! 2. An object that has a key twice (compared after escapes are resolved) is refused.
//! 3. Nesting and the number of nodes are bounded by [`JsonLimits`].
//! 4. Invalid UTF-8, lone surrogates and raw control characters are refused.
//! 5. Numbers are kept as written. Nothing is rounded; who asks for a `u64` gets that number or nothing.
//! 6. A change splices the source ([`Document::edit`]) and parses the result, so the facts that were checked and
//!    the bytes that are sent never differ.
//!
//! A document holds the source it was parsed from and one flat list of nodes; strings without escapes are read
//! from the source. Clones share both.
//!
//! # Deployment caveat
//!
//! The limit on bytes is the reader's: give this module what was already bounded. A document takes 16 bytes
//! beside its source for every key and value.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use portcullis::payload::json::{Document, Edit};
//!
//! let document = Document::parse(Bytes::from_static(br#"{"model": "small", "n": 2}"#))?;
//! assert_eq!(document.at("/n").and_then(|n| n.as_u64()), Some(2));
//!
//! let edited = document.edit(&[Edit::set(document.root().id(), "stream", "true")])?;
//! assert_eq!(edited.source(), &br#"{"model": "small", "n": 2,"stream":true}"#[..]);
//!
//! let refused = Document::parse(Bytes::from_static(br#"{"n": 1, "\u006e": 2}"#)).unwrap_err();
//! assert_eq!((refused.pointer(), refused.offset()), ("/n", 9));
//! # Ok::<(), portcullis::payload::json::JsonError>(())
//! ```

mod de;
mod de_access;
mod de_error;
mod document;
mod edit;
mod error;
mod node;
mod parse;
mod pointer;
mod scan;
mod tape;
#[cfg(test)]
mod tests;

pub use de_error::DeserializeError;
pub use document::{Document, JsonLimits};
pub use edit::{Edit, quote};
pub use error::{JsonError, JsonErrorKind};
pub use node::{Entries, Items, Kind, Members, Node, NodeId};
