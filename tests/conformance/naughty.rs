//! Naughty strings: through quoting and parsing, pointers and edits, and into refusals for every kind of client.

use bytes::Bytes;
use portcullis::payload::dialect::{AnthropicMessages, Dialect, OllamaChat, OpenAiChat, PlainGenerate};
use portcullis::payload::events::{AnswerFraming, EventLimits, EventReader};
use portcullis::payload::json::{Document, Edit, quote};
use portcullis::refusal::{Refusal, RefusalKind};

use crate::vectors::{Report, Vectors};

const DIALECTS: [&dyn Dialect; 4] = [&OpenAiChat, &AnthropicMessages, &OllamaChat, &PlainGenerate];

pub(crate) fn strings(vectors: &Vectors, report: &mut Report) {
    let strings = vectors.json("web/naughty_strings.json.gz");
    for string in strings.as_array().expect("a list") {
        let string = string.as_str().expect("a list of strings");
        report.check(parses_back(string), || format!("quoted: {string:?}"));
        report.check(is_found_under_its_name(string), || format!("as a key: {string:?}"));
        for dialect in DIALECTS {
            report.check(is_told(dialect, string), || format!("refused by {}: {string:?}", dialect.name()));
        }
    }
}

fn parses_back(string: &str) -> bool {
    let theirs = serde_json::to_string(string).expect("a string is JSON");
    [quote(string), theirs].into_iter().all(|text| {
        Document::parse(Bytes::from(text)).is_ok_and(|document| document.root().as_str() == Some(string))
    })
}

fn is_found_under_its_name(string: &str) -> bool {
    let document = Document::parse(Bytes::from_static(b"{}")).expect("it is JSON");
    let Ok(edited) = document.edit(&[Edit::set(document.root().id(), string, quote(string))]) else {
        return false;
    };
    let Some(value) = edited.root().get(string) else { return false };
    edited.at(&edited.pointer(value.id())).is_some_and(|found| found.as_str() == Some(string))
}

fn is_told(dialect: &dyn Dialect, string: &str) -> bool {
    let refusal = Refusal::new(RefusalKind::ContentBlocked, string.to_owned()).at(string);
    let tells = |document: &Document| document.strings().any(|text| text.as_str() == Some(string));
    let body = Document::parse(dialect.render_refusal(&refusal, string).body);
    let mut reader = EventReader::new(AnswerFraming::ServerSentEvents, EventLimits::default());
    let cut = dialect.render_cut(&refusal, string, AnswerFraming::ServerSentEvents);
    let read = reader.push(&cut).and_then(|()| reader.finish());
    let mut events = std::iter::from_fn(|| reader.next_event());
    let told = events.any(|event| matches!(event.json(), Some(Ok(document)) if tells(document)));
    body.is_ok_and(|body| tells(&body)) && read.is_ok() && told
}
