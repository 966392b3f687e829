//! The gate: who is believed, which ways lead in, and how much each plan may use.

use crate::arguments::Arguments;
use axum::http::Method;
use portcullis::Gate;
use portcullis::audit::{AuditLog, JsonLines};
use portcullis::limit::{Per, Plan};
use portcullis::payload::{AnthropicMessages, OpenAiChat, PlainGenerate};
use portcullis::route::Route;
use portcullis::testing::Issuer;
use std::error::Error;
use std::path::Path;

/// The issuer inside this process (`iss`).
pub(crate) const ISSUER: &str = "https://issuer.example";
/// What this service is called in credentials (`aud`).
pub(crate) const AUDIENCE: &str = "https://llm.example";

pub(crate) fn build(arguments: &Arguments, issuer: &Issuer) -> Result<Gate, Box<dyn Error>> {
    let file = arguments.audit.as_deref().unwrap_or(Path::new("audit.jsonl"));
    let log = AuditLog::builder().sink(JsonLines::append(file)?).start()?;
    println!("records go to {}", std::path::absolute(file)?.display());
    let generate = |path: &str| Route::post(path).scope("generate:invoke");
    let gate = Gate::builder()
        .issuer(issuer.trusted().audience(AUDIENCE).plan_claim("/plan"))
        // Anthropic's clients send their credential there.
        .accept_api_key_header()
        .route(generate("/generate").dialect(PlainGenerate))
        .route(generate("/v1/chat/completions").dialect(OpenAiChat))
        .route(generate("/v1/messages").dialect(AnthropicMessages))
        .open(Method::GET, "/healthz")
        .plan(Plan::new("free").requests(20, Per::Minute).usage(10_000, Per::Minute))
        .plan(Plan::new("enterprise").requests(600, Per::Minute).usage(500_000, Per::Minute))
        .audit(log)
        .build()?;
    Ok(gate)
}
