use super::conditions::{Condition, Node};
use super::policy::{Rule, RulePolicy};
use super::test::Test;
use crate::route::ResourceKind;
use std::sync::Arc;
use thiserror::Error;

/// Builds a [`RulePolicy`].
#[derive(Clone, Debug)]
pub struct RulePolicyBuilder {
    name: Arc<str>,
    permits: Vec<(Arc<str>, Condition)>,
    forbids: Vec<(Arc<str>, Condition)>,
}

impl RulePolicyBuilder {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self { name, permits: Vec::new(), forbids: Vec::new() }
    }

    /// Adds a rule that permits where the condition holds. Records call it by its name.
    pub fn permit(mut self, name: impl Into<Arc<str>>, condition: Condition) -> Self {
        self.permits.push((name.into(), condition));
        self
    }

    /// Adds a rule that forbids where the condition holds, whatever permits.
    pub fn forbid(mut self, name: impl Into<Arc<str>>, condition: Condition) -> Self {
        self.forbids.push((name.into(), condition));
        self
    }

    /// The policy.
    ///
    /// # Errors
    /// When it has no rule that permits, or a rule cannot be used; the error names it.
    pub fn build(self) -> Result<RulePolicy, RuleError> {
        if self.permits.is_empty() {
            let kind = RuleErrorKind::PermitsNobody;
            return Err(RuleError { rule: self.name, kind });
        }
        let mut kinds: Vec<ResourceKind> = Vec::new();
        let mut names: Vec<Arc<str>> = Vec::new();
        let mut rule = |(name, Condition(node)): (Arc<str>, Condition)| {
            let error = |kind| RuleError { rule: name.clone(), kind };
            if name.is_empty() || names.contains(&name) {
                return Err(error(RuleErrorKind::Name));
            }
            names.push(name.clone());
            let kind = check(&node).map_err(error)?;
            if let Some(kind) = kind.as_ref().filter(|kind| !kinds.contains(kind)) {
                kinds.push(kind.clone());
            }
            Ok(Rule { name, kind, condition: node })
        };
        let forbids = self.forbids.into_iter().map(&mut rule).collect::<Result<Vec<_>, _>>()?;
        let permits = self.permits.into_iter().map(&mut rule).collect::<Result<Vec<_>, _>>()?;
        Ok(RulePolicy::new(self.name, forbids, permits, kinds))
    }
}

/// The kind of thing that a rule speaks of.
fn check(node: &Node) -> Result<Option<ResourceKind>, RuleErrorKind> {
    let mut spoken: Option<ResourceKind> = None;
    let mut problem = None;
    each(node, &mut |test| match test {
        Test::Resource { names, .. } | Test::Privileged(names) if names.is_empty() => {
            problem =
                Some(RuleErrorKind::Condition("a list of names is empty: name at least one".to_owned()));
        }
        Test::Resource { kind: ResourceKind::Route, .. } => {
            let text = "a route is no thing that a request names: write route(\"/path\"), in TOML paths = [\"/path\"]";
            problem = Some(RuleErrorKind::Condition(text.to_owned()));
        }
        Test::Resource { kind, .. } => match &spoken {
            Some(other) if other != kind => {
                problem = Some(RuleErrorKind::TwoKinds(other.clone(), kind.clone()));
            }
            _ => spoken = Some(kind.clone()),
        },
        Test::Claim { pointer, .. } if !is_pointer(pointer) => {
            let text = format!("{pointer:?} is no pointer to a claim; write one such as \"/department\"");
            problem = Some(RuleErrorKind::Condition(text));
        }
        Test::Invalid(text) => problem = Some(RuleErrorKind::Condition(text.clone())),
        _ => {}
    });
    problem.map_or(Ok(spoken), Err)
}

/// Shows every test of a condition.
pub(super) fn each<'n>(node: &'n Node, see: &mut dyn FnMut(&'n Test)) {
    match node {
        Node::Test(test) => see(test),
        Node::Not(node) => each(node, see),
        Node::All(nodes) | Node::Any(nodes) => nodes.iter().for_each(|node| each(node, see)),
    }
}

fn is_pointer(text: &str) -> bool {
    text.starts_with('/') && text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}

/// A policy that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("rule {rule:?}: {kind}")]
#[non_exhaustive]
pub struct RuleError {
    rule: Arc<str>,
    kind: RuleErrorKind,
}

impl RuleError {
    /// The rule's name; the policy's, where the whole cannot be used.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// What is wrong with it.
    pub fn kind(&self) -> &RuleErrorKind {
        &self.kind
    }
}

/// What is wrong with a policy.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleErrorKind {
    /// No rule permits anything.
    #[error("the policy would refuse everybody: add a rule that permits")]
    PermitsNobody,
    /// A name that is empty, or another rule's.
    #[error("give each rule a name of its own: records call it by that")]
    Name,
    /// A rule speaks of two kinds of things, of which one decision sees only one.
    #[error("speaks of a {0} and of a {1}: write a rule for each, since each thing is decided on by itself")]
    TwoKinds(ResourceKind, ResourceKind),
    /// A condition cannot be used.
    #[error("{0}")]
    Condition(String),
}
