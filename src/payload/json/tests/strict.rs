use bytes::Bytes;

use super::super::{Document, JsonErrorKind as K, JsonLimits, Kind, Node};
use super::{parse, refused};

#[test]
fn every_kind_of_value_is_read() {
    let document =
        parse(r#" {"a": [null, true, false, -0, 1.5e3, "x\n\u00e9\ud83d\ude00"], "b": {}} "#).unwrap();
    let a = document.at("/a").unwrap();
    let kinds: Vec<_> = a.items().map(Node::kind).collect();
    assert_eq!(kinds, [Kind::Null, Kind::Bool, Kind::Bool, Kind::Number, Kind::Number, Kind::String]);
    assert_eq!(a.index(1).unwrap().as_bool(), Some(true));
    assert_eq!(a.index(3).unwrap().as_i64(), Some(0));
    assert_eq!(a.index(4).unwrap().number_text(), Some("1.5e3"));
    assert_eq!(a.index(4).unwrap().as_f64(), Some(1500.0));
    assert_eq!(a.index(4).unwrap().as_u64(), None);
    assert_eq!(a.index(5).unwrap().as_str(), Some("x\né😀"));
    assert_eq!((a.len(), document.at("/b").unwrap().len()), (6, 0));
    assert_eq!(a.index(5).unwrap().raw(), br#""x\n\u00e9\ud83d\ude00""#);
    assert!(a.index(6).is_none() && a.get("x").is_none());
}

#[test]
fn numbers_are_never_rounded() {
    let document =
        parse("[18446744073709551615, -9223372036854775808, 18446744073709551616, 1e999]").unwrap();
    let item = |n| document.root().index(n).unwrap();
    assert_eq!(item(0).as_u64(), Some(u64::MAX));
    assert_eq!(item(1).as_i64(), Some(i64::MIN));
    assert_eq!((item(2).as_u64(), item(2).as_i64()), (None, None));
    assert_eq!(item(2).number_text(), Some("18446744073709551616"));
    assert_eq!(item(3).as_f64(), None);
}

#[test]
fn duplicate_keys_are_refused_also_when_written_with_escapes() {
    assert_eq!(refused(r#"{"a":1,"a":2}"#), (K::DuplicateKey, 7, "/a".into()));
    assert_eq!(refused(r#"[{"x":{"a":1,"b":0,"\u0061":2}}]"#), (K::DuplicateKey, 19, "/0/x/a".into()));
    assert_eq!(refused(r#"{"":1,"":2}"#).0, K::DuplicateKey);
    let many: Vec<_> = (0..200).map(|n| format!(r#""key{n}":{n}"#)).collect();
    assert!(parse(format!("{{{}}}", many.join(","))).is_ok());
    let (kind, _, pointer) = refused(format!(r#"{{{},"key\u0037":1}}"#, many.join(",")));
    assert_eq!((kind, &*pointer), (K::DuplicateKey, "/key7"));
    assert!(parse(r#"{"a":{"a":1},"b":{"a":1},"A":[{"a":1},{"a":1}]}"#).is_ok());
}

#[test]
fn a_duplicate_key_of_every_size_of_object_is_found_at_every_place() {
    for size in 2..40_usize {
        for double in 0..size - 1 {
            let mut keys: Vec<_> = (0..size - 1).map(|n| format!("\"k{n:02}x\":0")).collect();
            keys.push(format!("\"k{double:02}x\":0"));
            assert_eq!(refused(format!("{{{}}}", keys.join(","))).0, K::DuplicateKey, "{size} {double}");
        }
    }
}

#[test]
fn depth_beyond_the_limit_is_refused_and_the_limit_itself_is_not() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(64)).is_ok());
    let (kind, offset, pointer) = refused(nested(65));
    assert_eq!((kind, offset), (K::TooDeep(64), 64));
    assert!(pointer.starts_with("/0/0/0"));
    assert_eq!(refused("[".repeat(1_000_000)).0, K::TooDeep(64));
    assert_eq!(refused(r#"{"a":"#.repeat(65)).0, K::TooDeep(64));
    let limits = JsonLimits::default().with_depth(2);
    assert!(Document::parse_with(Bytes::from_static(b"[[1]]"), limits).is_ok());
    assert!(Document::parse_with(Bytes::from_static(b"[[{}]]"), limits).is_err());
}

#[test]
fn more_nodes_than_the_limit_are_refused() {
    let limits = JsonLimits::default().with_nodes(3);
    assert!(Document::parse_with(Bytes::from_static(b"[1,2]"), limits).is_ok());
    let error = Document::parse_with(Bytes::from_static(b"[1,2,3]"), limits).unwrap_err();
    assert_eq!((error.kind(), error.offset(), error.pointer()), (K::TooManyNodes(3), 5, "/2"));
}

#[test]
fn each_broken_form_is_refused_with_its_place() {
    for (source, kind, offset, pointer) in [
        ("", K::Empty, 0, ""),
        (" \n", K::Empty, 0, ""),
        ("\u{feff}{}", K::ByteOrderMark, 0, ""),
        ("{} x", K::TrailingBytes, 3, ""),
        ("1 2", K::TrailingBytes, 2, ""),
        ("{}\0", K::TrailingBytes, 2, ""),
        ("[1,]", K::Expected("a JSON value"), 3, "/1"),
        ("[1 2]", K::Expected("',' or ']'"), 3, ""),
        (r#"{"a":1,}"#, K::Expected("a key in double quotes"), 7, ""),
        (r#"{"a" 1}"#, K::Expected("':' after the key"), 5, ""),
        (r#"{a:1}"#, K::Expected("a key in double quotes"), 1, ""),
        (r#"{"a":1 "b":2}"#, K::Expected("',' or '}'"), 7, ""),
        (r#"{"a":[1}"#, K::Expected("',' or ']'"), 7, "/a"),
        (r#"{"a":tru"#, K::UnexpectedEnd, 8, "/a"),
        (r#"{"a":trux}"#, K::Expected("a JSON value"), 5, "/a"),
        (r#"{"a":NaN}"#, K::Expected("a JSON value"), 5, "/a"),
        (r#"["abc"#, K::UnexpectedEnd, 5, "/0"),
        ("[01]", K::InvalidNumber, 2, "/0"),
        ("[1.]", K::InvalidNumber, 3, "/0"),
        ("[-]", K::InvalidNumber, 2, "/0"),
        ("[1e]", K::InvalidNumber, 3, "/0"),
        ("[1.5.5]", K::InvalidNumber, 4, "/0"),
        ("[0x1]", K::InvalidNumber, 2, "/0"),
        ("[+1]", K::Expected("a JSON value"), 1, "/0"),
        ("[.5]", K::Expected("a JSON value"), 1, "/0"),
        ("-", K::UnexpectedEnd, 1, ""),
        ("[\"a\tb\"]", K::ControlCharacter, 3, "/0"),
        (r#"["\x"]"#, K::InvalidEscape, 2, "/0"),
        (r#"["\u12"]"#, K::InvalidEscape, 2, "/0"),
        (r#"["\u+123"]"#, K::InvalidEscape, 2, "/0"),
        (r#"["\ud800"]"#, K::LoneSurrogate, 2, "/0"),
        (r#"["\udc00\ud800"]"#, K::LoneSurrogate, 2, "/0"),
        (r#"["\udc00\udc00"]"#, K::LoneSurrogate, 2, "/0"),
        (r#"["\ud800\u0041"]"#, K::LoneSurrogate, 2, "/0"),
        (r#"{"\ud83d":1}"#, K::LoneSurrogate, 2, ""),
        ("/* c */ 1", K::Expected("a JSON value"), 0, ""),
        ("['a']", K::Expected("a JSON value"), 1, "/0"),
    ] {
        assert_eq!(refused(source), (kind, offset, pointer.to_owned()), "{source}");
    }
}

#[test]
fn invalid_utf8_is_refused_with_the_value_it_stands_in() {
    assert_eq!(refused(b"{\"a\":[\"x\xff\"]}"), (K::InvalidUtf8, 8, "/a/0".into()));
    assert_eq!(refused(b"\xff"), (K::InvalidUtf8, 0, String::new()));
    assert_eq!(refused(b"\xed\xa0\x80").0, K::InvalidUtf8);
    assert_eq!(refused(b"[1]\xff"), (K::InvalidUtf8, 3, String::new()));
    assert_eq!(refused(b"[1,,\xff]").0, K::Expected("a JSON value"));
}

#[test]
fn control_characters_are_found_at_every_place_of_strings_of_every_length() {
    for length in 1..200 {
        for (at, byte) in [(0, 0x1f), (length / 2, 0), (length - 1, b'\n')] {
            let mut source = vec![b'"'];
            source.resize(length + 1, b'a');
            source[at + 1] = byte;
            source.push(b'"');
            assert_eq!(refused(&source), (K::ControlCharacter, at + 1, String::new()), "{length}");
        }
        let plain = format!("\"{}é\u{7f}\"", "a".repeat(length));
        assert_eq!(parse(&plain).unwrap().root().as_str().unwrap().len(), length + 3);
    }
}

#[test]
fn an_error_repeats_no_value_and_bounds_keys() {
    let error = parse(format!(r#"{{"k{}":{{"b\u0000/~":["secret", x]}}}}"#, "k".repeat(500))).unwrap_err();
    assert!(!error.to_string().contains("secret"));
    assert!(error.pointer().len() < 120, "{}", error.pointer());
    assert!(error.pointer().ends_with("/b\u{fffd}~1~0/1"), "{}", error.pointer());
    let deep = parse(format!("{}x", r#"{"a-rather-long-key-name":"#.repeat(60))).unwrap_err();
    assert!(deep.pointer().len() < 340 && deep.pointer().ends_with('…'), "{}", deep.pointer());
}

#[test]
fn a_debug_shows_sizes_and_no_content() {
    let document = parse(r#"{"secret-key":"secret-value"}"#).unwrap();
    assert_eq!(format!("{document:?}"), "Document { bytes: 29, nodes: 3 }");
    let shown = format!("{:?} {:?}", document.root(), document.root().entries());
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn pointers_lead_to_nodes_and_nodes_to_pointers() {
    let document = parse(r#"{"":0,"a/b":{"c~d":[1,{"e":"x"}]},"m~n":8," ":[[]]}"#).unwrap();
    for pointer in ["", "/", "/a~1b", "/a~1b/c~0d", "/a~1b/c~0d/1/e", "/m~0n", "/ ", "/ /0"] {
        let node = document.at(pointer).unwrap_or_else(|| panic!("{pointer}"));
        assert_eq!(document.pointer(node.id()), pointer);
    }
    for pointer in ["a", "/x", "/a~1b/c~0d/2", "/a~1b/c~0d/01", "/a~1b/c~0d/-", "/a~2b", "/m~0n/0", "/ /+0"] {
        assert!(document.at(pointer).is_none(), "{pointer}");
    }
    for key in document.keys() {
        let named = document.at(&document.pointer(key.id())).unwrap();
        assert_eq!(named.id().0, key.id().0 + 1);
    }
}

#[test]
fn strings_and_keys_are_visited_in_the_order_of_the_source() {
    let document = parse(r#"{"a":["b",1,{"c":"d\n"}],"e":"f"}"#).unwrap();
    assert!(document.strings().map(|node| node.as_str().unwrap()).eq(["b", "d\n", "f"]));
    assert!(document.keys().map(|node| node.as_str().unwrap()).eq(["a", "c", "e"]));
    let a = document.at("/a").unwrap();
    assert!(a.strings().map(|node| node.as_str().unwrap()).eq(["b", "d\n"]));
    assert_eq!(document.at("/e").unwrap().strings().count(), 1);
}

#[test]
fn ids_of_a_larger_document_name_nothing_here() {
    let large = parse("[1,2,3]").unwrap();
    let small = parse("[1]").unwrap();
    let last = large.root().index(2).unwrap().id();
    assert!(small.node(last).is_none());
    assert_eq!(small.pointer(last), "");
}

#[test]
fn a_duplicate_among_a_hundred_thousand_keys_is_found() {
    let mut members: Vec<_> = (0..100_000).map(|n| format!(r#""k{n:08}":0"#)).collect();
    assert_eq!(parse(format!("{{{}}}", members.join(","))).unwrap().root().len(), 100_000);
    members.push(members[50_000].clone());
    let (kind, _, pointer) = refused(format!("{{{}}}", members.join(",")));
    assert_eq!((kind, &*pointer), (K::DuplicateKey, "/k00050000"));
}

#[test]
fn the_length_of_a_text_is_that_of_its_bytes_without_escapes() {
    let document = parse(r#"{"k\u0041":["", "é\n", 5, "plain"]}"#).unwrap();
    for node in document.root().descend() {
        assert_eq!(node.text_len(), node.as_str().map_or(0, str::len));
    }
}
