use super::conditions::Node;
use crate::authorize::{AccessRequest, Resource};

/// What a condition comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    False,
    True,
    /// The facts are not there yet.
    Unknown,
    /// The facts are there, and say nothing that could be compared.
    Error,
    /// It hangs on a right of the subject that an actor lacks: it permits nothing, and lifts nothing that forbids.
    Withheld,
}

impl Truth {
    pub(super) fn of(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::True => Self::False,
            undecided => undecided,
        }
    }
}

/// What a condition is evaluated on.
#[derive(Clone, Copy)]
pub(super) struct Facts<'r, 'a> {
    pub(super) action: &'r str,
    pub(super) route: &'r str,
    /// `None` where only action and route are known.
    pub(super) request: Option<&'r AccessRequest<'a>>,
    /// The thing that is being decided on.
    pub(super) resource: Option<&'r Resource<'a>>,
}

impl<'r, 'a> Facts<'r, 'a> {
    pub(super) fn of(request: &'r AccessRequest<'a>) -> Self {
        Self { action: request.action, route: request.route, request: Some(request), resource: None }
    }

    pub(super) fn with(self, resource: &'r Resource<'a>) -> Self {
        Self { resource: Some(resource), ..self }
    }
}

impl Node {
    /// Three-valued logic after Kleene, with two more values. What is unknown may yet decide the whole, which an error
    /// cannot: so it weighs more. An error weighs more than what is withheld: the operator should see it.
    pub(super) fn evaluate(&self, facts: &Facts<'_, '_>) -> Truth {
        match self {
            Self::Test(test) => test.ask(facts),
            Self::Not(node) => node.evaluate(facts).not(),
            Self::All(nodes) => join(nodes, facts, Truth::False),
            Self::Any(nodes) => join(nodes, facts, Truth::True),
        }
    }
}

/// `decisive` if one node comes to it; else what is undecided, if something is; else the opposite.
fn join(nodes: &[Node], facts: &Facts<'_, '_>, decisive: Truth) -> Truth {
    let mut joined = decisive.not();
    for node in nodes {
        match (node.evaluate(facts), joined) {
            (truth, _) if truth == decisive => return decisive,
            (Truth::Unknown, _) => joined = Truth::Unknown,
            (Truth::Error, before) if before != Truth::Unknown => joined = Truth::Error,
            (Truth::Withheld, before) if before == decisive.not() => joined = Truth::Withheld,
            _ => {}
        }
    }
    joined
}
