//! Who may act for others: `[delegation]`.

use super::ConfigError;
use super::source::Source;
use super::value::{Count, Text};
use crate::jwt::{JwtErrorKind, VerifyJwtLayer};
use crate::principal::{ActorRule, Delegation, WorkloadPattern};
use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct DelegationSection {
    max_actors: Option<Count<usize>>,
    #[serde(default)]
    danger_any_actor: bool,
    #[serde(default)]
    actors: Vec<Spanned<ActorSection>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct ActorSection {
    issuer: String,
    id: String,
    #[serde(default)]
    workloads: Vec<Text<WorkloadPattern>>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    claims: Vec<String>,
    #[serde(default)]
    danger_from_anywhere: bool,
    #[serde(default)]
    danger_every_right: bool,
}

pub(super) fn delegation(
    source: &Source,
    section: Spanned<DelegationSection>,
) -> Result<Delegation, ConfigError> {
    let span = section.span();
    let section = section.into_inner();
    let mut delegation = Delegation::new();
    if let Some(most) = section.max_actors {
        delegation = delegation.max_actors(most.0);
    }
    if section.danger_any_actor {
        delegation = delegation.danger_any_actor();
    }
    for actor in section.actors {
        let span = actor.span();
        delegation = delegation.actor(rule(actor.into_inner()));
        if let Some(problem) = problem(&delegation) {
            return source.refuse(span, problem);
        }
    }
    match problem(&delegation) {
        Some(problem) => source.refuse(span, problem),
        None => Ok(delegation),
    }
}

fn rule(section: ActorSection) -> ActorRule {
    let mut rule = ActorRule::new(section.issuer, section.id)
        .scopes(section.scopes)
        .roles(section.roles)
        .claims(section.claims);
    for pattern in section.workloads {
        rule = rule.workload(pattern.0);
    }
    if section.danger_from_anywhere {
        rule = rule.danger_from_anywhere();
    }
    if section.danger_every_right {
        rule = rule.danger_every_right();
    }
    rule
}

/// The layer knows what it must have.
fn problem(delegation: &Delegation) -> Option<String> {
    let layer = VerifyJwtLayer::builder().without_issuers().delegation(delegation.clone());
    match layer.build().err()?.kind {
        JwtErrorKind::Setting { problem, .. } => Some(problem),
        kind => Some(kind.to_string()),
    }
}
