//! What is asked of an authorization server for one caller.

use crate::principal::{Principal, Right};
use crate::refusal::{Refusal, RefusalKind};
use std::sync::Arc;

/// For which service, and for what at most, credentials are asked.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) hop: Arc<str>,
    pub(super) audience: Box<str>,
    pub(super) resource: Option<Box<str>>,
    /// The scopes, separated by spaces.
    pub(super) scope: Arc<str>,
}

/// For whom, and for what, a credential is asked now.
#[derive(Clone, Copy)]
pub(super) struct Question<'q> {
    pub(super) wanted: &'q Wanted,
    /// The caller's own.
    pub(super) credential: &'q str,
    /// What the caller's issuer calls the subject.
    pub(super) subject: Option<&'q str>,
    /// The scopes, separated by spaces.
    pub(super) scope: &'q str,
}

impl Wanted {
    /// The scopes that may be asked for that caller: a right that one of its actors lacks here does not come back at the next service.
    pub(super) fn scope_for(&self, principal: &Principal) -> Result<Arc<str>, Refusal> {
        if principal.withheld().is_empty() {
            return Ok(Arc::clone(&self.scope));
        }
        let withheld = |scope: &str| {
            let is_it = |right: &Right| matches!(right, Right::Scope(name) if **name == *scope);
            principal.withheld().iter().find(|held| is_it(&held.right))
        };
        let mut lacking = None;
        let mut left = Vec::new();
        for scope in self.scope.split(' ') {
            match withheld(scope) {
                None => left.push(scope),
                Some(held) => lacking = lacking.or(Some((scope, &held.actor))),
            }
        }
        match lacking {
            None => Ok(Arc::clone(&self.scope)),
            Some(_) if !left.is_empty() => Ok(left.join(" ").into()),
            Some((scope, actor)) => {
                let hop = &self.hop;
                let public = format!("those who act for you may not do at {hop} what this call needs");
                Err(Refusal::new(RefusalKind::DelegationRefused, public)
                    .cause(format!(
                        "a call to {hop} was not made: the actor {actor} lacks the scope {scope}, which the subject has, and no other is \
                         asked for there"
                    ))
                    .rule("delegate:scope"))
            }
        }
    }
}
