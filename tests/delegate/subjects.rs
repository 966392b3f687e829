//! For whom an issued credential is.

use crate::world::{VECTORS, World, claims, granted, plain, refused, send};
use http::StatusCode;
use portcullis::delegate::CredentialExchange;
use portcullis::refusal::RefusalKind;
use portcullis::testing::{CredentialBuilder, Issuer};
use serde_json::{Value, json};
use tower::Layer;

/// What a server answers that issues this, whoever asks.
fn issued(credential: CredentialBuilder<'_>) -> Value {
    json!({
        "access_token": credential.audience(VECTORS).scope("vectors:read").sign(),
        "token_type": "Bearer",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    })
}

/// What a call for alice comes to: nothing, or why it was refused.
async fn outcome(world: &World, exchange: CredentialExchange, answer: Value) -> Result<StatusCode, String> {
    let gate = world.gate();
    let layer = world.layer(&gate, exchange).build().unwrap();
    world.server.will_answer(StatusCode::OK, answer);
    let alice = world.caller(&gate, "alice").await;
    match send(&layer.layer(plain()), &alice, world.call()).await {
        Ok(status) => Ok(status),
        refusal => {
            let (kind, cause) = refused(refusal);
            assert_eq!(kind, RefusalKind::UpstreamFailed);
            Err(cause)
        }
    }
}

#[tokio::test]
async fn each_caller_is_called_for_by_a_credential_of_its_own() {
    let world = World::new().await;
    let gate = world.gate();
    let client = world.client(&gate);
    let (alice, bob) = (world.caller(&gate, "alice").await, world.caller(&gate, "bob").await);
    for caller in [&alice, &bob, &alice] {
        send(&client, caller, world.call()).await.unwrap();
    }
    let came = world.vectors.came();
    let shown: Vec<&str> =
        came.iter().map(|(_, headers)| headers["authorization"].to_str().unwrap()).collect();
    let subjects: Vec<Value> = shown.iter().map(|shown| claims(shown)["sub"].clone()).collect();
    assert_eq!(subjects, ["alice", "bob", "alice"]);
    assert!(shown[0] != shown[1] && shown[0] == shown[2], "{shown:?}");
}

#[tokio::test]
async fn a_server_that_mixes_its_users_up_brings_nobody_anothers_rights() {
    let world = World::new().await;
    let gate = world.gate();
    let client = world.client(&gate);
    send(&client, &world.caller(&gate, "alice").await, world.call()).await.unwrap();
    let issuer = Issuer::with_clock("https://exchange.test", world.clock.shared());
    let (_, form) = world.server.asked().remove(0);
    world.server.will_answer(StatusCode::OK, granted(&issuer, &form));
    let (kind, cause) = refused(send(&client, &world.caller(&gate, "bob").await, world.call()).await);
    assert_eq!(kind, RefusalKind::UpstreamFailed);
    assert!(cause.contains("for another subject"), "{cause}");
    assert_eq!(world.vectors.came().len(), 1);
}

#[tokio::test]
async fn a_credential_that_is_for_this_service_itself_or_for_nobody_is_not_used() {
    let world = World::new().await;
    let issuer = Issuer::with_clock("https://exchange.test", world.clock.shared());
    for (credential, words) in [
        (issuer.credential("orchestrator"), "for this service itself"),
        (issuer.credential("alice").without("sub"), "lacks sub"),
        (issuer.credential("alice").claim("sub", 5), "lacks sub"),
    ] {
        let answer = issued(credential);
        for exchange in [world.exchange(), world.exchange().danger_subjects_renamed()] {
            let cause = outcome(&world, exchange, answer.clone()).await.unwrap_err();
            assert!(cause.contains(words), "{cause}");
        }
    }
    assert!(world.vectors.came().is_empty());
}

#[tokio::test]
async fn another_name_of_the_caller_is_taken_only_where_the_exchange_is_said_to_rename_and_the_posture_says_so()
 {
    let world = World::new().await;
    let issuer = Issuer::with_clock("https://exchange.test", world.clock.shared());
    let answer = issued(issuer.credential("login:alice"));
    let cause = outcome(&world, world.exchange(), answer.clone()).await.unwrap_err();
    assert!(cause.contains("for another subject"), "{cause}");
    let renaming = world.exchange().danger_subjects_renamed();
    assert!(renaming.to_string().ends_with(", FOR SUBJECTS OF ANY NAME"), "{renaming}");
    assert_eq!(outcome(&world, renaming, answer).await, Ok(StatusCode::OK));
}
