//! Opaque credentials whose issuer says that somebody acts (RFC 7662 §2.2 with RFC 8693 §4.1).

use super::world::*;
use http::StatusCode;
use portcullis::fetch::HttpsClient;
use portcullis::jwt::{ClientAuthentication, Introspection, TrustedIssuer};
use portcullis::limit::Plan;
use portcullis::principal::{ActorRule, Delegation};
use serde_json::json;

#[tokio::test]
async fn the_actors_of_an_opaque_credential_are_held_to_the_same_rules() {
    let world = World::new();
    let answer = json!({
        "active": true, "sub": "alice", "aud": AUDIENCE, "scope": "generate:invoke hr:read", "exp": 1_800_000_300,
        "act": both(),
    });
    let endpoint = axum::Router::new()
        .route("/introspect", axum::routing::post(move || std::future::ready(axum::Json(answer.clone()))));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/introspect", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, endpoint).await.unwrap() });
    let fetch = HttpsClient::builder().loopback_only().internal_host("127.0.0.1").build().unwrap();
    let client = ClientAuthentication::secret("vectors", "secret".into());
    let asking = Introspection::new(url, TrustedIssuer::new(ISSUER).audience(AUDIENCE), client, fetch);
    let gate = |delegation: Option<Delegation>| {
        let plan = Plan::new("wide").danger_unlimited();
        let builder = world.builder().plan(plan).default_plan("wide").introspection(asking.clone());
        match delegation {
            Some(delegation) => builder.delegation(delegation).build().unwrap(),
            None => builder.build().unwrap(),
        }
    };
    let narrow = ActorRule::new(ISSUER, "web").scopes(["generate:invoke"]);
    let known = gate(Some(Delegation::new().actor(orchestrator()).actor(narrow)));
    for (gate, path, workload, expected) in [
        (&known, "/generate", ORCHESTRATOR, StatusCode::OK),
        (&known, "/hr", ORCHESTRATOR, StatusCode::FORBIDDEN),
        // Also once it is remembered.
        (&known, "/generate", BILLING, StatusCode::UNAUTHORIZED),
        (&known, "/generate", ORCHESTRATOR, StatusCode::OK),
        (&gate(None), "/generate", ORCHESTRATOR, StatusCode::UNAUTHORIZED),
    ] {
        let (status, answer) = ask(gate, request(path, &world.from(workload), "opaque-credential")).await;
        assert_eq!(status, expected, "{path} from {workload}: {answer}");
    }
}
