use super::*;
use http::HeaderMap;
use std::time::Duration;

#[test]
fn retry_after_is_rounded_up_and_never_zero() {
    for (millis, seconds) in [(0, 1), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (59_500, 60)] {
        let refusal =
            Refusal::new(RefusalKind::RateLimited, "slow").retry_after(Duration::from_millis(millis));
        let mut headers = HeaderMap::new();
        refusal.write_headers(&mut headers);
        assert_eq!(headers["retry-after"], seconds.to_string(), "{millis} ms");
    }
}

#[test]
fn the_private_cause_and_the_rule_are_not_in_the_body() {
    let refusal = Refusal::new(RefusalKind::ContentBlocked, "refused")
        .cause("private-cause")
        .rule("private-rule")
        .at("/messages/0");
    let rendered = ProblemJson.respond(&refusal, "id-1");
    let body = std::str::from_utf8(&rendered.body).unwrap();
    assert!(!body.contains("private"), "{body}");
    let value: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(value["status"], 400);
    assert_eq!(value["code"], "content_blocked");
    assert_eq!(value["pointer"], "/messages/0");
    assert_eq!(value["request_id"], "id-1");
}

#[test]
fn every_kind_is_listed_has_a_code_of_its_own_and_an_advice() {
    let source = include_str!("kind.rs");
    let declared = source.split("pub fn code").nth(1).unwrap().matches("=> \"").count();
    assert_eq!(RefusalKind::ALL.len(), declared, "a kind is missing in RefusalKind::ALL");
    for kind in RefusalKind::ALL {
        assert_eq!(RefusalKind::from_code(kind.code()), Some(kind), "another kind has this code");
        let Advice { missing, fix } = kind.advice();
        assert!(!missing.is_empty() && fix.len() > 20, "{kind} has no advice worth the name");
    }
    assert_eq!(RefusalKind::from_code("no_such_code"), None);
}

#[test]
fn what_could_forge_a_line_or_turn_it_around_is_escaped_and_the_rest_is_not() {
    let unruly = ('\0'..='\u{ffff}').filter(|c| is_unruly(*c)).map(u32::from).collect::<Vec<_>>();
    let mut expected: Vec<u32> = (0..0x20).chain(0x7f..0xa0).collect();
    expected.extend([0x61c, 0x200e, 0x200f, 0x2028, 0x2029]);
    expected.extend((0x202a..=0x202e).chain(0x2066..=0x2069));
    assert_eq!(unruly, expected);
    assert_eq!(escaped("a\r\nb\u{85}c\u{202e}d"), "a\\u{d}\\u{a}b\\u{85}c\\u{202e}d");
    for harmless in ["", "alice", "Ω → 東京 \\ \"quoted\" 👩‍💻"] {
        assert!(matches!(escaped(harmless), std::borrow::Cow::Borrowed(text) if text == harmless));
    }
}
