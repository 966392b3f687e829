//! A right that is withheld at one hop does not come back at the next.

use crate::world::{AUDIENCE, HOP, World, caller, granted, inbound, plain, refused, send};
use http::StatusCode;
use portcullis::Gate;
use portcullis::delegate::OnBehalfOf;
use portcullis::principal::{ActorRule, Delegation};
use portcullis::refusal::RefusalKind;
use portcullis::testing::Issuer;
use serde_json::json;
use tower::Layer;

/// A gate where the web application acts for users, with these scopes at most.
fn gate(world: &World, scopes: &[&str]) -> Gate {
    let web =
        ActorRule::new("https://login.test", "web").danger_from_anywhere().scopes(scopes.iter().copied());
    let delegation = Delegation::new().actor(web);
    world.builder().delegation(delegation).keep_credential().danger_without_audit().build().unwrap()
}

/// A credential of alice, who may do everything, shown by the web application.
fn credential(world: &World) -> String {
    let alice = world.issuer.credential("alice").audience(AUDIENCE).scope("ask vectors:read vectors:list");
    alice.claim("act", json!({ "sub": "web" })).sign()
}

async fn alice(gate: &Gate, credential: &str) -> OnBehalfOf {
    caller(gate, inbound(credential)).await
}

#[tokio::test]
async fn what_an_actor_lacks_here_is_not_asked_for_and_not_taken_if_it_comes() {
    let world = World::new().await;
    let gate = gate(&world, &["ask", "vectors:list"]);
    let alice = alice(&gate, &credential(&world)).await;
    let layer = world.layer(&gate, world.exchange()).scope("vectors:list").build().unwrap();
    send(&layer.layer(plain()), &alice, world.call()).await.unwrap();
    let (_, mut form) = world.server.asked().remove(0);
    assert_eq!(form["scope"], "vectors:list");

    form.insert("scope".to_owned(), "vectors:read vectors:list".to_owned());
    let issuer = Issuer::with_clock("https://exchange.test", world.clock.shared());
    world.server.will_answer(StatusCode::OK, granted(&issuer, &form));
    let layer = world.layer(&gate, world.exchange()).scope("vectors:list").build().unwrap();
    let (kind, cause) = refused(send(&layer.layer(plain()), &alice, world.call()).await);
    assert_eq!(kind, RefusalKind::UpstreamFailed);
    assert!(cause.contains("\"vectors:read\", which was not asked for"), "{cause}");
    assert_eq!(world.vectors.came().len(), 1);
}

#[tokio::test]
async fn where_no_scope_is_left_there_is_no_call_and_the_actor_that_lacks_it_is_named() {
    let world = World::new().await;
    let gate = gate(&world, &["ask"]);
    let alice = alice(&gate, &credential(&world)).await;
    let (kind, cause) = refused(send(&world.client(&gate), &alice, world.call()).await);
    assert_eq!(kind, RefusalKind::DelegationRefused);
    for words in [HOP, "web of https://login.test", "vectors:read"] {
        assert!(cause.contains(words), "{cause}");
    }
    assert_eq!((world.server.times_asked(), world.vectors.came().len()), (0, 0));
}

#[tokio::test]
async fn what_was_issued_with_more_rights_is_not_shown_for_who_has_fewer_now() {
    let world = World::new().await;
    let (wide, narrow) =
        (gate(&world, &["ask", "vectors:read", "vectors:list"]), gate(&world, &["ask", "vectors:list"]));
    let credential = credential(&world);
    let (before, after) = (alice(&wide, &credential).await, alice(&narrow, &credential).await);
    let layer = world.layer(&wide, world.exchange()).scope("vectors:list").build().unwrap();
    let client = layer.layer(plain());
    for (caller, exchanges) in [(&before, 1), (&after, 2), (&before, 2), (&after, 2)] {
        send(&client, caller, world.call()).await.unwrap();
        assert_eq!(world.server.times_asked(), exchanges);
    }
    let scopes: Vec<String> = world.server.asked().iter().map(|(_, form)| form["scope"].clone()).collect();
    assert_eq!(scopes, ["vectors:read vectors:list", "vectors:list"]);
}
