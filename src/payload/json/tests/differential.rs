use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::Document;
use super::parse;

/// Any JSON value, keys unique, strings with everything that must be escaped.
fn value() -> impl Strategy<Value = Value> {
    let string = prop_oneof![any::<String>(), "[ -~]{0,200}", "[\"\\\\/\n\t\u{0}é😀]{0,12}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(|number| Value::from((number * 8.0).round() / 8.0)),
        string.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(string.clone(), inner, 0..8).prop_map(|map| json!(map)),
        ]
    })
}

/// Writes every string with `\u` escapes only, which the other writer never does.
fn escaped(value: &Value) -> String {
    let quoted = |text: &str| {
        let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
        format!("\"{units}\"")
    };
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(escaped).collect::<Vec<_>>().join(" ,\t")),
        Value::Object(members) => {
            let members: Vec<_> =
                members.iter().map(|(key, value)| format!("{} : {}", quoted(key), escaped(value))).collect();
            format!("{{\r\n{}}}", members.join(","))
        }
        other => other.to_string(),
    }
}

/// Equal but for the last bit of a fraction, which `serde_json` does not promise without more features.
fn alike(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() && b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= a.abs() * 1e-15
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && alike(a.1, b.1))
        }
        (a, b) => a == b,
    }
}

fn assert_same(document: &Document, value: &Value) {
    assert_eq!(&document.deserialize::<Value>().unwrap(), value);
    for node in document.strings() {
        let there = value.pointer(&document.pointer(node.id())).and_then(Value::as_str);
        assert_eq!(node.as_str(), there);
    }
}

proptest! {
    #[test]
    fn every_value_reads_as_another_parser_reads_it(value in value()) {
        assert_same(&parse(value.to_string()).unwrap(), &value);
        assert_same(&parse(serde_json::to_string_pretty(&value).unwrap()).unwrap(), &value);
        assert_same(&parse(escaped(&value)).unwrap(), &value);
    }

    #[test]
    fn near_misses_are_judged_as_another_parser_judges_them(
        value in value(),
        at in any::<prop::sample::Index>(),
        byte in prop_oneof![Just(None), any::<u8>().prop_map(Some), "[\\[\\]{}:,\"\\\\0-9eE.+ -]".prop_map(|s| Some(s.as_bytes()[0]))],
    ) {
        let mut source = value.to_string().into_bytes();
        let at = at.index(source.len());
        match byte {
            Some(byte) => source[at] = byte,
            None => { source.remove(at); }
        }
        let theirs = serde_json::from_slice::<Value>(&source);
        match (parse(&source), theirs) {
            (Ok(ours), Ok(theirs)) => {
                let ours: Value = ours.deserialize().unwrap();
                prop_assert!(alike(&ours, &theirs), "{} {}", ours, theirs);
            }
            // Out of f64's range is a number here, and no f64.
            (Ok(ours), Err(_)) => prop_assert!(ours.deserialize::<Value>().is_err()),
            (Err(error), Ok(_)) => prop_assert_eq!(error.kind(), super::JsonErrorKind::DuplicateKey),
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn no_bytes_make_the_parser_panic(source in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = parse(source);
    }

    #[test]
    fn no_text_of_json_bytes_makes_the_parser_panic(source in "[\\[\\]{}:,\"\\\\utrnfalse0-9eE.+ \u{1}é-]{0,64}") {
        if let Ok(document) = parse(&source) {
            prop_assert!(serde_json::from_str::<Value>(&source).is_ok() || document.deserialize::<Value>().is_err());
        }
    }
}
