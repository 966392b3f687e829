//! One event of an answer.

use std::fmt;
use std::sync::OnceLock;

use bytes::Bytes;
use bytestring::ByteString;

use super::{AnswerFraming, fields};
use crate::payload::json::{Document, Edit, JsonError, JsonErrorKind, JsonLimits};

/// One event of an answer: what was sent, and what it says. `Debug` shows sizes, never content.
#[derive(Clone)]
pub struct AnswerEvent {
    framing: AnswerFraming,
    raw: ByteString,
    name: ByteString,
    data: Option<ByteString>,
    first: bool,
    complete: bool,
    edited: bool,
    hidden: bool,
    json: OnceLock<Result<Document, JsonError>>,
}

impl AnswerEvent {
    /// An event of our own. `name` is the event type of a server-sent event, empty for none, and unused otherwise.
    pub fn new(framing: AnswerFraming, name: &str, data: &str) -> Self {
        let raw = match framing {
            AnswerFraming::ServerSentEvents => fields::compose(name, data),
            _ => unnamed(framing, data),
        };
        Self { edited: true, ..Self::read(framing, raw, false, true) }
    }

    /// Reads what the framing cut out.
    pub(super) fn read(framing: AnswerFraming, raw: ByteString, first: bool, complete: bool) -> Self {
        let (name, data) = match framing {
            AnswerFraming::ServerSentEvents => {
                let fields = fields::read(&raw, first);
                (fields.name, fields.data)
            }
            AnswerFraming::NdJson => {
                let data = raw.trim_ascii();
                (ByteString::new(), (!data.is_empty()).then(|| raw.slice_ref(data)))
            }
            AnswerFraming::Json | AnswerFraming::Text => (ByteString::new(), Some(raw.clone())),
        };
        let json = OnceLock::new();
        Self { framing, raw, name, data, first, complete, edited: false, hidden: false, json }
    }

    /// How the answer is cut into events.
    pub fn framing(&self) -> AnswerFraming {
        self.framing
    }

    /// The bytes of the event, with everything that frames it: as they were sent, unless the event was edited.
    pub fn raw(&self) -> &Bytes {
        self.raw.as_bytes()
    }

    /// The bytes to hand to the client: [`raw`](Self::raw), or none when the event is hidden.
    pub fn released(&self) -> Bytes {
        if self.hidden { Bytes::new() } else { self.raw.as_bytes().clone() }
    }

    /// The event type of a server-sent event; empty when it has none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the event carries; several `data` lines are joined by line feeds. `None` for a block that only has
    /// comments or other fields: clients see no event there.
    pub fn data(&self) -> Option<&Bytes> {
        self.data.as_ref().map(ByteString::as_bytes)
    }

    /// The data as text.
    pub fn text(&self) -> Option<&str> {
        self.data.as_deref()
    }

    /// The data as a strict JSON document, parsed when first asked for. `None` without data, for the marker that
    /// ends an OpenAI stream, and for text.
    pub fn json(&self) -> Option<Result<&Document, &JsonError>> {
        let data = self.data.as_ref()?;
        if self.framing == AnswerFraming::Text || self.is_done_marker() {
            return None;
        }
        Some(self.json.get_or_init(|| Document::parse_text(data.clone(), JsonLimits::default())).as_ref())
    }

    /// Whether this is the `data: [DONE]` that ends an OpenAI stream.
    pub fn is_done_marker(&self) -> bool {
        self.framing == AnswerFraming::ServerSentEvents
            && self.data.as_deref().is_some_and(|data| data.trim_ascii() == "[DONE]")
    }

    /// Whether the answer ended the event properly. Clients that follow the standard drop an incomplete server-sent
    /// event.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether the event was changed since it was sent, or made here.
    pub fn is_edited(&self) -> bool {
        self.edited
    }

    /// This event with other data, framed anew. The name, id and retry time of a server-sent event stay, comments
    /// go.
    pub fn with_data(&self, data: &str) -> Self {
        let raw = match self.framing {
            AnswerFraming::ServerSentEvents => fields::write(&self.raw, self.first, data),
            framing => unnamed(framing, data),
        };
        Self { edited: true, hidden: self.hidden, ..Self::read(self.framing, raw, false, true) }
    }

    /// This event with its JSON document edited; an error when it has none, or the edits do not apply.
    pub fn edit(&self, edits: &[Edit]) -> Result<Self, JsonError> {
        let document = match self.json() {
            Some(document) => document.map_err(Clone::clone)?.edit(edits)?,
            None => return Err(JsonError::new(JsonErrorKind::Empty, 0, "")),
        };
        let text = std::str::from_utf8(document.source()).expect("a document is UTF-8");
        Ok(self.with_data(text))
    }

    /// Keeps the event from the client; observers still see it.
    pub fn hide(&mut self) {
        self.hidden = true;
    }

    /// Whether the event is kept from the client.
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }
}

fn unnamed(framing: AnswerFraming, data: &str) -> ByteString {
    if framing != AnswerFraming::NdJson {
        return data.into();
    }
    // Within JSON, a line break is white space: strings have none.
    let mut line = data.replace(['\n', '\r'], " ");
    line.push('\n');
    line.into()
}

impl fmt::Debug for AnswerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerEvent")
            .field("framing", &self.framing)
            .field("bytes", &self.raw.len())
            .field("data_bytes", &self.data.as_ref().map(|data| data.len()))
            .field("complete", &self.complete)
            .field("edited", &self.edited)
            .field("hidden", &self.hidden)
            .finish()
    }
}
