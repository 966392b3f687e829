//! draft-ietf-httpapi-ratelimit-headers: its own examples, and what a gate here sends, read by the same rules.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::routing::post;
use portcullis::Gate;
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::limit::{Per, Plan};
use portcullis::payload::PlainGenerate;
use portcullis::principal::{PeerAddress, TlsConnection};
use portcullis::route::Route;
use portcullis::testing::Issuer;
use serde_json::Value;
use tower::ServiceExt;

use crate::fields::{self, Item};
use crate::vectors::{Report, Vectors};

const POLICY: &str = "ratelimit-policy";
const LIMIT: &str = "ratelimit";

pub(crate) fn headers(vectors: &Vectors, report: &mut Report) {
    let files = vectors.archive("http/ratelimit_and_structured_fields.tar.gz");
    let draft = &files["draft-ietf-httpapi-ratelimit-headers.md"];
    for line in String::from_utf8_lossy(draft).lines() {
        let Some((name, value)) = line.trim().split_once(": ") else { continue };
        let name = name.to_ascii_lowercase();
        if ![POLICY, LIMIT].contains(&&*name) || !value.starts_with('"') {
            continue;
        }
        if value.contains("pk=:cHsdsRa894==:") || value.contains("pk=:sdfjLJUOUH==:") {
            report.name("the draft's own example is no base64", value);
            continue;
        }
        report.check(is_well_formed(&name, value), || format!("the draft's {name}: {value}"));
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    for (turn, response) in runtime.block_on(answers()).iter().enumerate() {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        for name in [POLICY, LIMIT] {
            let value = header(name).unwrap_or_default();
            report.check(is_well_formed(name, value), || format!("ours, answer {turn}: {name}: {value}"));
        }
        let names = |name| {
            let items = fields::list(header(name).unwrap_or_default()).unwrap_or_default();
            items.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        report.check(names(POLICY) == names(LIMIT), || {
            format!("ours, answer {turn}: {:?}", response.headers())
        });
    }
}

/// §3 and §4: a non-empty list of strings with parameters of the right types.
fn is_well_formed(name: &str, value: &str) -> bool {
    let Some(items) = fields::list(value) else { return false };
    let required = if name == POLICY { "q" } else { "r" };
    let fits = |(quota, parameters): &Item| {
        quota.is_string()
            && parameters.iter().any(|(name, _)| name == required)
            && parameters.iter().all(|(name, value)| match name.as_str() {
                "q" | "r" | "t" => value.as_i64().is_some_and(|number| number >= 0),
                "w" => value.as_i64().is_some_and(|number| number > 0),
                "qu" => value.is_string(),
                "pk" => value["__type"] == "binary",
                // The draft lets services add parameters of their own.
                _ => true,
            })
    };
    !items.is_empty() && items.iter().all(fits)
}

/// Answers of a gate until its plan is used up, and one more.
async fn answers() -> Vec<Response<Body>> {
    let issuer = Issuer::new("https://issuer.test");
    let plan = Plan::new("free").requests(2, Per::Minute).requests(100, Per::Hour).usage(10_000, Per::Minute);
    let gate = Gate::builder()
        .issuer(issuer.trusted().audience("llm").plan_claim("/plan"))
        .route(Route::post("/generate").dialect(PlainGenerate).scope("generate:invoke"))
        .plan(plan)
        .audit(AuditLog::builder().sink(|_: &AuditEntry| {}).start().expect("a log starts"))
        .build()
        .expect("the gate is whole");
    let credential =
        issuer.credential("ada").audience("llm").scope("generate:invoke").claim("plan", "free").sign();
    let answer = || async { axum::Json(Value::from_iter([("text", "hello")])) };
    let app = gate.protect(Router::new().route("/generate", post(answer)));
    let mut answers = Vec::new();
    for _ in 0..3 {
        let mut request = Request::post("/generate")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {credential}"))
            .body(Body::from(r#"{"prompt":"hello","max_tokens":5}"#))
            .expect("the request is well formed");
        request.extensions_mut().insert(PeerAddress(([192, 0, 2, 1], 1).into()));
        request.extensions_mut().insert(TlsConnection::new());
        let Ok(response) = app.clone().oneshot(request).await;
        answers.push(response.map(Body::new));
    }
    answers
}
