//! Cedar behind a whole gate.

use super::*;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use portcullis::Gate;
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::payload::OpenAiChat;
use portcullis::principal::{PeerAddress, TlsConnection};
use portcullis::route::Route;
use portcullis::testing::Issuer;
use serde_json::{Value, json};
use std::sync::mpsc;
use std::time::Duration;
use tower::ServiceExt;

#[tokio::test]
async fn groups_and_claims_of_the_credential_decide_and_the_record_names_the_policy() {
    let (send, records) = mpsc::channel::<Value>();
    let sink = move |entry: &AuditEntry| drop(send.send(serde_json::to_value(entry).unwrap()));
    let issuer = Issuer::new("https://issuer.test");
    let gate = Gate::builder()
        .issuer(issuer.trusted().audience("https://llm.test"))
        .route(Route::post("/v1/chat/completions").dialect(OpenAiChat).scope("use"))
        .policy(house())
        .danger_without_limits()
        .audit(AuditLog::builder().sink(sink).start().unwrap())
        .build()
        .unwrap();
    let posture = gate.posture().to_string();
    assert!(posture.contains("house: 6 Cedar policies of the program's own"), "{posture}");
    for line in [
        "by open models: principal in Group::\"staff\", resource in Model::\"open\"",
        "by finance: principal is User, resource == Model::\"finance-large\", on conditions",
        "not findings stay inside: any principal, resource in Model::\"outside\", on conditions",
    ] {
        assert!(posture.contains(line), "{line}: {posture}");
    }
    assert!(!posture.contains("by reading"), "it takes another action: {posture}");
    let app = Router::new().route(
        "/v1/chat/completions",
        axum::routing::post(|| async { axum::Json(json!({ "choices": [] })) }),
    );
    let ask = async |groups: Value, model: &str| {
        let credential =
            issuer.credential("alice").audience("https://llm.test").scope("use").claim("groups", groups);
        let body = json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }] });
        let mut request = Request::post("/v1/chat/completions")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", credential.sign()))
            .body(Body::from(body.to_string()))
            .unwrap();
        request.extensions_mut().insert(PeerAddress("192.0.2.7:4711".parse().unwrap()));
        request.extensions_mut().insert(TlsConnection::new());
        gate.protect(app.clone()).oneshot(request).await.unwrap().status()
    };
    let record = || records.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(ask(json!(["staff", "sales"]), "llama-3.1-8b").await, StatusCode::OK);
    assert!(record().to_string().contains("open models"));
    assert_eq!(ask(json!("staff"), "gpt-4o").await, StatusCode::OK);
    record();
    assert_eq!(ask(json!(["sales"]), "llama-3.1-8b").await, StatusCode::FORBIDDEN);
    let refused = record();
    assert_eq!(refused["cause"], "no Cedar policy permits model:llama-3.1-8b");
    assert_eq!(refused["ran"]["read"], "passed", "only with the model it was certain");
    assert_eq!(ask(json!([{ "staff": 1 }]), "llama-3.1-8b").await, StatusCode::FORBIDDEN);
    record();
}

#[tokio::test]
async fn who_can_be_permitted_nothing_is_refused_before_the_body_is_read() {
    let (send, records) = mpsc::channel::<Value>();
    let sink = move |entry: &AuditEntry| drop(send.send(serde_json::to_value(entry).unwrap()));
    let issuer = Issuer::new("https://issuer.test");
    let policies = r#"permit (principal in Group::"staff", action, resource);"#;
    let gate = Gate::builder()
        .issuer(issuer.trusted().audience("https://llm.test"))
        .route(Route::post("/v1/chat/completions").dialect(OpenAiChat).scope("use"))
        .policy(CedarPolicy::builder("staff").groups("/groups").text(policies, SCHEMA, "[]").unwrap())
        .danger_without_limits()
        .audit(AuditLog::builder().sink(sink).start().unwrap())
        .build()
        .unwrap();
    let credential = issuer.credential("alice").audience("https://llm.test").scope("use").sign();
    let mut request = Request::post("/v1/chat/completions")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {credential}"))
        .body(Body::from("no JSON at all"))
        .unwrap();
    request.extensions_mut().insert(PeerAddress("192.0.2.7:4711".parse().unwrap()));
    request.extensions_mut().insert(TlsConnection::new());
    assert_eq!(gate.protect(Router::new()).oneshot(request).await.unwrap().status(), StatusCode::FORBIDDEN);
    let record = records.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(
        (&record["ran"]["authorize"], &record["ran"]["read"]),
        (&json!("refused"), &json!("not_reached"))
    );
    assert_eq!(record["cause"], "no Cedar policy permits generate to this principal, whatever the thing");
}

const FILE: &str = r#"
danger_without_limits = true

[audit]
danger_off = true

[[issuers]]
issuer = "https://issuer.test"
audiences = ["https://llm.test"]
keys = '{"keys": []}'

[[routes]]
method = "POST"
path = "/v1/chat/completions"
dialect = "openai-chat"
scopes = ["use"]

[cedar]
policies_file = "docs/cedar/policies.cedar"
schema_file = "docs/cedar/schema.cedarschema"
entities_file = "docs/cedar/entities.json"
name = "house rules"
zone = "Europe/Berlin"
groups_claim = "/groups"
attributes = { department = "/department" }
"#;

#[test]
fn a_file_names_the_policies_and_what_is_wrong_with_them_is_said() {
    let issuer = Issuer::new("https://issuer.test");
    let text = FILE.replace(r#"{"keys": []}"#, &issuer.jwks());
    let build = |text: &str| {
        let config = portcullis::gate::config::Config::parse(text)?;
        config.relative_to(env!("CARGO_MANIFEST_DIR")).build()
    };
    let posture = build(&text).unwrap().posture().to_string();
    assert!(
        posture.contains("house rules: 6 Cedar policies of ") && posture.contains("policies.cedar"),
        "{posture}"
    );
    for (from, to, says) in [
        ("docs/cedar/policies.cedar", "docs/cedar/none.cedar", "cannot be read"),
        ("docs/cedar/policies.cedar", "docs/cedar/schema.cedarschema", "policies: "),
        ("Europe/Berlin", "Europe/Nowhere", "is no time zone"),
    ] {
        let error = build(&text.replace(from, to)).unwrap_err();
        assert_eq!(error.key(), "cedar", "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_file_names_policies_that_are_only_tried_out() {
    let issuer = Issuer::new("https://issuer.test");
    let text = FILE.replace(r#"{"keys": []}"#, &issuer.jwks());
    let (before, cedar) = text.split_once("[cedar]").unwrap();
    let build = |text: &str| {
        let config = portcullis::gate::config::Config::parse(text)?;
        config.relative_to(env!("CARGO_MANIFEST_DIR")).build()
    };
    let tried = cedar.replace("name = \"house rules\"\n", "");
    let gate = build(&format!("{text}[shadow.cedar]{tried}")).unwrap();
    let posture = gate.posture().to_string();
    assert!(posture.contains("TRIED OUT, REFUSES NOTHING: cedar-shadow: 6 Cedar policies of "), "{posture}");
    assert!(gate.policies().shadow_counts().map(|(name, _)| name).eq(["cedar-shadow"]));
    let alone = build(&format!("{before}[shadow.cedar]{tried}")).unwrap_err();
    assert!(alone.to_string().contains("tried out"), "nothing would be in force: {alone}");
    let error =
        build(&format!("{text}[shadow.cedar]{}", tried.replace("policies.cedar", "none.cedar"))).unwrap_err();
    assert_eq!(error.key(), "shadow.cedar", "{error}");
}

/// One that may be asked only as it was when a request came.
#[derive(Debug)]
struct Changing(CedarPolicy);

impl Policy for Changing {
    fn name(&self) -> &str {
        "changing"
    }

    fn as_of_now(&self) -> Option<std::sync::Arc<dyn Policy>> {
        Some(std::sync::Arc::new(self.0.clone()))
    }

    fn governs(&self, _: &portcullis::route::ResourceKind) -> bool {
        false
    }

    fn claims(&self) -> Vec<std::sync::Arc<str>> {
        self.0.claims()
    }

    fn decide(&self, _: &AccessRequest<'_>) -> Decided {
        Verdict::error("it may have changed since").into()
    }
}

#[tokio::test]
async fn a_gate_asks_a_policy_as_it_was_when_the_request_came() {
    let issuer = Issuer::new("https://issuer.test");
    let gate = Gate::builder()
        .issuer(issuer.trusted().audience("https://llm.test"))
        .route(Route::post("/v1/chat/completions").dialect(OpenAiChat).scope("use"))
        .policy(Changing(house()))
        .danger_without_limits()
        .danger_without_audit()
        .build()
        .unwrap();
    let app = Router::new().route(
        "/v1/chat/completions",
        axum::routing::post(|| async { axum::Json(json!({ "choices": [] })) }),
    );
    for (model, status) in [("llama-3.1-8b", StatusCode::OK), ("finance-large", StatusCode::FORBIDDEN)] {
        let credential = issuer.credential("alice").audience("https://llm.test").scope("use");
        let credential = credential.claim("groups", json!(["staff"])).sign();
        let body = json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }] });
        let mut request = Request::post("/v1/chat/completions")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {credential}"))
            .body(Body::from(body.to_string()))
            .unwrap();
        request.extensions_mut().insert(PeerAddress("192.0.2.7:4711".parse().unwrap()));
        request.extensions_mut().insert(TlsConnection::new());
        assert_eq!(gate.protect(app.clone()).oneshot(request).await.unwrap().status(), status, "{model}");
    }
}
