//! The tools with which dialects read answers.

use super::words::{for_each_text, is_label};
use super::{
    AnswerFacts, Channel, DialectError, DialectErrorKind, EventFacts, OutputKind, OutputPart, Usage,
};
use crate::payload::events::{AnswerEvent, AnswerFraming};
use crate::payload::json::{Document, Entries, Items, Kind, Node};

/// An event half read.
pub(super) struct Collector {
    pub(super) facts: EventFacts,
    /// Strings of this event are whole texts, not pieces.
    pub(super) complete: bool,
}

impl Collector {
    /// Begins to read an event. `None` for one without JSON: a comment, an end marker, a text.
    pub(super) fn new(event: &AnswerEvent) -> Result<Option<(Self, Node<'_>)>, DialectError> {
        let Some(document) = event.json() else { return Ok(None) };
        let root = document.map(Document::root).map_err(|error| DialectError::from(error.clone()))?;
        let complete = event.framing() == AnswerFraming::Json;
        Ok(Some((Self { facts: EventFacts::default(), complete }, root)))
    }

    /// As [`new`](Self::new), where the API only sends objects.
    pub(super) fn object(event: &AnswerEvent) -> Result<Option<(Self, Node<'_>)>, DialectError> {
        match Self::new(event)? {
            Some((_, root)) if root.kind() != Kind::Object => {
                Err(DialectError::top(DialectErrorKind::Expected("an object")))
            }
            event => Ok(event),
        }
    }

    /// What an event without JSON says. A text is output, every byte of it.
    pub(super) fn without_json(
        event: &AnswerEvent,
        so_far: &mut AnswerFacts,
    ) -> Result<EventFacts, DialectError> {
        let text = event.framing() == AnswerFraming::Text;
        let facts = EventFacts {
            output_bytes: if text { event.data().map_or(0, |data| data.len() as u64) } else { 0 },
            finished: text || event.is_done_marker(),
            ..EventFacts::default()
        };
        so_far.add(&facts);
        Ok(facts)
    }

    /// Ends the event.
    pub(super) fn finish(self, so_far: &mut AnswerFacts) -> EventFacts {
        so_far.add(&self.facts);
        self.facts
    }

    /// Every string in and below `node` that says something, and every key the APIs do not name.
    pub(super) fn all(&mut self, channel: Channel, node: Node<'_>) {
        for_each_text(node, |text| self.output(channel, text));
    }

    /// Every string and every key in and below `node`.
    pub(super) fn every(&mut self, channel: Channel, node: Node<'_>) {
        for text in node.descend().filter(|node| node.as_str().is_some()) {
            self.output(channel, text);
        }
    }

    /// The members of an object. Where the answer has something else in its place, all its text is of `channel`.
    pub(super) fn members<'a>(&mut self, channel: Channel, node: Node<'a>) -> Entries<'a> {
        if node.kind() != Kind::Object {
            self.all(channel, node);
        }
        node.entries()
    }

    /// The elements of an array. Where the answer has something else in its place, all its text is of `channel`.
    pub(super) fn elements<'a>(&mut self, channel: Channel, node: Node<'a>) -> Items<'a> {
        if node.kind() != Kind::Array {
            self.all(channel, node);
        }
        node.items()
    }

    /// A member that the dialect does not name.
    pub(super) fn other(&mut self, channel: Channel, key: &str, value: Node<'_>) {
        if !value.as_str().is_some_and(|text| is_label(key, text)) {
            self.all(channel, value);
        }
    }

    /// A member that names or measures something and is no text: the model, a time, the usage. What has the length or
    /// the words of a text in it is looked at all the same.
    pub(super) fn tag(&mut self, node: Node<'_>) {
        const ECHO: Channel = Channel { choice: 0, kind: OutputKind::Echo, index: 0 };
        let says = |text: &str| text.len() > 128 || text.bytes().any(|byte| byte <= b' ' || !byte.is_ascii());
        for text in node.descend().filter(|node| node.as_str().is_some_and(says)) {
            self.output(ECHO, text);
        }
    }

    fn output(&mut self, channel: Channel, node: Node<'_>) {
        let length = node.text_len();
        if length == 0 {
            return;
        }
        self.facts.outputs.push(OutputPart { channel, complete: self.complete, node: node.id() });
        if !matches!(channel.kind, OutputKind::Echo | OutputKind::Logprobs) {
            self.facts.output_bytes += length as u64;
        }
    }

    /// An error that the server reports.
    pub(super) fn error(&mut self, node: Node<'_>) {
        if !node.is_null() {
            self.facts.failed = true;
            self.all(Channel { choice: 0, kind: OutputKind::Echo, index: 0 }, node);
        }
    }
}

/// The usage in an object with these members; `None` unless both are whole, non-negative numbers.
pub(super) fn usage(node: Option<Node<'_>>, input: &str, output: &str) -> Option<Usage> {
    let node = node?;
    Some(Usage { input: node.get(input)?.as_u64()?, output: node.get(output)?.as_u64()? })
}

/// A position that the answer names, or `otherwise`.
pub(super) fn position(node: Option<Node<'_>>, otherwise: usize) -> u32 {
    let named = node.and_then(Node::as_u64);
    u32::try_from(named.unwrap_or(otherwise as u64)).unwrap_or(u32::MAX)
}
