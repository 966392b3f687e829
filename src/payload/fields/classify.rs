//! From a document to its fields.

use super::table::{Below, Names};
use super::{Field, FieldClass, FieldRule, FieldTable};
use crate::payload::json::{Kind, Node};

impl FieldTable {
    /// The fields in and below `object` that are neither neutral nor prompt, in the order of the source. Allocates only
    /// where there is one.
    pub fn classify(&'static self, object: Node<'_>) -> Vec<Field> {
        let mut fields = Fields { found: Vec::new() };
        if object.kind() == Kind::Object {
            fields.object(self, object);
        }
        fields.found
    }
}

struct Fields {
    found: Vec<Field>,
}

impl Fields {
    fn object(&mut self, table: &'static FieldTable, object: Node<'_>) {
        for (key, value) in object.members() {
            let name = key.as_str().unwrap_or_default().as_bytes();
            match table.find(name) {
                Some((listed, _)) if table.names == Names::Protobuf && is_repeated(object, name, listed) => {
                    self.push(FieldClass::Repeated, value, Some(listed));
                }
                Some((listed, rule)) => self.field(rule, value, listed),
                None if table.names == Names::Open => {}
                None => self.push(FieldClass::Unknown, value, None),
            }
        }
    }

    fn field(&mut self, rule: &FieldRule, value: Node<'_>, name: &'static str) {
        if rule.class.is_noted() && !rule.is_harmless(value) {
            match rule.below {
                Below::Free => self.push(rule.class, value, Some(name)),
                _ => self.note(rule.class, value, name),
            }
        }
        if matches!(value.kind(), Kind::Object | Kind::Array) {
            self.below(rule.below, value);
        }
    }

    fn note(&mut self, class: FieldClass, value: Node<'_>, name: &'static str) {
        if !class.is_noted_singly() {
            return self.push(class, value, Some(name));
        }
        match value.kind() {
            Kind::Object | Kind::Null => {}
            Kind::Array => value.items().for_each(|item| self.note(class, item, name)),
            // Some servers fetch what they were given as a name.
            _ if class == FieldClass::Reference && looks_like_url(value) => {
                self.push(FieldClass::Url, value, Some(name));
            }
            _ => self.push(class, value, Some(name)),
        }
    }

    fn below(&mut self, below: Below, value: Node<'_>) {
        match (value.kind(), below) {
            (_, Below::Free) => {}
            (Kind::Array, _) => {
                for item in value.items().filter(|item| matches!(item.kind(), Kind::Object | Kind::Array)) {
                    self.below(below, item);
                }
            }
            (_, Below::Object(table) | Below::List(table)) => self.object(table, value),
            (_, Below::Map(table)) => {
                for (_, member) in value.members() {
                    self.below(Below::Object(table), member);
                }
            }
            (_, Below::Nothing) => {
                for (_, member) in value.members() {
                    self.push(FieldClass::Unknown, member, None);
                }
            }
        }
    }

    fn push(&mut self, class: FieldClass, node: Node<'_>, name: Option<&'static str>) {
        self.found.push(Field { class, node: node.id(), name });
    }
}

/// Whether `object` has the field called `name` under its listed name, too.
fn is_repeated(object: Node<'_>, name: &[u8], listed: &str) -> bool {
    name != listed.as_bytes() && object.get(listed).is_some()
}

/// URLs and credentials in and below a field that the API does not know, for routes that pass it: what a server may do with
/// it is not known, so names and forms count.
pub(in crate::payload) fn suspects(unknown: Node<'_>) -> Vec<Field> {
    let mut found = Vec::new();
    let mut before: Option<Node<'_>> = None;
    for node in unknown.descend() {
        if !node.is_key() && node.kind() == Kind::String && looks_like_url(node) {
            found.push(Field { class: FieldClass::Url, node: node.id(), name: None });
        }
        let name = before.filter(|key| key.is_key() && !node.is_null()).and_then(Node::as_str);
        if name.is_some_and(names_credential) {
            found.push(Field { class: FieldClass::Credential, node: node.id(), name: None });
        }
        before = Some(node);
    }
    found
}

/// Whether servers and proxies take a member of this name for a credential.
pub(in crate::payload) fn names_credential(name: &str) -> bool {
    const WORDS: &[&str] = &[
        "apikey",
        "authorization",
        "accesstoken",
        "bearertoken",
        "credential",
        "password",
        "secret",
        "privatekey",
    ];
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    WORDS.iter().any(|word| plain.contains(word))
}

fn looks_like_url(text: Node<'_>) -> bool {
    let text = text.as_str().unwrap_or_default().as_bytes().trim_ascii_start();
    let starts =
        |scheme: &[u8]| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts(b"http:") || starts(b"https:")
}
