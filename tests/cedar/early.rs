//! What no thing and no body can make permitted is refused before the body is read.

use super::*;
use portcullis::authorize::Effect;

fn early(policy: &CedarPolicy, who: &Principal, action: &str) -> Option<Verdict> {
    let environment = Environment::at(UnixTime::from_secs(WEDNESDAY));
    policy.decide_early(&AccessRequest::new(who, action, "/generate", environment))
}

#[test]
fn whom_no_scope_of_a_permit_takes_is_refused_early_and_nobody_else() {
    let policies = r#"permit (principal in Group::"staff", action == Action::"generate", resource == Model::"m")
            when { context.bytes < 10 };
        permit (principal is Workload, action, resource);
        forbid (principal in Group::"staff", action == Action::"generate", resource);"#;
    let policy = CedarPolicy::builder("x").groups("/groups").text(policies, SCHEMA, "[]").unwrap();
    let staff = subject("alice").claim("/groups", "staff").build();
    let guest = subject("bob").claim("/groups", "guests").build();
    // Only the body tells of the thing and of what a condition or a forbid asks.
    assert!(early(&policy, &staff, "generate").is_none());
    for (who, action) in [(&staff, "read"), (&guest, "generate"), (&guest, "unheard-of")] {
        let verdict = early(&policy, who, action).unwrap();
        assert_eq!(verdict.effect(), Effect::NoMatch);
        assert_eq!(
            &**verdict.cause().unwrap(),
            format!("no Cedar policy permits {action} to this principal, whatever the thing")
        );
        let things = [Resource::model("m")];
        let environment = Environment::at(UnixTime::from_secs(WEDNESDAY));
        let late = AccessRequest::new(who, action, "/generate", environment).touching(&things);
        assert_eq!(now(policy.decide(&late)).effect(), Effect::NoMatch);
    }
}

#[test]
fn a_group_of_a_group_and_a_parent_of_the_file_count_early_too() {
    let entities = r#"[
        {"uid": {"type": "Group", "id": "inner"}, "attrs": {}, "parents": [{"type": "Group", "id": "outer"}]},
        {"uid": {"type": "Group", "id": "outer"}, "attrs": {}, "parents": []}
    ]"#;
    let schema = SCHEMA.replace("entity Group,", "entity Group in [Group]; entity");
    let policies = r#"permit (principal in Group::"outer", action, resource);"#;
    let policy = CedarPolicy::builder("x").groups("/groups").text(policies, &schema, entities).unwrap();
    let inner = subject("alice").claim("/groups", "inner").build();
    assert!(early(&policy, &inner, "generate").is_none());
    assert!(asks(&policy, &inner, "m").permits());
    assert!(early(&policy, &subject("bob").claim("/groups", "other").build(), "generate").is_some());
}
