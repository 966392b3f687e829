//! Budgets of actors.

use super::world::*;
use http::StatusCode;
use portcullis::limit::{Dimension, Limit, Per, Plan};
use portcullis::principal::{ActorRule, Delegation};
use serde_json::{Value, json};

#[tokio::test]
async fn a_budget_per_actor_adds_up_what_it_asks_for_all_its_users_and_one_per_subject_what_a_user_asks_through_all()
 {
    for (dimension, expected) in [
        // alice by a, bob by a, alice by b, alice herself, bob herself; of two each
        (Dimension::Actor, [200, 200, 429, 200, 200, 200]),
        (Dimension::Subject, [200, 200, 200, 200, 429, 429]),
    ] {
        let world = World::new();
        let rule = |id: &str| ActorRule::new(ISSUER, id).danger_from_anywhere().danger_every_right();
        let plan = Plan::new("few").limit(Limit::requests(2, Per::Hour).per(dimension));
        let gate = world
            .builder()
            .plan(plan)
            .default_plan("few")
            .delegation(Delegation::new().actor(rule("a")).actor(rule("b")))
            .build()
            .unwrap();
        let from = world.from(ORCHESTRATOR);
        let by = |actor: &str| json!({ "sub": actor });
        let mut found = Vec::new();
        for (user, actor) in [
            ("alice", by("a")),
            ("bob", by("a")),
            ("bob", by("a")),
            ("alice", by("b")),
            ("alice", Value::Null),
            ("bob", Value::Null),
        ] {
            let claims = [("sub", json!(user)), ("act", actor)];
            let credential = world.credential(claims.into_iter().filter(|(_, value)| !value.is_null()));
            found.push(ask(&gate, request("/generate", &from, &credential)).await.0);
        }
        let expected = expected.map(|status| StatusCode::from_u16(status).unwrap());
        assert_eq!(found, expected, "{dimension:?}");
    }
}
