//! Tables of fields, as constant data.

use super::FieldClass;
use crate::payload::json::{Kind, Node};

/// The fields of one object of an API.
#[derive(Debug)]
pub struct FieldTable {
    pub(super) rules: &'static [FieldRule],
    pub(super) names: Names,
}

/// Which names an object may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Those of the rules.
    Listed,
    /// Any; those of the rules have a class.
    Open,
    /// Those of the rules, in the two spellings of Protocol Buffers' JSON: `maxTokens` and `max_tokens`.
    Protobuf,
}

/// Some fields of one class.
#[derive(Debug)]
pub struct FieldRule {
    pub(super) class: FieldClass,
    pub(super) names: &'static [&'static str],
    pub(super) below: Below,
    /// Values, as they are written in JSON, that ask for nothing.
    pub(super) harmless: &'static [&'static str],
}

/// What stands below a field. Arrays are as many values of the same sort.
#[derive(Debug, Clone, Copy)]
pub(super) enum Below {
    /// Strings, numbers, booleans.
    Nothing,
    Object(&'static FieldTable),
    List(&'static FieldTable),
    /// An object whose names are the client's, with values of one sort.
    Map(&'static FieldTable),
    /// Whatever the client likes.
    Free,
}

impl FieldTable {
    /// An object with the fields of these rules and no others. Fields that are sent often stand first: they are found soonest.
    pub const fn new(rules: &'static [FieldRule]) -> Self {
        Self { rules, names: Names::Listed }
    }

    /// An object that the API leaves to the client, of which some fields have a class.
    pub const fn open(rules: &'static [FieldRule]) -> Self {
        Self { rules, names: Names::Open }
    }

    /// An object with the fields of these rules, named in lower camel case, and no others; they may be written with
    /// underscores, too, as Protocol Buffers' JSON mapping has it.
    pub const fn protobuf(rules: &'static [FieldRule]) -> Self {
        Self { rules, names: Names::Protobuf }
    }

    /// The names of the fields.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<'_> {
        self.rules.iter().flat_map(|rule| rule.names).copied()
    }

    /// The class of the field at a path such as `messages[].content[].text`; `None` where the API has none. `[]` stands for
    /// the elements of an array and `{}` for the members of a map; both may be left out.
    pub fn class_of(&self, path: &str) -> Option<FieldClass> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let is_map = first.contains("{}");
        let name = first.trim_end_matches(['[', ']', '{', '}']);
        let Some((_, rule)) = self.find(name.as_bytes()) else {
            return (self.names == Names::Open).then_some(FieldClass::Neutral);
        };
        let Some(rest) = rest else { return Some(rule.class) };
        match rule.below {
            Below::Nothing => None,
            Below::Object(table) | Below::List(table) => table.class_of(rest),
            Below::Map(table) if is_map => table.class_of(rest),
            Below::Map(_) => Some(rule.class),
            Below::Free => Some(rule.class),
        }
    }

    /// The rule for a name, and the name as the rule has it.
    pub(in crate::payload) fn find(&self, name: &[u8]) -> Option<(&'static str, &'static FieldRule)> {
        let rules = self.rules.iter();
        let mut found = None;
        for rule in rules {
            if let Some(listed) = rule.names.iter().find(|listed| listed.as_bytes() == name) {
                return Some((listed, rule));
            }
            if self.names == Names::Protobuf && found.is_none() {
                found =
                    rule.names.iter().find(|listed| is_underscored(listed, name)).map(|name| (*name, rule));
            }
        }
        found
    }
}

impl FieldRule {
    /// Fields with these names and of this class, that hold strings, numbers or booleans, or arrays of them.
    pub const fn new(class: FieldClass, names: &'static [&'static str]) -> Self {
        Self { class, names, below: Below::Nothing, harmless: &[] }
    }

    /// They hold objects of this table.
    pub const fn object(self, table: &'static FieldTable) -> Self {
        Self { below: Below::Object(table), ..self }
    }

    /// They hold arrays of objects of this table.
    pub const fn list(self, table: &'static FieldTable) -> Self {
        Self { below: Below::List(table), ..self }
    }

    /// They hold objects whose names are the client's, and whose values are objects of this table.
    pub const fn map(self, table: &'static FieldTable) -> Self {
        Self { below: Below::Map(table), ..self }
    }

    /// They hold what the client likes: a schema, arguments, metadata.
    pub const fn free(self) -> Self {
        Self { below: Below::Free, ..self }
    }

    /// With one of these values, written as JSON text, they ask for nothing and are not noted: `false`, `"function"`.
    pub const fn harmless(self, values: &'static [&'static str]) -> Self {
        Self { harmless: values, ..self }
    }

    /// Whether the field asks for nothing.
    pub(super) fn is_harmless(&self, value: Node<'_>) -> bool {
        match value.kind() {
            Kind::Null => true,
            Kind::Object | Kind::Array => false,
            _ => self.harmless.iter().any(|harmless| harmless.as_bytes() == value.raw()),
        }
    }
}

/// Whether `name` is `camel` written with underscores: `maxTokens`, `max_tokens`.
fn is_underscored(camel: &str, name: &[u8]) -> bool {
    let mut name = name.iter().copied();
    camel.bytes().all(|byte| {
        let is_joint = byte.is_ascii_uppercase();
        (!is_joint || name.next() == Some(b'_')) && name.next() == Some(byte.to_ascii_lowercase())
    }) && name.next().is_none()
}
