use serde::Serialize;
use serde_json::{Map, Value};

/// One question to a decision point (§6.1): may this subject do this with that resource?
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// Who.
    pub subject: Entity,
    /// What.
    pub action: Action,
    /// With what.
    pub resource: Entity,
    /// In which circumstances.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub context: Map<String, Value>,
}

/// A subject or a resource (§5.1, §5.2).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Entity {
    /// Of which sort.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which one.
    pub id: String,
    /// What else is known of it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
}

/// An action (§5.3).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Action {
    /// Which one.
    pub name: String,
    /// What else is known of it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
}

impl Evaluation {
    /// A question without circumstances.
    pub fn new(subject: Entity, action: impl Into<String>, resource: Entity) -> Self {
        let action = Action { name: action.into(), properties: Map::new() };
        Self { subject, action, resource, context: Map::new() }
    }

    /// The same, of an action of which this is known.
    pub fn action_properties(mut self, properties: Map<String, Value>) -> Self {
        self.action.properties = properties;
        self
    }

    /// The same, in these circumstances.
    pub fn context(mut self, context: Map<String, Value>) -> Self {
        self.context = context;
        self
    }

    /// The question as it is sent.
    pub(super) fn body(&self) -> String {
        serde_json::to_string(self).expect("strings and values are JSON")
    }

    /// The question without the time of day, by which no decision is remembered.
    pub(super) fn timeless(mut self) -> String {
        self.context.remove(TIME);
        self.body()
    }
}

/// Questions of one subject about one action in the same circumstances, which differ in the resource, as one (§7.1).
pub(super) fn together<'e>(evaluations: impl Iterator<Item = &'e Evaluation>) -> String {
    #[derive(Serialize)]
    struct Together<'e> {
        #[serde(flatten)]
        shared: Option<Shared<'e>>,
        evaluations: Vec<Own<'e>>,
    }

    #[derive(Clone, Copy, Serialize)]
    struct Shared<'e> {
        subject: &'e Entity,
        action: &'e Action,
        context: &'e Map<String, Value>,
    }

    #[derive(Serialize)]
    struct Own<'e> {
        resource: &'e Entity,
    }

    let mut together = Together { shared: None, evaluations: Vec::new() };
    for Evaluation { subject, action, resource, context } in evaluations {
        together.shared.get_or_insert(Shared { subject, action, context });
        together.evaluations.push(Own { resource });
    }
    serde_json::to_string(&together).expect("strings and values are JSON")
}

/// The member of the context that says when.
pub(super) const TIME: &str = "time";

impl Entity {
    /// The one of that sort with that identifier.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), id: id.into(), properties: Map::new() }
    }

    /// The same, of which this is known.
    pub fn properties(mut self, properties: Map<String, Value>) -> Self {
        self.properties = properties;
        self
    }
}
