//! What inspection saw and what it looked at: [`Finding`], [`Findings`], [`Coverage`].
//!
//! They are words of the vocabulary, because a policy decides on them, the record keeps them and a handler may
//! read them; only the layer that inspects makes them. None of them holds text of the prompt.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// What kind of thing a detector saw.
///
/// The names are stable: they stand in configuration, in policies and in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Category {
    /// The text tells the model to drop or replace the instructions it was given.
    Override,
    /// The text asks for the instructions or secrets that the model was given.
    Extraction,
    /// The text gives the model a persona or a mode that knows no rules.
    Persona,
    /// A document or a tool's answer addresses the model and gives it orders.
    Indirect,
    /// The text holds control markers of a chat template, which forge a turn or a role.
    Marker,
    /// The text carries a suffix made by optimisation against a model.
    Optimised,
}

impl Category {
    /// Every category, in the order of their names in the documentation.
    pub const ALL: [Self; 6] =
        [Self::Override, Self::Extraction, Self::Persona, Self::Indirect, Self::Marker, Self::Optimised];

    /// The stable name, e.g. `injection.override`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Override => "injection.override",
            Self::Extraction => "injection.extraction",
            Self::Persona => "injection.persona",
            Self::Indirect => "injection.indirect",
            Self::Marker => "injection.marker",
            Self::Optimised => "injection.optimised",
        }
    }

    /// The category of that stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.as_str() == name)
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How sure a detector is that what it saw is an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Worth a look together with other signs; benign text holds it, too.
    Medium,
    /// Benign text next to never holds it.
    High,
}

impl Severity {
    /// The stable name: `medium` or `high`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// One thing that a detector saw. Holds where and by which rule, never the text itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The rule's stable id, e.g. `override.ignore-previous`.
    pub rule: Cow<'static, str>,
    /// What kind of thing it is.
    pub category: Category,
    /// How sure the detector is.
    pub severity: Severity,
    /// Where in the payload: a JSON pointer (RFC 6901) to the string, or to the member whose name it is.
    pub pointer: Box<str>,
    /// Which bytes of that string, as it was sent. What was found in a decoded run has the span of the run.
    pub span: Range<usize>,
}

impl Finding {
    /// A finding of `rule`; `pointer` is empty until the string's place in the payload is known.
    pub fn new(
        rule: impl Into<Cow<'static, str>>,
        category: Category,
        severity: Severity,
        span: Range<usize>,
    ) -> Self {
        Self { rule: rule.into(), category, severity, pointer: "".into(), span }
    }

    /// The same finding, at this place of the payload.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<Box<str>>) -> Self {
        self.pointer = pointer.into();
        self
    }
}

/// The findings of one request, at most [`Findings::MOST`] of them; how many more there were is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    list: Vec<Finding>,
    dropped: usize,
}

impl Findings {
    /// The most findings that are kept. Text that trips every rule at every place costs no more memory than this.
    pub const MOST: usize = 256;

    /// No findings yet.
    pub const fn new() -> Self {
        Self { list: Vec::new(), dropped: 0 }
    }

    /// Adds one. When the list is full it is counted, and kept only if it is of a higher severity than one held.
    pub fn push(&mut self, finding: Finding) {
        self.push_at(finding, |_| {});
    }

    /// The same; `place` finds out where it stands, which takes time, and is asked only for what is kept.
    pub(crate) fn push_at(&mut self, mut finding: Finding, place: impl FnOnce(&mut Finding)) {
        if self.list.len() < Self::MOST {
            place(&mut finding);
            self.list.push(finding);
            return;
        }
        self.dropped += 1;
        if let Some(weaker) = self.list.iter_mut().find(|held| held.severity < finding.severity) {
            place(&mut finding);
            *weaker = finding;
        }
    }

    /// Those that are kept, in the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.list.iter()
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many were seen beyond those that are kept.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Whether something of this category was found, at this severity or above.
    pub fn holds(&self, category: Category, least: Severity) -> bool {
        self.iter().any(|finding| finding.category == category && finding.severity >= least)
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Extend<Finding> for Findings {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }
}

/// What was looked at: the receipt that stands in every record, so that "nothing was found" cannot mean
/// "nothing was read".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coverage {
    /// The version of the rules that read the text.
    pub rules: Arc<str>,
    /// Strings that were read: prompt parts and names of members.
    pub parts: usize,
    /// Their bytes, as sent.
    pub bytes: usize,
    /// How many of the strings were read in a normalised form as well.
    pub normalised: usize,
    /// Runs and disguises that were decoded and read in the clear.
    pub decoded: usize,
}
