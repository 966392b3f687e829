//! The same rules in TOML.

use portcullis::Gate;
use portcullis::authorize::{AccessRequest, Device, Effect, Environment, PayloadSummary, Resource};
use portcullis::clock::UnixTime;
use portcullis::gate::config::Config;
use portcullis::principal::{
    AuthenticationMethod, ClientAddress, Credential, Principal, PrincipalBuilder, RoleSet, ScopeSet, Subject,
};
use portcullis::testing::Issuer;

/// What every file needs, before `[policy]`.
fn head() -> String {
    let keys = Issuer::new("https://issuer.test").jwks();
    format!(
        "danger_without_limits = true\n[audit]\ndanger_off = true\n[inspection]\ndanger_off = true\n\
         [[issuers]]\nissuer = \"https://issuer.test\"\naudiences = [\"a\"]\nkeys = '{keys}'\n\
         [[routes]]\nmethod = \"POST\"\npath = \"/generate\"\ndialect = \"generate\"\nby_policy = true\n\
         [[routes]]\nmethod = \"GET\"\npath = \"/v1/models\"\nby_policy = true\n"
    )
}

fn gate(policy: &str) -> Gate {
    Config::parse(&(head() + policy)).unwrap_or_else(|error| panic!("{error}")).build().unwrap()
}

/// What a file with this policy is refused for, its lines counted from `[policy]` on.
fn refusal(policy: &str) -> String {
    let head = head();
    let error = match Config::parse(&(head.clone() + policy)) {
        Ok(_) => panic!("it was not refused: {policy}"),
        Err(error) => error.to_string(),
    };
    let (line, rest) = error.strip_prefix("line ").unwrap().split_once(',').unwrap();
    format!("line {},{rest}", line.parse::<usize>().unwrap() - head.lines().count())
}

fn alice() -> PrincipalBuilder {
    let alice = Subject::new("https://issuer.test", "alice");
    Principal::builder(alice, Credential::new(AuthenticationMethod::Asserted))
}

/// A Monday at noon in Berlin.
fn noon() -> Environment<'static> {
    Environment::at(UnixTime::from_secs(1_799_665_200 - 86_400 * 3))
        .payload(PayloadSummary::of_bytes(10).output_cap(10))
}

fn privileged(names: &'static [&'static str]) -> Environment<'static> {
    noon().payload(PayloadSummary::of_bytes(10).privileged(names))
}

async fn effect(
    gate: &Gate,
    who: PrincipalBuilder,
    action: &str,
    things: &[Resource<'_>],
    environment: Environment<'_>,
) -> Effect {
    let principal = who.build();
    let route = if action == "read" { "/v1/models" } else { "/generate" };
    let request = AccessRequest::new(&principal, action, route, environment).touching(things);
    gate.policies().decide(&request).await.effect()
}

#[tokio::test]
async fn roles_have_rights_and_plans_have_models() {
    let gate = gate(
        r#"
        [policy.roles.analyst]
        models = ["small", "mini-*", ""]
        tools = ["search"]
        [policy.roles.reader]
        actions = ["read"]
        [policy.plans]
        free = ["small"]
        paid = ["*"]
        "#,
    );
    let analyst = || alice().roles(RoleSet::from_iter(["analyst"]));
    let reader = || alice().roles(RoleSet::from_iter(["reader"]));
    let (small, mini, search) =
        (Resource::model("small"), Resource::model("mini-4"), Resource::tool("search"));
    let (free, paid) = (|| noon().plan("free"), || noon().plan("paid"));
    for (n, (who, action, things, environment, expected)) in [
        (analyst(), "generate", vec![small.clone()], paid(), Effect::Permit),
        (analyst(), "generate", vec![small.clone(), mini.clone(), search.clone()], paid(), Effect::Permit),
        (analyst(), "generate", vec![small.clone(), Resource::tool("rm")], paid(), Effect::NoMatch),
        (analyst(), "generate", vec![small.clone()], noon(), Effect::Forbid),
        (analyst(), "generate", vec![small.clone()], noon().plan("trial"), Effect::Forbid),
        (analyst(), "generate", vec![Resource::model("")], noon(), Effect::Forbid),
        (analyst(), "generate", vec![small.clone()], free(), Effect::Permit),
        (analyst(), "generate", vec![mini.clone()], free(), Effect::Forbid),
        (analyst(), "read", vec![], noon(), Effect::NoMatch),
        (reader(), "read", vec![], noon(), Effect::Permit),
        (reader(), "generate", vec![small.clone()], paid(), Effect::NoMatch),
        (alice(), "generate", vec![small], paid(), Effect::NoMatch),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(effect(&gate, who, action, &things, environment).await, expected, "{n}");
    }
}

#[tokio::test]
async fn every_key_of_a_condition_means_what_it_says() {
    let list = std::env::temp_dir().join(format!("portcullis-policy-list-{}.txt", std::process::id()));
    std::fs::write(&list, "203.0.113.0/24 80\n198.51.100.0/24 20\n").unwrap();
    let managed = Device::new(true, "claim");
    let at = |address: &str| noon().client(ClientAddress::new(address.parse().unwrap()));
    let claims = || {
        alice().claim("/level", 3).claim("/groups", portcullis::principal::ClaimValue::from_iter(["a", "b"]))
    };
    let staff = || alice().roles(RoleSet::from_iter(["staff"])).scopes(ScopeSet::parse("a b"));
    for (condition, who, environment, holds) in [
        ("always = true", alice(), noon(), true),
        ("scopes = [\"a\", \"b\"]", staff(), noon(), true),
        ("scopes = [\"a\", \"c\"]", staff(), noon(), false),
        ("roles = [\"boss\", \"staff\"]", staff(), noon(), true),
        ("plans = [\"paid\"]", alice(), noon().plan("paid"), true),
        ("tenants = [\"acme\"]", alice().tenant("acme".into()), noon(), true),
        ("applications = [\"chat\"]", alice(), noon(), false),
        ("subjects = [{ issuer = \"https://issuer.test\", id = \"alice\" }]", alice(), noon(), true),
        ("actors = [{ issuer = \"https://issuer.test\", id = \"bot\" }]", alice(), noon(), false),
        ("acting_for = [{ issuer = \"https://issuer.test\", id = \"alice\" }]", alice(), noon(), false),
        ("delegated = false", alice(), noon(), true),
        ("workloads = [\"spiffe://prod.example/**\"]", alice(), noon(), false),
        ("claims = { \"/level\" = 3 }", claims(), noon(), true),
        ("claims = { \"/level\" = [1, 2] }", claims(), noon(), false),
        ("claims = { \"/level\" = { at_least = 2, at_most = 3 } }", claims(), noon(), true),
        (
            "claims = { \"/groups\" = { has = \"b\" }, \"/none\" = { exists = false } }",
            claims(),
            noon(),
            true,
        ),
        ("device = \"managed\"", alice(), noon().device(&managed), true),
        ("device = \"known\"", alice(), noon(), false),
        ("hours = { zone = \"Europe/Berlin\", from = \"11:30\", to = \"12:30\" }", alice(), noon(), true),
        ("hours = { zone = \"America/New_York\", from = \"11:30\", to = \"12:30\" }", alice(), noon(), false),
        ("networks = [\"10.0.0.0/8\", \"192.0.2.0/24\"]", alice(), at("192.0.2.1"), true),
        ("addresses = [\"bad\"]", alice(), at("203.0.113.9"), true),
        ("addresses = [\"bad\"]", alice(), at("192.0.2.1"), false),
        ("reputation = { addresses = \"bad\", at_least = 50 }", alice(), at("203.0.113.9"), true),
        ("reputation = { addresses = \"bad\", at_least = 50 }", alice(), at("198.51.100.9"), false),
        ("actions = [\"generate\"]", alice(), noon(), true),
        ("paths = [\"/v1/models\"]", alice(), noon(), false),
        ("max_output = 10", alice(), noon(), true),
        ("max_output = 9", alice(), noon(), false),
        ("max_bytes = \"9 B\"", alice(), noon(), false),
        ("offers_tools = false", alice(), noon(), true),
        ("privileged = [\"store\", \"mcp*\"]", alice(), privileged(&["background", "mcp_servers"]), true),
        ("privileged = [\"store\"]", alice(), privileged(&["background"]), false),
        ("any = [{ roles = [\"boss\"] }, { scopes = [\"a\"] }]", staff(), noon(), true),
        ("all = [{ roles = [\"boss\"] }, { scopes = [\"a\"] }]", staff(), noon(), false),
        ("not = { roles = [\"boss\"] }", staff(), noon(), true),
    ] {
        let text = format!(
            "[policy]\naddress_files = {{ bad = {list:?} }}\n[[policy.rules]]\nname = \"rule\"\npermit = {{ {condition} }}\n"
        );
        let found = effect(&gate(&text), who, "generate", &[], environment).await;
        assert_eq!(found == Effect::Permit, holds, "{condition}: {found:?}");
    }
    std::fs::remove_file(list).unwrap();
}

#[tokio::test]
async fn things_of_every_kind_can_be_named() {
    let places = "by_policy = true\nresources = [{ kind = \"dataset\", query = \"set\" }, { kind = \"index\", query = \"index\" }]";
    let text = head().replacen("by_policy = true", places, 1)
        + r#"
        [[policy.rules]]
        name = "models"
        permit = { models = ["small"] }
        [[policy.rules]]
        name = "datasets"
        permit = { datasets = ["sales"] }
        [[policy.rules]]
        name = "parts"
        permit = { parts = ["system"] }
        [[policy.rules]]
        name = "indexes"
        permit = { resources = { index = ["news"] } }
        [[policy.rules]]
        name = "no night model"
        forbid = { models = ["night-*"] }
        "#;
    let gate = Config::parse(&text).unwrap().build().unwrap();
    // A rule on what no route declares could never speak.
    let error =
        Config::parse(&text.replace("kind = \"index\"", "kind = \"shelf\"")).unwrap().build().unwrap_err();
    assert!(error.to_string().contains("speaks of the kind index, and no route says"), "{error}");
    let index =
        |name: &'static str| Resource::new(portcullis::route::ResourceKind::Custom("index".into()), name);
    for (thing, expected) in [
        (Resource::model("small"), Effect::Permit),
        (Resource::model("large"), Effect::NoMatch),
        (Resource::model("night-1"), Effect::Forbid),
        (Resource::dataset("sales"), Effect::Permit),
        (Resource::dataset("payroll"), Effect::NoMatch),
        (Resource::new(portcullis::route::ResourceKind::Part, "system"), Effect::Permit),
        (index("news"), Effect::Permit),
        (index("secrets"), Effect::NoMatch),
    ] {
        let things = [thing];
        assert_eq!(effect(&gate, alice(), "generate", &things, noon()).await, expected, "{}", things[0]);
    }
}

#[test]
fn what_cannot_be_used_is_refused_at_its_line_and_key() {
    for (policy, expected) in [
        ("[policy]\n", "line 1, column 1: policy: says nothing of who may do what"),
        (
            "[policy]\nroles = {}\nrule = []\n",
            "line 3, column 1: policy.rule: unknown key `rule`, expected one of",
        ),
        ("[[policy.rules]]\nname = \"a\"\n", "line 1, column 1: policy.rules[0]: does nothing"),
        (
            "[[policy.rules]]\nname = \"a\"\npermit = {}\n",
            "line 3, column 10: policy.rules[0].permit: says nothing",
        ),
        (
            "[[policy.rules]]\nname = \"a\"\npermit = { role = \"x\" }\n",
            "line 3, column 12: policy.rules[0].permit.role: unknown key `role`",
        ),
        (
            "[[policy.rules]]\nname = \"a\"\nforbid = { roles = [] }\npermit = { always = true }\n",
            "line 3, column 10: policy.rules[0].forbid: a rule permits or forbids",
        ),
        (
            "[[policy.rules]]\nname = \"a\"\nforbid = { roles = [] }\n",
            "line 3, column 10: policy.rules[0].forbid: the list roles is empty",
        ),
        (
            "[[policy.rules]]\nname = \"a\"\npermit = { hours = { zone = \"Mars\", from = \"08:00\", to = \"09:00\" } }\n",
            "line 3, column 10: policy.rules[0].permit: \"Mars\" is no time zone",
        ),
        (
            "[[policy.rules]]\nname = \"a\"\npermit = { hours = { zone = \"UTC\", days = [\"monday\"], from = \"08:00\", to = \"09:00\" } }\n",
            "line 3, column 44: policy.rules[0].permit.hours.days[0]: \"monday\" is not a day; use \"mon\"",
        ),
        (
            "[[policy.rules]]\nname = \"a\"\npermit = { models = [\"m\"], tools = [\"t\"] }\n",
            "line 3, column 10: policy.rules[0].permit: speaks of a model and of a tool",
        ),
        (
            "[[policy.rules]]\nname = \"a\"\npermit = { addresses = [\"bad\"] }\n",
            "line 3, column 25: policy.rules[0].permit.addresses[0]: names no list",
        ),
        (
            "[[policy.rules]]\nname = \"a\"\npermit = { always = true }\n[[policy.rules]]\nname = \"a\"\npermit = { always = true }\n",
            "line 5, column 8: policy.rules[1].name: give each rule a name of its own",
        ),
        (
            "[[policy.rules]]\nname = \"a\"\nforbid = { always = true }\n",
            "line 1, column 1: policy.rules[0]: rule \"rules\": the policy would refuse everybody",
        ),
        (
            "[[policy.rules]]\nname = \"a\"\npermit = { claims = { \"/x\" = {} } }\n",
            "line 3, column 10: policy.rules[0].permit: says nothing of the claim \"/x\"",
        ),
        (
            "[[policy.rules]]\nname = \"a\"\nforbid = { claims = { \"/x\" = [] } }\n",
            "line 3, column 10: policy.rules[0].forbid: the list of values of the claim \"/x\" is empty",
        ),
        (
            "[[policy.rules]]\nname = \"a\"\npermit = { resources = { route = [\"/generate\"] } }\n",
            "line 3, column 10: policy.rules[0].permit: a route is no thing that a request names",
        ),
        ("[policy.roles.a]\n", "line 1, column 1: policy.roles.a: says not what the role may do"),
        (
            "[policy.plans]\nfree = []\n",
            "line 2, column 8: policy.plans.free: plan \"free\" may use no model",
        ),
        (
            "[policy.zones.inference]\npaths = [\"/nowhere\"]\nworkloads = []\n",
            "line 2, column 9: policy.zones.inference.paths: \"/nowhere\" is the path of no route",
        ),
    ] {
        let found = refusal(policy);
        assert!(found.starts_with(expected), "{policy}\n{found}\n{expected}");
    }
}

#[test]
fn a_route_by_policy_and_what_it_names_are_checked() {
    let text = head().replace(
        "by_policy = true",
        "by_policy = true\nresources = [{ kind = \"dataset\", path = \"set\" }]",
    );
    let error = Config::parse(&text).unwrap_err().to_string();
    assert!(error.contains("resources[0]") && error.contains("dataset"), "{error}");
    let error = Config::parse(&head()).unwrap().build().unwrap_err().to_string();
    assert!(error.contains("add [policy]"), "{error}");
}
