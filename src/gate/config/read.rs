//! From the shape of the file to what the builder takes; whatever cannot be used is refused at its place.

use super::file::{AuditSection, FloodSection, InspectionSection, LimitSection, PlanSection, WatchSection};
use super::file::{EdgeSection, ProtectedResourceSection};
use super::source::Source;
use super::value::choose;
use super::{AuditSettings, ConfigError, ConfigErrorKind, ConfiguredIssuer, Switch};
use crate::clock::SystemClock;
use crate::exchange::{EdgeError, EdgeRules};
use crate::inspect::Action;
use crate::jwt::{JwtErrorKind, ProtectedResource};
use crate::limit::{FloodCheck, FloodQuota, Limit, Measure, Plan, Plans, PlansErrorKind};
use crate::payload::Category;
use crate::principal::Revocations;
use crate::watch::WatchCredentialLayer;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;

/// The most addresses that the flood check may be told to remember: their memory, 34 bytes each, is taken at once.
const MOST_ADDRESSES: usize = 1 << 24;

/// Whether a control shall be missing; it cannot be set up as well.
fn is_off(source: &Source, danger: Option<&Spanned<bool>>, set_up: bool) -> Result<bool, ConfigError> {
    match danger {
        Some(danger) if *danger.get_ref() && set_up => source
            .refuse(danger.span(), "the keys beside it set up what shall be missing; keep one or the other"),
        danger => Ok(danger.is_some_and(|danger| *danger.get_ref())),
    }
}

/// Hosts and origins were checked where they stand.
pub(super) fn edge(source: &Source, section: EdgeSection) -> Result<EdgeRules, ConfigError> {
    let unusable = |error: EdgeError| source.whole(ConfigErrorKind::Value(error.to_string()));
    let origins = section.allowed_origins.iter().map(|origin| &origin.0.0);
    let mut rules = EdgeRules::default().allowed_origins(origins).map_err(unusable)?;
    if let Some(hosts) = section.allowed_hosts {
        rules = rules.allowed_hosts(hosts.iter().map(|host| &host.0.0)).map_err(unusable)?;
    }
    if section.danger_plaintext {
        rules = rules.danger_plaintext();
    }
    Ok(match section.max_header_bytes {
        Some(size) => rules.max_header_bytes(size.0),
        None => rules,
    })
}

pub(super) fn protected_resource(
    source: &Source,
    section: Spanned<ProtectedResourceSection>,
    issuers: &[ConfiguredIssuer],
) -> Result<ProtectedResource, ConfigError> {
    let (whole, section) = (section.span(), section.into_inner());
    let (of_resource, of_servers) = (section.resource.span(), section.authorization_servers.span());
    let mut resource = ProtectedResource::new(section.resource.into_inner());
    for server in section.authorization_servers.into_inner() {
        if !issuers.iter().any(|configured| configured.issuer.name() == server) {
            return source
                .refuse(of_servers, "names no issuer of this file; clients would be sent there in vain");
        }
        resource = resource.authorization_server(server);
    }
    for scope in section.scopes {
        resource = resource.scope(scope);
    }
    if let Some(name) = section.name {
        resource = resource.name(name);
    }
    if let Some(url) = section.documentation {
        resource = resource.documentation(url);
    }
    let Err(error) = resource.check() else { return Ok(resource) };
    match error.kind {
        JwtErrorKind::Setting { field: "ProtectedResource::new", problem } => {
            source.refuse(of_resource, problem)
        }
        JwtErrorKind::Setting { field: "authorization_server", problem } => {
            source.refuse(of_servers, problem)
        }
        kind => source.refuse(whole, kind.to_string()),
    }
}

pub(super) fn audit(
    source: &Source,
    section: Spanned<AuditSection>,
) -> Result<Switch<AuditSettings>, ConfigError> {
    let (span, section) = (section.span(), section.into_inner());
    let set_up = section.file.is_some() || section.when_full.is_some() || section.capacity.is_some();
    if is_off(source, section.danger_off.as_ref(), set_up)? {
        return Ok(Switch::Off);
    }
    let Some(file) = section.file else {
        let problem = "say where records go with file = \"audit.jsonl\", or danger_off = true to keep none";
        return source.refuse(span, problem);
    };
    if file.get_ref().is_empty() {
        return source.refuse(file.span(), "name a file");
    }
    let (when_full, capacity) = (section.when_full.map(|word| word.0), section.capacity.map(|count| count.0));
    Ok(Switch::Set(AuditSettings { file, when_full, capacity }))
}

pub(super) fn watch(
    source: &Source,
    section: Spanned<WatchSection>,
) -> Result<Switch<Duration>, ConfigError> {
    let (span, section) = (section.span(), section.into_inner());
    if is_off(source, section.danger_off.as_ref(), section.grace.is_some())? {
        return Ok(Switch::Off);
    }
    let grace = section.grace.map_or(Duration::ZERO, |grace| grace.0);
    match WatchCredentialLayer::builder(Revocations::new()).grace(grace).build() {
        Ok(_) => Ok(Switch::Set(grace)),
        Err(error) => source.refuse(span, error.to_string()),
    }
}

pub(super) fn flood(
    source: &Source,
    section: Spanned<FloodSection>,
) -> Result<Switch<FloodQuota>, ConfigError> {
    let (span, section) = (section.span(), section.into_inner());
    let FloodSection { requests, per, burst, failed_credential, addresses, danger_off } = section;
    let set_up = requests.is_some()
        || per.is_some()
        || burst.is_some()
        || failed_credential.is_some()
        || addresses.is_some();
    if is_off(source, danger_off.as_ref(), set_up)? {
        return Ok(Switch::Off);
    }
    let (Some(requests), Some(per)) = (requests, per) else {
        let problem = "say how often with requests = 100 and per = \"second\", or danger_off = true";
        return source.refuse(span, problem);
    };
    let mut quota = FloodQuota::new(requests.0, per.0);
    if let Some(burst) = burst {
        quota = quota.burst(burst.0);
    }
    if let Some(count) = failed_credential {
        quota = quota.failed_credential(count.0);
    }
    if let Err(error) = FloodCheck::new(quota.addresses(1), SystemClock::shared()) {
        return source.refuse(span, error.to_string());
    }
    if let Some(addresses) = addresses {
        if addresses.get_ref().0 > MOST_ADDRESSES {
            return source.refuse(addresses.span(), format!("choose at most {MOST_ADDRESSES}"));
        }
        quota = quota.addresses(addresses.get_ref().0);
    }
    Ok(Switch::Set(quota))
}

pub(super) fn inspection(
    source: &Source,
    section: InspectionSection,
) -> Result<Switch<Vec<(Category, Action)>>, ConfigError> {
    if is_off(source, section.danger_off.as_ref(), !section.injection.is_empty())? {
        return Ok(Switch::Off);
    }
    let prefix = "injection.";
    let names = Category::ALL
        .into_iter()
        .filter_map(|category| category.as_str().strip_prefix(prefix).map(|name| (name, category)));
    let actions = in_order(section.injection).into_iter().map(|(name, action)| {
        match choose(name.get_ref(), "a category of injection", names.clone()) {
            Ok(category) => Ok((category, action.0)),
            Err(problem) => source.refuse(name.span(), problem),
        }
    });
    Ok(Switch::Set(actions.collect::<Result<_, _>>()?))
}

/// The entries of a table in the order of the file.
fn in_order<T>(table: BTreeMap<Spanned<String>, T>) -> Vec<(Spanned<String>, T)> {
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

/// The plans, and a look whether the default one is among them.
pub(super) fn plans(
    source: &Source,
    sections: BTreeMap<Spanned<String>, Spanned<PlanSection>>,
    default: Option<&Spanned<String>>,
) -> Result<Vec<Plan>, ConfigError> {
    let plans = in_order(sections).into_iter().map(|(name, section)| plan(source, name, section));
    let plans: Vec<Plan> = plans.collect::<Result<_, _>>()?;
    if let (Some(default), false) = (default, plans.is_empty()) {
        let known = Plans::new(plans.iter().cloned()).and_then(|plans| plans.with_default(default.get_ref()));
        if let Err(error) = known {
            return source.refuse(default.span(), error.to_string());
        }
    }
    Ok(plans)
}

fn plan(source: &Source, name: Spanned<String>, section: Spanned<PlanSection>) -> Result<Plan, ConfigError> {
    let (name_span, section) = (name.span(), section.into_inner());
    let mut plan = Plan::new(name.into_inner());
    if let Some(cap) = section.output_cap {
        plan = plan.output_cap(cap.0);
    }
    let danger = section.danger_unlimited.filter(|danger| *danger.get_ref());
    let requests = section.requests.into_iter().map(|limit| (Measure::Requests, limit));
    for (measure, limit) in requests.chain(section.usage.into_iter().map(|limit| (Measure::Usage, limit))) {
        let (span, LimitSection { limit, per, by }) = (limit.span(), limit.into_inner());
        let mut limit = match measure {
            Measure::Requests => Limit::requests(limit.0, per.0),
            Measure::Usage => Limit::usage(limit.0, per.0),
        };
        if let Some(by) = by {
            limit = limit.per(by.0);
        }
        plan = plan.limit(limit);
        if let Err(error) = Plans::new([plan.clone()]) {
            let span = if matches!(error.kind(), PlansErrorKind::Name { .. }) { name_span } else { span };
            return source.refuse(span, error.to_string());
        }
    }
    if danger.is_some() {
        plan = plan.danger_unlimited();
    }
    let Err(error) = Plans::new([plan.clone()]) else { return Ok(plan) };
    let span = match (error.kind(), danger) {
        (PlansErrorKind::LimitedAndUnlimited { .. }, Some(danger)) => danger.span(),
        _ => name_span,
    };
    source.refuse(span, error.to_string())
}
