//! A logout at the provider, which tells the gate (OpenID Connect Back-Channel Logout).

use super::*;
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use portcullis::Gate;
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::fetch::{Fetch, HttpsClient};
use portcullis::jwt::logout::BackChannelLogout;
use portcullis::payload::PlainGenerate;
use portcullis::principal::Revocations;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::mpsc::channel;
use tokio::net::TcpListener;

/// The status of an answer of the gate.
async fn ask(gate: SocketAddr, credential: &Value) -> StatusCode {
    let client = HttpsClient::builder().loopback_only().internal_host("127.0.0.1").build().unwrap();
    let request = Request::post(format!("http://{gate}/generate"))
        .header(CONTENT_TYPE, "application/json")
        .header(AUTHORIZATION, format!("Bearer {}", credential["access_token"].as_str().unwrap()))
        .body(Bytes::from_static(br#"{"prompt":"hello","max_tokens":8}"#))
        .unwrap();
    client.fetch(request).await.unwrap().status()
}

#[tokio::test]
async fn a_logout_at_the_provider_ends_what_came_from_that_session_and_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let provider =
        Provider::start_with(&json!({ "logout": format!("http://{address}/backchannel-logout") })).await;
    let keys = Jwks::discover(provider.issuer()).internal().build().unwrap();
    let trusted = TrustedIssuer::new(provider.issuer()).keys(keys);
    let logout = BackChannelLogout::builder(Revocations::new())
        .issuer(trusted.clone().audience("app"))
        .build()
        .unwrap();
    let (tell, records) = channel();
    let sink = move |entry: &AuditEntry| drop(tell.send(serde_json::to_value(entry).unwrap()));
    let app = Router::new()
        .route("/generate", post(async || Json(json!({ "text": "hello" }))))
        .merge(logout.router());
    let gate = Gate::builder()
        .issuer(trusted.audience(RESOURCE))
        .route(Route::post("/generate").dialect(PlainGenerate).scope("generate:invoke"))
        .back_channel_logout(logout)
        .danger_without_limits()
        .audit(AuditLog::builder().sink(sink).start().unwrap())
        .build()
        .unwrap();
    let service = gate.protect(app).into_make_service_with_connect_info();
    // It ends with the runtime of the test.
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });

    // Two logins of one user, in two browsers.
    let (first, second) = (provider.authorization_code().await, provider.authorization_code().await);
    for credential in [&first, &second] {
        assert_eq!(ask(address, credential).await, StatusCode::OK);
    }
    assert_eq!(provider.log_out().await, json!({ "status": 303, "told": ["taken"] }));
    assert_eq!(ask(address, &second).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(address, &first).await, StatusCode::OK);

    let records: Vec<Value> =
        (0..5).map(|_| records.recv_timeout(Duration::from_secs(30)).expect("a record is written")).collect();
    let ended: Vec<&Value> = records.iter().filter_map(|record| record.get("logout")).collect();
    assert_eq!(ended.len(), 1, "{records:?}");
    assert_eq!((&ended[0]["issuer"], &ended[0]["subject"]), (&json!(provider.issuer()), &json!("alice")));
    let cause = "revoked, by its session (sid)";
    assert!(records.iter().any(|record| record["cause"] == cause), "{records:?}");
}
