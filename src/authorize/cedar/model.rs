//! From a request to what Cedar asks about.

use super::askers::{Asker, Who};
use super::reads::{Reads, entities_in};
use super::store::{CedarStore, Given};
use super::{CedarError, CedarErrorKind, EntitySource};
use crate::authorize::Resource;
use crate::principal::ClaimValue;
use crate::route::ResourceKind;
use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression as Value};
use jiff::tz::TimeZone;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// How requests are made into entities.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) zone: TimeZone,
    /// Attributes of a `User`, and the claims that they are.
    pub(super) attributes: Vec<(String, Arc<str>)>,
    /// The claim that names the groups.
    pub(super) groups: Option<Arc<str>>,
    pub(super) source: Option<Arc<dyn EntitySource>>,
    pub(super) types: Types,
}

/// The types of entities that a request is made into.
#[derive(Clone, Debug)]
pub(super) struct Types {
    action: EntityTypeName,
    user: EntityTypeName,
    workload: EntityTypeName,
    group: EntityTypeName,
    role: EntityTypeName,
    tenant: EntityTypeName,
    model: EntityTypeName,
    dataset: EntityTypeName,
    tool: EntityTypeName,
    part: EntityTypeName,
    route: EntityTypeName,
}

impl Types {
    pub(super) fn new() -> Self {
        Self {
            action: named("Action"),
            user: named("User"),
            workload: named("Workload"),
            group: named("Group"),
            role: named("Role"),
            tenant: named("Tenant"),
            model: named("Model"),
            dataset: named("Dataset"),
            tool: named("Tool"),
            part: named("Part"),
            route: named("Route"),
        }
    }

    /// The type of a kind of things. `None` for a name of which none can be made.
    pub(super) fn of(&self, kind: &ResourceKind) -> Option<Cow<'_, EntityTypeName>> {
        Some(Cow::Borrowed(match kind {
            ResourceKind::Model => &self.model,
            ResourceKind::Dataset => &self.dataset,
            ResourceKind::Tool => &self.tool,
            ResourceKind::Part => &self.part,
            ResourceKind::Route => &self.route,
            ResourceKind::Custom(name) => return type_of(name).map(Cow::Owned),
        }))
    }
}

fn named(name: &str) -> EntityTypeName {
    name.parse().expect("one word of letters is the name of a type")
}

pub(super) fn zone(name: &str) -> Result<TimeZone, CedarError> {
    TimeZone::get(name).map_err(|_| CedarErrorKind::Zone(name.to_owned()).into())
}

/// `mcp-resource` is `McpResource`.
fn type_of(kind: &str) -> Option<EntityTypeName> {
    let mut name = String::new();
    for word in kind.split(['-', '_', ' ']) {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name.parse().ok()
}

impl Shape {
    /// The claims that are read of credentials.
    pub(super) fn claims(&self) -> Vec<Arc<str>> {
        let attributes = self.attributes.iter().map(|(_, pointer)| pointer);
        attributes.chain(&self.groups).cloned().collect()
    }

    pub(super) fn action(&self, name: &str) -> EntityUid {
        uid(&self.types.action, name)
    }

    pub(super) fn resource(&self, resource: &Resource<'_>) -> Option<EntityUid> {
        self.types.of(&resource.kind).map(|kind| uid(&kind, &resource.id))
    }

    /// The principal and all that is known of it.
    pub(super) fn principal(&self, who: &Who, store: &CedarStore) -> Result<Asker, String> {
        let (name, mut attributes, mut parents) = match &who.subject {
            Some(subject) => {
                let name = uid(&self.types.user, &both(subject.issuer(), subject.id()));
                (name, self.attributes_of(who, store.reads()), self.parents_of(who))
            }
            None => {
                let machine = who.machine.as_ref().map_or("", |machine| machine.as_str());
                (uid(&self.types.workload, machine), HashMap::new(), HashSet::new())
            }
        };
        let (mut more, mut refers) = (self.ask(&name)?, Vec::new());
        let mut join = |entity: Entity| {
            let (_, others, above) = entity.into_inner();
            for (attribute, value) in others {
                attributes.entry(attribute).or_insert(value);
            }
            parents.extend(above);
        };
        if let Some(place) = more.iter().position(|given| given.entity.uid() == name) {
            let given = more.remove(place);
            refers = given.refers;
            join(given.entity);
        }
        if let Some(entity) = store.known(&name) {
            join(entity.clone());
        }
        let listed: Vec<EntityUid> = parents.iter().cloned().collect();
        let entity = Entity::new(name.clone(), attributes, parents).map_err(|error| error.to_string())?;
        more.insert(0, Given { entity, parents: listed, refers });
        let (seen, reach) = (store.see(&name, &more), store.reach_of(&name, &more));
        Ok(Asker { name, given: more, seen, reach })
    }

    /// What the source knows of an entity.
    pub(super) fn ask(&self, name: &EntityUid) -> Result<Vec<Given>, String> {
        let Some(source) = &self.source else { return Ok(Vec::new()) };
        let found = source.find(name).map_err(|error| error.to_string())?;
        found.into_iter().map(given).collect()
    }

    /// The claims that some policy may read.
    pub(super) fn pointers<'s>(&'s self, reads: &'s Reads) -> impl Iterator<Item = &'s Arc<str>> {
        let read = self.attributes.iter().filter(|(attribute, _)| reads.any(attribute));
        read.map(|(_, pointer)| pointer).chain(&self.groups)
    }

    fn attributes_of(&self, who: &Who, reads: &Reads) -> HashMap<String, Value> {
        let mut all = HashMap::new();
        let mut add = |name: &str, value: &mut dyn FnMut() -> Option<Value>| {
            if reads.any(name)
                && let Some(value) = value()
            {
                all.insert(name.to_owned(), value);
            }
        };
        if let Some(subject) = &who.subject {
            add("issuer", &mut || Some(text(subject.issuer())));
            add("subject", &mut || Some(text(subject.id())));
        }
        add("tenant", &mut || who.tenant.as_ref().map(|tenant| text(tenant.as_str())));
        add("application", &mut || who.application.as_ref().map(|application| text(application.as_str())));
        add("scopes", &mut || Some(Value::new_set(who.scopes.iter().map(text))));
        add("roles", &mut || Some(Value::new_set(who.roles.iter().map(text))));
        for (attribute, pointer) in &self.attributes {
            add(attribute, &mut || who.claims.get(pointer).and_then(value_of));
        }
        all
    }

    fn parents_of(&self, who: &Who) -> HashSet<EntityUid> {
        let roles = who.roles.iter().map(|role| uid(&self.types.role, role));
        let tenant = who.tenant.as_ref().map(|tenant| uid(&self.types.tenant, tenant.as_str()));
        let mut parents: HashSet<EntityUid> = roles.chain(tenant).collect();
        match self.groups.as_ref().and_then(|pointer| who.claims.get(pointer)) {
            Some(ClaimValue::Text(one)) => drop(parents.insert(uid(&self.types.group, one))),
            Some(ClaimValue::List(several)) => {
                let names = several.iter().filter_map(ClaimValue::as_str);
                parents.extend(names.map(|name| uid(&self.types.group, name)));
            }
            _ => {}
        }
        parents
    }
}

/// For the posture: what it is besides the texts that decides.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "zone {}", self.zone.iana_name().unwrap_or("UTC"))?;
        if let Some(groups) = &self.groups {
            write!(f, ", groups from {groups}")?;
        }
        for (name, pointer) in &self.attributes {
            write!(f, ", {name} from {pointer}")?;
        }
        match self.source {
            Some(_) => f.write_str(", and a source of entities"),
            None => Ok(()),
        }
    }
}

/// An entity of a source, and what it refers to.
fn given(entity: Entity) -> Result<Given, String> {
    let refers = entities_in(&entity.to_json_value().map_err(|error| error.to_string())?);
    let (_, _, parents) = entity.clone().into_inner();
    Ok(Given { entity, parents: parents.into_iter().collect(), refers })
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

/// A name that is unique only at its issuer, with its issuer.
pub(super) fn both(issuer: &str, id: &str) -> String {
    format!("{issuer}|{id}")
}

fn text(text: &str) -> Value {
    Value::new_string(text.to_owned())
}

fn value_of(claim: &ClaimValue) -> Option<Value> {
    Some(match claim {
        ClaimValue::Text(one) => text(one),
        ClaimValue::Number(number) => Value::new_long(*number),
        ClaimValue::Flag(flag) => Value::new_bool(*flag),
        ClaimValue::List(several) => Value::new_set(several.iter().filter_map(value_of)),
        _ => return None,
    })
}
