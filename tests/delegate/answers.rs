//! What an authorization server may answer, and what comes of it.

use crate::world::{HOP, VECTORS, World, granted, read_form, refused, send};
use http::StatusCode;
use portcullis::delegate::OutboundError;
use portcullis::refusal::{Refusal, RefusalKind};
use portcullis::testing::Issuer;
use serde_json::{Value, json};
use std::time::Duration;

/// Holds an answer against the rules: what a call comes to, and that none was made.
async fn comes_to(world: &World, status: StatusCode, answer: Value) -> Refusal {
    let gate = world.gate();
    let alice = world.caller(&gate, "alice").await;
    world.server.will_answer(status, answer.clone());
    let before = world.vectors.came().len();
    let outcome = send(&world.client(&gate), &alice, world.call()).await;
    assert_eq!(world.vectors.came().len(), before, "a call was made on {answer}");
    match outcome {
        Err(OutboundError::Refused(refusal)) => refusal,
        other => panic!("{answer}: {other:?}"),
    }
}

fn good(world: &World) -> (Issuer, Value) {
    let issuer = Issuer::with_clock("https://exchange.test", world.clock.shared());
    let audience = VECTORS.replace(':', "%3A");
    let form =
        format!("audience={audience}&scope=vectors%3Aread&subject_token={}", world.credential("alice"));
    let form = read_form(&form);
    let answer = granted(&issuer, &form);
    (issuer, answer)
}

#[tokio::test]
async fn what_is_not_what_was_asked_for_is_not_used() {
    let world = World::new().await;
    let (issuer, good) = good(&world);
    let with = |name: &str, value: Value| {
        let mut answer = good.clone();
        answer[name] = value;
        answer
    };
    let without = |name: &str| {
        let mut answer = good.clone();
        answer.as_object_mut().unwrap().remove(name);
        answer
    };
    let jwt = |audience: Value, scope: &str| {
        let credential = issuer.credential("alice").claim("aud", audience).scope(scope);
        with("access_token", credential.sign().into())
    };
    let ended = issuer.credential("alice").audience(VECTORS).lifetime(Duration::from_millis(900)).sign();
    let cases = [
        (
            jwt(json!("https://hr.test"), "vectors:read"),
            "not for https://vectors.test alone, but for \"https://hr.test\"",
        ),
        (jwt(json!([VECTORS, "https://hr.test"]), "vectors:read"), "not for https://vectors.test alone"),
        (jwt(json!([]), "vectors:read"), "not for https://vectors.test alone"),
        (jwt(json!(5), "vectors:read"), "not for https://vectors.test alone"),
        (jwt(json!(VECTORS), "vectors:read vectors:write"), "vectors:write"),
        (with("scope", "vectors:read admin".into()), "\"admin\", which was not asked for"),
        (with("scope", json!(["vectors:read"])), "scope"),
        (with("access_token", ended.into()), "expired already"),
        (with("access_token", "".into()), "visible ASCII"),
        (with("access_token", "a b".into()), "visible ASCII"),
        (with("access_token", "a\r\nx: y".into()), "visible ASCII"),
        (with("access_token", "x".repeat(16 * 1024 + 1).into()), "16 KiB"),
        (with("access_token", "eyJ9.!.x".into()), "no claims in base64url"),
        (with("access_token", 5.into()), "access_token"),
        (without("access_token"), "lacks access_token"),
        (with("token_type", "DPoP".into()), "only Bearer"),
        (with("token_type", "N_A".into()), "only Bearer"),
        (without("token_type"), "lacks token_type"),
        (with("issued_token_type", "urn:ietf:params:oauth:token-type:id_token".into()), "not one for access"),
        (without("issued_token_type"), "lacks issued_token_type"),
        (with("expires_in", 0.into()), "expires_in"),
        (with("expires_in", (-5).into()), "expires_in"),
        (with("expires_in", "300".into()), "expires_in"),
        (with("expires_in", 86_401.into()), "expires_in"),
        (json!([]), "another type"),
        (json!("ok"), "another type"),
    ];
    for (answer, cause) in cases {
        let refusal = comes_to(&world, StatusCode::OK, answer.clone()).await;
        assert_eq!(refusal.kind(), RefusalKind::UpstreamFailed, "{answer}");
        let why = refusal.private_cause().unwrap();
        assert!(why.contains(cause), "{answer}: {why}");
        assert_eq!(refusal.public(), format!("no usable credential for {HOP} was issued"));
    }
}

#[tokio::test]
async fn a_server_that_gives_back_the_callers_own_credential_has_exchanged_nothing() {
    let world = World::new().await;
    let gate = world.gate();
    let alice = world.caller(&gate, "alice").await;
    let own = secrecy::ExposeSecret::expose_secret(alice.principal().presented().unwrap()).to_owned();
    let (_, mut answer) = good(&world);
    answer["access_token"] = own.into();
    world.server.will_answer(StatusCode::OK, answer);
    let (kind, cause) = refused(send(&world.client(&gate), &alice, world.call()).await);
    assert_eq!(kind, RefusalKind::UpstreamFailed);
    assert!(cause.contains("the caller's own"), "{cause}");
}

#[tokio::test]
async fn an_error_of_the_server_says_which_hop_failed_and_is_asked_again() {
    let world = World::new().await;
    let cases = [
        (400, json!({ "error": "invalid_grant" }), RefusalKind::DelegationRefused),
        (
            400,
            json!({ "error": "invalid_target", "error_description": "no such audience" }),
            RefusalKind::DelegationRefused,
        ),
        (400, json!({ "error": "invalid_scope" }), RefusalKind::DelegationRefused),
        (403, json!({ "error": "access_denied" }), RefusalKind::DelegationRefused),
        (400, json!({ "error": "interaction_required" }), RefusalKind::InsufficientAuthentication),
        (401, json!({ "error": "invalid_client" }), RefusalKind::Misconfigured),
        (400, json!({ "error": "unauthorized_client" }), RefusalKind::Misconfigured),
        (503, json!({ "error": "temporarily_unavailable" }), RefusalKind::Unavailable),
        (429, json!({}), RefusalKind::Unavailable),
        (500, json!("oops"), RefusalKind::Unavailable),
        (302, json!({}), RefusalKind::UpstreamFailed),
        (404, json!({ "error": 5 }), RefusalKind::UpstreamFailed),
    ];
    for (n, (status, answer, kind)) in cases.into_iter().enumerate() {
        let refusal = comes_to(&world, StatusCode::from_u16(status).unwrap(), answer.clone()).await;
        assert_eq!(refusal.kind(), kind, "{status} {answer}");
        let cause = refusal.private_cause().unwrap();
        assert!(cause.contains(VECTORS) && cause.contains(&status.to_string()), "{cause}");
        assert!(kind == RefusalKind::Misconfigured || refusal.public().contains(HOP), "{}", refusal.public());
        assert_eq!(refusal.rule_name(), Some("delegate:exchange"));
        assert_eq!(world.server.times_asked(), n + 1, "no refusal is remembered");
    }
}

#[tokio::test]
async fn a_server_that_repeats_the_callers_credential_is_not_repeated() {
    let world = World::new().await;
    let gate = world.gate();
    let alice = world.caller(&gate, "alice").await;
    let own = secrecy::ExposeSecret::expose_secret(alice.principal().presented().unwrap()).to_owned();
    let (begin, end) = (&own[..20], &own[own.len() - 24..]);
    for (code, words, told) in [
        ("invalid_grant", format!("the token {own} is not mine\nforged line"), "invalid_grant"),
        ("invalid_grant", format!("the token '{begin}…' is not mine"), "invalid_grant the token is not mine"),
        ("invalid_grant", format!("(…{end}) is\nnot mine"), "invalid_grant is not mine"),
        (&*own, "not mine".to_owned(), "not mine"),
    ] {
        world
            .server
            .will_answer(StatusCode::BAD_REQUEST, json!({ "error": code, "error_description": words }));
        let (_, cause) = refused(send(&world.client(&gate), &alice, world.call()).await);
        assert_eq!(cause, format!("the exchange for {VECTORS} answered 400: {told}"));
    }
}

#[tokio::test]
async fn a_credential_that_nothing_bounds_is_used_once() {
    let world = World::new().await;
    let gate = world.gate();
    let (client, alice) = (world.client(&gate), world.caller(&gate, "alice").await);
    world.server.will_answer(
        StatusCode::OK,
        json!({
            "access_token": "opaque", "token_type": "bearer",
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        }),
    );
    for exchanges in 1..=2 {
        send(&client, &alice, world.call()).await.unwrap();
        assert_eq!(world.server.times_asked(), exchanges);
    }
    assert_eq!(world.vectors.came()[0].1["authorization"], "Bearer opaque");
}
