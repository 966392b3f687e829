//! A slice decides as the whole does.

use portcullis::authorize::cedar::cedar_policy::{Context, Entity, EntityUid, Request, RestrictedExpression};
use portcullis::authorize::cedar::{CedarStore, Given};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

const SCHEMA: &str = r#"
    entity Group in [Group];
    entity User in [Group] { level: Long, boss?: User };
    entity Robot in [Group] { level: Long };
    entity Box in [Box] { owner?: User, level: Long };
    action all;
    action see in [all] appliesTo { principal: [User, Robot], resource: [Box], context: { n: Long } };
    action take in [all] appliesTo { principal: [User, Robot], resource: [Box], context: { n: Long } };
    action drop appliesTo { principal: [User], resource: [Box], context: { n: Long } };
"#;

const PRINCIPALS: [&str; 8] = [
    "principal",
    "principal is User",
    "principal is Robot",
    "principal == User::\"u1\"",
    "principal == Robot::\"r1\"",
    "principal in Group::\"g1\"",
    "principal in Group::\"g2\"",
    "principal is User in Group::\"g3\"",
];
const ACTIONS: [&str; 5] = [
    "action",
    "action == Action::\"see\"",
    "action in Action::\"all\"",
    "action in [Action::\"take\", Action::\"drop\"]",
    "action == Action::\"drop\"",
];
const RESOURCES: [&str; 6] = [
    "resource",
    "resource is Box",
    "resource == Box::\"b1\"",
    "resource == Box::\"b3\"",
    "resource in Box::\"b1\"",
    "resource is Box in Box::\"b2\"",
];
const CONDITIONS: [&str; 9] = [
    "true",
    "context.n > 2",
    "resource has owner && resource.owner == principal",
    "resource has owner && resource.owner in Group::\"g1\"",
    "resource has owner && resource.owner has boss && resource.owner.boss in Group::\"g2\"",
    "principal.level >= resource.level",
    "Box::\"b2\".level > context.n",
    "User::\"u2\" in Group::\"g3\"",
    "context.n + 9223372036854775805 > 0",
];

type Rule = (bool, usize, usize, usize, usize);

fn policies(rules: &[Rule]) -> String {
    let write = |&(permit, who, what, with, when): &Rule| {
        // Actions differ in whom they take; the validator wants what a condition reads to be there for all of them.
        let effect = if permit { "permit" } else { "forbid" };
        format!(
            "{effect} ({}, {}, {}) when {{ {} }};\n",
            PRINCIPALS[who], ACTIONS[what], RESOURCES[with], CONDITIONS[when]
        )
    };
    rules.iter().map(write).collect()
}

const ENTITIES: &str = r#"[
    {"uid": {"type": "Group", "id": "g1"}, "attrs": {}, "parents": [{"type": "Group", "id": "g2"}]},
    {"uid": {"type": "Group", "id": "g2"}, "attrs": {}, "parents": []},
    {"uid": {"type": "Group", "id": "g3"}, "attrs": {}, "parents": []},
    {"uid": {"type": "User", "id": "u1"}, "attrs": {"level": 1, "boss": {"__entity": {"type": "User", "id": "u2"}}}, "parents": [{"type": "Group", "id": "g3"}]},
    {"uid": {"type": "User", "id": "u2"}, "attrs": {"level": 2}, "parents": [{"type": "Group", "id": "g1"}]},
    {"uid": {"type": "Robot", "id": "r1"}, "attrs": {"level": 5}, "parents": []},
    {"uid": {"type": "Box", "id": "b1"}, "attrs": {"level": 2}, "parents": []},
    {"uid": {"type": "Box", "id": "b2"}, "attrs": {"level": 3, "owner": {"__entity": {"type": "User", "id": "u1"}}}, "parents": [{"type": "Box", "id": "b1"}]},
    {"uid": {"type": "Box", "id": "b3"}, "attrs": {"level": 0, "owner": {"__entity": {"type": "User", "id": "u2"}}}, "parents": [{"type": "Box", "id": "b2"}]}
]"#;

fn uid(name: &str) -> EntityUid {
    name.parse().unwrap()
}

/// A user whom only the request knows, in these groups.
fn stranger(groups: &[bool; 3]) -> Given {
    let parents: Vec<EntityUid> = (1..=3)
        .zip(groups)
        .filter(|(_, is_in)| **is_in)
        .map(|(n, _)| uid(&format!("Group::\"g{n}\"")))
        .collect();
    let attributes = HashMap::from([
        ("level".to_owned(), RestrictedExpression::new_long(2)),
        ("boss".to_owned(), RestrictedExpression::new_entity_uid(uid("User::\"u1\""))),
    ]);
    let above: HashSet<EntityUid> = parents.iter().cloned().collect();
    let entity = Entity::new(uid("User::\"s\""), attributes, above).unwrap();
    Given { entity, parents, refers: vec![uid("User::\"u1\"")] }
}

const WHO: [&str; 5] = ["User::\"u1\"", "User::\"u2\"", "User::\"s\"", "User::\"nobody\"", "Robot::\"r1\""];
const WHAT: [&str; 4] = ["see", "take", "drop", "unheard-of"];
const WITH: [&str; 5] = ["Box::\"b1\"", "Box::\"b2\"", "Box::\"b3\"", "Box::\"unknown\"", "Lid::\"l\""];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_slice_decides_as_the_whole_does(
        rules in prop::collection::vec(
            (prop::bool::weighted(0.8), 0..PRINCIPALS.len(), 0..ACTIONS.len(), 0..RESOURCES.len(), 0..CONDITIONS.len()),
            1..24,
        ),
        groups in any::<[bool; 3]>(),
        asked in prop::collection::vec((0..WHO.len(), 0..WHAT.len(), 0..WITH.len(), 0..4_i64), 12),
    ) {
        let store = CedarStore::parse(&policies(&rules), SCHEMA, ENTITIES);
        // Some rules can never apply to anything, which the validator takes for an error.
        prop_assume!(store.is_ok());
        let store = store.unwrap();
        for (who, what, with, n) in asked {
            let context = Context::from_pairs([("n".to_owned(), RestrictedExpression::new_long(n))]);
            let action = uid(&format!("Action::\"{}\"", WHAT[what]));
            let request = Request::new(uid(WHO[who]), action, uid(WITH[with]), context.unwrap(), None).unwrap();
            let given = [stranger(&groups)];
            let mut sliced = store.decide(&request, &given);
            let mut whole = store.decide_unsliced(&request, &given);
            for ruling in [&mut sliced, &mut whole] {
                ruling.policies.sort();
                ruling.errors.sort();
            }
            prop_assert_eq!(&sliced, &whole, "{:?}\n{}", request, policies(&rules));
        }
    }
}
