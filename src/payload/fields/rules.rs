//! What a route lets through.

use super::UrlPolicy;

/// What happens to fields that the API does not know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnknownFields {
    /// The request is refused, and the refusal names the first of them.
    #[default]
    Refuse,
    /// They are taken out of the document before the handler sees it.
    Strip,
    /// They go through, and are noted in the facts. URLs and credentials in them are treated as such.
    Pass,
}

impl UnknownFields {
    /// The stable name: `refuse`, `strip` or `pass`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Strip => "strip",
            Self::Pass => "pass",
        }
    }
}

/// What a route lets through in a body; the default is the least.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldRules {
    /// What happens to fields that the API does not know; they are refused unless said otherwise.
    pub unknown: UnknownFields,
    /// Which URLs may stand in the body; none unless said otherwise.
    pub urls: UrlPolicy,
    /// Whether credentials may stand in the body; they may not unless said otherwise.
    pub danger_credentials: bool,
}

impl FieldRules {
    /// These rules, with another fate for fields that the API does not know.
    #[must_use]
    pub fn with_unknown(self, unknown: UnknownFields) -> Self {
        Self { unknown, ..self }
    }

    /// These rules, with another list of hosts.
    #[must_use]
    pub fn with_urls(self, urls: UrlPolicy) -> Self {
        Self { urls, ..self }
    }
}
