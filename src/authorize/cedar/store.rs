use super::askers::Thing;
use super::entities::{Known, chain};
use super::reads::Reads;
use super::scope::Seen;
use super::slices::{Asked, Slice, Slices};
use super::{CedarError, CedarErrorKind};
use aws_lc_rs::digest::{Context, SHA256};
use cedar_policy::{
    Authorizer, Decision, Entities, Entity, EntityTypeName, EntityUid, PolicySet, Request, Response, Schema,
    ValidationMode, Validator,
};
use std::collections::HashSet;
use std::sync::Arc;

/// Policies, schema and entities, checked against each other.
pub struct CedarStore {
    schema: Schema,
    all: PolicySet,
    slices: Slices,
    known: Known,
    reads: Reads,
    types: HashSet<EntityTypeName>,
    authorizer: Authorizer,
    fingerprint: String,
}

/// An entity that a request brings, beside those of the file.
#[derive(Clone, Debug)]
pub struct Given {
    /// The entity. It takes the place of one of the file that has the same name.
    pub entity: Entity,
    /// Its parents.
    pub parents: Vec<EntityUid>,
    /// What its attributes refer to.
    pub refers: Vec<EntityUid>,
}

/// What policies say of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ruling {
    /// Whether it is permitted.
    pub permitted: bool,
    /// The policies that made it so: by their `@id`, else by their number (`policy0`).
    pub policies: Vec<Arc<str>>,
    /// What could not be evaluated. Nothing is permitted where there is something.
    pub errors: Vec<String>,
}

impl CedarStore {
    /// Reads all three, and checks policies and entities against the schema.
    ///
    /// # Errors
    /// When one of them cannot be read, or does not fit the schema, or there is no policy.
    pub fn parse(policies: &str, schema: &str, entities: &str) -> Result<Self, CedarError> {
        let fingerprint = fingerprint(&[policies, schema, entities]);
        let (schema, _) =
            Schema::from_cedarschema_str(schema).map_err(|error| CedarErrorKind::Schema(chain(&error)))?;
        let all: PolicySet = policies
            .parse()
            .map_err(|error: cedar_policy::ParseErrors| CedarErrorKind::Policies(chain(&error)))?;
        if let Some(template) = all.templates().next() {
            return Err(CedarErrorKind::Template(template.id().to_string()).into());
        }
        if all.num_of_policies() == 0 {
            return Err(CedarErrorKind::NoPolicy.into());
        }
        let checked = Validator::new(schema.clone()).validate(&all, ValidationMode::default());
        if !checked.validation_passed() {
            let errors: Vec<String> = checked.validation_errors().map(|error| chain(error)).collect();
            return Err(CedarErrorKind::Invalid(errors.join("; ")).into());
        }
        let known = Known::new(entities, &schema)?;
        let mut reads = Reads::default();
        let slices = Slices::new(&all, &schema, &mut reads)?;
        let types = schema.entity_types().cloned().collect();
        let authorizer = Authorizer::new();
        Ok(Self { schema, all, slices, known, reads, types, authorizer, fingerprint })
    }

    /// The schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How many policies there are.
    pub fn count(&self) -> usize {
        self.slices.count()
    }

    /// The beginning of the SHA-256 of the three texts, in hexadecimal: another text, another one.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    pub(super) fn slices(&self) -> &Slices {
        &self.slices
    }

    /// Whether the schema declares entities of this type.
    pub(super) fn has_type(&self, name: &EntityTypeName) -> bool {
        self.types.contains(name)
    }

    pub(super) fn reads(&self) -> &Reads {
        &self.reads
    }

    /// What the file says of an entity.
    pub(super) fn known(&self, uid: &EntityUid) -> Option<&Entity> {
        self.known.get(uid)
    }

    /// What the policies say of this request, with these entities beside those of the file. Only policies that can apply are
    /// evaluated, and only entities that they can reach are looked at.
    pub fn decide(&self, request: &Request, given: &[Given]) -> Ruling {
        let (Some(principal), Some(action), Some(resource)) =
            (request.principal(), request.action(), request.resource())
        else {
            return failed("the request names no principal, action or resource".to_owned());
        };
        let seen = self.see(principal, given);
        let own = self.reach_of(principal, given);
        let (slice, reached) = self.choose(Asked::First, &seen, &own, action, resource, given);
        match self.gather(&reached, given) {
            Ok(entities) => self.evaluate(request, &slice, &entities),
            Err(error) => failed(error),
        }
    }

    /// Where those entities of the file stand that can be reached from the principal and from what is given.
    pub(super) fn reach_of(&self, principal: &EntityUid, given: &[Given]) -> Vec<usize> {
        let mut reached = Vec::new();
        let referred = given.iter().flat_map(|given| given.parents.iter().chain(&given.refers));
        std::iter::once(principal).chain(referred).for_each(|uid| self.known.reach(uid, &mut reached));
        reached
    }

    /// The policies that can apply, and where those entities of the file stand that they can reach; `own` is the
    /// [reach](Self::reach_of) of what is given.
    pub(super) fn choose(
        &self,
        asked: Asked,
        principal: &Seen,
        own: &[usize],
        action: &EntityUid,
        resource: &EntityUid,
        given: &[Given],
    ) -> (Arc<Slice>, Vec<usize>) {
        let slice = self.slices.choose(asked, principal, action, &self.see(resource, given), &self.known);
        let mut reached = own.to_vec();
        let others = slice.reach.iter().copied().filter(|place| !own.contains(place));
        reached.extend(others);
        self.known.reach(action, &mut reached);
        self.known.reach(resource, &mut reached);
        (slice, reached)
    }

    /// These entities, and those of the file at these places.
    pub(super) fn gather(&self, reached: &[usize], given: &[Given]) -> Result<Entities, String> {
        let names: Vec<EntityUid> = given.iter().map(|given| given.entity.uid()).collect();
        let entities = given.iter().map(|given| given.entity.clone()).chain(self.known.take(reached, &names));
        Entities::from_entities(entities, None).map_err(|error| chain(&error))
    }

    pub(super) fn evaluate(&self, request: &Request, slice: &Slice, entities: &Entities) -> Ruling {
        self.ruling(&self.authorizer.is_authorized(request, &slice.policies, entities))
    }

    /// The same by all policies and all entities: for comparison.
    pub fn decide_unsliced(&self, request: &Request, given: &[Given]) -> Ruling {
        let given = given.iter().map(|given| given.entity.clone());
        match self.known.all().clone().upsert_entities(given, None) {
            Ok(entities) => self.ruling(&self.authorizer.is_authorized(request, &self.all, &entities)),
            Err(error) => failed(chain(&error)),
        }
    }

    /// An entity as scopes see it.
    pub(super) fn see(&self, uid: &EntityUid, given: &[Given]) -> Seen {
        let mut above: Vec<&EntityUid> = Vec::new();
        match given.iter().find(|given| given.entity.uid() == *uid) {
            None => above.extend(self.known.ancestors(uid)),
            Some(own) => self.climb(&own.parents, given, &mut above),
        }
        self.slices.names.see(uid, above.into_iter())
    }

    /// A resource, as what can apply to it and what can be reached from it depend on it.
    pub(super) fn tell_apart(&self, uid: &EntityUid, given: &[Given]) -> Thing {
        let is_named = self.known.get(uid).is_some()
            || self.slices.names.has(uid)
            || given.iter().any(|given| given.entity.uid() == *uid);
        if is_named { Thing::Named(uid.clone()) } else { Thing::Other(uid.type_name().clone()) }
    }

    /// The ancestors by way of these parents, of which some are given as well.
    fn climb<'a>(&'a self, parents: &'a [EntityUid], given: &'a [Given], above: &mut Vec<&'a EntityUid>) {
        for parent in parents {
            if above.contains(&parent) {
                continue;
            }
            above.push(parent);
            match given.iter().find(|given| given.entity.uid() == *parent) {
                Some(other) => self.climb(&other.parents, given, above),
                None => above.extend(self.known.ancestors(parent)),
            }
        }
    }

    fn ruling(&self, response: &Response) -> Ruling {
        let diagnostics = response.diagnostics();
        let errors: Vec<String> = diagnostics.errors().map(ToString::to_string).collect();
        let policies = diagnostics.reason().filter_map(|id| self.slices.called(id).cloned());
        let permitted = response.decision() == Decision::Allow && errors.is_empty();
        Ruling { permitted, policies: policies.collect(), errors }
    }
}

fn fingerprint(texts: &[&str]) -> String {
    let mut hash = Context::new(&SHA256);
    for text in texts {
        hash.update(&(text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.finish().as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn failed(error: String) -> Ruling {
    Ruling { errors: vec![error], ..Ruling::default() }
}

impl std::fmt::Debug for CedarStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CedarStore").field("policies", &self.slices.count()).finish_non_exhaustive()
    }
}
