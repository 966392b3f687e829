use proptest::prelude::*;

use super::super::{Document, Edit, JsonErrorKind as K, quote};
use super::parse;

fn id(document: &Document, pointer: &str) -> super::super::NodeId {
    document.at(pointer).unwrap_or_else(|| panic!("{pointer}")).id()
}

fn text(document: &Document) -> &str {
    std::str::from_utf8(document.source()).unwrap()
}

#[test]
fn a_replaced_value_leaves_every_other_byte_as_it_was() {
    let document = parse("{ \"a\" : 1.50 ,\n \"b\":[ \"x\" , 2 ] }").unwrap();
    let edited = document.edit(&[Edit::replace(id(&document, "/b/0"), r#""[redacted]""#)]).unwrap();
    assert_eq!(text(&edited), "{ \"a\" : 1.50 ,\n \"b\":[ \"[redacted]\" , 2 ] }");
    assert_eq!(edited.at("/b/0").unwrap().as_str(), Some("[redacted]"));
}

#[test]
fn a_set_member_is_added_or_replaced() {
    let document = parse(r#"{"o":{},"p":{"x":1}}"#).unwrap();
    let edits = [
        Edit::set(id(&document, "/o"), "new\"", "true"),
        Edit::set(id(&document, "/o"), "second", "{}"),
        Edit::set(id(&document, "/p"), "x", "[2]"),
        Edit::set(id(&document, "/p"), "y", "null"),
        Edit::set(id(&document, ""), "q", "0"),
    ];
    let edited = document.edit(&edits).unwrap();
    assert_eq!(text(&edited), r#"{"o":{"new\"":true,"second":{}},"p":{"x":[2],"y":null},"q":0}"#);
}

#[test]
fn removed_children_take_one_comma_each() {
    for (remove, left) in [
        (&["/0"][..], "[ 2, 3 ]"),
        (&["/1"], "[ 1, 3 ]"),
        (&["/2"], "[ 1, 2 ]"),
        (&["/0", "/1"], "[ 3 ]"),
        (&["/2", "/1"], "[ 1 ]"),
        (&["/0", "/2"], "[ 2 ]"),
        (&["/0", "/1", "/2"], "[  ]"),
    ] {
        let document = parse("[ 1, 2, 3 ]").unwrap();
        let edits: Vec<_> = remove.iter().map(|pointer| Edit::remove(id(&document, pointer))).collect();
        assert_eq!(text(&document.edit(&edits).unwrap()), left, "{remove:?}");
    }
    let document = parse(r#"{"a":1,"b":2}"#).unwrap();
    let edits = [
        Edit::remove(id(&document, "/a")),
        Edit::remove(id(&document, "/b")),
        Edit::set(id(&document, ""), "c", "3"),
    ];
    assert_eq!(text(&document.edit(&edits).unwrap()), r#"{"c":3}"#);
}

#[test]
fn a_key_is_replaced_by_a_string_only() {
    let document = parse(r#"{"attack":1}"#).unwrap();
    let key = document.keys().next().unwrap().id();
    assert_eq!(text(&document.edit(&[Edit::replace(key, r#""k""#)]).unwrap()), r#"{"k":1}"#);
    assert_eq!(document.edit(&[Edit::replace(key, "1")]).unwrap_err().kind(), K::EditTarget);
    assert_eq!(document.edit(&[Edit::remove(key)]).unwrap_err().kind(), K::EditTarget);
}

#[test]
fn a_text_that_is_not_one_value_cannot_smuggle_members() {
    let document = parse(r#"{"a":1}"#).unwrap();
    let a = id(&document, "/a");
    assert_eq!(document.edit(&[Edit::replace(a, r#"1,"b":2"#)]).unwrap_err().kind(), K::TrailingBytes);
    assert_eq!(document.edit(&[Edit::set(document.root().id(), "b", "")]).unwrap_err().kind(), K::Empty);
    assert_eq!(
        document.edit(&[Edit::set(document.root().id(), "b", "2}")]).unwrap_err().kind(),
        K::TrailingBytes
    );
}

#[test]
fn edits_that_touch_the_same_bytes_are_refused() {
    let document = parse(r#"{"a":[1,2],"b":3}"#).unwrap();
    let inner = Edit::replace(id(&document, "/a/0"), "9");
    for other in [Edit::remove(id(&document, "/a")), inner.clone(), Edit::replace(id(&document, "/a"), "0")] {
        assert_eq!(document.edit(&[inner.clone(), other]).unwrap_err().kind(), K::EditOverlap);
    }
}

#[test]
fn a_result_that_breaks_a_rule_is_refused() {
    let document = parse(r#"{"a":1,"b":2}"#).unwrap();
    let keys: Vec<_> = document.keys().map(|key| Edit::replace(key.id(), r#""k""#)).collect();
    assert_eq!(document.edit(&keys).unwrap_err().kind(), K::DuplicateKey);
    let deep = format!("{}{}", "[".repeat(64), "]".repeat(64));
    assert_eq!(
        document.edit(&[Edit::replace(id(&document, "/a"), deep)]).unwrap_err().kind(),
        K::TooDeep(64)
    );
    let twice = [Edit::set(document.root().id(), "c", "1"), Edit::set(document.root().id(), "c", "2")];
    assert_eq!(document.edit(&twice).unwrap_err().kind(), K::DuplicateKey);
    assert_eq!(document.edit(&[Edit::remove(document.root().id())]).unwrap_err().kind(), K::EditTarget);
    assert_eq!(document.edit(&[Edit::set(id(&document, "/a"), "c", "1")]).unwrap_err().kind(), K::EditTarget);
}

#[test]
fn an_edit_shows_no_content() {
    let document = parse(r#"{"a":1}"#).unwrap();
    let edit = Edit::set(document.root().id(), "secret-key", "\"secret\"");
    assert!(!format!("{edit:?}").contains("secret"));
}

proptest! {
    #[test]
    fn a_quoted_string_reads_back_as_itself(text in any::<String>()) {
        let document = parse(quote(&text)).unwrap();
        prop_assert_eq!(document.root().as_str(), Some(&*text));
    }

    #[test]
    fn removals_of_any_choice_of_elements_leave_the_others(kept in prop::collection::vec(any::<bool>(), 0..12)) {
        let all: Vec<_> = (0..kept.len()).collect();
        for object in [false, true] {
            let json = if object {
                format!("{{{}}}", all.iter().map(|n| format!("\"{n}\" : {n}")).collect::<Vec<_>>().join(" , "))
            } else {
                serde_json::to_string(&all).unwrap()
            };
            let document = parse(json).unwrap();
            let children: Vec<_> = document.root().items().chain(document.root().members().map(|m| m.1)).collect();
            let edits: Vec<_> =
                children.iter().zip(&kept).filter(|(_, kept)| !**kept).map(|(child, _)| Edit::remove(child.id())).collect();
            let edited = document.edit(&edits).unwrap();
            let left: Vec<_> =
                edited.root().items().chain(edited.root().members().map(|m| m.1)).map(|n| n.as_u64().unwrap() as usize).collect();
            let expected: Vec<_> = all.iter().copied().filter(|n| kept[*n]).collect();
            prop_assert_eq!(left, expected);
        }
    }
}
