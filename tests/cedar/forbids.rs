//! A forbid is heard whatever else is asked about, and whatever is not known.

use super::*;
use portcullis::authorize::cedar::cedar_policy::{
    Context, Entity, EntityUid, Request, RestrictedExpression as Value,
};
use portcullis::authorize::cedar::{CedarFiles, CedarStore, EntitySource, EntitySourceError, Given};
use portcullis::authorize::{Effect, PayloadSummary};
use portcullis::payload::Findings;
use portcullis::route::ResourceKind;
use std::collections::{HashMap, HashSet};
use std::path::Path;

#[test]
fn a_body_that_nobody_inspected_is_not_one_in_which_nothing_was_found() {
    let policies = r#"permit (principal, action, resource);
        forbid (principal, action, resource in Model::"outside") when { context.findings > 0 };"#;
    let policy = CedarPolicy::builder("x").text(policies, SCHEMA, ENTITIES).unwrap();
    let who = subject("alice").build();
    let none = Findings::new();
    let ask = |summary: PayloadSummary<'_>, model: &str| {
        let environment = Environment::at(UnixTime::from_secs(WEDNESDAY)).payload(summary);
        let things = [Resource::model(model)];
        let request = AccessRequest::new(&who, "generate", "/generate", environment).touching(&things);
        now(policy.decide(&request)).effect()
    };
    assert_eq!(ask(PayloadSummary::of_bytes(40), "gpt-4o"), Effect::Error);
    assert_eq!(ask(PayloadSummary::of_bytes(40).findings(&none), "gpt-4o"), Effect::Permit);
    assert_eq!(ask(PayloadSummary::of_bytes(0), "gpt-4o"), Effect::Permit);
    // Where the policy does not look, nothing is missed.
    assert_eq!(ask(PayloadSummary::of_bytes(40), "llama-3.1-8b"), Effect::Permit);
}

#[test]
fn a_forbid_on_the_way_in_holds_beside_things_that_are_permitted() {
    let policies = r#"@id("all models") permit (principal, action, resource is Model);
        @id("closed") forbid (principal, action, resource == Route::"/closed");
        @id("heavy") forbid (principal, action, resource is Route) when { context.bytes > 100 };"#;
    let policy = CedarPolicy::builder("x").text(policies, SCHEMA, "[]").unwrap();
    let who = subject("alice").build();
    let things = [Resource::model("m")];
    let none = Findings::new();
    let ask = |route: &str, bytes: u64| {
        let payload = PayloadSummary::of_bytes(bytes).findings(&none);
        let environment = Environment::at(UnixTime::from_secs(WEDNESDAY)).payload(payload);
        now(policy.decide(&AccessRequest::new(&who, "generate", route, environment).touching(&things)))
    };
    let open = ask("/open", 9);
    assert!(open.permits(), "{open:?}");
    assert_eq!(open.rules().iter().collect::<Vec<_>>(), ["all models"]);
    for (route, bytes, rule) in [("/closed", 9, "closed"), ("/open", 101, "heavy")] {
        let verdict = ask(route, bytes);
        assert_eq!((verdict.effect(), verdict.rules().iter().next()), (Effect::Forbid, Some(rule)));
    }
    // Alone, it needs a permit as everything does.
    let alone =
        AccessRequest::new(&who, "generate", "/open", Environment::at(UnixTime::from_secs(WEDNESDAY)));
    assert_eq!(now(policy.decide(&alone)).effect(), Effect::NoMatch);
}

const LED: &str = r#"[
    {"uid": {"type": "Group", "id": "suspended"}, "attrs": {}, "parents": []},
    {"uid": {"type": "User", "id": "https://issuer.test|boss"}, "attrs": {"issuer": "https://issuer.test", "subject": "boss",
        "scopes": [], "roles": []}, "parents": [{"type": "Group", "id": "suspended"}]},
    {"uid": {"type": "User", "id": "https://issuer.test|chief"}, "attrs": {"issuer": "https://issuer.test", "subject": "chief",
        "scopes": [], "roles": []}, "parents": []}
]"#;

fn user(name: &str) -> EntityUid {
    format!("User::\"https://issuer.test|{name}\"").parse().unwrap()
}

fn led_by(who: &EntityUid, boss: &str) -> Entity {
    let leads = Value::new_entity_uid(user(boss));
    Entity::new(who.clone(), HashMap::from([("boss".to_owned(), leads)]), HashSet::new()).unwrap()
}

/// Whoever is asked about is led by this one, who stands in the file.
#[derive(Debug)]
struct LedBy(&'static str);

impl EntitySource for LedBy {
    fn find(&self, uid: &EntityUid) -> Result<Vec<Entity>, EntitySourceError> {
        let is_user = uid.to_string().starts_with("User::");
        Ok(is_user.then(|| led_by(uid, self.0)).into_iter().collect())
    }
}

#[test]
fn what_a_source_says_that_a_principal_refers_to_is_looked_at_as_by_all_policies() {
    let schema = SCHEMA.replace("department?: String,", "department?: String,\n    boss?: User,");
    let policies = r#"permit (principal, action, resource);
        forbid (principal is User, action, resource)
            when { principal has boss && principal.boss in Group::"suspended" };"#;
    let store = CedarStore::parse(policies, &schema, LED).unwrap();
    let who = subject("alice").build();
    for (boss, permitted) in [("boss", false), ("chief", true)] {
        let policy =
            CedarPolicy::builder("x").entity_source(LedBy(boss)).text(policies, &schema, LED).unwrap();
        let verdict = asks(&policy, &who, "m");
        let given =
            Given { entity: led_by(&user("alice"), boss), parents: Vec::new(), refers: vec![user(boss)] };
        let (action, model) = ("Action::\"generate\"".parse().unwrap(), "Model::\"m\"".parse().unwrap());
        let request = Request::new(user("alice"), action, model, Context::empty(), None).unwrap();
        let whole = store.decide_unsliced(&request, &[given]);
        assert_eq!((verdict.permits(), whole.permitted), (permitted, permitted), "{boss}: {verdict:?}");
    }
}

#[test]
fn another_text_is_another_line_of_the_posture() {
    let line = |policies: &str, schema: &str, entities: &str, zone: &str| {
        CedarPolicy::builder("x").zone(zone).text(policies, schema, entities).unwrap().describe()
    };
    let lines = [
        line(POLICIES, SCHEMA, ENTITIES, "UTC"),
        line(&POLICIES.replace("minute < 1080", "minute < 1380"), SCHEMA, ENTITIES, "UTC"),
        line(POLICIES, &format!("{SCHEMA}entity Unused;"), ENTITIES, "UTC"),
        line(POLICIES, SCHEMA, "[]", "UTC"),
        line(POLICIES, SCHEMA, ENTITIES, "Europe/Berlin"),
    ];
    assert_eq!(lines.iter().collect::<HashSet<_>>().len(), lines.len(), "{lines:#?}");
    assert_eq!(lines[0], line(POLICIES, SCHEMA, ENTITIES, "UTC"));
}

#[test]
fn a_request_goes_by_the_files_that_it_began_with() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cedar-as-of-now");
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    let without_tools = SCHEMA.replace("entity Tool;", "").replace("Dataset, Tool, Route", "Dataset, Route");
    write("schema", &without_tools);
    write("policies", "permit (principal, action, resource);");
    let files = CedarFiles::new(folder.join("policies"), folder.join("schema"));
    let policy = CedarPolicy::builder("house").files(files).unwrap();
    let began = policy.as_of_now().unwrap();
    write("schema", SCHEMA);
    write("policies", "permit (principal, action, resource) unless { resource is Tool };");
    policy.reload().unwrap();
    let who = subject("alice").build();
    let things = [Resource::tool("look")];
    let request = AccessRequest::new(&who, "generate", "/", Environment::at(UnixTime::from_secs(WEDNESDAY)))
        .touching(&things);
    assert!(!began.governs(&ResourceKind::Tool) && policy.governs(&ResourceKind::Tool));
    assert!(now(began.decide(&request)).permits());
    assert!(!now(policy.decide(&request)).permits());
}

#[test]
fn a_permit_of_the_way_in_that_cannot_be_evaluated_refuses_beside_other_things_too() {
    // What an opaque body holds nobody has looked at.
    let policies = r#"permit (principal, action, resource is Dataset);
        permit (principal, action, resource is Route) when { !context.tools };"#;
    let policy = CedarPolicy::builder("x").text(policies, SCHEMA, "[]").unwrap();
    let things = [Resource::new(ResourceKind::Dataset, "reports")];
    let who = subject("alice").build();
    for (payload, effect) in
        [(PayloadSummary::opaque(9), Effect::Error), (PayloadSummary::of_bytes(9), Effect::Permit)]
    {
        let environment = Environment::at(UnixTime::from_secs(WEDNESDAY)).payload(payload);
        let request = AccessRequest::new(&who, "generate", "/generate", environment).touching(&things);
        assert_eq!(now(policy.decide(&request)).effect(), effect);
    }
}
