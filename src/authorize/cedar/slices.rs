//! The policies, and for each question those of them that can apply.

use super::entities::Known;
use super::reads::{self, Reads};
use super::scope::{Demand, Names, Seen, actions_of, principals, resources, takes};
use super::{CedarError, CedarErrorKind};
use crate::authorize::kept::Kept;
use cedar_policy::{
    ActionConstraint, Effect, Entities, EntityUid, Policy, PolicyId, PolicySet, ResourceConstraint, Schema,
};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How many slices each half keeps.
const HALF: usize = 2 * 1024;

pub(super) struct Slices {
    rules: Vec<Rule>,
    pub(super) names: Names,
    /// The permits that take an action, by the action.
    by_action: HashMap<EntityUid, Box<[usize]>>,
    /// Those that take an action that the schema does not have.
    by_any_action: Box<[usize]>,
    /// The forbids that may say one thing of one resource and another of another.
    sighted: Box<[usize]>,
    called: HashMap<PolicyId, Arc<str>>,
    kept: Kept<(Asked, Box<[usize]>), Arc<Slice>>,
}

struct Rule {
    policy: Policy,
    principal: Demand,
    resource: Demand,
    /// The actions that it takes; `None` for every one.
    actions: Option<HashSet<EntityUid>>,
    has_conditions: bool,
    /// The entities that its conditions name.
    literals: Vec<EntityUid>,
    /// It says the same of every resource.
    is_blind: bool,
}

/// Whether a principal and an action have been asked about before, in the same circumstances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    First,
    /// No policy forbade it with another resource: those that say the same of every resource need not be asked again.
    Again,
}

/// Some permits and every forbid; where it was [asked before](Asked), those that may say something else.
pub(super) struct Slice {
    pub(super) policies: PolicySet,
    /// Where the entities of the file stand that can be reached from those that conditions name.
    pub(super) reach: Vec<usize>,
}

impl Slices {
    /// Adds to `reads` what the policies read.
    pub(super) fn new(all: &PolicySet, schema: &Schema, reads: &mut Reads) -> Result<Self, CedarError> {
        let actions = schema.action_entities().map_err(|error| CedarErrorKind::Schema(error.to_string()))?;
        let mut names = Names::default();
        let mut rules = Vec::new();
        let mut called = HashMap::new();
        for policy in all.policies() {
            let json = policy.to_json().map_err(|error| CedarErrorKind::Policies(error.to_string()))?;
            reads.add(&json);
            let name = policy.annotation("id").map_or_else(|| policy.id().to_string(), str::to_owned);
            called.insert(policy.id().clone(), name.into());
            rules.push(Rule {
                principal: names.of_principal(policy),
                resource: names.of_resource(policy),
                literals: reads::literals(&json),
                actions: actions_of(policy, schema, &actions),
                has_conditions: policy.has_non_scope_constraint(),
                is_blind: policy.resource_constraint() == ResourceConstraint::Any
                    && !reads::reads_resource(&json),
                policy: policy.clone(),
            });
        }
        let by_action =
            schema.actions().map(|action| (action.clone(), permits(&rules, action, &actions))).collect();
        let is_any = |rule: &Rule| {
            rule.policy.effect() == Effect::Permit && rule.policy.action_constraint() == ActionConstraint::Any
        };
        let by_any_action = places(&rules, is_any);
        let sighted = places(&rules, |rule| rule.policy.effect() == Effect::Forbid && !rule.is_blind);
        Ok(Self { rules, names, by_action, by_any_action, sighted, called, kept: Kept::new(HALF) })
    }

    pub(super) fn count(&self) -> usize {
        self.rules.len()
    }

    /// What records call a policy.
    pub(super) fn called(&self, id: &PolicyId) -> Option<&Arc<str>> {
        self.called.get(id)
    }

    /// Whom scopes let do this: a line for each policy that takes the action.
    pub(super) fn who(&self, action: &EntityUid) -> Vec<String> {
        let line = |rule: &&Rule| {
            let word = if rule.policy.effect() == Effect::Permit { "by" } else { "not" };
            let name = self.called.get(rule.policy.id()).map_or("", |name| name);
            let (who, what) = (principals(&rule.policy), resources(&rule.policy));
            let when = if rule.has_conditions { ", on conditions" } else { "" };
            format!("{word} {name}: {who}, {what}{when}")
        };
        let takes = |rule: &&Rule| rule.actions.as_ref().is_none_or(|actions| actions.contains(action));
        let of = |effect: Effect| {
            self.rules.iter().filter(takes).filter(move |rule| rule.policy.effect() == effect)
        };
        of(Effect::Permit).chain(of(Effect::Forbid)).map(|rule| line(&rule)).collect()
    }

    /// Whether the scope of some permit takes this principal and this action, whatever the resource and the context.
    pub(super) fn may_permit(&self, principal: &Seen, action: &EntityUid) -> bool {
        self.permits(action).iter().any(|place| self.rules[*place].principal.is_met_by(principal))
    }

    /// Whether some policy, asked about this after it was asked about another resource, may forbid it, or fail.
    pub(super) fn may_refuse_again(&self, principal: &Seen, action: &EntityUid, resource: &Seen) -> bool {
        let failing = self.permits(action).iter().filter(|place| self.rules[**place].has_conditions);
        self.sighted.iter().chain(failing).map(|place| &self.rules[*place]).any(|rule| {
            let takes = |actions: &HashSet<EntityUid>| actions.contains(action);
            rule.principal.is_met_by(principal)
                && rule.resource.is_met_by(resource)
                && rule.actions.as_ref().is_none_or(takes)
        })
    }

    /// The policies that can apply.
    pub(super) fn choose(
        &self,
        asked: Asked,
        principal: &Seen,
        action: &EntityUid,
        resource: &Seen,
        known: &Known,
    ) -> Arc<Slice> {
        let applies = |place: &usize| {
            let Rule { principal: who, resource: what, .. } = &self.rules[*place];
            who.is_met_by(principal) && what.is_met_by(resource)
        };
        let permits: Box<[usize]> = self.permits(action).iter().copied().filter(applies).collect();
        let key = (asked, permits);
        if let Some(slice) = self.kept.find(&key) {
            return slice;
        }
        let slice = Arc::new(self.cut(asked, &key.1, known));
        self.kept.keep(key, slice.clone());
        slice
    }

    fn permits(&self, action: &EntityUid) -> &[usize] {
        self.by_action.get(action).unwrap_or(&self.by_any_action)
    }

    fn cut(&self, asked: Asked, permits: &[usize], known: &Known) -> Slice {
        let forbids =
            |rule: &Rule| rule.policy.effect() == Effect::Forbid && (asked == Asked::First || !rule.is_blind);
        let (mut policies, mut reach) = (PolicySet::new(), Vec::new());
        for (place, rule) in self.rules.iter().enumerate() {
            if forbids(rule) || permits.contains(&place) {
                policies.add(rule.policy.clone()).expect("names are as different as in the whole set");
                rule.literals.iter().for_each(|uid| known.reach(uid, &mut reach));
            }
        }
        Slice { policies, reach }
    }
}

fn permits(rules: &[Rule], action: &EntityUid, actions: &Entities) -> Box<[usize]> {
    places(rules, |rule| rule.policy.effect() == Effect::Permit && takes(&rule.policy, action, actions))
}

fn places(rules: &[Rule], is_meant: impl Fn(&Rule) -> bool) -> Box<[usize]> {
    rules.iter().enumerate().filter(|(_, rule)| is_meant(rule)).map(|(place, _)| place).collect()
}
