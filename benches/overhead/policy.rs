//! Rules.

use crate::measure::{Report, nanos};
use crate::store::allocations;
use portcullis::authorize::rules::{
    action, business_hours, claim, device, model_in, network, not, output_cap_at_most, plan, role, scope,
    tool_in, weekdays,
};
use portcullis::authorize::{AccessRequest, Device, Environment, PayloadSummary, Resource, RulePolicy};
use portcullis::clock::UnixTime;
use portcullis::principal::{
    AuthenticationMethod, ClientAddress, Credential, Principal, RoleSet, ScopeSet, Subject,
};

/// Twenty rules of every sort.
fn twenty() -> RulePolicy {
    let finance = claim("/department").is("finance").and(device().managed());
    let finance = finance.and(business_hours("Europe/Berlin", weekdays(), "08:00".."18:00"));
    let inside = network(["10.0.0.0/8".parse().expect("a network")]);
    let mut policy = RulePolicy::builder("twenty")
        .forbid("contractors", role("contractor").and(not(device().managed())))
        .forbid(
            "night",
            role("intern").and(not(business_hours("Europe/Berlin", weekdays(), "08:00".."18:00"))),
        )
        .forbid("secret", not(role("staff")).and(model_in(["secret-*"])))
        .permit("finance", finance)
        .permit("inside", inside.and(scope("inside")))
        .permit("readers", scope("models:read").and(action("read")))
        .permit("tools", tool_in(["search", "add"]))
        .permit("small", scope("generate:invoke").and(model_in(["small", "mini-*"])));
    for n in 0..12 {
        let group = claim("/groups").has(format!("group-{n}")).or(plan(format!("plan-{n}")));
        let model = model_in([format!("m-{n}")]).and(group).and(output_cap_at_most(1_000));
        policy = policy.permit(format!("group {n}"), model);
    }
    policy.build().expect("sound rules")
}

pub(crate) fn rules(report: &mut Report) {
    let policy = twenty();
    let alice = Subject::new("https://issuer.test", "alice");
    let principal = Principal::builder(alice, Credential::new(AuthenticationMethod::Asserted))
        .scopes(ScopeSet::parse("generate:invoke openid profile"))
        .roles(RoleSet::from_iter(["staff"]))
        .claim("/department", "finance")
        .claim("/groups", portcullis::principal::ClaimValue::from_iter(["group-3", "group-9"]))
        .build();
    let device = Device::new(true, "claim");
    let environment = Environment::at(UnixTime::from_secs(1_800_000_000))
        .client(ClientAddress::new("192.0.2.7".parse().expect("an address")))
        .device(&device)
        .payload(PayloadSummary::of_bytes(4096).output_cap(500));
    let things = [Resource::model("mini-4")];
    let request = AccessRequest::new(&principal, "generate", "/generate", environment).touching(&things);
    assert!(policy.evaluate(&request).permits());
    let taken = allocations(|| policy.evaluate(&request)) as f64;
    report.at_most("policy: allocations of 20 rules", taken, 0.0, "");
    report.at_most("policy: 20 rules", nanos(|| policy.evaluate(&request).permits()) / 1_000.0, 0.5, "µs");
}
