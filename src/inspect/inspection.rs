//! What is looked for, and what a finding leads to.

use std::fmt;
use std::sync::Arc;

use crate::payload::{Category, Coverage, Finding, Findings, Severity};

use super::detector::{DetectError, Detector};
use super::rule_set::RuleSet;
use super::text::{Form, Provenance};

/// What is looked for in a payload, and what a finding leads to. Cheap to clone.
///
/// Without a word to the contrary every category blocks what is found at [`Severity::High`], and notes the rest.
#[derive(Clone)]
pub struct Inspection(Arc<Inner>);

struct Inner {
    rules: RuleSet,
    detectors: Vec<Arc<dyn Detector>>,
    actions: Actions,
    /// The names of all that reads, for the record.
    readers: Arc<str>,
}

impl Inspection {
    /// The built-in rules, which block what they find at high severity.
    ///
    /// Compiles them: make one when the service starts, and clone it.
    pub fn builtin() -> Self {
        Self::builder().build()
    }

    /// Chooses rules, detectors and actions.
    pub fn builder() -> InspectionBuilder {
        InspectionBuilder { rules: None, detectors: Vec::new(), actions: Actions::default() }
    }

    /// The rules that read every string.
    pub fn rules(&self) -> &RuleSet {
        &self.0.rules
    }

    /// What a finding of this category leads to.
    pub fn action(&self, category: Category) -> Action {
        self.0.actions.of(category)
    }

    /// Whether this finding refuses the request.
    pub fn blocks(&self, finding: &Finding) -> bool {
        matches!(self.action(finding.category), Action::Block { least } if finding.severity >= least)
    }

    /// Reads one string with the rules and every detector; adds to the findings and to the coverage. `place` tells
    /// where the string stands, and is asked only when something that was found is kept.
    pub(super) fn read(
        &self,
        text: &str,
        provenance: Provenance,
        place: impl Fn() -> String,
        findings: &mut Findings,
        coverage: &mut Coverage,
    ) -> Result<(), DetectError> {
        let mut pointer: Option<String> = None;
        let mut note = |finding: Finding| {
            if self.action(finding.category) != Action::Off {
                findings.push_at(finding, |kept| {
                    kept.pointer = pointer.get_or_insert_with(&place).as_str().into();
                });
            }
        };
        let scanned = self.0.rules.scan(text, provenance, &mut note);
        for detector in &self.0.detectors {
            detector.detect(&scanned, &mut note)?;
        }
        coverage.parts += 1;
        coverage.bytes += text.len();
        for view in scanned.views() {
            match view.form() {
                Form::Raw => {}
                Form::Normalised => coverage.normalised += 1,
                Form::Decoded => coverage.decoded += 1,
            }
        }
        Ok(())
    }

    /// A coverage with nothing in it, by these rules and detectors.
    pub(super) fn coverage(&self) -> Coverage {
        Coverage { rules: self.0.readers.clone(), ..Coverage::default() }
    }
}

/// What is enforced, for the posture that a service prints when it starts.
impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rules {}", self.0.rules.version())?;
        for detector in &self.0.detectors {
            write!(f, " + {}", detector.name())?;
        }
        for category in Category::ALL {
            match self.action(category) {
                Action::Block { least: Severity::High } => {}
                Action::Block { least } => write!(f, ", {category} blocks from {} on", least.as_str())?,
                Action::Flag => write!(f, ", {category} is only noted")?,
                Action::Off => write!(f, ", {category} is off")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspection")
            .field("rules", &self.0.rules)
            .field("detectors", &self.0.detectors.iter().map(|detector| detector.name()).collect::<Vec<_>>())
            .field("actions", &self.0.actions)
            .finish()
    }
}

/// What a finding leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// The request is refused when the finding is at least this severe; others are noted.
    Block {
        /// The least severity that refuses.
        least: Severity,
    },
    /// The finding is noted in the record, and the request passes.
    Flag,
    /// The category is neither noted nor refused.
    Off,
}

/// Only what differs from the default.
#[derive(Debug, Clone, Default)]
struct Actions(Vec<(Category, Action)>);

impl Actions {
    fn of(&self, category: Category) -> Action {
        let set = self.0.iter().rev().find(|(of, _)| *of == category);
        set.map_or(Action::Block { least: Severity::High }, |(_, action)| *action)
    }
}

/// Builds an [`Inspection`].
#[must_use]
pub struct InspectionBuilder {
    rules: Option<RuleSet>,
    detectors: Vec<Arc<dyn Detector>>,
    actions: Actions,
}

impl InspectionBuilder {
    /// Rules of your own, in place of the built-in ones.
    pub fn rules(mut self, rules: RuleSet) -> Self {
        self.rules = Some(rules);
        self
    }

    /// Adds a detector, which runs after the rules and the detectors before it.
    pub fn detector(mut self, detector: impl Detector) -> Self {
        self.detectors.push(Arc::new(detector));
        self
    }

    /// Refuses findings of this category from this severity on.
    pub fn block(self, category: Category, least: Severity) -> Self {
        self.action(category, Action::Block { least })
    }

    /// Notes findings of this category and lets the request pass: to try rules on live traffic first.
    pub fn flag(self, category: Category) -> Self {
        self.action(category, Action::Flag)
    }

    /// Neither refuses nor notes findings of this category.
    pub fn danger_off(self, category: Category) -> Self {
        self.action(category, Action::Off)
    }

    fn action(mut self, category: Category, action: Action) -> Self {
        self.actions.0.push((category, action));
        self
    }

    /// The inspection. Compiles the built-in rules, unless others were given.
    pub fn build(self) -> Inspection {
        let rules = self.rules.unwrap_or_else(RuleSet::builtin);
        let names = self.detectors.iter().map(|detector| detector.name());
        let readers = std::iter::once(rules.version()).chain(names).collect::<Vec<_>>().join(" ").into();
        Inspection(Arc::new(Inner { rules, detectors: self.detectors, actions: self.actions, readers }))
    }
}

impl fmt::Debug for InspectionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InspectionBuilder").field("actions", &self.actions).finish_non_exhaustive()
    }
}
