//! What a service demands of its users' logins, and how clients find out where to log in.
#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use http_body_util::BodyExt;
use portcullis::Gate;
use portcullis::clock::UnixTime;
use portcullis::gate::GateBuilder;
use portcullis::jwt::ProtectedResource;
use portcullis::limit::{Per, Plan};
use portcullis::principal::PeerAddress;
use portcullis::route::Route;
use portcullis::testing::{FakeClock, Issuer};
use serde_json::{Value, json};
use std::time::Duration;
use tower::ServiceExt;

const ISSUER: &str = "https://issuer.test";
const RESOURCE: &str = "https://llm.test/mcp";
const METADATA: &str = "https://llm.test/.well-known/oauth-protected-resource/mcp";
const NOW: u64 = 1_800_000_000;

struct World {
    clock: FakeClock,
    issuer: Issuer,
}

struct Answer {
    status: StatusCode,
    challenge: String,
    body: Value,
}

impl World {
    fn new() -> Self {
        let clock = FakeClock::at(UnixTime::from_secs(NOW));
        Self { issuer: Issuer::with_clock(ISSUER, clock.shared()), clock }
    }

    fn gate(&self) -> GateBuilder {
        Gate::builder()
            .clock(self.clock.shared())
            .issuer(self.issuer.trusted().audience("llm"))
            .route(Route::get("/any").scope("read"))
            .route(Route::get("/strong").scope("read").acr("urn:key").acr("urn:mfa"))
            .route(Route::get("/fresh").scope("read").max_age(Duration::from_secs(300)))
            .plan(Plan::new("free").requests(100, Per::Minute))
            .default_plan("free")
            .danger_without_audit()
    }

    /// Good for an hour, with these claims beside the usual ones.
    fn credential(&self, claims: &Value) -> String {
        let credential = self.issuer.credential("ada").audience("llm").scope("read");
        let credential = credential.lifetime(Duration::from_secs(3_600));
        let all = claims.as_object().unwrap().clone().into_iter();
        all.fold(credential, |credential, (name, value)| credential.claim(name, value)).sign()
    }
}

async fn ask(gate: &Gate, path: &str, credential: Option<&str>) -> Answer {
    let mut app = Router::new();
    for route in ["/any", "/strong", "/fresh"] {
        app = app.route(route, get(|| async { "{}" }));
    }
    if let Some(resource) = gate.protected_resource() {
        app = app.merge(resource.router());
    }
    let mut request = Request::get(path).extension(PeerAddress("127.0.0.1:7".parse().unwrap()));
    if let Some(credential) = credential {
        request = request.header("authorization", format!("Bearer {credential}"));
    }
    let request = request.header("host", "localhost").body(Body::empty()).unwrap();
    let response = gate.protect(app).oneshot(request).await.unwrap();
    let challenge = response.headers().get("www-authenticate");
    let challenge = challenge.map_or("", |value| value.to_str().unwrap()).to_owned();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Answer { status, challenge, body: serde_json::from_slice(&body).unwrap_or_default() }
}

#[tokio::test]
async fn a_route_may_demand_how_strongly_the_user_logged_in() {
    let world = World::new();
    let gate = world.gate().build().unwrap();
    for acr in ["urn:mfa", "urn:key"] {
        let credential = world.credential(&json!({ "acr": acr }));
        assert_eq!(ask(&gate, "/strong", Some(&credential)).await.status, StatusCode::OK, "{acr}");
    }
    for claims in
        [json!({}), json!({ "acr": "urn:pwd" }), json!({ "acr": "urn:mfa2" }), json!({ "acr": "URN:MFA" })]
    {
        let credential = world.credential(&claims);
        let answer = ask(&gate, "/strong", Some(&credential)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{claims}");
        assert_eq!(answer.body["code"], "insufficient_user_authentication");
        // RFC 9470 §3.
        assert!(
            answer.challenge.starts_with("Bearer error=\"insufficient_user_authentication\""),
            "{}",
            answer.challenge
        );
        assert!(answer.challenge.ends_with("acr_values=\"urn:key urn:mfa\""), "{}", answer.challenge);
        assert_eq!(ask(&gate, "/any", Some(&credential)).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_route_may_demand_how_recently_the_user_logged_in_and_a_clock_that_steps_back_makes_it_no_fresher()
{
    let world = World::new();
    let gate = world.gate().build().unwrap();
    let credential = world.credential(&json!({ "auth_time": NOW }));
    world.clock.advance(Duration::from_secs(300));
    assert_eq!(ask(&gate, "/fresh", Some(&credential)).await.status, StatusCode::OK);
    world.clock.advance(Duration::from_secs(1));
    let answer = ask(&gate, "/fresh", Some(&credential)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.challenge.ends_with("max_age=\"300\""), "{}", answer.challenge);
    world.clock.set(UnixTime::from_secs(NOW));
    assert_eq!(ask(&gate, "/fresh", Some(&credential)).await.status, StatusCode::UNAUTHORIZED);
    let unsaid = ask(&gate, "/fresh", Some(&world.credential(&json!({})))).await;
    assert_eq!(unsaid.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn clients_that_know_only_the_service_find_its_issuer() {
    let world = World::new();
    let resource = ProtectedResource::new(RESOURCE)
        .authorization_server(ISSUER)
        .scope("read")
        .name("The model")
        .documentation("https://llm.test/docs");
    let gate = world.gate().protected_resource(resource).build().unwrap();
    let metadata = format!("resource_metadata=\"{METADATA}\"");
    let weak = world.credential(&json!({ "scope": "read" }));
    let unscoped = world.credential(&json!({ "scope": "other" }));
    for (path, credential) in
        [("/any", None), ("/any", Some("x.y.z")), ("/any", Some(&*unscoped)), ("/strong", Some(&*weak))]
    {
        let answer = ask(&gate, path, credential).await;
        assert!(answer.challenge.contains(&metadata), "{path} {}", answer.challenge);
    }
    let answer = ask(&gate, "/.well-known/oauth-protected-resource/mcp", None).await;
    let expected = json!({
        "resource": RESOURCE,
        "authorization_servers": [ISSUER],
        "scopes_supported": ["read"],
        "bearer_methods_supported": ["header"],
        "resource_name": "The model",
        "resource_documentation": "https://llm.test/docs",
    });
    assert_eq!((answer.status, answer.body), (StatusCode::OK, expected));
    // RFC 8707: a credential for the resource by its identifier.
    let credential = world.issuer.credential("ada").audience(RESOURCE).scope("read").sign();
    assert_eq!(ask(&gate, "/any", Some(&credential)).await.status, StatusCode::OK);
    let slash = world.issuer.credential("ada").audience(format!("{RESOURCE}/")).scope("read").sign();
    assert_eq!(ask(&gate, "/any", Some(&slash)).await.status, StatusCode::UNAUTHORIZED);
    let posture = gate.posture().to_string();
    assert!(posture.contains(METADATA) && posture.contains("acr urn:key or urn:mfa"), "{posture}");
    assert!(posture.contains("login at most 300 s old"), "{posture}");
}

#[test]
fn a_resource_that_would_lead_nowhere_is_refused_when_the_gate_is_built() {
    let world = World::new();
    for (resource, server) in [
        ("http://llm.test", ISSUER),
        ("https://llm.test?x=1", ISSUER),
        ("https://llm.test#x", ISSUER),
        ("llm.test", ISSUER),
        ("https://llm.test/{id}", ISSUER),
        ("https://llm.test/\"", ISSUER),
        ("https://llm.test", "https://other.test"),
    ] {
        let resource = ProtectedResource::new(resource).authorization_server(server);
        assert!(world.gate().protected_resource(resource.clone()).build().is_err(), "{resource:?}");
    }
    let nowhere = ProtectedResource::new(RESOURCE);
    let error = world.gate().protected_resource(nowhere).build().unwrap_err().to_string();
    assert!(error.contains("authorization_server"), "{error}");
}
