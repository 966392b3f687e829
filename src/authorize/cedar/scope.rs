//! Which policies can apply, as far as their scopes tell.

use cedar_policy::{
    ActionConstraint, Entities, EntityTypeName, EntityUid, Policy, PrincipalConstraint, ResourceConstraint,
    Schema,
};
use std::collections::{HashMap, HashSet};

/// Numbers for the entities and the types that scopes name: comparing them costs next to nothing.
#[derive(Debug, Default)]
pub(super) struct Names {
    entities: HashMap<EntityUid, u32>,
    types: HashMap<EntityTypeName, u32>,
}

/// What a scope demands of the principal, or of the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    Any,
    Is(u32),
    Eq(u32),
    In(u32),
    IsIn(u32, u32),
}

/// A principal, or a resource, as scopes see it.
#[derive(Debug)]
pub(super) struct Seen {
    kind: Option<u32>,
    own: Option<u32>,
    /// Its ancestors, itself among them.
    within: Vec<u32>,
}

impl Names {
    fn entity(&mut self, uid: EntityUid) -> u32 {
        let next = u32::try_from(self.entities.len()).expect("nobody writes so many policies");
        *self.entities.entry(uid).or_insert(next)
    }

    fn kind(&mut self, kind: EntityTypeName) -> u32 {
        let next = u32::try_from(self.types.len()).expect("nobody writes so many types");
        *self.types.entry(kind).or_insert(next)
    }

    pub(super) fn of_principal(&mut self, policy: &Policy) -> Demand {
        match policy.principal_constraint() {
            PrincipalConstraint::Any => Demand::Any,
            PrincipalConstraint::Is(kind) => Demand::Is(self.kind(kind)),
            PrincipalConstraint::Eq(uid) => Demand::Eq(self.entity(uid)),
            PrincipalConstraint::In(uid) => Demand::In(self.entity(uid)),
            PrincipalConstraint::IsIn(kind, uid) => Demand::IsIn(self.kind(kind), self.entity(uid)),
        }
    }

    pub(super) fn of_resource(&mut self, policy: &Policy) -> Demand {
        match policy.resource_constraint() {
            ResourceConstraint::Any => Demand::Any,
            ResourceConstraint::Is(kind) => Demand::Is(self.kind(kind)),
            ResourceConstraint::Eq(uid) => Demand::Eq(self.entity(uid)),
            ResourceConstraint::In(uid) => Demand::In(self.entity(uid)),
            ResourceConstraint::IsIn(kind, uid) => Demand::IsIn(self.kind(kind), self.entity(uid)),
        }
    }

    /// Whether a scope names it.
    pub(super) fn has(&self, uid: &EntityUid) -> bool {
        self.entities.contains_key(uid)
    }

    pub(super) fn see<'a>(&self, uid: &EntityUid, ancestors: impl Iterator<Item = &'a EntityUid>) -> Seen {
        let own = self.entities.get(uid).copied();
        let within = ancestors.filter_map(|above| self.entities.get(above)).copied().chain(own).collect();
        Seen { kind: self.types.get(uid.type_name()).copied(), own, within }
    }
}

impl Demand {
    pub(super) fn is_met_by(self, seen: &Seen) -> bool {
        match self {
            Self::Any => true,
            Self::Is(kind) => seen.kind == Some(kind),
            Self::Eq(uid) => seen.own == Some(uid),
            Self::In(uid) => seen.within.contains(&uid),
            Self::IsIn(kind, uid) => seen.kind == Some(kind) && seen.within.contains(&uid),
        }
    }
}

/// Whether a policy's scope takes this action, which may stand in groups.
pub(super) fn takes(policy: &Policy, action: &EntityUid, actions: &Entities) -> bool {
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(one) => one == *action,
        ActionConstraint::In(several) => {
            let above = || actions.ancestors(action).into_iter().flatten();
            several.iter().any(|one| one == action || above().any(|group| group == one))
        }
    }
}

/// The actions of the schema that a policy takes; `None` for every one.
pub(super) fn actions_of(policy: &Policy, schema: &Schema, actions: &Entities) -> Option<HashSet<EntityUid>> {
    match policy.action_constraint() {
        ActionConstraint::Any => None,
        _ => Some(schema.actions().filter(|action| takes(policy, action, actions)).cloned().collect()),
    }
}

/// For the posture: whom a scope takes.
pub(super) fn principals(policy: &Policy) -> String {
    match policy.principal_constraint() {
        PrincipalConstraint::Any => "any principal".to_owned(),
        PrincipalConstraint::Is(kind) => format!("principal is {kind}"),
        PrincipalConstraint::Eq(uid) => format!("principal == {uid}"),
        PrincipalConstraint::In(uid) => format!("principal in {uid}"),
        PrincipalConstraint::IsIn(kind, uid) => format!("principal is {kind} in {uid}"),
    }
}

/// For the posture: with what.
pub(super) fn resources(policy: &Policy) -> String {
    match policy.resource_constraint() {
        ResourceConstraint::Any => "any resource".to_owned(),
        ResourceConstraint::Is(kind) => format!("resource is {kind}"),
        ResourceConstraint::Eq(uid) => format!("resource == {uid}"),
        ResourceConstraint::In(uid) => format!("resource in {uid}"),
        ResourceConstraint::IsIn(kind, uid) => format!("resource is {kind} in {uid}"),
    }
}
