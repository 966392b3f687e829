//! The gate for a developer's own machine checks everything, says what it knows, and is of no use elsewhere.

#![allow(clippy::unwrap_used, reason = "these are tests; clippy knows only the functions that are marked so")]

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use axum::routing::post;
use http_body_util::BodyExt;
use portcullis::payload::PlainGenerate;
use portcullis::principal::{PeerAddress, TlsConnection};
use portcullis::route::Route;
use portcullis::testing::LocalDevelopment;
use portcullis::{Gate, Principal};
use tower::ServiceExt;

fn local() -> (LocalDevelopment, Gate) {
    let local = LocalDevelopment::new();
    let route = Route::post("/generate").dialect(PlainGenerate).scope("generate:invoke");
    let gate = local.danger_builder().route(route).build().unwrap();
    (local, gate)
}

async fn ask(gate: &Gate, peer: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let handler = async |who: Principal| axum::Json(who.name().to_owned());
    let router = Router::new().route("/generate", post(handler));
    let mut request = Request::post("/generate").header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from(r#"{"prompt":"hello"}"#)).unwrap();
    request.extensions_mut().insert(PeerAddress(peer.parse().unwrap()));
    request.extensions_mut().insert(TlsConnection::new());
    gate.protect(router).oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn a_credential_of_the_embedded_issuer_opens_it_on_loopback() {
    let (local, gate) = local();
    let bearer = format!("Bearer {}", local.credential("generate:invoke"));
    let response = ask(&gate, "127.0.0.1:1", &[("authorization", &bearer)]).await;
    assert_eq!((response.status(), text(response).await.as_str()), (StatusCode::OK, "\"developer\""));
}

#[tokio::test]
async fn refusals_tell_the_private_cause_and_the_rule() {
    let (local, gate) = local();
    let bearer = format!("Bearer {}", local.credential("other"));
    let response = ask(&gate, "[::1]:1", &[("authorization", &bearer)]).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let told = text(response).await;
    assert!(told.contains("the credential lacks the scope generate:invoke"), "{told}");
}

#[tokio::test]
async fn other_machines_and_proxies_are_refused() {
    let (local, gate) = local();
    let bearer = format!("Bearer {}", local.credential("generate:invoke"));
    let credential = ("authorization", bearer.as_str());
    assert_eq!(ask(&gate, "192.0.2.7:1", &[credential]).await.status(), StatusCode::FORBIDDEN);
    for name in ["forwarded", "x-forwarded-for", "x-real-ip", "via"] {
        let response = ask(&gate, "127.0.0.1:1", &[credential, (name, "127.0.0.1")]).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{name}");
    }
}

#[test]
fn it_prints_a_line_of_curl_for_every_route() {
    let (local, gate) = local();
    let lines = local.curl(&gate, "127.0.0.1:8080".parse().unwrap());
    assert!(
        lines.starts_with("curl -i -X POST http://127.0.0.1:8080/generate -H 'Authorization: Bearer ey"),
        "{lines}"
    );
    assert!(gate.posture().to_string().contains("UNLIMITED"), "and the posture is loud");
}
