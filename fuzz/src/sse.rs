//! The reader of answers: how the network cut the bytes changes nothing, nothing is lost, and what it takes for an event is
//! what the WHATWG's rules, written down a second time, take for one.

use bytes::Bytes;
use portcullis::payload::events::{AnswerEvent, AnswerFraming, EventErrorKind, EventLimits, EventReader};

use crate::{choose, seed};

const FRAMINGS: [AnswerFraming; 4] =
    [AnswerFraming::ServerSentEvents, AnswerFraming::NdJson, AnswerFraming::Json, AnswerFraming::Text];

pub fn check(data: &[u8]) {
    let Some((choice, rest)) = choose(data, 8) else { return };
    let Some((step, input)) = choose(rest, 24) else { return };
    let framing = FRAMINGS[choice % 4];
    let limits = match choice {
        0..4 => EventLimits::default(),
        _ => EventLimits::default().with_event(24).with_whole(48),
    };
    let whole = read(framing, limits, [input]);
    let chunked = read(framing, limits, input.chunks(step + 1));
    if choice < 4 {
        assert_eq!(whole.seen(), chunked.seen());
        assert_eq!(whole.seen(), read(framing, limits, input.chunks(1)).seen());
    }
    let bound = if framing.is_stream() { limits.event } else { limits.whole };
    assert!(whole.events.iter().chain(&chunked.events).all(|event| event.raw().len() <= bound));
    let raw: Vec<u8> = whole.events.iter().flat_map(|event| event.raw().to_vec()).collect();
    match whole.error {
        None => assert_eq!(raw, input, "every byte is in one event"),
        Some(_) => assert!(input.starts_with(&raw)),
    }
    if whole.error.is_none() && framing == AnswerFraming::ServerSentEvents {
        let text = std::str::from_utf8(input).expect("the reader took it for UTF-8");
        let said = whole.events.iter().filter(|event| event.is_complete());
        let said = said.filter_map(|event| Some((event.name().to_owned(), event.text()?.to_owned())));
        assert_eq!(said.collect::<Vec<_>>(), dispatched(text));
    }
    whole.events.iter().for_each(check_event);
}

/// An event that is changed says what it was told to, under the name it had.
fn check_event(event: &AnswerEvent) {
    let Some(text) = event.text() else { return };
    if let Some(Ok(document)) = event.json() {
        assert_eq!(document.source(), text.as_bytes());
    }
    if event.framing() != AnswerFraming::ServerSentEvents {
        return;
    }
    let changed = event.with_data(text);
    let again = read(event.framing(), EventLimits::default(), [&changed.raw()[..]]);
    assert_eq!(again.error, None);
    let [again] = &again.events[..] else { panic!("one event became {}", again.events.len()) };
    let unbroken = text.replace("\r\n", "\n").replace('\r', "\n");
    assert_eq!((again.name(), again.text()), (event.name(), Some(&*unbroken)));
    assert!(again.is_complete());
}

/// Name, data, and whether it ended properly.
type Said<'a> = (&'a str, Option<&'a Bytes>, bool);

struct Answer {
    events: Vec<AnswerEvent>,
    error: Option<EventErrorKind>,
}

impl Answer {
    /// What does not depend on the chunks. An LF that comes after its CR was sent on belongs to the next event, where it
    /// means nothing.
    fn seen(&self) -> (Vec<Said<'_>>, Option<EventErrorKind>) {
        let says = |event: &&AnswerEvent| event.raw().iter().any(|byte| !b"\r\n".contains(byte));
        let events = self.events.iter().filter(says);
        (events.map(|event| (event.name(), event.data(), event.is_complete())).collect(), self.error)
    }
}

fn read<'a>(
    framing: AnswerFraming,
    limits: EventLimits,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Answer {
    let mut reader = EventReader::new(framing, limits);
    let mut events = Vec::new();
    let mut error = None;
    for chunk in chunks {
        let pushed = reader.push(&Bytes::copy_from_slice(chunk));
        events.extend(std::iter::from_fn(|| reader.next_event()));
        if let Err(stopped) = pushed {
            assert!(reader.push(&Bytes::from_static(b"data: more\n\n")).is_err(), "an error is the end");
            error = Some(stopped.kind());
            break;
        }
        assert!(reader.held() <= limits.event.max(limits.whole));
    }
    if let Err(stopped) = reader.finish() {
        error = error.or(Some(stopped.kind()));
    }
    events.extend(std::iter::from_fn(|| reader.next_event()));
    Answer { events, error }
}

/// The events of a stream by the letter of the standard: its name and its data.
fn dispatched(stream: &str) -> Vec<(String, String)> {
    let stream = stream.strip_prefix('\u{feff}').unwrap_or(stream);
    let unified = stream.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = unified.split('\n').collect();
    // What follows the last line end is no line yet.
    lines.pop();
    let (mut events, mut name, mut data) = (Vec::new(), String::new(), String::new());
    for line in lines {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            _ if line.is_empty() => {
                let name = std::mem::take(&mut name);
                if let Some(data) = std::mem::take(&mut data).strip_suffix('\n') {
                    events.push((name, data.to_owned()));
                }
            }
            "event" => value.clone_into(&mut name),
            "data" => {
                data.push_str(value);
                data.push('\n');
            }
            _ => {}
        }
    }
    events
}

pub fn seeds() -> Vec<Vec<u8>> {
    let streams: [(u8, &[u8]); 9] = [
        (0, b"\x03data: {\"a\":1}\n\ndata: [DONE]\n\n"),
        (0, b"\x00: note\r\nevent: ping\r\nid: 7\r\nretry: 10\r\ndata: one\r\ndata:two\r\n\r\n"),
        (0, b"\x05\xef\xbb\xbfdata\rdata:  x\r\r\n\ndata: cut off"),
        (0, "\x01data: \u{e9}\u{1f600}\n\n".as_bytes()),
        (0, b"\x01data: \xff\n\n"),
        (1, b"\x02{\"a\":1}\n\n {\"b\":\"\xc3\xa9\"}\r\n{\"c\""),
        (2, b"\x06{\"whole\":[1,2,3]}"),
        (3, b"\x02a text"),
        (4, b"\x02data: 1\n\ndata: longer than it may be\n\n"),
    ];
    streams.into_iter().map(|(choice, input)| seed(choice, input)).collect()
}
