//! Principals as entities, kept from one request to the next: one comes with many.

use super::scope::Seen;
use super::slices::{Asked, Slice};
use super::store::Given;
use crate::authorize::kept::Kept;
use crate::principal::{Application, Claims, Principal, RoleSet, ScopeSet, Subject, TenantId, WorkloadId};
use cedar_policy::{Entities, EntityTypeName, EntityUid};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many principals, and how many of their questions, each half keeps.
const HALF: usize = 2 * 1024;

/// How many sets of entities each half keeps: each has copies of those of the file that can be reached.
const SETS: usize = 512;

/// What the entity of a principal is made of, and nothing else: principals that agree in all of it are the same entity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Who {
    pub(super) subject: Option<Subject>,
    /// Only where no user asks.
    pub(super) machine: Option<WorkloadId>,
    pub(super) tenant: Option<TenantId>,
    pub(super) application: Option<Application>,
    pub(super) scopes: ScopeSet,
    pub(super) roles: RoleSet,
    pub(super) claims: Claims,
}

impl Who {
    pub(super) fn of(principal: &Principal) -> Self {
        let machine = match principal.subject() {
            Some(_) => None,
            None => principal.workload().map(|machine| machine.id().clone()),
        };
        Self {
            subject: principal.subject().cloned(),
            machine,
            tenant: principal.tenant().cloned(),
            application: principal.application().cloned(),
            scopes: principal.scopes().clone(),
            roles: principal.roles().clone(),
            claims: principal.claims().clone(),
        }
    }
}

/// A principal that has been made into entities.
#[derive(Debug)]
pub(super) struct Asker {
    /// Its own name.
    pub(super) name: EntityUid,
    /// The principal first, then what the source knows beside it.
    pub(super) given: Vec<Given>,
    /// As scopes see it.
    pub(super) seen: Seen,
    /// Where those entities of the file stand that can be reached from what is given.
    pub(super) reach: Vec<usize>,
}

/// What a question needs that was asked before: the policies that can apply, and the entities that they can reach.
pub(super) struct Scene {
    pub(super) slice: Arc<Slice>,
    pub(super) entities: Arc<Entities>,
}

/// What principal, by its number, with what action and resource.
type Question = (u64, Asked, EntityUid, Thing);

/// A resource, as far as what a question needs depends on it. What callers name and no operator has is told by its type alone, so that
/// their words are never kept.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Thing {
    /// The file or a scope names it.
    Named(EntityUid),
    /// Any other one of this type.
    Other(EntityTypeName),
}

/// Those who asked of late, and what their questions needed. They belong to what was loaded, and go with it.
#[derive(Debug)]
pub(super) struct Askers {
    askers: Kept<Who, (u64, Arc<Asker>)>,
    entities: Kept<(u64, Box<[usize]>), Arc<Entities>>,
    scenes: Kept<Question, Arc<Scene>>,
    next: AtomicU64,
}

impl Default for Askers {
    fn default() -> Self {
        Self {
            askers: Kept::new(HALF),
            entities: Kept::new(SETS),
            scenes: Kept::new(HALF),
            next: AtomicU64::new(0),
        }
    }
}

impl Askers {
    /// This principal and its number, which no other has; `make` is asked when it is not known yet.
    pub(super) fn find(
        &self,
        who: Who,
        make: impl FnOnce(&Who) -> Result<Asker, String>,
    ) -> Result<(u64, Arc<Asker>), String> {
        if let Some(found) = self.askers.find(&who) {
            return Ok(found);
        }
        let made = (self.next.fetch_add(1, Ordering::Relaxed), Arc::new(make(&who)?));
        self.askers.keep(who, made.clone());
        Ok(made)
    }

    #[cfg(test)]
    pub(super) fn questions_kept(&self) -> usize {
        self.scenes.len()
    }

    /// What this question needs; `make` is asked when it is not known yet.
    pub(super) fn scene(
        &self,
        question: Question,
        make: impl FnOnce() -> Result<Scene, String>,
    ) -> Result<Arc<Scene>, String> {
        if let Some(found) = self.scenes.find(&question) {
            return Ok(found);
        }
        let made = Arc::new(make()?);
        self.scenes.keep(question, made.clone());
        Ok(made)
    }

    /// The principal of this number and these entities of the file, which many of its questions share.
    pub(super) fn entities(
        &self,
        number: u64,
        reached: Vec<usize>,
        make: impl FnOnce(&[usize]) -> Result<Entities, String>,
    ) -> Result<Arc<Entities>, String> {
        let key = (number, reached.into_boxed_slice());
        if let Some(found) = self.entities.find(&key) {
            return Ok(found);
        }
        let made = Arc::new(make(&key.1)?);
        self.entities.keep(key, made.clone());
        Ok(made)
    }
}
