use super::Issuer;
use crate::audit::AuditLog;
use crate::exchange::{Check, Exchange, Step, StepId};
use crate::gate::{Gate, GateBuilder};
use crate::limit::Plan;
use crate::refusal::{Refusal, RefusalKind, Rendered, Respond};
use crate::route::{Access, Route};
use http::request;
use serde::Serialize;
use std::fmt::Write;
use std::net::SocketAddr;

const AUDIENCE: &str = "local-development";

/// A gate for the developer's own machine: everything is checked, by an issuer that is made on the spot, and refusals say
/// all that they know.
///
/// It answers only loopback, and nothing that was forwarded, so that it is of no use where it should not be.
///
/// ```
/// use portcullis::payload::PlainGenerate;
/// use portcullis::route::Route;
/// use portcullis::testing::LocalDevelopment;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let local = LocalDevelopment::new();
/// let gate = local
///     .danger_builder()
///     .route(Route::post("/generate").dialect(PlainGenerate).scope("generate:invoke"))
///     .build()?;
/// println!("{}", local.curl(&gate, "127.0.0.1:8080".parse()?));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct LocalDevelopment {
    issuer: Issuer,
}

impl LocalDevelopment {
    /// A fresh issuer.
    pub fn new() -> Self {
        Self { issuer: Issuer::new("https://local-development.invalid") }
    }

    /// Begins a gate that believes this issuer, limits nobody, keeps its records in the log alone, and tells the caller
    /// the private cause of a refusal.
    pub fn danger_builder(&self) -> GateBuilder {
        // Records are tracing events in any case.
        let log = AuditLog::builder().sink(|_: &crate::audit::AuditEntry| ());
        let mut builder = Gate::builder()
            .issuer(self.issuer.trusted().audience(AUDIENCE))
            .plan(Plan::new("local").danger_unlimited())
            .default_plan("local")
            .respond(TellAll)
            .guard(LoopbackOnly);
        match log.start() {
            Ok(log) => builder = builder.audit(log),
            Err(error) => tracing::error!(%error, "no audit log for local development"),
        }
        builder
    }

    /// A credential with these scopes, separated by spaces, good for a day.
    pub fn credential(&self, scopes: &str) -> String {
        let day = std::time::Duration::from_secs(86_400 - 60);
        self.issuer.credential("developer").audience(AUDIENCE).scope(scopes).lifetime(day).sign()
    }

    /// A line of `curl` for every route of `gate`, served at `address`.
    pub fn curl(&self, gate: &Gate, address: SocketAddr) -> String {
        let mut lines = String::new();
        for route in gate.posture().routes.iter() {
            writeln!(lines, "{}", self.line(route, address)).expect("writing to a String does not fail");
        }
        lines
    }

    fn line(&self, route: &Route, address: SocketAddr) -> String {
        let mut line = format!("curl -i -X {} http://{address}{}", route.method(), route.pattern());
        if let Access::Scopes(scopes) = route.access() {
            line.push_str(&format!(" -H 'Authorization: Bearer {}'", self.credential(&scopes.join(" "))));
        }
        if route.body_dialect().is_some() {
            line.push_str(" -H 'Content-Type: application/json' -d @request.json");
        }
        line
    }
}

impl Default for LocalDevelopment {
    fn default() -> Self {
        Self::new()
    }
}

/// Refuses whoever is not on this machine, or comes through a proxy.
struct LoopbackOnly;

/// Headers that proxies add.
const FORWARDED: [&str; 6] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"];

impl Step for LoopbackOnly {
    fn id(&self) -> StepId {
        StepId::Route
    }

    fn check(&self, parts: &mut request::Parts, exchange: &Exchange) -> Check {
        let refuse = |cause: &'static str| {
            let refusal = Refusal::new(RefusalKind::Forbidden, "this service answers only its own machine");
            Check::Refuse(refusal.cause(cause).rule("local-development"))
        };
        if !exchange.client().is_some_and(|client| client.ip().is_loopback()) {
            return refuse("a gate for local development was asked from another address");
        }
        if FORWARDED.iter().any(|name| parts.headers.contains_key(*name)) {
            return refuse("a gate for local development was asked through a proxy");
        }
        Check::Permit
    }
}

/// Puts into the body what otherwise only the record says.
#[derive(Clone, Copy, Debug)]
struct TellAll;

#[derive(Serialize)]
struct Told<'a> {
    status: u16,
    code: &'static str,
    detail: &'a str,
    cause: Option<&'a str>,
    rule: Option<&'a str>,
    pointer: Option<&'a str>,
    request_id: &'a str,
}

impl Respond for TellAll {
    fn respond(&self, refusal: &Refusal, request_id: &str) -> Rendered {
        Rendered::json(
            "application/problem+json",
            &Told {
                status: refusal.kind().status().as_u16(),
                code: refusal.kind().code(),
                detail: refusal.public(),
                cause: refusal.private_cause(),
                rule: refusal.rule_name(),
                pointer: refusal.pointer(),
                request_id,
            },
        )
    }
}
