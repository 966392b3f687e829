//! How an answer is cut into events.

use http::HeaderValue;

/// How an answer is cut into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnswerFraming {
    /// `text/event-stream`: one event per block of lines.
    ServerSentEvents,
    /// `application/x-ndjson` and its kin: one JSON document per line.
    NdJson,
    /// `application/json` and every `+json`: one JSON document.
    Json,
    /// Any other `text/…`: one text.
    Text,
}

impl AnswerFraming {
    /// The framing of an answer with this `Content-Type`; `None` when it cannot be read as one of them, among others
    /// because it is not UTF-8.
    pub fn of(content_type: &HeaderValue) -> Option<Self> {
        let mut parts = content_type.to_str().ok()?.split(';');
        let essence = parts.next()?.trim().to_ascii_lowercase();
        for parameter in parts {
            let Some((name, value)) = parameter.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            let utf8 =
                ["utf-8", "utf8", "us-ascii"].iter().any(|charset| value.eq_ignore_ascii_case(charset));
            if name.trim().eq_ignore_ascii_case("charset") && !utf8 {
                return None;
            }
        }
        match &*essence {
            "text/event-stream" => Some(Self::ServerSentEvents),
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines"
            | "application/jsonlines"
            | "application/json-lines" => Some(Self::NdJson),
            "application/json" | "text/json" => Some(Self::Json),
            _ if essence.starts_with("application/") && essence.ends_with("+json") => Some(Self::Json),
            _ if essence.starts_with("text/") => Some(Self::Text),
            _ => None,
        }
    }

    /// Whether events of this framing come one after the other, each before the next is known.
    pub fn is_stream(self) -> bool {
        matches!(self, Self::ServerSentEvents | Self::NdJson)
    }
}
