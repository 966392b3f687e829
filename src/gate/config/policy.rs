//! What callers may do: `[policy]`.

use super::conditions::{Lists, Problem, condition};
use super::policy_file::{PolicySection, RightsSection, RuleSection, ZoneSection};
use super::source::Source;
use super::{Config, ConfigError, ConfigErrorKind};
use crate::authorize::rules::{
    Condition, RulePolicyBuilder, action, always, model_in, plan, resource_in, role, route, workload,
};
use crate::authorize::{AddressList, DeviceRules, Policies, RulePolicy};
use crate::route::{ResourceKind, Route};
use std::ops::Range;
use toml::Spanned;

/// What `[policy]` says; no file is opened yet.
pub(super) struct Policy(PolicySection);

impl Policy {
    /// Looks at what can be known from the text.
    pub(super) fn read(
        source: &Source,
        section: Spanned<PolicySection>,
        routes: &[Route],
    ) -> Result<Self, ConfigError> {
        let span = section.span();
        let section = section.into_inner();
        if section.rules.is_empty()
            && section.roles.is_empty()
            && section.plans.is_empty()
            && section.zones.is_empty()
        {
            return source.refuse(span, "says nothing of who may do what: add [[policy.rules]], [policy.roles.NAME], [policy.plans] or [policy.zones.NAME]");
        }
        check_zones(source, &section, routes)?;
        for (name, models) in &section.plans {
            if models.get_ref().is_empty() {
                let problem = format!(
                    "plan {:?} may use no model; name at least one, or leave the plan out, or write [\"*\", \"\"] for all",
                    name.get_ref()
                );
                return source.refuse(models.span(), problem);
            }
        }
        let names = section.address_files.keys();
        let lists = names.map(|name| (name.clone(), AddressList::of([]))).collect();
        let policy = Self(section);
        policy.compile(source, &lists)?;
        Ok(policy)
    }

    /// Opens the lists of addresses.
    pub(super) fn open(&self, config: &Config) -> Result<Policies, ConfigError> {
        let mut lists = Lists::new();
        for (name, file) in &self.0.address_files {
            let path = config.folder.join(file.get_ref());
            let list = AddressList::open(&path).map_err(|error| {
                let kind = ConfigErrorKind::File { path, problem: error.to_string() };
                config.source.error(file.span(), kind)
            })?;
            lists.insert(name.clone(), list);
        }
        self.compile(&config.source, &lists)
    }

    fn compile(&self, source: &Source, lists: &Lists) -> Result<Policies, ConfigError> {
        let section = &self.0;
        let mut policies = Policies::new().devices(self.devices(source)?);
        if !section.rules.is_empty() || !section.roles.is_empty() {
            let mut rules = RulePolicy::builder("rules");
            for (name, rights) in &section.roles {
                rules = of_role(source, rules, name, rights)?;
            }
            policies = policies.policy(finish(
                source,
                all_rules(source, rules, &section.rules, lists)?,
                &section.rules,
            )?);
        }
        if !section.plans.is_empty() {
            let models = |names: &Vec<String>| model_in(names.iter().map(String::as_str));
            let all = RulePolicy::builder("plans").permit("plans", always());
            let plans = section.plans.iter().fold(all, |rules, (name, models_of)| {
                let beyond = plan(name.get_ref().as_str()).and(!models(models_of.get_ref()));
                rules.forbid(format!("plan:{}", name.get_ref()), beyond)
            });
            let listed = Condition::any(section.plans.keys().map(|name| plan(name.get_ref().as_str())));
            let plans = plans.forbid("on no plan", (!listed).and(model_in(["*", ""])));
            policies = policies.policy(finish(source, plans, &section.rules)?);
        }
        if !section.zones.is_empty() {
            policies = policies.policy(finish(source, zones(section), &section.rules)?);
        }
        if !section.shadow.is_empty() {
            let shadow = all_rules(source, RulePolicy::builder("shadow"), &section.shadow, lists)?;
            policies = policies.shadow(finish(source, shadow, &section.shadow)?);
        }
        Ok(policies)
    }

    fn devices(&self, source: &Source) -> Result<DeviceRules, ConfigError> {
        let mut rules = DeviceRules::new();
        let Some(section) = &self.0.devices else { return Ok(rules) };
        rules =
            rules.managed_certificates(section.managed_certificates.iter().map(|pattern| pattern.0.clone()));
        if let Some(claim) = &section.managed_claim {
            let (span, claim) = (claim.span(), claim.get_ref());
            if !claim.pointer.starts_with('/') {
                return source.refuse(span, "write an RFC 6901 pointer such as \"/device/managed\"");
            }
            rules = rules.managed_claim(claim.pointer.as_str(), claim.value.0.clone());
        }
        if let Some(header) = &section.proxy_header {
            rules =
                rules.proxy_header(header.name.0.clone(), header.networks.iter().map(|network| network.0));
        }
        Ok(rules)
    }
}

/// Adds the rules of the file, each checked by itself, so that an error has its place.
fn all_rules(
    source: &Source,
    mut policy: RulePolicyBuilder,
    sections: &[Spanned<RuleSection>],
    lists: &Lists,
) -> Result<RulePolicyBuilder, ConfigError> {
    let mut names: Vec<&str> = Vec::new();
    for section in sections {
        let (span, RuleSection { name, permit, forbid }) = (section.span(), section.get_ref());
        let text = name.get_ref().as_str();
        if text.is_empty() || text.starts_with("role:") || names.contains(&text) {
            return source.refuse(
                name.span(),
                "give each rule a name of its own, which does not begin with role:; records call it by that",
            );
        }
        names.push(text);
        let (whole, permits) = match (permit, forbid) {
            (Some(permit), None) => (permit, true),
            (None, Some(forbid)) => (forbid, false),
            (Some(_), Some(both)) => {
                return source
                    .refuse(both.span(), "a rule permits or forbids; write another rule for the other");
            }
            (None, None) => {
                return source.refuse(span, "does nothing: add permit = { … } or forbid = { … }");
            }
        };
        let condition = condition(whole.get_ref(), lists).or_else(|Problem(place, problem)| {
            source.refuse(place.unwrap_or_else(|| whole.span()), problem)
        })?;
        check(source, whole.span(), text, &condition)?;
        policy = match permits {
            true => policy.permit(text, condition),
            false => policy.forbid(text, condition),
        };
    }
    Ok(policy)
}

/// The rules know what a condition must be.
fn check(source: &Source, span: Range<usize>, name: &str, condition: &Condition) -> Result<(), ConfigError> {
    match RulePolicy::builder("alone").permit(name, condition.clone()).build() {
        Ok(_) => Ok(()),
        Err(error) => source.refuse(span, error.kind().to_string()),
    }
}

fn finish(
    source: &Source,
    policy: RulePolicyBuilder,
    sections: &[Spanned<RuleSection>],
) -> Result<RulePolicy, ConfigError> {
    policy.build().or_else(|error| match sections.first() {
        Some(first) => source.refuse(first.span(), error.to_string()),
        None => Err(source.whole(ConfigErrorKind::Value(error.to_string()))),
    })
}

/// A rule for each kind of thing that a role may use, or one for everything where none is named.
fn of_role(
    source: &Source,
    mut policy: RulePolicyBuilder,
    name: &Spanned<String>,
    rights: &Spanned<RightsSection>,
) -> Result<RulePolicyBuilder, ConfigError> {
    let RightsSection { actions, models, tools, datasets, parts } = rights.get_ref();
    let base = || match actions {
        Some(actions) => role(name.get_ref().as_str())
            .and(Condition::any(actions.iter().map(|name| action(name.as_str())))),
        None => role(name.get_ref().as_str()),
    };
    let kinds = [
        (ResourceKind::Model, models),
        (ResourceKind::Tool, tools),
        (ResourceKind::Dataset, datasets),
        (ResourceKind::Part, parts),
    ];
    if actions.as_ref().is_some_and(Vec::is_empty) {
        return source.refuse(rights.span(), "the list actions is empty; name one, or leave it out");
    }
    let called = name.get_ref();
    let mut names_things = false;
    for (kind, names) in kinds {
        let Some(names) = names else { continue };
        names_things = true;
        let rule = format!("role:{called}:{kind}");
        let condition = base().and(resource_in(kind, names.iter().map(String::as_str)));
        check(source, rights.span(), &rule, &condition)?;
        policy = policy.permit(rule, condition);
    }
    match (names_things, actions) {
        (true, _) => Ok(policy),
        (false, Some(_)) => Ok(policy.permit(format!("role:{called}"), base())),
        (false, None) => source.refuse(
            rights.span(),
            "says not what the role may do: add actions, models, tools, datasets or parts",
        ),
    }
}

/// Each route belongs to the zone that names it, and only the zone's machines reach it.
fn zones(section: &PolicySection) -> RulePolicyBuilder {
    let paths =
        |zone: &ZoneSection| Condition::any(zone.paths.get_ref().iter().map(|path| route(path.as_str())));
    let mut policy = RulePolicy::builder("zones").permit("zones", always());
    let mut every = Vec::new();
    for (name, zone) in &section.zones {
        let zone = zone.get_ref();
        let machines = Condition::any(zone.workloads.iter().map(|pattern| workload(pattern.0.clone())));
        policy = policy.forbid(format!("zone:{}", name.get_ref()), paths(zone).and(!machines));
        every.push(paths(zone));
    }
    policy.forbid("in no zone", !Condition::any(every))
}

fn check_zones(source: &Source, section: &PolicySection, routes: &[Route]) -> Result<(), ConfigError> {
    let mut seen: Vec<&str> = Vec::new();
    for zone in section.zones.values() {
        let paths = &zone.get_ref().paths;
        for path in paths.get_ref() {
            if !routes.iter().any(|route| route.pattern() == path) {
                return source.refuse(paths.span(), format!("{path:?} is the path of no route of this file"));
            }
            if seen.contains(&path.as_str()) {
                return source.refuse(paths.span(), format!("{path:?} is in another zone as well; keep one"));
            }
            seen.push(path);
        }
    }
    Ok(())
}
