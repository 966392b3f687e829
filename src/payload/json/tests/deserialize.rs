use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::parse;

#[derive(Debug, Deserialize, PartialEq)]
struct Message<'a> {
    #[serde(borrow)]
    role: &'a str,
    content: Option<Content>,
    #[serde(default)]
    rank: u8,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Content {
    Text(String),
    Blocks(Vec<Block>),
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text { text: String },
    Image { width: u32 },
}

#[derive(Debug, Deserialize, PartialEq)]
enum Plain {
    Unit,
    New(u8),
    Pair(u8, u8),
    Named { a: u8 },
}

#[test]
fn structs_options_enums_and_borrowed_strings_are_read() {
    let document = parse(
        r#"[{"role":"us\u0065r","content":"hi"},{"role":"tool","content":null},
            {"role":"x","rank":7,"content":[{"type":"text","text":"t"},{"type":"image","width":3}]}]"#,
    )
    .unwrap();
    let messages: Vec<Message<'_>> = document.deserialize().unwrap();
    assert_eq!(messages[0], Message { role: "user", content: Some(Content::Text("hi".into())), rank: 0 });
    assert_eq!(messages[1].content, None);
    let blocks = vec![Block::Text { text: "t".into() }, Block::Image { width: 3 }];
    assert_eq!(messages[2], Message { role: "x", content: Some(Content::Blocks(blocks)), rank: 7 });

    let document = parse(r#"["Unit",{"Unit":null},{"New":1},{"Pair":[1,2]},{"Named":{"a":5}}]"#).unwrap();
    let plain: Vec<Plain> = document.deserialize().unwrap();
    assert_eq!(plain, [Plain::Unit, Plain::Unit, Plain::New(1), Plain::Pair(1, 2), Plain::Named { a: 5 }]);
}

#[test]
fn numbers_arrive_faithfully_or_not_at_all() {
    let document =
        parse("[340282366920938463463374607431768211455, -170141183460469231731687303715884105728]").unwrap();
    assert_eq!(document.deserialize::<(u128, i128)>().unwrap(), (u128::MAX, i128::MIN));
    assert_eq!(parse("18446744073709551615").unwrap().deserialize::<u64>().unwrap(), u64::MAX);
    assert!(parse("18446744073709551616").unwrap().deserialize::<u64>().is_err());
    assert!(parse("1.0").unwrap().deserialize::<u64>().is_err());
    assert!(parse("256").unwrap().deserialize::<u8>().is_err());
    assert!(parse("-1").unwrap().deserialize::<u64>().is_err());
    assert!(parse("1e999").unwrap().deserialize::<f64>().is_err());
    assert_eq!(parse("3").unwrap().deserialize::<f64>().unwrap(), 3.0);
}

#[test]
fn maps_may_be_keyed_by_numbers_and_enums() {
    #[derive(Debug, Deserialize, PartialEq, Eq, Hash)]
    #[serde(rename_all = "lowercase")]
    enum Name {
        One,
    }
    let document = parse(r#"{"1":"a","20":"b"}"#).unwrap();
    let map: BTreeMap<u16, &str> = document.deserialize().unwrap();
    assert_eq!(map, BTreeMap::from([(1, "a"), (20, "b")]));
    let map: HashMap<Name, u8> = parse(r#"{"one":1}"#).unwrap().deserialize().unwrap();
    assert_eq!(map[&Name::One], 1);
    assert!(parse(r#"{"x":1}"#).unwrap().deserialize::<HashMap<u8, u8>>().is_err());
}

#[test]
fn an_error_names_the_innermost_place_and_no_value() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the failure is looked at")]
    struct Strict {
        list: Vec<BTreeMap<String, u8>>,
    }
    for (source, pointer, message) in [
        (r#"{"list":[{"a":1},{"b/c":"secret"}]}"#, "/list/1/b~1c", "expected u8, found a string"),
        (r#"{"list":[{"a":4711}]}"#, "/list/0/a", "expected u8, found an integer out of its range"),
        (r#"{"list":"secret"}"#, "/list", "expected a sequence, found a string"),
        (r#"{"list":[],"secreT":0}"#, "/secreT", "unknown member `secreT`; expected `list`"),
        (r#"{}"#, "", "the member `list` is missing"),
    ] {
        let document = parse(source).unwrap();
        let error = document.deserialize::<Strict>().unwrap_err();
        let shown = error.to_string();
        assert_eq!(error.pointer(), pointer, "{shown}");
        assert!(shown.starts_with(message), "{shown}");
        assert!(!shown.contains("secret") && !shown.contains("4711"), "{shown}");
    }
}

#[test]
fn what_a_type_itself_says_stays_out_of_the_message() {
    let document = parse(r#"{"address":"secret"}"#).unwrap();
    let error = document.deserialize::<HashMap<String, std::net::IpAddr>>().unwrap_err();
    assert_eq!(error.to_string(), "the value does not fit (at /address)");
    assert!(error.detail().unwrap().contains("IP address"));
}

#[test]
fn arrays_longer_than_wanted_are_refused() {
    assert!(parse("[1,2,3]").unwrap().deserialize::<(u8, u8)>().is_err());
    assert!(parse("[1]").unwrap().deserialize::<(u8, u8)>().is_err());
    assert!(parse(r#"{"New":1,"Unit":null}"#).unwrap().deserialize::<Plain>().is_err());
}
