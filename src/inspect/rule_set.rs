//! Rules, compiled: one automaton for the literals of all of them, one bounded regular expression each.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

use crate::payload::{Finding, Severity};

use super::disguise::Disguise;
use super::rule::{Rule, expand};
use super::sweep::{Hit, Sweep};
use super::text::{Provenance, ScannedText, View};

/// The most findings of one rule in one form of a text.
const MOST_PER_RULE: usize = 4;
/// The most bytes of a literal that call a pattern.
const CALLING: usize = 14;
/// How far around a match its `unless` pattern looks.
const AROUND: usize = 48;
/// The most memory that one compiled pattern may take.
const PATTERN_SIZE: usize = 1 << 20;

/// A versioned set of [`Rule`]s, ready to scan.
///
/// Scanning is linear in the text, whatever the text says: the automaton looks at each byte once, a pattern sees each
/// byte at most once, and findings are bounded.
pub struct RuleSet {
    version: Cow<'static, str>,
    rules: Vec<Compiled>,
    sweep: Sweep,
    literals: Vec<Meaning>,
}

/// Why rules could not be compiled.
#[derive(Debug, thiserror::Error)]
#[error("inspection rules: {kind}")]
pub struct RuleSetError {
    kind: RuleSetErrorKind,
}

/// What is wrong with a rule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum RuleSetErrorKind {
    #[error("rule `{0}` has no literals; add at least one, it decides where the rule looks")]
    NoLiterals(String),
    #[error(
        "rule `{0}` has the literal {1:?}; one needs 2 to 255 bytes, a shorter one would be met everywhere"
    )]
    Literal(String, String),
    #[error("{0} rules; a set holds at most 65535")]
    TooMany(usize),
    #[error("two rules have the id `{0}`; ids stand in the record and must differ")]
    DuplicateId(String),
    #[error("the pattern of rule `{0}` does not compile: {1}")]
    Pattern(String, String),
    #[error("the literals do not fit one automaton: {0}")]
    Automaton(String),
}

/// What a literal that was met stands for.
#[derive(Debug, Default)]
struct Meaning {
    rules: Vec<u32>,
    disguises: u8,
}

/// A literal of a rule, met in a text: the rule's number, where the literal starts, and its length, in one word so
/// that a text full of them is sorted fast.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Call(u64);

impl Call {
    fn new(rule: u32, hit: Hit) -> Self {
        Self(u64::from(rule) << 48 | (hit.start as u64) << 8 | (hit.end - hit.start) as u64)
    }

    fn rule(self) -> usize {
        (self.0 >> 48) as usize
    }

    fn start(self) -> usize {
        (self.0 >> 8 & 0xff_ffff_ffff) as usize
    }

    fn end(self) -> usize {
        self.start() + (self.0 & 0xff) as usize
    }
}

struct Compiled {
    rule: Rule,
    pattern: Option<Pattern>,
    unless: Option<Pattern>,
}

/// A regular expression, compiled when it is first needed.
struct Pattern {
    source: Cow<'static, str>,
    regex: OnceLock<Result<Regex, regex::Error>>,
}

impl Pattern {
    fn regex(&self) -> &Result<Regex, regex::Error> {
        self.regex.get_or_init(|| {
            RegexBuilder::new(&expand(&self.source))
                .unicode(false)
                .case_insensitive(true)
                .size_limit(PATTERN_SIZE)
                .build()
        })
    }

    fn compiled(&self) -> &Regex {
        self.regex().as_ref().expect("patterns of others are compiled when they are given, ours by a test")
    }
}

impl RuleSet {
    /// Compiles rules. `version` names the set in every record; change it when a rule changes.
    ///
    /// # Errors
    /// When a rule has no literals or one that is too short, shares its id with another, or its pattern does not
    /// compile within the size limit.
    pub fn new(
        version: impl Into<Cow<'static, str>>,
        rules: impl IntoIterator<Item = Rule>,
    ) -> Result<Self, RuleSetError> {
        let set = Self::prepare(version.into(), rules)?;
        set.check_patterns()?;
        Ok(set)
    }

    /// Compiles every pattern that is not compiled yet.
    pub(super) fn check_patterns(&self) -> Result<(), RuleSetError> {
        for Compiled { rule, pattern, unless } in &self.rules {
            for pattern in [pattern, unless].into_iter().flatten() {
                if let Err(error) = pattern.regex() {
                    return Err(RuleSetErrorKind::Pattern(rule.id.to_string(), error.to_string()).into());
                }
            }
        }
        Ok(())
    }

    /// Compiles every pattern, so that no request has to wait for it.
    pub(super) fn compile(&self) {
        self.rules.iter().flat_map(|rule| [&rule.pattern, &rule.unless]).flatten().for_each(|pattern| {
            pattern.compiled();
        });
    }

    /// All but the patterns, which take most of the time and of which most are never needed.
    pub(super) fn prepare(
        version: Cow<'static, str>,
        rules: impl IntoIterator<Item = Rule>,
    ) -> Result<Self, RuleSetError> {
        let rules = rules.into_iter().map(take_in).collect::<Result<Vec<_>, _>>()?;
        if rules.len() > usize::from(u16::MAX) {
            return Err(RuleSetErrorKind::TooMany(rules.len()).into());
        }
        let mut ids: Vec<&str> = rules.iter().map(|compiled| compiled.rule.id()).collect();
        ids.sort_unstable();
        if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(RuleSetErrorKind::DuplicateId(twice[0].to_owned()).into());
        }
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut literals: Vec<Meaning> = Vec::new();
        let mut meaning = |literal: &str, change: &mut dyn FnMut(&mut Meaning)| {
            let next = literals.len();
            let number = *numbers.entry(literal.to_ascii_lowercase()).or_insert(next);
            if number == next {
                literals.push(Meaning::default());
            }
            change(&mut literals[number]);
        };
        for (number, compiled) in (0u32..).zip(&rules) {
            for literal in &compiled.rule.literals {
                // Where a pattern decides, the beginning is enough to call it, and keeps the automaton small.
                let most =
                    if compiled.pattern.is_some() { CALLING.min(literal.len()) } else { literal.len() };
                let cut = (0..=most).rev().find(|cut| literal.is_char_boundary(*cut)).unwrap_or(0);
                let literal = &literal[..cut];
                meaning(literal, &mut |meaning| meaning.rules.push(number));
            }
        }
        for disguise in Disguise::ALL {
            for literal in disguise.tell_tales() {
                meaning(&literal, &mut |meaning| meaning.disguises |= disguise.bit());
            }
        }
        let mut ordered: Vec<(String, usize)> = numbers.into_iter().collect();
        ordered.sort_unstable_by_key(|(_, number)| *number);
        let ordered: Vec<String> = ordered.into_iter().map(|(literal, _)| literal).collect();
        let sweep = Sweep::new(&ordered).map_err(RuleSetErrorKind::Automaton)?;
        Ok(Self { version, rules, sweep, literals })
    }

    /// The name of this set in the record.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The rules, in the order in which they were given.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|compiled| &compiled.rule)
    }

    /// Reads `text` in every form, gives `report` what the rules find, and returns the forms for other detectors.
    pub fn scan<'a>(
        &self,
        text: &'a str,
        provenance: Provenance,
        mut report: impl FnMut(Finding),
    ) -> ScannedText<'a> {
        let mut calls: Vec<Call> = Vec::new();
        let mut disguises = 0;
        self.collect(text, &mut calls, &mut disguises);
        let scanned = ScannedText::new(text, provenance, disguises);
        let mut weak: Vec<Finding> = Vec::new();
        for (index, view) in scanned.views().enumerate() {
            if index > 0 {
                calls.clear();
                self.collect(view.text(), &mut calls, &mut 0);
            }
            if calls.is_empty() {
                continue;
            }
            self.judge(view, provenance, &mut calls, &mut |finding| match finding.severity {
                Severity::Medium => weak.push(finding),
                Severity::High => report(finding),
            });
        }
        strengthen(&mut weak);
        weak.into_iter().for_each(report);
        scanned
    }

    /// The rules that a text calls, and the disguises that it wears.
    fn collect(&self, text: &str, calls: &mut Vec<Call>, disguises: &mut u8) {
        self.sweep.run(text, |hit| {
            let meaning = &self.literals[hit.literal as usize];
            *disguises |= meaning.disguises;
            calls.extend(meaning.rules.iter().map(|rule| Call::new(*rule, hit)));
        });
    }

    fn judge(
        &self,
        view: &View<'_>,
        provenance: Provenance,
        calls: &mut [Call],
        report: &mut dyn FnMut(Finding),
    ) {
        let length = view.text().len();
        calls.sort_unstable();
        for calls in calls.chunk_by(|one, other| one.rule() == other.rule()) {
            let compiled = &self.rules[calls[0].rule()];
            if compiled.rule.documents_only && provenance != Provenance::Document {
                continue;
            }
            let (before, after) = compiled.rule.reach;
            let mut left = MOST_PER_RULE;
            let mut window = None::<(usize, usize)>;
            for call in calls {
                let (start, end) = (call.start(), call.end());
                if compiled.pattern.is_none() {
                    compiled.tell(view, start, end, &mut left, report);
                    continue;
                }
                let (from, to) = (start.saturating_sub(before), (end + after).min(length));
                window = match window {
                    Some(open) if from <= open.1 => Some((open.0, to.max(open.1))),
                    Some(open) => {
                        compiled.look(view, open, &mut left, report);
                        Some((from, to))
                    }
                    None => Some((from, to)),
                };
                if left == 0 {
                    break;
                }
            }
            if let Some(open) = window {
                compiled.look(view, open, &mut left, report);
            }
        }
    }
}

impl Compiled {
    /// Tries the pattern on one window.
    fn look(
        &self,
        view: &View<'_>,
        window: (usize, usize),
        left: &mut usize,
        report: &mut dyn FnMut(Finding),
    ) {
        let Some(pattern) = self.pattern.as_ref().map(Pattern::compiled) else { return };
        let seen = &view.text().as_bytes()[..window.1];
        let mut from = window.0;
        while *left > 0
            && let Some(found) = pattern.find_at(seen, from)
        {
            from = found.end().max(from + 1);
            self.tell(view, found.start(), found.end(), left, report);
            if from >= seen.len() {
                break;
            }
        }
    }

    fn tell(
        &self,
        view: &View<'_>,
        start: usize,
        end: usize,
        left: &mut usize,
        report: &mut dyn FnMut(Finding),
    ) {
        if *left == 0 {
            return;
        }
        if let Some(unless) = &self.unless {
            let bytes = view.text().as_bytes();
            if unless
                .compiled()
                .is_match(&bytes[start.saturating_sub(AROUND)..(end + AROUND).min(bytes.len())])
            {
                return;
            }
        }
        *left -= 1;
        let Rule { id, category, severity, .. } = &self.rule;
        report(Finding::new(id.clone(), *category, *severity, view.origin(start..end)));
    }
}

/// Two different weak signs at different places of one string make a strong one.
///
/// Signs are compared with the first and the last of all, which keeps this in proportion to their number.
fn strengthen(weak: &mut [Finding]) {
    let agrees = |one: &Finding, other: &Finding| {
        one.rule != other.rule && (one.span.end <= other.span.start || other.span.end <= one.span.start)
    };
    let Some(first) = weak.iter().min_by_key(|finding| finding.span.end).cloned() else { return };
    let Some(last) = weak.iter().max_by_key(|finding| finding.span.start).cloned() else { return };
    let strong: Vec<bool> = weak.iter().map(|one| agrees(one, &first) || agrees(one, &last)).collect();
    for (finding, strong) in weak.iter_mut().zip(strong) {
        if strong {
            finding.severity = Severity::High;
        }
    }
}

fn take_in(rule: Rule) -> Result<Compiled, RuleSetError> {
    if rule.literals.is_empty() {
        return Err(RuleSetErrorKind::NoLiterals(rule.id.into_owned()).into());
    }
    if let Some(odd) = rule.literals.iter().find(|literal| !(2..=255).contains(&literal.len())) {
        return Err(RuleSetErrorKind::Literal(rule.id.to_string(), odd.to_string()).into());
    }
    let pattern = |source: &Option<Cow<'static, str>>| {
        source.clone().map(|source| Pattern { source, regex: OnceLock::new() })
    };
    Ok(Compiled { pattern: pattern(&rule.pattern), unless: pattern(&rule.unless), rule })
}

impl From<RuleSetErrorKind> for RuleSetError {
    fn from(kind: RuleSetErrorKind) -> Self {
        Self { kind }
    }
}

impl fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleSet")
            .field("version", &self.version)
            .field("rules", &self.rules.len())
            .field("literals", &self.literals.len())
            .field("automaton_bytes", &self.sweep.memory())
            .finish()
    }
}
