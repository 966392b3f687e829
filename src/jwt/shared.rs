use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashSet;

use crate::principal::{Claims, RoleSet, ScopeSet};

/// More different values are not held ready: who has them pays for them.
const MOST: usize = 4096;

/// What many credentials have in common, kept once: names of applications, tenants and plans, sets of scopes. Only what was verified
/// comes here, after the signature.
#[derive(Default)]
pub(super) struct Shared {
    texts: Mutex<HashSet<Arc<str>>>,
    scopes: Mutex<HashSet<ScopeSet>>,
    roles: Mutex<HashSet<RoleSet>>,
    claims: Mutex<HashSet<Claims>>,
}

impl Shared {
    pub(super) fn text(&self, text: &str) -> Arc<str> {
        let mut all = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = all.get(text) {
            return Arc::clone(kept);
        }
        keep(&mut all, text.into())
    }

    pub(super) fn scopes(&self, scopes: ScopeSet) -> ScopeSet {
        same(&self.scopes, scopes)
    }

    pub(super) fn roles(&self, roles: RoleSet) -> RoleSet {
        same(&self.roles, roles)
    }

    pub(super) fn claims(&self, claims: Claims) -> Claims {
        same(&self.claims, claims)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

fn same<T: Clone + Eq + Hash>(all: &Mutex<HashSet<T>>, value: T) -> T {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = all.get(&value) {
        return kept.clone();
    }
    keep(&mut all, value)
}

fn keep<T: Clone + Eq + Hash>(all: &mut HashSet<T>, value: T) -> T {
    // What is in use stays where it is used; what is common is soon here again.
    if all.len() >= MOST {
        all.clear();
    }
    all.insert(value.clone());
    value
}
