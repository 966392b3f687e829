//! Why a document is not a value of the wanted type.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::error::push_key_bounded;
use super::node::NodeId;

/// How many characters of what was expected an error repeats.
const EXPECTED_LIMIT: usize = 200;

/// A document that is not a value of the wanted type.
///
/// The message names the place by RFC 6901 pointer, and what is expected there. It never repeats a value;
/// what a type's own `Deserialize` had to say, which may, is kept apart in [`detail`](Self::detail).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (at {})", if .pointer.is_empty() { "the top of the document" } else { .pointer })]
pub struct DeserializeError {
    kind: Box<Kind>,
    node: Option<NodeId>,
    pointer: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Type { found: &'static str, expected: String },
    Value { found: &'static str, expected: String },
    Length { found: usize, expected: String },
    UnknownVariant { expected: &'static [&'static str] },
    UnknownField { field: String, expected: &'static [&'static str] },
    MissingField(&'static str),
    DuplicateField(&'static str),
    Custom(String),
}

impl DeserializeError {
    /// The RFC 6901 pointer of the value that does not fit; empty for the document itself.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// What a type's own `Deserialize` said. It may repeat a value: for the audit record, not for the client.
    pub fn detail(&self) -> Option<&str> {
        match &*self.kind {
            Kind::Custom(detail) => Some(detail),
            _ => None,
        }
    }

    /// Names the value at fault, unless an inner one was named before.
    pub(super) fn at(mut self, node: NodeId) -> Self {
        self.node.get_or_insert(node);
        self
    }

    /// The value at fault.
    pub(super) fn node(&self) -> Option<NodeId> {
        self.node
    }

    pub(super) fn with_pointer(mut self, pointer: &str) -> Self {
        for step in pointer.split('/').skip(1) {
            push_key_bounded(&mut self.pointer, &step.replace("~1", "/").replace("~0", "~"));
        }
        self
    }

    fn new(kind: Kind) -> Self {
        Self { kind: Box::new(kind), node: None, pointer: String::new() }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type { found, expected } => write!(f, "expected {expected}, found {found}"),
            Self::Value { found, expected } => {
                write!(f, "expected {expected}, found {found} out of its range")
            }
            Self::Length { found, expected } => write!(f, "expected {expected}, found {found} elements"),
            Self::UnknownVariant { expected } => {
                f.write_str("unknown value; expected ")?;
                one_of(f, expected)
            }
            Self::UnknownField { field, expected } => {
                write!(f, "unknown member `{field}`; expected ")?;
                one_of(f, expected)
            }
            Self::MissingField(field) => write!(f, "the member `{field}` is missing"),
            Self::DuplicateField(field) => write!(f, "the member `{field}` appears twice"),
            Self::Custom(_) => f.write_str("the value does not fit"),
        }
    }
}

fn one_of(f: &mut fmt::Formatter<'_>, names: &[&str]) -> fmt::Result {
    if names.is_empty() {
        return f.write_str("none");
    }
    for (n, name) in names.iter().enumerate() {
        write!(f, "{}`{name}`", if n == 0 { "" } else { ", " })?;
    }
    Ok(())
}

fn named(unexpected: Unexpected<'_>) -> &'static str {
    match unexpected {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a number",
        Unexpected::Char(_) | Unexpected::Str(_) | Unexpected::Bytes(_) => "a string",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq | Unexpected::TupleVariant => "an array",
        Unexpected::Map | Unexpected::StructVariant => "an object",
        _ => "another value",
    }
}

fn wanted(expected: &dyn Expected) -> String {
    expected.to_string().chars().take(EXPECTED_LIMIT).collect()
}

impl de::Error for DeserializeError {
    fn custom<T: fmt::Display>(detail: T) -> Self {
        Self::new(Kind::Custom(detail.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Kind::Type { found: named(found), expected: wanted(expected) })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Kind::Value { found: named(found), expected: wanted(expected) })
    }

    fn invalid_length(found: usize, expected: &dyn Expected) -> Self {
        Self::new(Kind::Length { found, expected: wanted(expected) })
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownVariant { expected })
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let mut shown = String::new();
        push_key_bounded(&mut shown, field);
        Self::new(Kind::UnknownField { field: shown.split_off(1), expected })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Kind::MissingField(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(Kind::DuplicateField(field))
    }
}
