//! The audit log cannot be used against the service: not by those who are refused, not by what they write.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking, as tests do")]

mod records;
mod strangers;

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_body_util::BodyExt;
use portcullis::audit::{AuditEntry, AuditLog, AuditLogBuilder, AuditSink, JsonLines, WhenFull};
use portcullis::clock::UnixTime;
use portcullis::gate::GateBuilder;
use portcullis::limit::{FloodQuota, Per, Plan};
use portcullis::payload::{PlainGenerate, UnknownFields};
use portcullis::principal::{PeerAddress, TlsConnection};
use portcullis::route::Route;
use portcullis::testing::{FakeClock, Issuer};
use portcullis::{Gate, Payload};
use serde_json::{Value, json};
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::mpsc::{self, Receiver};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tower::ServiceExt;

const AUDIENCE: &str = "https://llm.test";
const SOON: Duration = Duration::from_secs(10);

struct World {
    clock: FakeClock,
    issuer: Issuer,
    log: AuditLog,
    gate: Gate,
}

impl World {
    fn new(log: AuditLogBuilder) -> Self {
        Self::with(log, |gate| gate)
    }

    fn with(log: AuditLogBuilder, change: impl FnOnce(GateBuilder) -> GateBuilder) -> Self {
        let clock = FakeClock::at(UnixTime::from_secs(1_800_000_000));
        let issuer = Issuer::with_clock("https://issuer.test", clock.shared());
        let log = log.start().unwrap();
        let gate = change(
            Gate::builder()
                .clock(clock.shared())
                .issuer(issuer.trusted().audience(AUDIENCE).plan_claim("/plan"))
                .route(Route::post("/generate").dialect(PlainGenerate).scope("generate:invoke"))
                .open(Method::GET, "/healthz")
                .plan(Plan::new("free").requests(1_000, Per::Minute))
                .flood(FloodQuota::new(1_000_000, Per::Second).burst(1_000_000))
                .audit(log.clone()),
        );
        Self { gate: gate.build().unwrap(), clock, issuer, log }
    }

    async fn ask(&self, from: &str, credential: Option<&str>) -> Response<Body> {
        let mut request = Request::post("/generate").header("content-type", "application/json");
        if let Some(credential) = credential {
            request = request.header("authorization", format!("Bearer {credential}"));
        }
        let request = request.body(Body::from(r#"{"prompt":"hello"}"#)).unwrap();
        self.send(from, request).await
    }

    async fn send(&self, from: &str, mut request: Request<Body>) -> Response<Body> {
        let address: IpAddr = from.parse().unwrap();
        request.extensions_mut().insert(PeerAddress((address, 4711).into()));
        request.extensions_mut().insert(TlsConnection::new());
        self.gate.protect(app()).oneshot(request).await.unwrap()
    }

    fn credential(&self, subject: &str) -> String {
        let credential = self.issuer.credential(subject).audience(AUDIENCE);
        credential.scope("generate:invoke").claim("plan", "free").sign()
    }
}

fn app() -> Router {
    async fn generate(Payload(request): Payload<Value>) -> Json<Value> {
        Json(json!({ "text": request["prompt"] }))
    }
    Router::new().route("/generate", post(generate)).route("/healthz", get(|| async { "fine" }))
}

/// A log whose records come out here, as they are written.
fn log() -> (AuditLogBuilder, Receiver<Value>) {
    let (send, records) = mpsc::channel();
    let sink = move |entry: &AuditEntry| drop(send.send(serde_json::to_value(entry).unwrap()));
    (AuditLog::builder().sink(sink), records)
}

/// A sink that takes nothing until it is told to.
struct Stuck(Receiver<()>, bool);

impl AuditSink for Stuck {
    fn write(&mut self, _: &AuditEntry) -> io::Result<()> {
        if !self.1 {
            let _ = self.0.recv();
            self.1 = true;
        }
        Ok(())
    }
}

async fn body(response: Response<Body>) {
    response.into_body().collect().await.unwrap();
}
