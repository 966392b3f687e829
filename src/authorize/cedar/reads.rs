//! What a policy reads beside its scope, found once in its JSON form (its "EST"), when it is loaded.

use cedar_policy::EntityUid;
use serde_json::Value;
use std::collections::HashSet;

/// The attributes that some policy reads.
#[derive(Debug, Default)]
pub(super) struct Reads {
    attributes: HashSet<String>,
    /// A policy takes the context, or a record, as a whole.
    everything: bool,
}

impl Reads {
    /// Whether an attribute of that name may be asked for.
    pub(super) fn any(&self, attribute: &str) -> bool {
        self.everything || self.attributes.contains(attribute)
    }

    /// Adds what this policy reads.
    pub(super) fn add(&mut self, policy: &Value) {
        if let Some(conditions) = policy.get("conditions") {
            self.walk(conditions);
        }
    }

    fn walk(&mut self, node: &Value) {
        match node {
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            Value::Object(members) => {
                for (name, value) in members {
                    match name.as_str() {
                        "." | "has" => self.access(value),
                        "Var" if value == "context" => self.everything = true,
                        _ => self.walk(value),
                    }
                }
            }
            _ => {}
        }
    }

    fn access(&mut self, operands: &Value) {
        match operands.get("attr") {
            Some(Value::String(attribute)) => drop(self.attributes.insert(attribute.clone())),
            Some(Value::Array(path)) => {
                self.attributes.extend(path.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            // A form that is not known here may read anything.
            _ => self.everything = true,
        }
        match operands.get("left") {
            Some(left) if left.get("Var").is_some() => {}
            Some(left) => self.walk(left),
            None => self.everything = true,
        }
    }
}

/// Whether the conditions of a policy look at the resource.
pub(super) fn reads_resource(policy: &Value) -> bool {
    policy.get("conditions").is_none_or(names_resource)
}

fn names_resource(node: &Value) -> bool {
    match node {
        Value::Array(items) => items.iter().any(names_resource),
        Value::Object(members) => {
            members.iter().any(|(name, value)| name == "Var" && value == "resource" || names_resource(value))
        }
        _ => false,
    }
}

/// The entities that stand in the conditions of a policy, whose attributes and parents it may ask for.
pub(super) fn literals(policy: &Value) -> Vec<EntityUid> {
    policy.get("conditions").map(entities_in).unwrap_or_default()
}

/// Every entity that is named somewhere in this JSON: as `{"__entity": …}`, or as `{"type": …, "id": …}`.
pub(super) fn entities_in(json: &Value) -> Vec<EntityUid> {
    let mut found = Vec::new();
    collect(json, &mut found);
    found
}

fn collect(json: &Value, found: &mut Vec<EntityUid>) {
    match json {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => {
            if members.len() == 2 && members.contains_key("type") && members.contains_key("id") {
                found.extend(EntityUid::from_json(json.clone()).ok());
            }
            members.values().for_each(|value| collect(value, found));
        }
        _ => {}
    }
}
