//! What is loaded, and what is refused.

use super::*;
use portcullis::authorize::cedar::cedar_policy::{Entity, EntityUid, RestrictedExpression};
use portcullis::authorize::cedar::{CedarErrorKind, CedarFiles, EntitySource, EntitySourceError};
use portcullis::authorize::{Effect, RulePolicy, rules};
use portcullis::principal::{ClaimValue, RoleSet, TenantId};
use proptest::test_runner::{Config, TestRunner};
use std::collections::HashSet;
use std::path::Path;

#[test]
fn the_policies_to_be_copied_do_what_they_say() {
    let policy = house();
    let staff = subject("alice").claim("/groups", ClaimValue::from_iter(["staff"])).build();
    let finance = subject("bob").claim("/department", "finance").build();
    for (who, model, effect, rule) in [
        (&staff, "llama-3.1-8b", Effect::Permit, Some("open models")),
        (&staff, "finance-large", Effect::NoMatch, None),
        (&staff, "unheard-of", Effect::NoMatch, None),
        (&finance, "finance-large", Effect::Permit, Some("finance")),
        (&finance, "llama-3.1-8b", Effect::NoMatch, None),
    ] {
        let verdict = asks(&policy, who, model);
        assert_eq!(verdict.effect(), effect, "{model}: {verdict:?}");
        assert_eq!(verdict.rules().iter().next(), rule, "{model}");
    }
    // Several things: all of them.
    let things = [Resource::model("llama-3.1-8b"), Resource::model("finance-large")];
    let environment = Environment::at(UnixTime::from_secs(WEDNESDAY));
    let request = AccessRequest::new(&staff, "generate", "/generate", environment);
    assert_eq!(now(policy.decide(&request.clone().touching(&things[..1]))).effect(), Effect::Permit);
    assert_eq!(now(policy.decide(&request.touching(&things))).effect(), Effect::NoMatch);
    // Nothing but the route.
    let reads = AccessRequest::new(&staff, "read", "/v1/models", environment);
    assert_eq!(now(policy.decide(&reads)).rules().iter().next(), Some("reading"));
}

#[test]
fn the_finance_rule_decides_as_in_rust() {
    let zone = "Europe/Berlin";
    let cedar =
        CedarPolicy::builder("house").attribute("department", "/department").groups("/groups").zone(zone);
    let cedar = cedar.text(POLICIES, SCHEMA, ENTITIES).unwrap();
    let finance = rules::claim("/department")
        .is("finance")
        .and(rules::device().managed())
        .and(rules::business_hours(zone, rules::weekdays(), "08:00".."18:00"))
        .and(rules::model_in(["finance-large"]));
    let typed = RulePolicy::builder("typed").permit("finance", finance).build().unwrap();
    let mut permitted = 0;
    let mut runner = TestRunner::new(Config { cases: 10_000, ..Config::default() });
    let permits = std::cell::Cell::new(0);
    let cases = (0..4_u8, proptest::bool::weighted(0.7), 0..14 * 24 * 60_u64, proptest::bool::weighted(0.8));
    runner
        .run(&cases, |(department, managed, minute, same)| {
            let who = match ["finance", "finance", "sales", ""][usize::from(department)] {
                "" => subject("x").build(),
                name => subject("x").claim("/department", name).build(),
            };
            let device = Device::new(managed, "claim");
            let time = UnixTime::from_secs(WEDNESDAY + minute * 60);
            let things = [Resource::model(if same { "finance-large" } else { "llama-3.1-8b" })];
            let environment = Environment::at(time).device(&device);
            let request = AccessRequest::new(&who, "generate", "/generate", environment).touching(&things);
            let (one, other) = (now(cedar.decide(&request)), now(typed.decide(&request)));
            assert_eq!(one.effect(), other.effect(), "{request:?}");
            permits.set(permits.get() + u32::from(one.permits()));
            Ok(())
        })
        .unwrap();
    permitted += permits.get();
    assert!((500..5_000).contains(&permitted), "{permitted} of 10,000 were permitted");
}

#[test]
fn what_the_schema_does_not_bear_out_is_refused_with_its_reason() {
    let load = |policies: &str, schema: &str, entities: &str| {
        CedarPolicy::builder("x").text(policies, schema, entities).map(drop).unwrap_err().kind
    };
    let is = |kind: CedarErrorKind, says: &str| assert!(kind.to_string().contains(says), "{kind}");
    is(load("permit (principal, action", SCHEMA, "[]"), "policies: ");
    is(load("", SCHEMA, "[]"), "an empty set permits nobody");
    is(
        load("permit (principal, action, resource) when { principal.shoe_size > 4 };", SCHEMA, "[]"),
        "shoe_size",
    );
    is(load("permit (principal == Robot::\"x\", action, resource);", SCHEMA, "[]"), "Robot");
    is(load("permit (principal, action == Action::\"fly\", resource);", SCHEMA, "[]"), "fly");
    // An attribute that may be missing must be asked for first.
    is(
        load(
            "permit (principal is User, action, resource) when { principal.department == \"x\" };",
            SCHEMA,
            "[]",
        ),
        "department",
    );
    is(load("permit (principal == ?principal, action, resource);", SCHEMA, "[]"), "template");
    is(load(POLICIES, "entity User in Nothing;", "[]"), "schema: ");
    is(load(POLICIES, SCHEMA, "[{]"), "entities: ");
    is(
        load(
            POLICIES,
            SCHEMA,
            r#"[{"uid": {"type": "Model", "id": "m"}, "attrs": {"size": 3}, "parents": []}]"#,
        ),
        "entities: ",
    );
    let zone = CedarPolicy::builder("x").zone("Mars/Olympus").text(POLICIES, SCHEMA, ENTITIES).unwrap_err();
    is(zone.kind, "is no time zone");
}

#[test]
fn files_are_read_again_and_the_old_ones_stay_while_the_new_ones_are_wrong() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cedar-reload");
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("schema", SCHEMA);
    write("policies", r#"@id("first") permit (principal, action, resource == Model::"m");"#);
    write("entities", "[]");
    let files =
        CedarFiles::new(folder.join("policies"), folder.join("schema")).entities(folder.join("entities"));
    let policy = CedarPolicy::builder("house").files(files).unwrap();
    let who = subject("alice").build();
    let rule = || asks(&policy, &who, "m").rules().iter().next().map(str::to_owned);
    assert_eq!(rule().as_deref(), Some("first"));
    for wrong in ["permit (principal, action, resource) when { principal.nothing };", "nonsense", ""] {
        write("policies", wrong);
        policy.reload().unwrap_err();
        assert_eq!(rule().as_deref(), Some("first"), "{wrong}");
    }
    write("policies", r#"@id("second") permit (principal, action, resource == Model::"m");"#);
    policy.reload().unwrap();
    assert_eq!(rule().as_deref(), Some("second"));
    std::fs::remove_file(folder.join("entities")).unwrap();
    let gone = policy.reload().unwrap_err();
    assert!(gone.to_string().contains("cannot be read"), "{gone}");
    assert_eq!(rule().as_deref(), Some("second"));
    assert_eq!(house().reload().unwrap_err().kind, CedarErrorKind::NoFiles);
}

#[test]
fn a_forbid_that_cannot_be_evaluated_refuses() {
    let policies = r#"permit (principal, action, resource);
        forbid (principal, action, resource) when { context.bytes + 9223372036854775807 > 9223372036854775807 };"#;
    let policy = CedarPolicy::builder("x").text(policies, SCHEMA, "[]").unwrap();
    let who = subject("alice").build();
    let environment = Environment::at(UnixTime::from_secs(WEDNESDAY));
    let ask = |bytes: u64| {
        let summary = portcullis::authorize::PayloadSummary::of_bytes(bytes);
        now(policy.decide(&AccessRequest::new(&who, "generate", "/", environment.payload(summary))))
    };
    assert_eq!(ask(0).effect(), Effect::Permit);
    let verdict = ask(5);
    assert_eq!(verdict.effect(), Effect::Error);
    assert!(verdict.cause().unwrap().contains("overflow"), "{verdict:?}");
}

#[test]
fn roles_tenants_and_machines_are_entities() {
    let policies = r#"@id("admins") permit (principal in Role::"admin", action, resource);
        @id("acme") permit (principal in Tenant::"acme", action, resource == Model::"acme-model");"#;
    let policy = CedarPolicy::builder("x").text(policies, SCHEMA, "[]").unwrap();
    let admin = subject("a").roles(["admin"].into_iter().collect::<RoleSet>()).build();
    let member = subject("b").tenant(TenantId::new("acme")).build();
    assert!(asks(&policy, &admin, "any").permits());
    assert!(asks(&policy, &member, "acme-model").permits());
    assert!(!asks(&policy, &member, "any").permits());
}

/// Knows who leads whom; says nothing of one, and cannot say of another.
#[derive(Debug)]
struct Directory;

impl EntitySource for Directory {
    fn find(&self, uid: &EntityUid) -> Result<Vec<Entity>, EntitySourceError> {
        match uid.to_string() {
            name if name.contains("|alice") => {
                let group: EntityUid = "Group::\"leads\"".parse().unwrap();
                let department = RestrictedExpression::new_string("research".to_owned());
                let known = [("department".to_owned(), department)].into_iter().collect();
                Ok(vec![Entity::new(uid.clone(), known, HashSet::from([group])).unwrap()])
            }
            name if name.contains("|broken") => Err(EntitySourceError("the directory is down".to_owned())),
            _ => Ok(Vec::new()),
        }
    }
}

#[test]
fn a_source_adds_to_what_the_credential_says_and_refuses_when_it_is_down() {
    let policies = r#"@id("leads") permit (principal in Group::"leads", action, resource == Model::"m");
        @id("research") permit (principal is User, action, resource == Model::"n")
            when { principal has department && principal.department == "research" };"#;
    let builder = CedarPolicy::builder("x").attribute("department", "/department").entity_source(Directory);
    let policy = builder.text(policies, SCHEMA, "[]").unwrap();
    let alice = subject("alice").build();
    let moved = subject("alice").claim("/department", "sales").build();
    assert!(asks(&policy, &alice, "m").permits() && asks(&policy, &alice, "n").permits());
    assert!(asks(&policy, &moved, "m").permits());
    assert!(!asks(&policy, &moved, "n").permits(), "the credential has the last word");
    assert!(!asks(&policy, &subject("bob").build(), "m").permits());
    let verdict = asks(&policy, &subject("broken").build(), "m");
    assert_eq!(verdict.effect(), Effect::Error);
    assert!(verdict.cause().unwrap().contains("the directory is down"));
}
