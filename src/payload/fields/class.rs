//! The classes of fields.

use std::fmt;

use crate::payload::json::NodeId;

/// What a field of a request is good for. The names are stable: they stand in policies and records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FieldClass {
    /// Changes how an answer reads, and nothing else.
    Neutral,
    /// Text, or what else reaches the model: it is among the parts of the prompt.
    Prompt,
    /// Changes what the request costs: how much is generated, how often, how long it is thought about.
    Cost,
    /// Makes the server do more than answer: run its own tools, keep things, work on in the background, be served first.
    Privileged,
    /// Names something that is stored with the server: earlier answers, files, containers, whose owner it must check.
    Reference,
    /// A URL that the server, or the model's tools, will fetch.
    Url,
    /// Says for whom the request is made. Nothing here believes it.
    Identity,
    /// Names a model.
    Model,
    /// A credential that the server is to use elsewhere.
    Credential,
    /// No field of the API.
    Unknown,
    /// A field that stands in its object already, under another spelling that the API takes, too. Always refused.
    Repeated,
}

impl FieldClass {
    /// Every class.
    pub const ALL: [Self; 11] = [
        Self::Neutral,
        Self::Prompt,
        Self::Cost,
        Self::Privileged,
        Self::Reference,
        Self::Url,
        Self::Identity,
        Self::Model,
        Self::Credential,
        Self::Unknown,
        Self::Repeated,
    ];

    /// The stable name, e.g. `privileged`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Prompt => "prompt",
            Self::Cost => "cost",
            Self::Privileged => "privileged",
            Self::Reference => "reference",
            Self::Url => "url",
            Self::Identity => "identity",
            Self::Model => "model",
            Self::Credential => "credential",
            Self::Unknown => "unknown",
            Self::Repeated => "repeated",
        }
    }

    /// The class of that stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }

    /// Whether fields of this class are noted in the facts.
    pub(super) const fn is_noted(self) -> bool {
        !matches!(self, Self::Neutral | Self::Prompt)
    }

    /// Whether each string of an array is noted by itself, and not the field as a whole.
    pub(super) const fn is_noted_singly(self) -> bool {
        matches!(self, Self::Reference | Self::Url | Self::Model)
    }
}

impl fmt::Display for FieldClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A field of a request that is neither neutral nor prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// What it is good for.
    pub class: FieldClass,
    /// Its value, in the document that was read. Of an array of URLs, models or references each string is a field.
    pub node: NodeId,
    /// Its name, as the API's documentation has it, however it was spelt; `None` where the API has none.
    pub name: Option<&'static str>,
}
