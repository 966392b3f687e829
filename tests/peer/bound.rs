//! Credentials that are bound to a client certificate (RFC 8705).

use super::world::{AUDIENCE, GATEWAY, World, ask, request, with_credential};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use portcullis::Gate;
use portcullis::payload::PlainGenerate;
use portcullis::principal::TlsConnection;
use portcullis::route::Route;
use serde_json::{Value, json};
use std::time::Duration;

/// A credential whose `cnf` is this.
fn credential(world: &World, cnf: Value) -> String {
    let alice = world.issuer.credential("alice").audience(AUDIENCE).scope("generate:invoke");
    alice.claim("plan", "wide").claim("cnf", cnf).lifetime(Duration::from_secs(7200)).sign()
}

/// A gate that asks nobody for a certificate.
fn asks_for_none(world: &World) -> Gate {
    Gate::builder()
        .clock(world.clock.shared())
        .issuer(world.issuer.trusted().audience(AUDIENCE).plan_claim("/plan"))
        .route(Route::post("/generate").dialect(PlainGenerate).scope("generate:invoke"))
        .danger_without_limits()
        .audit(world.log.clone())
        .build()
        .unwrap()
}

fn bound_to(tls: &TlsConnection) -> Value {
    json!({ "x5t#S256": URL_SAFE_NO_PAD.encode(tls.peer_certificate().unwrap().fingerprint()) })
}

#[tokio::test]
async fn a_credential_that_is_bound_to_a_certificate_passes_with_that_one_alone_on_every_request() {
    let world = World::new();
    let (mine, other) =
        (world.shown(&world.prod.spiffe(GATEWAY).issue()), world.shown(&world.prod.spiffe(GATEWAY).issue()));
    let credential = credential(&world, bound_to(&mine));
    for gate in [world.gate(world.rules()), asks_for_none(&world)] {
        for (tls, status) in
            [(&mine, StatusCode::OK), (&other, StatusCode::UNAUTHORIZED), (&mine, StatusCode::OK)]
        {
            let (found, answer) = ask(&gate, with_credential(request("/generate", tls), &credential)).await;
            assert_eq!(found, status, "{answer}");
        }
        // Those of strangers come by a lane of their own, in no order with the others.
        let records = [world.record(), world.record(), world.record()];
        let bound = records.iter().filter(|record| record["principal"]["bound"] == "certificate").count();
        let causes: Vec<&str> = records.iter().filter_map(|record| record["cause"].as_str()).collect();
        assert_eq!(bound, 2, "{records:?}");
        assert!(causes.iter().any(|cause| cause.contains("another client certificate")), "{causes:?}");
    }
    let asks_nobody = asks_for_none(&world);
    let (status, _) =
        ask(&asks_nobody, with_credential(request("/generate", &TlsConnection::new()), &credential)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(world.record()["cause"].as_str().unwrap().contains("has shown none"));
}

#[tokio::test]
async fn a_connection_that_outlives_its_certificate_proves_nothing() {
    let world = World::new();
    let mine = world.shown(&world.prod.spiffe(GATEWAY).lifetime(Duration::from_secs(60)).issue());
    let credential = credential(&world, bound_to(&mine));
    let gate = asks_for_none(&world);
    let ask_now = async || ask(&gate, with_credential(request("/generate", &mine), &credential)).await.0;
    assert_eq!(ask_now().await, StatusCode::OK);
    world.clock.advance(Duration::from_secs(3600));
    assert_eq!(ask_now().await, StatusCode::UNAUTHORIZED);
    world.record();
    assert!(world.record()["cause"].as_str().unwrap().contains("has ended"));
}

#[tokio::test]
async fn a_confirmation_that_is_not_known_or_not_whole_is_refused() {
    let world = World::new();
    let mine = world.shown(&world.prod.spiffe(GATEWAY).issue());
    let gate = world.gate(world.rules());
    let good = bound_to(&mine)["x5t#S256"].clone();
    for cnf in [
        json!({ "x5t#S256": good, "kid": "k" }),
        json!({ "x5t#S256": good, "jkt": URL_SAFE_NO_PAD.encode([7; 32]) }),
        json!({ "jwk": {} }),
        json!({ "x5t#S256": format!("{}=", good.as_str().unwrap()) }),
        json!({ "x5t#S256": &good.as_str().unwrap()[1..] }),
        json!({ "x5t#S256": "" }),
        json!({ "x5t#S256": [good] }),
        json!([]),
        json!("x"),
        json!({}),
        Value::Null,
    ] {
        let credential = credential(&world, cnf.clone());
        let (status, _) = ask(&gate, with_credential(request("/generate", &mine), &credential)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{cnf}");
    }
}
