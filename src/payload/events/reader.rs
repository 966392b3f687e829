//! Bytes in, events out.

use std::collections::VecDeque;
use std::fmt;

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use memchr::{memchr, memchr2};

use super::{AnswerEvent, AnswerFraming};

/// How large an answer's events may be, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventLimits {
    /// One event of a stream, framing and comments included: 256 KiB unless said otherwise.
    pub event: usize,
    /// One whole JSON or text answer: 8 MiB unless said otherwise.
    pub whole: usize,
}

impl EventLimits {
    /// These limits with another one for an event of a stream.
    pub fn with_event(self, event: usize) -> Self {
        Self { event, ..self }
    }

    /// These limits with another one for a whole answer.
    pub fn with_whole(self, whole: usize) -> Self {
        Self { whole, ..self }
    }
}

impl Default for EventLimits {
    fn default() -> Self {
        Self { event: 256 * 1024, whole: 8 * 1024 * 1024 }
    }
}

/// An answer that cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct EventError {
    kind: EventErrorKind,
}

impl EventError {
    /// What is wrong.
    pub fn kind(&self) -> EventErrorKind {
        self.kind
    }
}

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventErrorKind {
    /// One event is longer than [`EventLimits::event`].
    #[error("an event of the answer is longer than {0} bytes; raise the limit or send smaller events")]
    EventTooLong(usize),
    /// The whole answer is longer than [`EventLimits::whole`].
    #[error("the answer is longer than {0} bytes; raise the limit or stream it")]
    AnswerTooLong(usize),
    /// Not UTF-8.
    #[error("the answer is not valid UTF-8")]
    InvalidUtf8,
    /// More bytes came after [`EventReader::finish`].
    #[error("the answer goes on after its end")]
    Finished,
}

/// Reads an answer as it comes in; see [the module](super) for its rules.
pub struct EventReader {
    framing: AnswerFraming,
    limits: EventLimits,
    ready: VecDeque<AnswerEvent>,
    pending: Pending,
    line: Line,
    seen_first: bool,
    stopped: Option<EventErrorKind>,
}

/// Where the reader stands within the block of a server-sent event stream.
#[derive(Clone, Copy, Default)]
struct Line {
    /// The last byte was a CR: an LF belongs to it.
    after_cr: bool,
    /// The line has bytes.
    begun: bool,
    /// The block has a line with bytes.
    block_begun: bool,
}

impl EventReader {
    /// A reader at the beginning of an answer.
    pub fn new(framing: AnswerFraming, limits: EventLimits) -> Self {
        Self {
            framing,
            limits,
            ready: VecDeque::new(),
            pending: Pending::default(),
            line: Line::default(),
            seen_first: false,
            stopped: None,
        }
    }

    /// How the answer is cut into events.
    pub fn framing(&self) -> AnswerFraming {
        self.framing
    }

    /// Reads on. The events that end in `chunk` are then [ready](Self::next_event); those before an error, too.
    pub fn push(&mut self, chunk: &Bytes) -> Result<(), EventError> {
        if let Some(kind) = self.stopped {
            return Err(EventError { kind });
        }
        let limit = if self.framing.is_stream() { self.limits.event } else { self.limits.whole };
        let mut start = 0;
        while let Some(end) = self.event_end(chunk, start) {
            self.add(chunk, start..end, limit)?;
            self.emit(true)?;
            start = end;
        }
        self.add(chunk, start..chunk.len(), limit)
    }

    /// The next event that is complete.
    pub fn next_event(&mut self) -> Option<AnswerEvent> {
        self.ready.pop_front()
    }

    /// Tells that the answer is over. What is left then is one last event: JSON and text come only now.
    pub fn finish(&mut self) -> Result<(), EventError> {
        match self.stopped {
            Some(EventErrorKind::Finished) => return Ok(()),
            Some(kind) => return Err(EventError { kind }),
            None => {}
        }
        if !self.pending.is_empty() {
            let cut_off = self.framing == AnswerFraming::ServerSentEvents && self.line.block_begun;
            self.emit(!cut_off)?;
        }
        self.stopped = Some(EventErrorKind::Finished);
        Ok(())
    }

    /// How many bytes were read of an event that is not complete.
    pub fn held(&self) -> usize {
        self.pending.len()
    }

    /// Where, from `at` on, the event ends that the reader stands in.
    fn event_end(&mut self, chunk: &[u8], at: usize) -> Option<usize> {
        match self.framing {
            AnswerFraming::ServerSentEvents => self.block_end(chunk, at),
            AnswerFraming::NdJson => self.line_end(chunk, at),
            AnswerFraming::Json | AnswerFraming::Text => None,
        }
    }

    /// A line ends with its line feed; empty lines before it are part of it.
    fn line_end(&mut self, chunk: &[u8], mut at: usize) -> Option<usize> {
        loop {
            let run = memchr(b'\n', &chunk[at..]);
            let empty = run.unwrap_or(chunk.len() - at) == 0 && !self.line.begun;
            self.line.begun = run.is_none() && !empty;
            at += run? + 1;
            if !empty {
                return Some(at);
            }
        }
    }

    /// A block ends with the first empty line after one that has bytes; so empty lines before a block, and the LF
    /// of a CRLF whose CR ended the last one, are part of it and mean nothing.
    fn block_end(&mut self, chunk: &[u8], mut at: usize) -> Option<usize> {
        if self.line.after_cr && at < chunk.len() {
            self.line.after_cr = false;
            at += usize::from(chunk[at] == b'\n');
        }
        while at < chunk.len() {
            let Some(run) = memchr2(b'\r', b'\n', &chunk[at..]) else {
                self.line.begun = true;
                self.line.block_begun = true;
                return None;
            };
            let empty = run == 0 && !self.line.begun;
            self.line.begun = false;
            self.line.block_begun |= !empty;
            at += run + 1;
            if chunk[at - 1] == b'\r' {
                match chunk.get(at) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.line.after_cr = true,
                }
            }
            if empty && self.line.block_begun {
                self.line.block_begun = false;
                return Some(at);
            }
        }
        None
    }

    fn add(&mut self, chunk: &Bytes, range: std::ops::Range<usize>, limit: usize) -> Result<(), EventError> {
        if self.pending.len() + range.len() > limit {
            return Err(self.stop(match self.framing.is_stream() {
                true => EventErrorKind::EventTooLong(limit),
                false => EventErrorKind::AnswerTooLong(limit),
            }));
        }
        self.pending.add(chunk, range);
        Ok(())
    }

    fn emit(&mut self, complete: bool) -> Result<(), EventError> {
        let Ok(raw) = ByteString::try_from(self.pending.take()) else {
            return Err(self.stop(EventErrorKind::InvalidUtf8));
        };
        let first = !std::mem::replace(&mut self.seen_first, true);
        self.ready.push_back(AnswerEvent::read(self.framing, raw, first, complete));
        Ok(())
    }

    fn stop(&mut self, kind: EventErrorKind) -> EventError {
        self.stopped = Some(kind);
        self.pending = Pending::default();
        EventError { kind }
    }
}

impl fmt::Debug for EventReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventReader")
            .field("framing", &self.framing)
            .field("limits", &self.limits)
            .field("ready", &self.ready.len())
            .field("held", &self.pending.len())
            .field("stopped", &self.stopped)
            .finish()
    }
}

/// The bytes of an event that is not complete: shared with their chunk while they came in one.
#[derive(Default)]
struct Pending {
    shared: Bytes,
    joined: BytesMut,
}

impl Pending {
    fn len(&self) -> usize {
        self.shared.len() + self.joined.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn add(&mut self, chunk: &Bytes, range: std::ops::Range<usize>) {
        if range.is_empty() {
            return;
        }
        if self.is_empty() {
            self.shared = chunk.slice(range);
            return;
        }
        if !self.shared.is_empty() {
            self.joined.reserve(self.shared.len() + range.len());
            self.joined.extend_from_slice(&self.shared);
            self.shared = Bytes::new();
        }
        self.joined.extend_from_slice(&chunk[range]);
    }

    fn take(&mut self) -> Bytes {
        if self.joined.is_empty() { std::mem::take(&mut self.shared) } else { self.joined.split().freeze() }
    }
}
