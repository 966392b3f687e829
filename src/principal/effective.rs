use super::{Actor, Principal, RoleSet, ScopeSet};
use std::fmt;
use std::sync::Arc;

/// Something that a subject may do, by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Right {
    /// An OAuth scope.
    Scope(Box<str>),
    /// A role.
    Role(Box<str>),
    /// A claim that policies read, by its pointer (RFC 6901).
    Claim(Box<str>),
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scope(name) => write!(f, "scope {name}"),
            Self::Role(name) => write!(f, "role {name}"),
            Self::Claim(pointer) => write!(f, "claim {pointer}"),
        }
    }
}

/// A right of the subject that does not count, because an actor lacks it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Withheld {
    /// The right.
    pub right: Right,
    /// The actor that lacks it: of several, the one closest to this service.
    pub actor: Actor,
}

/// The rights of one actor; `None` where it may do whatever the subject may.
#[derive(Clone, Copy)]
pub(super) struct ActorRights<'r> {
    pub(super) scopes: Option<&'r ScopeSet>,
    pub(super) roles: Option<&'r RoleSet>,
    pub(super) claims: Option<&'r [Arc<str>]>,
}

/// What is left of the principal's rights when every actor must have them, too: the intersection, so that no actor adds one.
pub(super) fn narrow(principal: Principal, rights: &[ActorRights<'_>]) -> Principal {
    let mut withheld = Vec::new();
    let mut keep = |right: Right, holds: &dyn Fn(&ActorRights<'_>) -> bool| {
        let Some(hop) = rights.iter().position(|actor| !holds(actor)) else { return true };
        let actor = principal.actors().iter().nth(hop).expect("the rights are those of the actors").clone();
        withheld.push(Withheld { right, actor });
        false
    };
    let scopes: Vec<&str> = principal.scopes().iter().collect();
    let (scopes_before, roles_before) = (scopes.len(), principal.roles().len());
    let scopes: Vec<&str> = scopes
        .into_iter()
        .filter(|scope| {
            let holds = |actor: &ActorRights<'_>| actor.scopes.is_none_or(|held| held.contains(scope));
            keep(Right::Scope((*scope).into()), &holds)
        })
        .collect();
    let roles: Vec<&str> = principal
        .roles()
        .iter()
        .filter(|role| {
            let holds = |actor: &ActorRights<'_>| actor.roles.is_none_or(|held| held.contains(role));
            keep(Right::Role((*role).into()), &holds)
        })
        .collect();
    let hidden: Vec<&str> = principal
        .claims()
        .iter()
        .map(|(pointer, _)| pointer)
        .filter(|pointer| {
            let is_it = |held: &Arc<str>| **held == **pointer;
            let holds = |actor: &ActorRights<'_>| actor.claims.is_none_or(|held| held.iter().any(is_it));
            !keep(Right::Claim((*pointer).into()), &holds)
        })
        .collect();
    if withheld.is_empty() {
        return principal;
    }
    // What is whole stays shared with other credentials.
    let scopes = match scopes.len() == scopes_before {
        true => principal.scopes().clone(),
        false => scopes.into_iter().collect(),
    };
    let roles = match roles.len() == roles_before {
        true => principal.roles().clone(),
        false => roles.into_iter().collect(),
    };
    let claims = match hidden.is_empty() {
        true => principal.claims().clone(),
        false => principal.claims().withholding(&hidden),
    };
    principal.narrowed(scopes, roles, claims, withheld)
}
