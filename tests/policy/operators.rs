//! Every operator in every combination, against an evaluator that knows no short cuts.

use portcullis::authorize::rules::{
    Condition, action, always, claim, device, model_in, network, offers_tools, output_cap_at_most, role,
    scope, tool_in,
};
use portcullis::authorize::{
    AccessRequest, Device, Effect, Environment, PayloadSummary, Policy, Resource, RulePolicy,
};
use portcullis::clock::UnixTime;
use portcullis::principal::{
    AuthenticationMethod, ClaimValue, ClientAddress, Credential, Principal, RoleSet, ScopeSet, Subject,
};
use proptest::prelude::*;

/// A request, as the naive evaluator sees it.
#[derive(Clone, Debug)]
struct Facts {
    scopes: Vec<&'static str>,
    roles: Vec<&'static str>,
    department: Option<ClaimValue>,
    level: Option<ClaimValue>,
    managed: Option<bool>,
    action: &'static str,
    client: Option<&'static str>,
    cap: Option<u64>,
    has_tools: bool,
    models: Vec<&'static str>,
    tools: Vec<&'static str>,
}

#[derive(Clone, Debug)]
enum Expression {
    Always,
    Scope(&'static str),
    Role(&'static str),
    DepartmentIs(&'static str),
    DepartmentHas(&'static str),
    LevelAtLeast(i64),
    Managed,
    Action(&'static str),
    Inside,
    Cap(u64),
    OffersTools,
    /// Of the kind that the rule speaks of.
    Names(Vec<&'static str>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    None,
    Model,
    Tool,
}

#[derive(Clone, Debug)]
struct Rule {
    permits: bool,
    kind: Kind,
    expression: Expression,
}

const SCOPES: [&str; 2] = ["generate:invoke", "models:read"];
const ROLES: [&str; 2] = ["analyst", "operator"];
const NAMES: [&str; 3] = ["small", "large", "large-2"];

/// 0 for false, 1 for what cannot be told, 2 for true: `and` is the least, `or` the greatest.
fn naive(expression: &Expression, facts: &Facts, thing: Option<&str>) -> u8 {
    let of = |holds: bool| if holds { 2 } else { 0 };
    match expression {
        Expression::Always => 2,
        Expression::Scope(name) => of(facts.scopes.contains(name)),
        Expression::Role(name) => of(facts.roles.contains(name)),
        Expression::DepartmentIs(name) => of(facts.department == Some(ClaimValue::from(*name))),
        Expression::DepartmentHas(name) => of(match &facts.department {
            Some(ClaimValue::List(items)) => items.contains(&ClaimValue::from(*name)),
            held => *held == Some(ClaimValue::from(*name)),
        }),
        Expression::LevelAtLeast(least) => match &facts.level {
            None => 0,
            Some(ClaimValue::Number(level)) => of(level >= least),
            Some(_) => 1,
        },
        Expression::Managed => of(facts.managed == Some(true)),
        Expression::Action(name) => of(facts.action == *name),
        Expression::Inside => facts.client.map_or(1, |client| of(client.starts_with("10."))),
        Expression::Cap(most) => of(facts.cap.is_some_and(|cap| cap <= *most)),
        Expression::OffersTools => of(facts.has_tools),
        Expression::Names(names) => of(thing.is_some_and(|thing| names.contains(&thing))),
        Expression::And(one, other) => naive(one, facts, thing).min(naive(other, facts, thing)),
        Expression::Or(one, other) => naive(one, facts, thing).max(naive(other, facts, thing)),
        Expression::Not(one) => 2 - naive(one, facts, thing),
    }
}

/// Every rule on everything that it is about.
fn naive_policy(rules: &[Rule], facts: &Facts) -> Effect {
    let governed = |kind| rules.iter().any(|rule| rule.kind == kind && speaks(&rule.expression));
    let mut things: Vec<(Kind, &str)> = Vec::new();
    if governed(Kind::Model) {
        things.extend(facts.models.iter().map(|name| (Kind::Model, *name)));
    }
    if governed(Kind::Tool) {
        things.extend(facts.tools.iter().map(|name| (Kind::Tool, *name)));
    }
    let about = |rule: &Rule| if speaks(&rule.expression) { rule.kind } else { Kind::None };
    let ask = |permits: bool, kind: Kind, thing: Option<&str>| -> Vec<u8> {
        let wanted = |rule: &&Rule| rule.permits == permits && about(rule) == kind;
        rules.iter().filter(wanted).map(|rule| naive(&rule.expression, facts, thing)).collect()
    };
    let mut answers = vec![ask(false, Kind::None, None), ask(true, Kind::None, None)];
    let blanket = answers[1].contains(&2);
    let mut forbidden = answers[0].contains(&2);
    let mut all_permitted = blanket || !things.is_empty();
    for (kind, name) in &things {
        let (forbids, permits) = (ask(false, *kind, Some(name)), ask(true, *kind, Some(name)));
        forbidden |= forbids.contains(&2);
        all_permitted &= blanket || permits.contains(&2);
        answers.extend([forbids, permits]);
    }
    match (forbidden, answers.concat().contains(&1), all_permitted) {
        (true, _, _) => Effect::Forbid,
        (_, true, _) => Effect::Error,
        (_, _, true) => Effect::Permit,
        (_, _, false) => Effect::NoMatch,
    }
}

/// Whether the rule names things.
fn speaks(expression: &Expression) -> bool {
    match expression {
        Expression::Names(_) => true,
        Expression::And(one, other) | Expression::Or(one, other) => speaks(one) || speaks(other),
        Expression::Not(one) => speaks(one),
        _ => false,
    }
}

fn condition(expression: &Expression, kind: Kind) -> Condition {
    match expression {
        Expression::Always => always(),
        Expression::Scope(name) => scope(*name),
        Expression::Role(name) => role(*name),
        Expression::DepartmentIs(name) => claim("/department").is(*name),
        Expression::DepartmentHas(name) => claim("/department").has(*name),
        Expression::LevelAtLeast(least) => claim("/level").at_least(*least),
        Expression::Managed => device().managed(),
        Expression::Action(name) => action(*name),
        Expression::Inside => network(["10.0.0.0/8".parse().unwrap()]),
        Expression::Cap(most) => output_cap_at_most(*most),
        Expression::OffersTools => offers_tools(),
        Expression::Names(names) if kind == Kind::Tool => tool_in(names.iter().copied()),
        Expression::Names(names) => model_in(names.iter().copied()),
        Expression::And(one, other) => condition(one, kind).and(condition(other, kind)),
        Expression::Or(one, other) => condition(one, kind).or(condition(other, kind)),
        Expression::Not(one) => !condition(one, kind),
    }
}

fn policy(rules: &[Rule]) -> RulePolicy {
    // One that never permits, since there must be one that could.
    let builder = RulePolicy::builder("test").permit("never", !always());
    let add = |builder, (n, rule): (usize, &Rule)| {
        let builder: portcullis::authorize::rules::RulePolicyBuilder = builder;
        let condition = condition(&rule.expression, rule.kind);
        match rule.permits {
            true => builder.permit(format!("rule {n}"), condition),
            false => builder.forbid(format!("rule {n}"), condition),
        }
    };
    rules.iter().enumerate().fold(builder, add).build().unwrap()
}

/// Shows the request that the facts make, before its body is read and after.
fn with_request<T>(facts: &Facts, is_read: bool, see: impl FnOnce(&AccessRequest<'_>) -> T) -> T {
    let alice = Subject::new("https://issuer.test", "alice");
    let mut principal = Principal::builder(alice, Credential::new(AuthenticationMethod::Asserted))
        .scopes(facts.scopes.iter().copied().collect::<ScopeSet>())
        .roles(facts.roles.iter().copied().collect::<RoleSet>());
    if let Some(value) = &facts.department {
        principal = principal.claim("/department", value.clone());
    }
    if let Some(value) = &facts.level {
        principal = principal.claim("/level", value.clone());
    }
    let principal = principal.build();
    let device = facts.managed.map(|managed| Device::new(managed, "claim"));
    let mut environment = Environment::at(UnixTime::from_secs(1_800_000_000));
    if let Some(client) = facts.client {
        environment = environment.client(ClientAddress::new(client.parse().unwrap()));
    }
    if let Some(device) = &device {
        environment = environment.device(device);
    }
    let mut things = Vec::new();
    if is_read {
        let mut payload = PayloadSummary::of_bytes(100);
        if let Some(cap) = facts.cap {
            payload = payload.output_cap(cap);
        }
        if facts.has_tools {
            payload = payload.tools();
        }
        environment = environment.payload(payload);
        things.extend(facts.models.iter().map(|name| Resource::model(*name)));
        things.extend(facts.tools.iter().map(|name| Resource::tool(*name)));
    }
    see(&AccessRequest::new(&principal, facts.action, "/generate", environment).touching(&things))
}

fn some_of(all: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(all, 0..=all.len())
}

fn department() -> impl Strategy<Value = Option<ClaimValue>> {
    prop_oneof![
        Just(None),
        Just(Some(ClaimValue::from("finance"))),
        Just(Some(ClaimValue::from("legal"))),
        Just(Some(ClaimValue::from_iter(["finance", "legal"]))),
        Just(Some(ClaimValue::from(7))),
    ]
}

fn facts(level: BoxedStrategy<Option<ClaimValue>>) -> impl Strategy<Value = Facts> {
    let who = (some_of(&SCOPES), some_of(&ROLES), department(), level, any::<Option<bool>>());
    let action = prop_oneof![Just("generate"), Just("read")];
    let client = prop_oneof![3 => Just(Some("10.1.2.3")), 3 => Just(Some("192.0.2.1")), 1 => Just(None)];
    let what =
        (action, client, proptest::option::of(1..3u64), any::<bool>(), some_of(&NAMES), some_of(&NAMES));
    (who, what).prop_map(|((scopes, roles, department, level, managed), what)| {
        let (action, client, cap, has_tools, models, tools) = what;
        Facts { scopes, roles, department, level, managed, action, client, cap, has_tools, models, tools }
    })
}

fn any_level() -> BoxedStrategy<Option<ClaimValue>> {
    prop_oneof![3 => good_level(), 1 => Just(Some(ClaimValue::from("high")))].boxed()
}

fn good_level() -> BoxedStrategy<Option<ClaimValue>> {
    proptest::option::of((0..4i64).prop_map(ClaimValue::from)).boxed()
}

fn expression(with_not: bool) -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![
        Just(Expression::Always),
        proptest::sample::select(&SCOPES[..]).prop_map(Expression::Scope),
        proptest::sample::select(&ROLES[..]).prop_map(Expression::Role),
        Just(Expression::DepartmentIs("finance")),
        Just(Expression::DepartmentHas("finance")),
        (0..4i64).prop_map(Expression::LevelAtLeast),
        Just(Expression::Managed),
        Just(Expression::Action("generate")),
        Just(Expression::Inside),
        (1..3u64).prop_map(Expression::Cap),
        Just(Expression::OffersTools),
        proptest::sample::subsequence(&NAMES[..], 1..=2).prop_map(Expression::Names),
    ];
    leaf.prop_recursive(4, 24, 2, move |inner| {
        let pair = (inner.clone(), inner.clone()).boxed();
        let and = pair.clone().prop_map(|(one, other)| Expression::And(one.into(), other.into()));
        let or = pair.prop_map(|(one, other)| Expression::Or(one.into(), other.into()));
        match with_not {
            true => prop_oneof![and, or, inner.prop_map(|one| Expression::Not(one.into()))].boxed(),
            false => prop_oneof![and, or].boxed(),
        }
    })
}

fn rules(with_not: bool, with_forbid: bool) -> impl Strategy<Value = Vec<Rule>> {
    let kind = prop_oneof![Just(Kind::Model), Just(Kind::Tool)];
    let rule = (proptest::bool::weighted(0.7), kind, expression(with_not));
    let rule = rule.prop_map(move |(permits, kind, expression)| {
        let kind = if speaks(&expression) { kind } else { Kind::None };
        Rule { permits: permits || !with_forbid, kind, expression }
    });
    proptest::collection::vec(rule, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn rules_decide_as_an_evaluator_without_short_cuts_does(rules in rules(true, true), facts in facts(any_level())) {
        let verdict = with_request(&facts, true, |request| policy(&rules).evaluate(request));
        prop_assert_eq!(verdict.effect(), naive_policy(&rules, &facts), "{:?}", verdict.cause());
        prop_assert_eq!(verdict.permits(), verdict.cause().is_none());
    }

    #[test]
    fn what_is_refused_before_the_body_is_read_no_body_makes_permitted(
        rules in rules(true, true),
        facts in facts(any_level()),
    ) {
        let policy = policy(&rules);
        let early = with_request(&facts, false, |request| policy.decide_early(request));
        let whole = with_request(&facts, true, |request| policy.evaluate(request));
        prop_assert!(early.is_none() || !whole.permits(), "{:?} {:?}", early, whole);
    }

    #[test]
    fn taking_something_from_the_caller_adds_no_right(
        rules in rules(false, false),
        mut facts in facts(good_level()),
        taken in 0..6usize,
    ) {
        // What cannot be evaluated refuses only as long as it decides: without it, this is no promise.
        facts.client.get_or_insert("192.0.2.1");
        let mut less = facts.clone();
        match taken {
            0 => less.department = None,
            1 => less.level = None,
            2 => less.managed = None,
            3 => drop(less.scopes.pop()),
            4 => drop(less.roles.pop()),
            _ => (less.scopes, less.roles, less.department) = (vec![], vec![], None),
        }
        let policy = policy(&rules);
        let permits = |facts| with_request(facts, true, |request| policy.evaluate(request).permits());
        prop_assert!(permits(&facts) || !permits(&less));
    }
}

#[test]
fn the_table_of_and_or_and_not() {
    let truths =
        [Expression::Not(Box::new(Expression::Always)), Expression::LevelAtLeast(1), Expression::Always];
    let mut facts = Facts {
        scopes: vec![],
        roles: vec![],
        department: None,
        level: Some(ClaimValue::from("no number")),
        managed: None,
        action: "read",
        client: None,
        cap: None,
        has_tools: false,
        models: vec![],
        tools: vec![],
    };
    let effects = [Effect::NoMatch, Effect::Error, Effect::Permit];
    let effect = |expression: Expression, facts: &Facts| {
        let rules = [Rule { permits: true, kind: Kind::None, expression }];
        with_request(facts, true, |request| policy(&rules).evaluate(request).effect())
    };
    for (a, one) in truths.iter().enumerate() {
        assert_eq!(effect(Expression::Not(Box::new(one.clone())), &facts), effects[2 - a]);
        for (b, other) in truths.iter().enumerate() {
            let pair = || (Box::new(one.clone()), Box::new(other.clone()));
            assert_eq!(effect(Expression::And(pair().0, pair().1), &facts), effects[a.min(b)], "{a} and {b}");
            assert_eq!(effect(Expression::Or(pair().0, pair().1), &facts), effects[a.max(b)], "{a} or {b}");
        }
    }
    facts.level = None;
    assert_eq!(effect(Expression::LevelAtLeast(1), &facts), Effect::NoMatch);
}
