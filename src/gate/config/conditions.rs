//! From the tables of conditions to conditions.

use super::machines::DeviceState;
use super::policy_file::{ClaimSection, ClaimTable, ConditionSection, HoursSection, PartySection};
use super::value::Text;
use crate::authorize::AddressList;
use crate::authorize::rules::{
    Condition, Weekday, acting_for, action, actor, application, business_hours, claim, delegated, device,
    finding, listed, model_in, network, offers_tools, output_cap_at_most, payload_at_most, plan,
    privileged_in, reputation_at_least, resource_in, role, route, scope, subject, tenant, tool_in, workload,
};
use crate::payload::Severity;
use crate::route::ResourceKind;
use std::collections::BTreeMap;
use std::ops::Range;

/// Lists of addresses, by name.
pub(super) type Lists = BTreeMap<String, AddressList>;

/// What cannot be used in a condition, and where, if that is known.
pub(super) struct Problem(pub(super) Option<Range<usize>>, pub(super) String);

pub(super) fn condition(section: &ConditionSection, lists: &Lists) -> Result<Condition, Problem> {
    check_lists(section)?;
    let mut all: Vec<Condition> = Vec::new();
    who(section, &mut all)?;
    circumstances(section, lists, &mut all)?;
    what(section, &mut all);
    if let Some(any) = &section.any {
        all.push(Condition::any(each(any, lists)?));
    }
    if let Some(every) = &section.all {
        all.extend(each(every, lists)?);
    }
    if let Some(section) = &section.not {
        all.push(!condition(section, lists)?);
    }
    match (all.is_empty(), section.always) {
        (true, Some(true)) | (false, None) => Ok(Condition::all(all)),
        (true, _) => Err(Problem(
            None,
            "says nothing; name what must be so, or write always = true for every request".to_owned(),
        )),
        (false, Some(_)) => {
            Err(Problem(None, "always stands beside what must be so; keep one or the other".to_owned()))
        }
    }
}

/// A list of nothing would make a rule that never speaks, which is no rule that forbids.
fn check_lists(section: &ConditionSection) -> Result<(), Problem> {
    fn is_empty<T>(list: Option<&Vec<T>>) -> bool {
        list.is_some_and(Vec::is_empty)
    }
    let lists = [
        ("scopes", is_empty(section.scopes.as_ref())),
        ("roles", is_empty(section.roles.as_ref())),
        ("plans", is_empty(section.plans.as_ref())),
        ("tenants", is_empty(section.tenants.as_ref())),
        ("applications", is_empty(section.applications.as_ref())),
        ("subjects", is_empty(section.subjects.as_ref())),
        ("actors", is_empty(section.actors.as_ref())),
        ("acting_for", is_empty(section.acting_for.as_ref())),
        ("workloads", is_empty(section.workloads.as_ref())),
        ("networks", is_empty(section.networks.as_ref())),
        ("addresses", is_empty(section.addresses.as_ref())),
        ("actions", is_empty(section.actions.as_ref())),
        ("paths", is_empty(section.paths.as_ref())),
    ];
    match lists.iter().find(|(_, is_empty)| *is_empty) {
        Some((name, _)) => Err(Problem(None, format!("the list {name} is empty; name one, or leave it out"))),
        None => Ok(()),
    }
}

fn each(sections: &[ConditionSection], lists: &Lists) -> Result<Vec<Condition>, Problem> {
    if sections.is_empty() {
        return Err(Problem(None, "any and all need at least one table".to_owned()));
    }
    sections.iter().map(|section| condition(section, lists)).collect()
}

/// Who asks.
fn who(section: &ConditionSection, all: &mut Vec<Condition>) -> Result<(), Problem> {
    all.extend(section.scopes.iter().flatten().map(|name| scope(name.as_str())));
    one(all, &section.roles, |name| role(name.as_str()));
    one(all, &section.plans, |name| plan(name.as_str()));
    one(all, &section.tenants, |name| tenant(name.as_str()));
    one(all, &section.applications, |name| application(name.as_str()));
    let party = |make: fn(Box<str>, Box<str>) -> Condition| {
        move |party: &PartySection| make(party.issuer.as_str().into(), party.id.as_str().into())
    };
    one(all, &section.subjects, party(subject));
    one(all, &section.actors, party(actor));
    one(all, &section.acting_for, party(acting_for));
    all.extend(section.delegated.map(|is| if is { delegated() } else { !delegated() }));
    one(all, &section.workloads, |pattern| workload(pattern.0.clone()));
    for (pointer, asked) in &section.claims {
        let held = || claim(pointer.as_str());
        match asked {
            ClaimSection::Is(value) => all.push(held().is(value.clone())),
            ClaimSection::OneOf(values) if values.is_empty() => {
                let problem = format!(
                    "the list of values of the claim {pointer:?} is empty; name one, or leave it out"
                );
                return Err(Problem(None, problem));
            }
            ClaimSection::OneOf(values) => all.push(held().one_of(values.iter().cloned())),
            ClaimSection::Table(table) => of_claim(pointer, table, all)?,
        }
    }
    Ok(())
}

fn of_claim(pointer: &str, table: &ClaimTable, all: &mut Vec<Condition>) -> Result<(), Problem> {
    let before = all.len();
    let held = || claim(pointer);
    let ClaimTable { has, at_least, at_most, exists } = table;
    all.extend(has.as_ref().map(|value| held().has(value.0.clone())));
    all.extend(at_least.map(|number| held().at_least(number)));
    all.extend(at_most.map(|number| held().at_most(number)));
    all.extend(exists.map(|there| if there { held().exists() } else { !held().exists() }));
    match all.len() == before {
        true => Err(Problem(
            None,
            format!(
                "says nothing of the claim {pointer:?}; write has, at_least, at_most or exists into its table"
            ),
        )),
        false => Ok(()),
    }
}

/// When, and from where.
fn circumstances(section: &ConditionSection, lists: &Lists, all: &mut Vec<Condition>) -> Result<(), Problem> {
    all.extend(section.device.as_ref().map(|Text(state)| match state {
        DeviceState::Managed => device().managed(),
        DeviceState::Known => device().known(),
    }));
    if let Some(HoursSection { zone, days, from, to }) = &section.hours {
        let days: Vec<Weekday> = match days {
            Some(days) => days.iter().map(|day| day.0).collect(),
            None => Weekday::ALL.into(),
        };
        all.push(business_hours(zone, days, from.as_str()..to.as_str()));
    }
    if let Some(networks) = &section.networks {
        all.push(network(networks.iter().map(|network| network.0)));
    }
    let find = |name: &toml::Spanned<String>| {
        lists.get(name.get_ref()).ok_or_else(|| {
            Problem(
                Some(name.span()),
                "names no list of [policy.address_files]; add its file there".to_owned(),
            )
        })
    };
    if let Some(names) = &section.addresses {
        let lists = names.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        all.push(Condition::any(lists.into_iter().map(listed)));
    }
    if let Some(reputation) = &section.reputation {
        all.push(reputation_at_least(find(&reputation.addresses)?, reputation.at_least.0));
    }
    Ok(())
}

/// What is asked for.
fn what(section: &ConditionSection, all: &mut Vec<Condition>) {
    one(all, &section.actions, |name| action(name.as_str()));
    one(all, &section.paths, |pattern| route(pattern.as_str()));
    let names =
        |names: &Vec<String>| names.iter().map(|name| Box::from(name.as_str())).collect::<Vec<Box<str>>>();
    all.extend(section.models.as_ref().map(|models| model_in(names(models))));
    all.extend(section.tools.as_ref().map(|tools| tool_in(names(tools))));
    let of = |kind, listed: &Vec<String>| resource_in(kind, names(listed));
    all.extend(section.datasets.as_ref().map(|listed| of(ResourceKind::Dataset, listed)));
    all.extend(section.parts.as_ref().map(|listed| of(ResourceKind::Part, listed)));
    all.extend(section.resources.iter().map(|(kind, listed)| of(ResourceKind::from_name(kind), listed)));
    all.extend(section.max_output.map(|units| output_cap_at_most(units.0)));
    all.extend(section.max_bytes.map(|size| payload_at_most(size.0 as u64)));
    all.extend(section.offers_tools.map(|is| if is { offers_tools() } else { !offers_tools() }));
    all.extend(section.privileged.as_ref().map(|listed| privileged_in(names(listed))));
    all.extend(
        section.finding.as_ref().map(|seen| {
            finding(seen.category.0, seen.least.as_ref().map_or(Severity::Medium, |least| least.0))
        }),
    );
}

/// One of a list must be so, if there is a list.
fn one<T>(all: &mut Vec<Condition>, list: &Option<Vec<T>>, make: impl Fn(&T) -> Condition) {
    if let Some(list) = list {
        all.push(Condition::any(list.iter().map(make)));
    }
}
