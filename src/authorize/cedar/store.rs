use super::entities::{Known, chain};
use super::reads::{self, Reads};
use super::scope::{Demand, Names, actions_of, principals, resources, takes};
use super::{CedarError, CedarErrorKind};
use aws_lc_rs::digest::{Context, SHA256};
use cedar_policy::{
    Authorizer, Decision, Effect, Entities, Entity, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet,
    Request, Response, Schema, ValidationMode, Validator,
};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// How many slices are kept. Beyond them, one is put together for the request that needs it.
const SLICES: usize = 4096;

/// Policies, schema and entities, checked against each other.
pub struct CedarStore {
    schema: Schema,
    all: PolicySet,
    rules: Vec<Rule>,
    names: Names,
    /// The permits that take an action, by the action.
    by_action: HashMap<EntityUid, Box<[usize]>>,
    /// Those that take an action that the schema does not have.
    by_any_action: Box<[usize]>,
    known: Known,
    reads: Reads,
    types: HashSet<EntityTypeName>,
    called: HashMap<PolicyId, Arc<str>>,
    slices: Mutex<HashMap<Box<[usize]>, Arc<Slice>>>,
    authorizer: Authorizer,
    fingerprint: String,
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
}

/// Some permits and every forbid.
struct Slice {
    policies: PolicySet,
    literals: Vec<EntityUid>,
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
        let actions = schema.action_entities().map_err(|error| CedarErrorKind::Schema(chain(&error)))?;
        let (mut names, mut reads) = (Names::default(), Reads::default());
        let mut rules = Vec::new();
        let mut called = HashMap::new();
        for policy in all.policies() {
            let json = policy.to_json().map_err(|error| CedarErrorKind::Policies(chain(&error)))?;
            reads.add(&json);
            let name = policy.annotation("id").map_or_else(|| policy.id().to_string(), str::to_owned);
            called.insert(policy.id().clone(), name.into());
            rules.push(Rule {
                principal: names.of_principal(policy),
                resource: names.of_resource(policy),
                literals: reads::literals(&json),
                actions: actions_of(policy, &schema, &actions),
                has_conditions: policy.has_non_scope_constraint(),
                policy: policy.clone(),
            });
        }
        let permits = |action: &EntityUid| -> Box<[usize]> {
            let takes =
                |rule: &Rule| rule.policy.effect() == Effect::Permit && takes(&rule.policy, action, &actions);
            rules.iter().enumerate().filter(|(_, rule)| takes(rule)).map(|(place, _)| place).collect()
        };
        let by_action = schema.actions().map(|action| (action.clone(), permits(action))).collect();
        let is_any = |rule: &Rule| {
            rule.policy.effect() == Effect::Permit
                && rule.policy.action_constraint() == cedar_policy::ActionConstraint::Any
        };
        let by_any_action =
            rules.iter().enumerate().filter(|(_, rule)| is_any(rule)).map(|(place, _)| place).collect();
        let types = schema.entity_types().cloned().collect();
        let (slices, authorizer) = (Mutex::default(), Authorizer::new());
        Ok(Self {
            schema,
            all,
            rules,
            names,
            by_action,
            by_any_action,
            known,
            reads,
            types,
            called,
            slices,
            authorizer,
            fingerprint,
        })
    }

    /// The schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How many policies there are.
    pub fn count(&self) -> usize {
        self.rules.len()
    }

    /// The beginning of the SHA-256 of the three texts, in hexadecimal: another text, another one.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
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
        let slice = self.slice(principal, action, resource, given);
        let mut reached = Vec::new();
        let referred = given.iter().flat_map(|given| given.parents.iter().chain(&given.refers));
        for uid in [principal, action, resource].into_iter().chain(&slice.literals).chain(referred) {
            self.known.reach(uid, &mut reached);
        }
        let names: Vec<EntityUid> = given.iter().map(|given| given.entity.uid()).collect();
        let entities =
            given.iter().map(|given| given.entity.clone()).chain(self.known.take(&reached, &names));
        match Entities::from_entities(entities, None) {
            Ok(entities) => self.ruling(&self.authorizer.is_authorized(request, &slice.policies, &entities)),
            Err(error) => failed(chain(&error)),
        }
    }

    /// The same by all policies and all entities: for comparison.
    pub fn decide_unsliced(&self, request: &Request, given: &[Given]) -> Ruling {
        let given = given.iter().map(|given| given.entity.clone());
        match self.known.all().clone().upsert_entities(given, None) {
            Ok(entities) => self.ruling(&self.authorizer.is_authorized(request, &self.all, &entities)),
            Err(error) => failed(chain(&error)),
        }
    }

    fn slice(
        &self,
        principal: &EntityUid,
        action: &EntityUid,
        resource: &EntityUid,
        given: &[Given],
    ) -> Arc<Slice> {
        let see = |uid: &EntityUid| {
            let mut above: Vec<&EntityUid> = Vec::new();
            match given.iter().find(|given| given.entity.uid() == *uid) {
                None => above.extend(self.known.ancestors(uid)),
                Some(own) => self.climb(&own.parents, given, &mut above),
            }
            self.names.see(uid, above.into_iter())
        };
        let (principal, resource) = (see(principal), see(resource));
        let candidates = self.by_action.get(action).unwrap_or(&self.by_any_action);
        let applies = |place: &usize| {
            let Rule { principal: who, resource: what, .. } = &self.rules[*place];
            who.is_met_by(&principal) && what.is_met_by(&resource)
        };
        let chosen: Box<[usize]> = candidates.iter().copied().filter(applies).collect();
        let mut slices = self.slices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slice) = slices.get(&chosen) {
            return slice.clone();
        }
        let slice = Arc::new(self.cut(&chosen));
        if slices.len() < SLICES {
            slices.insert(chosen, slice.clone());
        }
        slice
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

    fn cut(&self, permits: &[usize]) -> Slice {
        let (mut policies, mut literals) = (PolicySet::new(), Vec::new());
        for (place, rule) in self.rules.iter().enumerate() {
            if rule.policy.effect() == Effect::Forbid || permits.contains(&place) {
                policies.add(rule.policy.clone()).expect("names are as different as in the whole set");
                literals.extend(rule.literals.iter().cloned());
            }
        }
        Slice { policies, literals }
    }

    fn ruling(&self, response: &Response) -> Ruling {
        let diagnostics = response.diagnostics();
        let errors: Vec<String> = diagnostics.errors().map(ToString::to_string).collect();
        let policies = diagnostics.reason().filter_map(|id| self.called.get(id).cloned());
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
        f.debug_struct("CedarStore").field("policies", &self.rules.len()).finish_non_exhaustive()
    }
}
