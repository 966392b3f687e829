//! Strict JSON against serde_json: what we take, it reads the same; what it takes and we do not, we refuse for one of our
//! own reasons, which is checked too. Edits are compared with the same change of serde_json's value.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use portcullis::payload::json::{Document, Edit, JsonErrorKind, Kind, Node, NodeId, quote};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// How many nodes of one document are looked at one by one.
const NODES: usize = 48;

pub fn check(data: &[u8]) {
    let theirs = serde_json::from_slice::<Value>(data);
    match Document::parse(Bytes::copy_from_slice(data)) {
        Ok(document) => match theirs {
            Ok(value) => {
                assert_same(document.root(), &value);
                assert_eq!(document.deserialize::<Value>().expect("a Value takes everything"), value);
                check_places(&document);
                check_edits(&document, &value);
            }
            Err(error) => {
                let beyond = |node: Node<'_>| node.kind() == Kind::Number && node.as_f64().is_none();
                let numbers = document.root().descend().any(beyond);
                assert!(numbers, "only numbers beyond f64 are ours alone: {error}");
            }
        },
        Err(error) => {
            assert!(error.offset() <= data.len());
            assert!(error.to_string().len() < 2048, "errors are bounded");
            if theirs.is_ok() {
                let shape: Shape = serde_json::from_slice(data).expect("it was just read");
                match error.kind() {
                    JsonErrorKind::DuplicateKey => assert!(shape.duplicate, "no key stands there twice"),
                    JsonErrorKind::TooDeep(limit) => assert!(shape.depth > limit, "{} deep", shape.depth),
                    other => panic!("refused, though it is JSON: {other:?}"),
                }
            }
        }
    }
}

fn assert_same(ours: Node<'_>, theirs: &Value) {
    match theirs {
        Value::Null => assert!(ours.is_null()),
        Value::Bool(flag) => assert_eq!(ours.as_bool(), Some(*flag)),
        Value::String(text) => {
            assert_eq!(ours.as_str(), Some(&**text));
            assert_eq!(ours.text_len(), text.len());
        }
        Value::Number(number) => {
            assert_eq!(ours.as_f64(), number.as_f64());
            if let Some(number) = number.as_u64() {
                assert_eq!(ours.as_u64(), Some(number));
            } else if let Some(number) = number.as_i64() {
                assert_eq!(ours.as_i64(), Some(number));
            }
        }
        Value::Array(items) => {
            assert_eq!((ours.kind(), ours.len()), (Kind::Array, items.len()));
            ours.items().zip(items).for_each(|(ours, theirs)| assert_same(ours, theirs));
        }
        Value::Object(members) => {
            assert_eq!((ours.kind(), ours.len()), (Kind::Object, members.len()));
            for (key, value) in ours.entries() {
                assert_same(value, &members[key]);
            }
        }
    }
}

fn check_places(document: &Document) {
    for node in document.root().descend().take(NODES) {
        let pointer = document.pointer(node.id());
        let found = document.at(&pointer).expect("a pointer that was made here leads somewhere");
        if !node.is_key() {
            assert_eq!(found.id(), node.id(), "{pointer}");
        }
        if let Some(text) = node.as_str() {
            let quoted = Document::parse(quote(text).into()).expect("what was quoted is JSON");
            assert_eq!(quoted.root().as_str(), Some(text));
        }
    }
}

fn check_edits(document: &Document, value: &Value) {
    const NEW: &str = "a \"new\" key";
    let nodes: Vec<Node<'_>> = document.root().descend().filter(|node| !node.is_key()).take(NODES).collect();
    for node in &nodes {
        let pointer = document.pointer(node.id());
        let replaced = document.edit(&[Edit::replace(node.id(), " [7] ")]).or_else(|error| {
            // An array is one level more.
            assert!(matches!(error.kind(), JsonErrorKind::TooDeep(_)), "{error}");
            document.edit(&[Edit::replace(node.id(), "7")])
        });
        let replaced = replaced.expect("a value can stand in the place of any other");
        assert!(matches!(replaced.at(&pointer).expect("it is there").raw(), b"[7]" | b"7"));
        if node.kind() == Kind::Object {
            let set = document.edit(&[Edit::set(node.id(), NEW, "null")]).expect("an object takes a member");
            assert!(set.at(&pointer).and_then(|object| object.get(NEW)).is_some_and(Node::is_null));
        }
    }
    for (turn, node) in nodes.iter().enumerate() {
        check_removal(document, value, *node, turn);
    }
}

/// Takes some children out and puts a member in, all at once.
fn check_removal(document: &Document, value: &Value, parent: Node<'_>, turn: usize) {
    let children: Vec<Node<'_>> = match parent.kind() {
        Kind::Array => parent.items().collect(),
        Kind::Object => parent.members().map(|(_, value)| value).collect(),
        _ => return,
    };
    let goes = |place: usize| (0x9E37_79B9_u32.rotate_left(turn as u32) >> (place % 32)) & 1 == 1;
    let gone = children.iter().enumerate().filter(|(place, _)| goes(*place)).map(|(_, child)| *child);
    let gone: Vec<Node<'_>> = gone.collect();
    let mut edits: Vec<Edit> = gone.iter().map(|child| Edit::remove(child.id())).collect();
    let mut expected = value.clone();
    let pointer = document.pointer(parent.id());
    match expected.pointer_mut(&pointer).expect("both read the same document") {
        Value::Array(items) => {
            let mut place = 0..;
            items.retain(|_| !place.next().is_some_and(goes));
        }
        Value::Object(members) => {
            let gone: HashSet<NodeId> = gone.iter().map(|child| child.id()).collect();
            for (key, child) in parent.entries() {
                if gone.contains(&child.id()) {
                    members.remove(key);
                }
            }
            if !members.contains_key("put") && parent.get("put").is_none() {
                members.insert("put".to_owned(), Value::from(1));
                edits.push(Edit::set(parent.id(), "put", "1"));
            }
        }
        _ => unreachable!("a container for both"),
    }
    let edited = document.edit(&edits).expect("children can be removed");
    assert_same(edited.root(), &expected);
}

/// What serde_json's own value does not keep.
struct Shape {
    duplicate: bool,
    depth: usize,
}

impl Shape {
    const LEAF: Self = Self { duplicate: false, depth: 0 };

    fn holds(&mut self, child: &Self) {
        self.duplicate |= child.duplicate;
        self.depth = self.depth.max(child.depth + 1);
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Shape, E> {
        Ok(Shape::LEAF)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::LEAF)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::LEAF)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::LEAF)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::LEAF)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::LEAF)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut shape = Shape { duplicate: false, depth: 1 };
        while let Some(item) = items.next_element::<Shape>()? {
            shape.holds(&item);
        }
        Ok(shape)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Shape, A::Error> {
        let mut shape = Shape { duplicate: false, depth: 1 };
        let mut keys = HashSet::new();
        while let Some((key, value)) = members.next_entry::<String, Shape>()? {
            shape.duplicate |= !keys.insert(key);
            shape.holds(&value);
        }
        Ok(shape)
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = [
        r#"{"a":[1,-2,0.5,1e3,-0,18446744073709551615,-9223372036854775808,1e999],"b":{"c":null,"d":true}}"#,
        r#" [ "plain" , "\u00e9\ud83d\ude00\n\"\\\/" , "é😀" , [] , {} , false ] "#,
        r#"{"a~b/c":{"":{"~1":0}},"\u0061":1}"#,
        r#"{"a":1,"a":2}"#,
        "{\"tab\":\"\t\"}",
        r#"["\ud800"]"#,
        "01",
        "\u{feff}{}",
        "nul",
        "",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    seeds.push(format!("{}1{}", "[".repeat(66), "]".repeat(66)).into_bytes());
    seeds.push(b"\"\xff\"".to_vec());
    seeds
}
