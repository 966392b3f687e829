//! The incremental reader of answers: bytes as they come in, whole events out.
//!
//! 1. The [`AnswerFraming`] follows from the content type; an answer of another type has none and cannot be read.
//! 2. Server-sent events are cut by the rules of the WHATWG ("Parsing an event stream"): CR, LF and CRLF end a
//!    line, a byte order mark may stand first, comments and unknown fields are kept and mean nothing. NDJSON is cut
//!    at line feeds. JSON and text are one event, at the end.
//! 3. How the network cut the bytes changes nothing: not between CR and LF, not inside a character.
//! 4. Each byte is looked at once, whatever the chunks.
//! 5. An event that is not edited is released byte for byte as it was sent, comments and white space included.
//! 6. An event beyond its limit, and bytes that are not UTF-8, are an error, and after an error nothing more is
//!    read.
//! 7. What the stream leaves unfinished at its end is an event too ([`AnswerEvent::is_complete`] is false): the
//!    standard drops it, but clients differ, and what a client may read was to be seen here.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use portcullis::payload::events::{AnswerFraming, EventLimits, EventReader};
//!
//! let mut reader = EventReader::new(AnswerFraming::ServerSentEvents, EventLimits::default());
//! reader.push(&Bytes::from_static(b"data: {\"n\""))?;
//! assert!(reader.next_event().is_none());
//! reader.push(&Bytes::from_static(b":1}\n\ndata: [DONE]\n\n"))?;
//! let event = reader.next_event().expect("the first event is complete");
//! let document = event.json().expect("it has data").expect("which is JSON");
//! assert_eq!(document.at("/n").and_then(|n| n.as_u64()), Some(1));
//! assert!(reader.next_event().is_some_and(|event| event.is_done_marker()));
//! reader.finish()?;
//! # Ok::<(), portcullis::payload::events::EventError>(())
//! ```

mod event;
mod fields;
mod framing;
mod reader;
#[cfg(test)]
mod tests;

pub use event::AnswerEvent;
pub use framing::AnswerFraming;
pub use reader::{EventError, EventErrorKind, EventLimits, EventReader};
