//! A rule: the literals that call it, and the pattern that decides.

use std::borrow::Cow;

use crate::payload::{Category, Severity};

/// One rule of a [`RuleSet`](super::RuleSet).
///
/// The literals of all rules are searched for at once, in one pass over the text; a rule costs nothing where none of
/// its literals stands. Where one does, the pattern is tried on the bytes around it, as far as [`reach`](Self::reach)
/// says.
///
/// Patterns are regular expressions over bytes, without look-around, case-insensitive for ASCII, and are written over
/// words:
/// - a space stands for whatever may part two words: spaces, marks that do not end a sentence, anything not ASCII;
/// - `<wN>` stands for up to N (one digit) words, each with the gap after it;
/// - `<q>` stands for an opening or closing quotation mark of any kind;
/// - an apostrophe also matches its typographic forms, or nothing;
/// - inside brackets, and after a backslash, characters stand for themselves.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(super) id: Cow<'static, str>,
    pub(super) category: Category,
    pub(super) severity: Severity,
    pub(super) description: Cow<'static, str>,
    pub(super) literals: Vec<Cow<'static, str>>,
    pub(super) pattern: Option<Cow<'static, str>>,
    pub(super) unless: Option<Cow<'static, str>>,
    pub(super) reach: (usize, usize),
    pub(super) documents_only: bool,
}

impl Rule {
    /// A rule that finds its literals, until [`pattern`](Self::pattern) narrows it.
    ///
    /// `id` is its stable name in the record (`override.ignore-previous`), `description` says in a sentence what it
    /// looks for.
    pub fn new(
        id: impl Into<Cow<'static, str>>,
        category: Category,
        severity: Severity,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            id: id.into(),
            category,
            severity,
            description: description.into(),
            literals: Vec::new(),
            pattern: None,
            unless: None,
            reach: (16, 200),
            documents_only: false,
        }
    }

    /// Adds literals that call the rule. ASCII letters match in either case.
    #[must_use]
    pub fn literals<L: Into<Cow<'static, str>>>(mut self, literals: impl IntoIterator<Item = L>) -> Self {
        self.literals.extend(literals.into_iter().map(Into::into));
        self
    }

    /// The pattern that decides where a literal was met.
    #[must_use]
    pub fn pattern(mut self, pattern: impl Into<Cow<'static, str>>) -> Self {
        self.pattern = Some(pattern.into());
        self
    }

    /// A pattern that takes a match back when it matches within 48 bytes of it: the text speaks about an attack.
    #[must_use]
    pub fn unless(mut self, pattern: impl Into<Cow<'static, str>>) -> Self {
        self.unless = Some(pattern.into());
        self
    }

    /// How many bytes before and after a literal the pattern may look at; 16 and 200 if not said.
    #[must_use]
    pub fn reach(mut self, before: usize, after: usize) -> Self {
        self.reach = (before, after);
        self
    }

    /// Looks only at documents and answers of tools, which have no business giving orders.
    #[must_use]
    pub fn documents_only(mut self) -> Self {
        self.documents_only = true;
        self
    }

    /// Its stable name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What a hit means.
    pub fn category(&self) -> Category {
        self.category
    }

    /// How sure a hit is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What it looks for.
    pub fn description(&self) -> &str {
        &self.description
    }
}

/// The regular expression that a pattern over words stands for.
pub(super) fn expand(pattern: &str) -> String {
    const GAP: &str = "[^0-9A-Za-z.!?]+";
    let mut out = String::with_capacity(pattern.len() * 4);
    let mut rest = pattern;
    let mut class = false;
    while let Some(ch) = rest.chars().next() {
        let taken = match ch {
            '\\' => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            _ if class => ch.len_utf8(),
            ' ' => {
                out.push_str(GAP);
                rest = &rest[1..];
                continue;
            }
            '\'' => {
                out.push_str("(?:['`]|’|‘|´)?");
                rest = &rest[1..];
                continue;
            }
            '<' if rest.starts_with("<q>") => {
                out.push_str("(?:[\"'`]|“|”|‘|’|«|»|「|『)");
                rest = &rest[3..];
                continue;
            }
            '<' if matches!(rest.as_bytes(), [_, b'w', b'0'..=b'9', b'>', ..]) => {
                out.push_str("(?:[0-9A-Za-z]+");
                out.push_str(GAP);
                out.push_str("){0,");
                out.push_str(&rest[2..3]);
                out.push('}');
                rest = &rest[4..];
                continue;
            }
            _ => ch.len_utf8(),
        };
        class = match ch {
            '[' => true,
            ']' => false,
            _ => class,
        };
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out
}
