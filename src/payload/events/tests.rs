use bytes::Bytes;
use http::HeaderValue;
use proptest::prelude::*;

use super::{AnswerEvent, AnswerFraming, EventErrorKind, EventLimits, EventReader};
use crate::payload::json::Edit;

/// What an event says: name, data, whether it is complete.
type Said = (String, Option<String>, bool);

fn read_in(framing: AnswerFraming, chunks: &[&[u8]]) -> Result<Vec<AnswerEvent>, EventErrorKind> {
    let mut reader = EventReader::new(framing, EventLimits::default());
    let mut events = Vec::new();
    for chunk in chunks {
        reader.push(&Bytes::copy_from_slice(chunk)).map_err(|error| error.kind())?;
        events.extend(std::iter::from_fn(|| reader.next_event()));
    }
    reader.finish().map_err(|error| error.kind())?;
    events.extend(std::iter::from_fn(|| reader.next_event()));
    Ok(events)
}

fn said(events: &[AnswerEvent]) -> Vec<Said> {
    // Blocks without data may be cut differently, and mean nothing.
    let with_data = events.iter().filter(|event| event.data().is_some());
    with_data.map(|e| (e.name().to_owned(), e.text().map(str::to_owned), e.is_complete())).collect()
}

fn raw(events: &[AnswerEvent]) -> Vec<u8> {
    events.iter().flat_map(AnswerEvent::released).collect()
}

fn sse(source: &str) -> Vec<Said> {
    said(&read_in(AnswerFraming::ServerSentEvents, &[source.as_bytes()]).unwrap())
}

fn event(name: &str, data: &str) -> Said {
    (name.to_owned(), Some(data.to_owned()), true)
}

#[test]
fn server_sent_events_follow_the_standard() {
    assert_eq!(sse("data: a\n\n"), [event("", "a")]);
    assert_eq!(sse("data:a\r\rdata:  b\r\n\r\n"), [event("", "a"), event("", " b")]);
    assert_eq!(sse("\u{feff}data: a\n\n\u{feff}data: b\n\n"), [event("", "a")]);
    assert_eq!(sse(": note\nevent: x\ndata: a\ndata\ndata:\ndata: b\nid: 7\n\n"), [event("x", "a\n\n\nb")]);
    assert_eq!(sse("data\n\ndata\ndata\n\n"), [event("", ""), event("", "\n")]);
    assert_eq!(sse("event: only\n\n: ping\n\n\n\n\ndata: a\n\n"), [event("", "a")]);
    assert_eq!(sse("event: a\nevent: b\ndata: x\n\n"), [event("b", "x")]);
    assert_eq!(sse(" data: x\n\nDATA: y\n\nda: z\n\n"), []);
    assert_eq!(sse("data: [DONE]\n\n"), [event("", "[DONE]")]);
}

#[test]
fn an_unfinished_last_event_is_seen_and_marked() {
    assert_eq!(sse("data: a\n\ndata: b\n"), [event("", "a"), (String::new(), Some("b".into()), false)]);
    assert_eq!(sse("data: b"), [(String::new(), Some("b".into()), false)]);
}

const STREAM: &str = "\u{feff}: hello\r\n\r\nevent: tick\r\ndata: {\"é\":\"😀\"}\r\n\r\nid: 1\rdata: 1\rdata: 2\r\r\ndata: x\n\n\n\nretry: 10\n\ndata: last";

#[test]
fn a_stream_split_at_every_byte_says_the_same_and_is_released_verbatim() {
    let bytes = STREAM.as_bytes();
    let whole = read_in(AnswerFraming::ServerSentEvents, &[bytes]).unwrap();
    assert_eq!(raw(&whole), bytes);
    assert_eq!(said(&whole).len(), 4);
    for at in 0..=bytes.len() {
        let events = read_in(AnswerFraming::ServerSentEvents, &[&bytes[..at], &bytes[at..]]).unwrap();
        assert_eq!(said(&events), said(&whole), "split at {at}");
        assert_eq!(raw(&events), bytes);
    }
    let single: Vec<_> = bytes.chunks(1).collect();
    let events = read_in(AnswerFraming::ServerSentEvents, &single).unwrap();
    assert_eq!((said(&events), raw(&events)), (said(&whole), bytes.to_vec()));
}

#[test]
fn an_event_is_ready_with_the_byte_that_ends_it() {
    for stream in ["data: a\n\n", "data: a\r\r", "data: a\r\n\r"] {
        let mut reader = EventReader::new(AnswerFraming::ServerSentEvents, EventLimits::default());
        for byte in stream.as_bytes() {
            assert!(reader.next_event().is_none());
            reader.push(&Bytes::copy_from_slice(&[*byte])).unwrap();
        }
        assert_eq!(reader.next_event().unwrap().text(), Some("a"));
    }
}

#[test]
fn ndjson_is_cut_at_line_feeds_and_its_last_line_needs_none() {
    let source = "{\"a\":1}\n\n\r\n {\"a\":2}\r\n{\"a\":3}";
    for at in 0..=source.len() {
        let chunks = [&source.as_bytes()[..at], &source.as_bytes()[at..]];
        let events = read_in(AnswerFraming::NdJson, &chunks).unwrap();
        assert_eq!(raw(&events), source.as_bytes());
        let numbers: Vec<_> = events
            .iter()
            .filter_map(AnswerEvent::json)
            .map(|json| json.unwrap().at("/a").unwrap().as_u64().unwrap())
            .collect();
        assert_eq!(numbers, [1, 2, 3], "split at {at}");
    }
}

#[test]
fn json_and_text_are_one_event_at_the_end() {
    for framing in [AnswerFraming::Json, AnswerFraming::Text] {
        let events = read_in(framing, &[b"{\"a\":", b"\n\n1}"]).unwrap();
        assert_eq!(said(&events), [event("", "{\"a\":\n\n1}")]);
        assert_eq!(events[0].json().is_some(), framing == AnswerFraming::Json);
        assert!(read_in(framing, &[]).unwrap().is_empty());
    }
}

#[test]
fn what_is_too_long_is_an_error_that_stays() {
    let limits = EventLimits::default().with_event(16).with_whole(16);
    for (framing, kind) in [
        (AnswerFraming::ServerSentEvents, EventErrorKind::EventTooLong(16)),
        (AnswerFraming::NdJson, EventErrorKind::EventTooLong(16)),
        (AnswerFraming::Json, EventErrorKind::AnswerTooLong(16)),
        (AnswerFraming::Text, EventErrorKind::AnswerTooLong(16)),
    ] {
        let mut reader = EventReader::new(framing, limits);
        for _ in 0..16 {
            reader.push(&Bytes::from_static(b"a")).unwrap();
        }
        assert_eq!(reader.push(&Bytes::from_static(b"a")).unwrap_err().kind(), kind);
        assert_eq!(reader.push(&Bytes::from_static(b"\n\n")).unwrap_err().kind(), kind);
        assert_eq!(reader.finish().unwrap_err().kind(), kind);
        assert!(reader.next_event().is_none());
    }
    let mut reader = EventReader::new(AnswerFraming::ServerSentEvents, limits);
    for _ in 0..100 {
        reader.push(&Bytes::from_static(b"data: 12345678\n\n")).unwrap();
    }
    assert_eq!(std::iter::from_fn(|| reader.next_event()).count(), 100);
}

#[test]
fn invalid_utf8_is_an_error_after_the_events_before_it() {
    let mut reader = EventReader::new(AnswerFraming::ServerSentEvents, EventLimits::default());
    let error = reader.push(&Bytes::from_static(b"data: a\n\ndata: \xff\n\ndata: b\n\n")).unwrap_err();
    assert_eq!(error.kind(), EventErrorKind::InvalidUtf8);
    assert_eq!(reader.next_event().unwrap().text(), Some("a"));
    assert!(reader.next_event().is_none());
    for framing in
        [AnswerFraming::Json, AnswerFraming::Text, AnswerFraming::NdJson, AnswerFraming::ServerSentEvents]
    {
        assert_eq!(read_in(framing, &[b"\"\xe9"]).unwrap_err(), EventErrorKind::InvalidUtf8);
    }
}

#[test]
fn nothing_is_read_after_the_end() {
    let mut reader = EventReader::new(AnswerFraming::Text, EventLimits::default());
    reader.finish().unwrap();
    reader.finish().unwrap();
    assert_eq!(reader.push(&Bytes::from_static(b"x")).unwrap_err().kind(), EventErrorKind::Finished);
}

#[test]
fn edited_data_is_framed_anew_and_keeps_the_other_fields() {
    let source = "\u{feff}: note\r\nevent: tick\r\nid: 7\r\ndata: {\"a\":\r\ndata: 1}\r\nretry: 5\r\n\r\n";
    let events = read_in(AnswerFraming::ServerSentEvents, &[source.as_bytes()]).unwrap();
    let edited = events[0].with_data("x\ny\r\nz");
    assert_eq!(edited.raw(), "event: tick\nid: 7\nretry: 5\ndata: x\ndata: y\ndata: z\n\n");
    assert_eq!((edited.name(), edited.text()), ("tick", Some("x\ny\nz")));
    assert!(edited.is_edited() && !events[0].is_edited());

    let document = events[0].json().unwrap().unwrap();
    let edited = events[0].edit(&[Edit::replace(document.at("/a").unwrap().id(), "22")]).unwrap();
    assert_eq!(edited.json().unwrap().unwrap().at("/a").unwrap().as_u64(), Some(22));

    let line = &read_in(AnswerFraming::NdJson, &[b"{}\n"]).unwrap()[0];
    assert_eq!(line.with_data("{\n\"a\":1}").raw(), "{ \"a\":1}\n");
    assert_eq!(
        AnswerEvent::new(AnswerFraming::ServerSentEvents, "a\nb", "x").raw(),
        "event: ab\ndata: x\n\n"
    );
    assert_eq!(AnswerEvent::new(AnswerFraming::NdJson, "", "1").raw(), "1\n");
    assert_eq!(AnswerEvent::new(AnswerFraming::Json, "", "1").raw(), "1");
}

#[test]
fn an_edited_event_cannot_be_split_by_its_new_data() {
    let source = read_in(AnswerFraming::ServerSentEvents, &[b"data: a\n\n"]).unwrap();
    for data in ["x\n\ndata: y", "x\r\revent: z", "", "\n", "a\r"] {
        let again = read_in(AnswerFraming::ServerSentEvents, &[source[0].with_data(data).raw()]).unwrap();
        assert_eq!(again.len(), 1, "{data:?}");
        assert_eq!(again[0].text().unwrap(), data.replace("\r\n", "\n").replace('\r', "\n"));
    }
}

#[test]
fn a_hidden_event_is_released_to_nobody() {
    let mut event = read_in(AnswerFraming::ServerSentEvents, &[b"data: {}\n\n"]).unwrap().remove(0);
    event.hide();
    assert!(event.released().is_empty() && event.with_data("x").released().is_empty());
    assert_eq!(event.raw(), "data: {}\n\n");
}

#[test]
fn json_is_strict_and_the_end_marker_is_none() {
    let events =
        read_in(AnswerFraming::ServerSentEvents, &[b"data: {\"a\":1,\"a\":2}\n\ndata: [DONE]\n\n: x\n\n"])
            .unwrap();
    assert!(events[0].json().unwrap().is_err());
    assert!(events[1].is_done_marker() && events[1].json().is_none());
    assert!(events[2].json().is_none());
    assert!(events[2].edit(&[]).is_err());
}

#[test]
fn a_debug_shows_no_content() {
    let events = read_in(AnswerFraming::ServerSentEvents, &[b"event: secret\ndata: secret\n\n"]).unwrap();
    assert!(!format!("{events:?}").contains("secret"));
}

#[test]
fn the_framing_follows_from_the_content_type() {
    for (content_type, framing) in [
        ("text/event-stream; charset=utf-8", Some(AnswerFraming::ServerSentEvents)),
        ("Text/Event-Stream", Some(AnswerFraming::ServerSentEvents)),
        ("application/x-ndjson", Some(AnswerFraming::NdJson)),
        ("application/json;charset=\"UTF-8\"", Some(AnswerFraming::Json)),
        ("application/problem+json", Some(AnswerFraming::Json)),
        ("text/plain", Some(AnswerFraming::Text)),
        ("application/json; charset=utf-16", None),
        ("application/octet-stream", None),
        ("image/png", None),
        ("", None),
    ] {
        assert_eq!(AnswerFraming::of(&HeaderValue::from_static(content_type)), framing, "{content_type}");
    }
}

/// The standard's algorithm over the whole text, as it is written there.
fn by_the_book(text: &str) -> Vec<(String, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let (mut out, mut name, mut data) = (Vec::new(), String::new(), String::new());
    let mut lines: Vec<_> = text.split('\n').collect();
    lines.pop();
    for line in lines {
        if line.is_empty() {
            if !data.is_empty() {
                data.pop();
                out.push((std::mem::take(&mut name), std::mem::take(&mut data)));
            }
            name.clear();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => name = value.to_owned(),
            "data" => {
                data.push_str(value);
                data.push('\n');
            }
            _ => {}
        }
    }
    out
}

proptest! {
    #[test]
    fn any_stream_in_any_chunks_reads_as_the_standard_says(
        pieces in prop::collection::vec(
            prop_oneof![
                Just("data"), Just("event"), Just(":"), Just(" "), Just("\n"), Just("\r"), Just("\r\n"),
                Just("é😀"), Just("x"), Just("id"), Just("\u{feff}"), Just("data: y\n\n"), Just("data: z\r\n\r\n"),
            ],
            0..40,
        ),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let text: String = pieces.concat();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let chunks: Vec<_> = cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
        let events = read_in(AnswerFraming::ServerSentEvents, &chunks).unwrap();
        prop_assert_eq!(raw(&events), text.as_bytes());
        let complete: Vec<_> = said(&events).into_iter().filter(|said| said.2).map(|said| (said.0, said.1.unwrap())).collect();
        prop_assert_eq!(complete, by_the_book(&text));
    }
}
