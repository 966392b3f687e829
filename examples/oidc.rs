//! Who is asking: credentials of an OpenID Connect issuer, whose keys are found by discovery.
//!
//! `cargo run --example oidc` starts an issuer of its own on loopback, plays a story and says what was permitted and refused, and why;
//! it ends with 0 only if all went as told. `cargo run --example oidc -- ISSUER_URL AUDIENCE` believes that issuer instead, and serves on
//! 127.0.0.1:8080 until it is stopped.

use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Request, StatusCode};
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::fetch::{Fetch, HttpsClient};
use portcullis::gate::Protected;
use portcullis::jwt::{Jwks, ProtectedResource, TrustedIssuer};
use portcullis::limit::{Per, Plan};
use portcullis::payload::PlainGenerate;
use portcullis::route::Route;
use portcullis::testing::Issuer;
use portcullis::{Gate, Payload, Principal};
use serde_json::{Value, json};
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const MFA: &str = "urn:example:mfa";

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [] => story().await,
        [issuer, audience] => serve(issuer, audience).await,
        _ => Err("say nothing, or ISSUER_URL AUDIENCE".into()),
    }
}

/// A gate for this resource, which believes the issuer whose keys these are.
fn gate(resource: &str, issuer: &str, audience: &str, keys: &Jwks) -> Result<Gate> {
    let log = AuditLog::builder().sink(|entry: &AuditEntry| {
        let cause = entry.refusal.as_ref().and_then(|refusal| refusal.private_cause()).unwrap_or_default();
        println!("    record: {} {cause}", entry.decision());
    });
    let gate = Gate::builder()
        .issuer(TrustedIssuer::new(issuer).audience(audience).keys(keys.clone()))
        .protected_resource(
            ProtectedResource::new(resource).authorization_server(issuer).scope("generate:invoke"),
        )
        .route(Route::post("/generate").dialect(PlainGenerate).scope("generate:invoke"))
        .route(Route::get("/secrets").scope("generate:invoke").acr(MFA).max_age(Duration::from_secs(900)))
        .plan(Plan::new("everybody").requests(60, Per::Minute).usage(100_000, Per::Minute))
        .default_plan("everybody")
        .audit(log.start()?)
        .build()?;
    println!("{}\n", gate.posture());
    Ok(gate)
}

fn app(gate: &Gate) -> Protected {
    let app = Router::new()
        .route("/generate", post(generate))
        .route("/secrets", get(|who: Principal| async move { format!("{} may know", who.name()) }));
    // Where clients read which issuer to go to.
    let app = gate.protected_resource().map_or(app.clone(), |resource| app.merge(resource.router()));
    gate.protect(app)
}

async fn generate(who: Principal, Payload(request): Payload<Value>) -> Json<Value> {
    let through = who.application().map_or("no application", |application| application.as_str());
    let text =
        format!("{} asked through {through}: {}", who.name(), request["prompt"].as_str().unwrap_or_default());
    Json(json!({ "text": text, "usage": { "input_tokens": 3, "output_tokens": 5 } }))
}

async fn serve(issuer: &str, audience: &str) -> Result<ExitCode> {
    let mut keys = Jwks::discover(issuer);
    if issuer.starts_with("http://") {
        // One on this machine, for development.
        keys = keys.internal();
    }
    let keys = keys.build()?;
    // To find out now, and not at the first request.
    keys.load().await?;
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    let resource = format!("http://{}", listener.local_addr()?);
    let gate = gate(&resource, issuer, audience, &keys)?;
    println!(
        "{} keys of {issuer}. With a credential of it for {audience} in $CREDENTIAL:",
        keys.status().keys
    );
    println!(
        "curl -i {resource}/generate -H \"Authorization: Bearer $CREDENTIAL\" -H 'Content-Type: application/json' \
         -d '{{\"prompt\":\"hello\"}}'"
    );
    let app = app(&gate).into_make_service_with_connect_info();
    axum::serve(listener, app).with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) }).await?;
    Ok(ExitCode::SUCCESS)
}

/// An issuer that publishes its metadata and keys on loopback, and how to make it stop.
async fn issuer() -> Result<(Issuer, JoinHandle<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let issuer = Issuer::new(format!("http://{}", listener.local_addr()?));
    let metadata = json!({ "issuer": issuer.name(), "jwks_uri": format!("{}/jwks", issuer.name()) });
    let jwks = issuer.jwks();
    let app = Router::new()
        .route("/.well-known/openid-configuration", get(move || async { Json(metadata) }))
        .route("/jwks", get(move || async { jwks }));
    let task = tokio::spawn(async { drop(axum::serve(listener, app).await) });
    Ok((issuer, task))
}

/// One client, which counts what went otherwise than told.
struct Client {
    http: HttpsClient,
    service: String,
    surprises: usize,
}

impl Client {
    async fn ask(
        &mut self,
        what: &str,
        expected: StatusCode,
        path: &str,
        credential: Option<&str>,
    ) -> Result<String> {
        let body = if path == "/generate" { r#"{"prompt":"hello"}"# } else { "" };
        let mut request = Request::builder().uri(format!("{}{path}", self.service));
        if !body.is_empty() {
            request = request.method("POST").header(CONTENT_TYPE, "application/json");
        }
        if let Some(credential) = credential {
            request = request.header(AUTHORIZATION, format!("Bearer {credential}"));
        }
        let answer = self.http.fetch(request.body(Bytes::from_static(body.as_bytes()))?).await?;
        let told = if answer.status() == expected { "as told" } else { "NOT AS TOLD" };
        println!("{what}\n    {} ({told})", answer.status());
        if let Some(challenge) = answer.headers().get(WWW_AUTHENTICATE) {
            println!("    {}", challenge.to_str()?);
        }
        self.surprises += usize::from(answer.status() != expected);
        Ok(String::from_utf8_lossy(answer.body()).into_owned())
    }
}

async fn story() -> Result<ExitCode> {
    let (issuer, task) = issuer().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let service = format!("http://{}", listener.local_addr()?);
    let keys = Jwks::discover(issuer.name()).internal().build()?;
    let gate = gate(&service, issuer.name(), &service, &keys)?;
    let app = app(&gate).into_make_service_with_connect_info();
    tokio::spawn(async { drop(axum::serve(listener, app).await) });

    let http = HttpsClient::builder().loopback_only().internal_host("127.0.0.1").build()?;
    let mut client = Client { http, service: service.clone(), surprises: 0 };
    let credential = || {
        let credential = issuer.credential("alice").audience(&service).scope("generate:invoke");
        credential.claim("client_id", "chat-app")
    };
    let good = credential().sign();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let (ok, refused) = (StatusCode::OK, StatusCode::UNAUTHORIZED);

    client
        .ask("Somebody asks without a credential, and is told where to read on.", refused, "/generate", None)
        .await?;
    let metadata = client
        .ask(
            "The client reads there who issues credentials.",
            ok,
            "/.well-known/oauth-protected-resource",
            None,
        )
        .await?;
    println!("    {metadata}");
    client.ask("With a credential of that issuer it is let in.", ok, "/generate", Some(&good)).await?;
    let id_token = credential().claim("nonce", "n-0S6_WzA2Mj").sign();
    client
        .ask("An ID token of the same issuer is not for access.", refused, "/generate", Some(&id_token))
        .await?;
    let forged =
        Issuer::new(issuer.name()).credential("alice").audience(&service).scope("generate:invoke").sign();
    client
        .ask(
            "A credential in the issuer's name by another key is forged.",
            refused,
            "/generate",
            Some(&forged),
        )
        .await?;
    client.ask("For secrets, a login by password is too weak.", refused, "/secrets", Some(&good)).await?;
    let strong = credential().claim("acr", MFA).claim("auth_time", now - 30).sign();
    client.ask("After a login with two factors they are shown.", ok, "/secrets", Some(&strong)).await?;
    let stale = credential().claim("acr", MFA).claim("auth_time", now - 3_600).sign();
    client.ask("An hour later that is too long ago.", refused, "/secrets", Some(&stale)).await?;
    task.abort();
    let unseen = credential().claim("jti", "another").sign();
    client.ask("The issuer is down, and its keys are still known.", ok, "/generate", Some(&unseen)).await?;

    println!("\n{:?}", keys.status());
    let shutdown = gate.shutdown(Duration::from_secs(5)).await;
    if client.surprises == 0 && shutdown.is_complete() {
        println!("all went as told");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{} times otherwise than told; {shutdown}", client.surprises);
    Ok(ExitCode::FAILURE)
}
