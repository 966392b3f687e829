//! Conditions in words, and why one does not hold.

use super::conditions::{Condition, Node};
use super::evaluate::{Facts, Truth};
use super::test::{ClaimTest, Names, Test};
use std::fmt;

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Test(test) => fmt::Display::fmt(test, f),
            Self::Not(node) => write!(f, "not ({node})"),
            Self::All(nodes) if nodes.is_empty() => f.write_str("always"),
            Self::Any(nodes) if nodes.is_empty() => f.write_str("never"),
            Self::All(nodes) => list(f, nodes, " and "),
            Self::Any(nodes) => list(f, nodes, " or "),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, nodes: &[Node], between: &str) -> fmt::Result {
    for (n, node) in nodes.iter().enumerate() {
        if n > 0 {
            f.write_str(between)?;
        }
        match node {
            Node::All(inner) | Node::Any(inner) if inner.len() > 1 => write!(f, "({node})")?,
            _ => write!(f, "{node}")?,
        }
    }
    Ok(())
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scope(scope) => write!(f, "scope {scope}"),
            Self::Role(role) => write!(f, "role {role}"),
            Self::Plan(plan) => write!(f, "plan {plan}"),
            Self::Tenant(tenant) => write!(f, "tenant {tenant}"),
            Self::Application(client) => write!(f, "application {client}"),
            Self::Subject { issuer, id } => write!(f, "subject {id} of {issuer}"),
            Self::Delegated => f.write_str("an actor"),
            Self::ActingFor { issuer, id } => write!(f, "an actor for {id} of {issuer}"),
            Self::Actor { issuer, id } => write!(f, "actor {id} of {issuer}"),
            Self::Workload(pattern) => write!(f, "workload {pattern}"),
            Self::Claim { pointer, claim } => write!(f, "claim {pointer} {claim}"),
            Self::DeviceManaged => f.write_str("a managed device"),
            Self::DeviceKnown => f.write_str("a known device"),
            Self::Action(action) => write!(f, "action {action}"),
            Self::Route(pattern) => write!(f, "route {pattern}"),
            Self::Reputation { list, least: 0 } => write!(f, "an address in {list}"),
            Self::Reputation { list, least } => write!(f, "a reputation of {least} or more in {list}"),
            Self::Hours(hours) => write!(f, "{hours}"),
            Self::Resource { kind, names } => write!(f, "{kind} {}", listed(names)),
            Self::OutputCap(units) => write!(f, "an output cap of {units} at most"),
            Self::PayloadBytes(bytes) => write!(f, "a body of {bytes} bytes at most"),
            Self::OffersTools => f.write_str("tools offered"),
            Self::Privileged(names) => write!(f, "a privileged field {}", listed(names)),
            Self::Finding { category, least } => write!(f, "a finding of {category} ({})", least.as_str()),
            Self::Invalid(problem) => f.write_str(problem),
        }
    }
}

fn listed(names: &Names) -> String {
    let names: Vec<String> =
        names.written().map(|name| if name.is_empty() { "\"\"".to_owned() } else { name }).collect();
    names.join(" | ")
}

impl fmt::Display for ClaimTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists => f.write_str("is there"),
            Self::OneOf(values) => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                write!(f, "is {}", values.join(" or "))
            }
            Self::Has(value) => write!(f, "has {value}"),
            Self::AtLeast(number) => write!(f, "is {number} or more"),
            Self::AtMost(number) => write!(f, "is {number} or less"),
        }
    }
}

impl Node {
    /// What is missing for the condition to hold; `None` when it holds. Values of claims are not repeated.
    pub(super) fn missing(&self, facts: &Facts<'_, '_>) -> Option<String> {
        let truth = self.evaluate(facts);
        if truth == Truth::True {
            return None;
        }
        Some(match self {
            Self::Test(test) => missing_fact(test, truth, facts),
            Self::Not(node) if matches!(truth, Truth::Error | Truth::Withheld) => {
                node.missing(facts).unwrap_or_default()
            }
            Self::Not(node) => format!("not allowed: {node}"),
            Self::All(nodes) => nodes
                .iter()
                .find(|node| node.evaluate(facts) == truth)
                .and_then(|node| node.missing(facts))
                .unwrap_or_default(),
            Self::Any(nodes) => {
                let all: Vec<String> = nodes.iter().filter_map(|node| node.missing(facts)).collect();
                if all.is_empty() { "never holds".to_owned() } else { all.join(", and ") }
            }
        })
    }
}

fn missing_fact(test: &Test, truth: Truth, facts: &Facts<'_, '_>) -> String {
    let claim_state = |pointer: &str| {
        let claims = facts.request.map(|request| request.principal.claims());
        match claims.and_then(|claims| claims.get(pointer)) {
            Some(_) if truth == Truth::Error => "is no whole number",
            Some(_) => "has another value",
            None if truth == Truth::Error => "was not looked for: name it in keep_claims of VerifyJwtLayer",
            None if truth == Truth::Withheld => "is withheld, since an actor lacks it",
            None => "is absent",
        }
    };
    match (test, truth) {
        (Test::Claim { pointer, claim }, _) => {
            format!("needs claim {pointer} {claim}, and it {}", claim_state(pointer))
        }
        (Test::Reputation { .. }, Truth::Error) => {
            format!("{test} cannot be told: the client has no address")
        }
        (Test::Resource { .. }, Truth::Error) => {
            format!("{test} cannot be told: the name has segments that lead elsewhere")
        }
        (Test::OffersTools | Test::Privileged(_), Truth::Error) => {
            format!("{test} cannot be told: the body is opaque")
        }
        (Test::Finding { .. }, Truth::Error) => format!("{test} cannot be told: nothing was inspected"),
        (_, Truth::Error) => format!("{test} cannot be evaluated"),
        (Test::DeviceManaged, _) => match facts.request.and_then(|request| request.environment.device) {
            Some(device) => format!("needs {test}, and the {} says that it is not", device.source),
            None => format!("needs {test}, and nothing is known of the device"),
        },
        (Test::OutputCap(_), _) => format!("needs {test}, and the request asks for more or sets none"),
        _ => format!("needs {test}"),
    }
}
