use super::log::Place;
use super::*;
use crate::exchange::{Context, Exchange, Stage};
use crate::payload::AnswerFacts;
use http::Request;
use std::io;
use std::sync::mpsc;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

pub(super) fn entry() -> AuditEntry {
    let (mut parts, ()) = Request::get("/x").body(()).unwrap().into_parts();
    let mut exchange = Exchange::join(&mut parts, &Context::default());
    exchange.close(crate::exchange::End::Aborted);
    AuditEntry::of(&exchange, crate::exchange::End::Complete, None)
}

#[test]
fn when_full_requests_are_refused_until_a_record_has_been_written() {
    let (go_on, gate) = mpsc::channel::<()>();
    let sink = move |_: &AuditEntry| gate.recv().unwrap();
    let log = AuditLog::builder().sink(sink).capacity(2).start().unwrap();
    let (first, second) = (log.reserve(), log.reserve());
    assert!(matches!(log.reserve(), Place::None));
    log.write(first, entry());
    assert!(matches!(log.reserve(), Place::None), "a record that waits keeps its slot");
    go_on.send(()).unwrap();
    assert!(log.flush(SOON));
    assert!(matches!(log.reserve(), Place::Slot(_)));
    drop(second);
}

#[test]
fn what_is_dropped_is_counted_and_told() {
    let (send, records) = mpsc::channel();
    let sink = move |entry: &AuditEntry| send.send(entry.dropped_so_far).unwrap();
    let log = AuditLog::builder().sink(sink).capacity(1).when_full(WhenFull::CountAndDrop).start().unwrap();
    let slot = log.reserve();
    assert!(matches!((log.reserve(), log.reserve()), (Place::Dropped, Place::Dropped)));
    log.write(slot, entry());
    assert_eq!(records.recv_timeout(SOON), Ok(2));
    assert_eq!(log.dropped(), 2);
}

/// Fails as often as it is told, then tells what it took.
struct Failing(usize, mpsc::Sender<&'static str>);

impl AuditSink for Failing {
    fn write(&mut self, _: &AuditEntry) -> io::Result<()> {
        if self.0 > 0 {
            self.0 -= 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.1.send("taken").map_err(io::Error::other)
    }
}

#[test]
fn a_sink_that_fails_is_tried_until_it_has_the_record_once() {
    let (send, taken) = mpsc::channel();
    let log = AuditLog::builder().sink(Failing(2, send)).start().unwrap();
    log.write(log.reserve(), entry());
    assert!(log.flush(SOON));
    assert_eq!(taken.try_iter().count(), 1);
}

#[test]
fn a_sink_that_panics_stops_the_service_rather_than_the_records() {
    let sink = |_: &AuditEntry| panic!("as told");
    let log = AuditLog::builder().sink(sink).start().unwrap();
    log.write(log.reserve(), entry());
    assert!(!log.flush(SOON), "the thread has ended");
    assert!(matches!(log.reserve(), Place::None));
    let (mut parts, ()) = Request::get("/x").body(()).unwrap().into_parts();
    let exchange = Exchange::join(&mut parts, &Context::default());
    let refused = crate::exchange::Step::check(&AuditLayer::builder(log).into_step(), &mut parts, &exchange);
    assert!(
        matches!(refused, crate::exchange::Check::Refuse(refusal) if refusal.kind().code() == "unavailable")
    );
}

#[test]
fn a_record_is_written_though_another_observer_panics() {
    struct Panics;
    impl crate::exchange::AnswerObserver for Panics {
        fn end(self: Box<Self>, _: crate::exchange::End, _: &AnswerFacts, _: &Exchange) {
            panic!("as told");
        }
    }
    let (send, records) = mpsc::channel();
    let log = AuditLog::builder().sink(move |_: &AuditEntry| send.send(()).unwrap()).start().unwrap();
    let (mut parts, ()) = Request::get("/x").body(()).unwrap().into_parts();
    let exchange = Exchange::join(&mut parts, &Context::default());
    exchange.observe(Stage::Meter, Panics).unwrap();
    crate::exchange::Step::check(&AuditLayer::builder(log.clone()).into_step(), &mut parts, &exchange);
    drop(exchange);
    assert!(log.flush(SOON));
    assert_eq!(records.try_iter().count(), 1);
}

#[test]
fn a_file_has_one_line_for_each_record_and_only_its_owner_reads_it() {
    let path = std::env::temp_dir().join(format!("portcullis-audit-{}.jsonl", std::process::id()));
    let log = AuditLog::builder().sink(JsonLines::append(&path).unwrap()).start().unwrap();
    for _ in 0..1_000 {
        log.write(log.reserve(), entry());
    }
    assert!(log.flush(SOON));
    let written = std::fs::read_to_string(&path).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    std::fs::remove_file(&path).unwrap();
    assert!(written.ends_with('\n'));
    let lines: Vec<serde_json::Value> =
        written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1_000);
    assert!(lines[0]["request_id"].is_string() && lines[0]["ran"]["authorize"] == "off");
}

#[test]
fn a_log_without_a_sink_or_room_is_an_error() {
    assert!(matches!(AuditLog::builder().start(), Err(AuditError::NoSink)));
    let none = AuditLog::builder().sink(|_: &AuditEntry| {}).capacity(0).start();
    assert!(matches!(none, Err(AuditError::NoCapacity)));
}

#[test]
fn a_line_says_what_serde_json_says_whatever_stands_in_its_texts() {
    let texts = ["", "plain", "eight888", "nine99999", "a \"quote\"", "back\\slash", "a tab\tafter eight"];
    let odd =
        ["the end is odd\u{7f}", "\u{0}", "grüße aus Köln", "right to left: \u{202e}txt", "line\u{2028}"];
    // Texts are looked at eight bytes at a time: every length, and every place of what is odd in it.
    let placed = (0..=20).flat_map(|length| {
        (0..=length).flat_map(move |place| {
            ['"', '\\', '\n', '\u{7f}', 'é', 'x', ' ', '!', '~'].map(|odd| {
                let mut text = "a".repeat(length);
                text.insert(place, odd);
                text
            })
        })
    });
    for text in texts.into_iter().chain(odd).map(String::from).chain(placed) {
        let mut entry = entry();
        entry.client_request_id = Some(text.as_str().into());
        let mut line = Vec::new();
        entry.write_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(said, serde_json::to_value(&entry).unwrap(), "{text:?}");
        let text = String::from_utf8(line).unwrap();
        assert!(!text.trim_end_matches('\n').chars().any(crate::refusal::is_unruly), "{text:?}");
    }
}

#[test]
fn a_log_whose_room_is_taken_by_open_requests_goes_on_giving_the_rest_of_it() {
    let log = AuditLog::builder().sink(|_: &AuditEntry| {}).capacity(8).start().unwrap();
    let open: Vec<Place> = (0..6).map(|_| log.reserve()).collect();
    // More than there is room for: each finds the slot of one before it free again.
    for _ in 0..1_000 {
        let begun = std::time::Instant::now();
        let place = loop {
            match log.reserve() {
                Place::Slot(slot) => break Place::Slot(slot),
                _ => std::thread::yield_now(),
            }
            assert!(begun.elapsed() < SOON, "no slot becomes free");
        };
        log.write(place, entry());
    }
    drop(open);
    assert!(log.flush(SOON));
}

#[test]
fn names_of_ours_are_texts_to_every_format() {
    use super::json::Name;
    assert_eq!(serde_json::to_string(&Name("permitted")).unwrap(), "\"permitted\"");
    assert_eq!(serde_json::to_value(entry()).unwrap()["decision"], "permitted");
    // None of them may want an escape, since none is looked for.
    for kind in crate::refusal::RefusalKind::ALL {
        let refused = AuditEntry { refusal: Some(crate::refusal::Refusal::new(kind, "no")), ..entry() };
        let mut line = Vec::new();
        refused.write_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(said["reason"], kind.code());
        assert!(kind.code().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    }
}
