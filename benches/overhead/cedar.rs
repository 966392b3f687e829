//! What policies in Cedar cost, sliced and as a whole.

use crate::measure::{Report, nanos};
use portcullis::authorize::cedar::cedar_policy::{Context, EntityUid, Request, RestrictedExpression};
use portcullis::authorize::cedar::{CedarPolicy, CedarStore, SCHEMA};
use portcullis::authorize::{AccessRequest, Decided, Device, Environment, Policy, Resource};
use portcullis::clock::UnixTime;
use portcullis::principal::{AuthenticationMethod, ClaimValue, Credential, Principal, Subject};
use std::fmt::Write as _;

/// Evaluating the slice of a hundred policies, in µs. The budget was set where evaluating all of them costs 57.
const BUDGET: f64 = 10.0;
/// Machines differ, so a whole decision, in which all else is made that Cedar needs, is held against what evaluating all hundred costs in
/// the same run: 10 / 57.
const OVER_ALL: f64 = 0.175;
const WEDNESDAY: u64 = 1_800_439_200;

/// So many policies: each permits one model to one group under conditions; one in twenty-five forbids.
fn policies(count: usize) -> String {
    let mut text = String::new();
    for n in 0..count {
        let rule = match n % 25 {
            0 => "forbid (principal, action, resource) when { context.findings > 3 };\n".to_owned(),
            _ => format!(
                "permit (principal in Group::\"g{n}\", action == Action::\"generate\", resource == Model::\"m{n}\") \
                 when {{ principal has department && principal.department == \"finance\" && context.managed && \
                 context.weekday <= 5 }};\n"
            ),
        };
        text.push_str(&rule);
    }
    text
}

fn entities(count: usize) -> String {
    let mut text = String::from("[");
    for n in 0..count {
        let comma = if n == 0 { "" } else { "," };
        write!(text, r#"{comma}{{"uid": {{"type": "Model", "id": "m{n}"}}, "attrs": {{}}, "parents": []}}"#)
            .expect("a String takes all that is written");
    }
    text + "]"
}

/// The same for principals of whom each comes for the first time.
fn first_times(report: &mut Report) {
    let builder = CedarPolicy::builder("bench").attribute("department", "/department").groups("/groups");
    let policy = builder.text(&policies(100), SCHEMA, &entities(100)).expect("the policies are sound");
    let device = Device::new(true, "claim");
    let environment = Environment::at(UnixTime::from_secs(WEDNESDAY)).device(&device);
    let things = [Resource::model("m7")];
    // More than are remembered, one after the other.
    let crowd: Vec<Principal> = (0..8_192).map(|n| finance(&format!("user-{n}"))).collect();
    let mut next = crowd.iter().cycle();
    let decide = || {
        let who = next.next().expect("the crowd never ends");
        let request = AccessRequest::new(who, "generate", "/generate", environment).touching(&things);
        policy.decide(&request)
    };
    report.note("cedar: 100 policies, a principal for the first time", nanos(decide) / 1_000.0, "µs");
}

fn finance(name: &str) -> Principal {
    let who = Subject::new("https://issuer.test", name);
    Principal::builder(who, Credential::new(AuthenticationMethod::Asserted))
        .claim("/department", "finance")
        .claim("/groups", ClaimValue::from_iter(["g7", "g8", "staff"]))
        .build()
}

pub(crate) fn decisions(report: &mut Report) {
    let who = finance("alice");
    let device = Device::new(true, "claim");
    let environment = Environment::at(UnixTime::from_secs(WEDNESDAY)).device(&device);
    let things = [Resource::model("m7")];
    let request = AccessRequest::new(&who, "generate", "/generate", environment).touching(&things);
    let mut of_hundred = f64::INFINITY;
    for count in [10, 100, 1_000] {
        let builder = CedarPolicy::builder("bench").attribute("department", "/department").groups("/groups");
        let policy =
            builder.text(&policies(count), SCHEMA, &entities(count)).expect("the policies are sound");
        let decide = || match policy.decide(&request) {
            Decided::Now(verdict) => assert!(verdict.permits()),
            Decided::Later(_) => unreachable!("Cedar decides at once"),
        };
        let figure = nanos(decide) / 1_000.0;
        report.note(&format!("cedar: {count} policies, a whole decision"), figure, "µs");
        if count == 100 {
            of_hundred = figure;
        }
    }
    first_times(report);
    let store = CedarStore::parse(&policies(100), SCHEMA, &entities(100)).expect("the policies are sound");
    let uid = |name: &str| name.parse::<EntityUid>().expect("a name");
    let context = Context::from_pairs([("findings".to_owned(), RestrictedExpression::new_long(0))]);
    let asked = Request::new(
        uid("User::\"x\""),
        uid("Action::\"generate\""),
        uid("Model::\"m7\""),
        context.expect("one pair"),
        None,
    );
    let asked = asked.expect("a request");
    let sliced = nanos(|| store.decide(&asked, &[])) / 1_000.0;
    report.at_most("cedar: 100 policies, evaluation alone, sliced", sliced, BUDGET, "µs");
    let whole = nanos(|| store.decide_unsliced(&asked, &[])) / 1_000.0;
    report.note("cedar: 100 policies, evaluation alone, unsliced", whole, "µs");
    report.at_most("cedar: a whole decision, over all 100 policies", of_hundred / whole, OVER_ALL, "×");
}
