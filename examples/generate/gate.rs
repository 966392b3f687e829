//! The gate: who is believed, which ways lead in, and how much each plan may use.

use crate::arguments::Arguments;
use axum::http::Method;
use portcullis::Gate;
use portcullis::audit::{AuditLog, JsonLines};
use portcullis::gate::GateBuilder;
use portcullis::gate::config::Config;
use portcullis::jwt::TrustedIssuer;
use portcullis::limit::{Per, Plan};
use portcullis::payload::{AnthropicMessages, OpenAiChat, PlainGenerate};
use portcullis::route::Route;
use portcullis::testing::Issuer;
use std::error::Error;
use std::path::Path;

/// What this service is called in credentials (`aud`).
pub(crate) const AUDIENCE: &str = "https://llm.example.com";

/// The gate, and the issuer inside this process when it is believed.
pub(crate) fn build(arguments: &Arguments) -> Result<(Gate, Option<Issuer>), Box<dyn Error>> {
    let (mut builder, issuer) = match &arguments.config {
        Some(file) => from_file(file)?,
        None => in_rust(),
    };
    if let Some(file) = arguments.audit_file() {
        builder = builder.audit(AuditLog::builder().sink(JsonLines::append(file)?).start()?);
        println!("records go to {}", std::path::absolute(file)?.display());
    }
    Ok((builder.build()?, issuer))
}

fn in_rust() -> (GateBuilder, Option<Issuer>) {
    let (issuer, trusted) = inside();
    let generate = |path: &str| Route::post(path).scope("generate:invoke");
    let builder = Gate::builder()
        .issuer(trusted)
        // Anthropic's clients send their credential there.
        .accept_api_key_header()
        .route(generate("/generate").dialect(PlainGenerate))
        .route(generate("/v1/chat/completions").dialect(OpenAiChat))
        .route(generate("/v1/messages").dialect(AnthropicMessages))
        .open(Method::GET, "/healthz")
        .plan(Plan::new("free").requests(20, Per::Minute).usage(10_000, Per::Minute))
        .plan(Plan::new("enterprise").requests(600, Per::Minute).usage(500_000, Per::Minute));
    (builder, Some(issuer))
}

fn from_file(file: &Path) -> Result<(GateBuilder, Option<Issuer>), Box<dyn Error>> {
    let config = Config::read(file)?;
    // Who names issuers means these and no others.
    let own = config.issuers().next().is_none();
    let builder = config.into_builder()?;
    if !own {
        return Ok((builder, None));
    }
    let (issuer, trusted) = inside();
    Ok((builder.issuer(trusted), Some(issuer)))
}

/// An issuer inside this process: for trying things out. A service believes one that its users log in to.
fn inside() -> (Issuer, TrustedIssuer) {
    let issuer = Issuer::new("https://issuer.example.com");
    let trusted = issuer.trusted().audience(AUDIENCE).plan_claim("/plan");
    (issuer, trusted)
}
