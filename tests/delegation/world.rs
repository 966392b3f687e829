//! A trust domain, an issuer of delegated credentials, and a gate in front of a handler that tells who asks.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use portcullis::Gate;
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::clock::{Clock, UnixTime};
use portcullis::exchange::Exchange;
use portcullis::gate::GateBuilder;
use portcullis::limit::Plan;
use portcullis::payload::PlainGenerate;
use portcullis::peer::PeerRules;
use portcullis::principal::{ActorRule, Delegation, PeerAddress, Principal, TlsConnection};
use portcullis::read::RequestBody;
use portcullis::route::Route;
use portcullis::testing::{CertificateAuthority, FakeClock, Issuer};
use portcullis::trust::{Pem, TrustBundles};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use tower::{Layer, Service, ServiceExt, service_fn};

pub(crate) const AUDIENCE: &str = "https://vectors.test";
pub(crate) const ISSUER: &str = "https://sts.test";
pub(crate) const ORCHESTRATOR: &str = "spiffe://prod.test/ns/chat/sa/orchestrator";
pub(crate) const BILLING: &str = "spiffe://prod.test/ns/money/sa/billing";

pub(crate) struct World {
    pub(crate) clock: FakeClock,
    pub(crate) authority: CertificateAuthority,
    pub(crate) bundles: TrustBundles,
    pub(crate) issuer: Issuer,
    log: AuditLog,
    records: Receiver<Value>,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = FakeClock::at(UnixTime::from_secs(1_800_000_000));
        let authority = CertificateAuthority::with_clock("prod", clock.shared());
        let bundles = TrustBundles::builder()
            .spiffe("prod.test", Pem::text(authority.pem()))
            .clock(clock.shared())
            .build()
            .unwrap();
        let issuer = Issuer::with_clock(ISSUER, clock.shared());
        let (send, records) = mpsc::channel();
        let sink = move |entry: &AuditEntry| {
            let _ = send.send(serde_json::to_value(entry).unwrap());
        };
        let log = AuditLog::builder().sink(sink).start().unwrap();
        Self { clock, authority, bundles, issuer, log, records }
    }

    /// `/generate` for whoever may generate, `/hr` for whoever may read what is in there.
    pub(crate) fn builder(&self) -> GateBuilder {
        Gate::builder()
            .clock(self.clock.shared())
            .issuer(self.issuer.trusted().audience(AUDIENCE).plan_claim("/plan").roles_claim("/roles"))
            .peers(PeerRules::new().trust_domain("prod.test".parse().unwrap()))
            .route(Route::post("/generate").dialect(PlainGenerate).scope("generate:invoke"))
            .route(Route::post("/hr").dialect(PlainGenerate).scope("hr:read"))
            .danger_without_inspection()
            .audit(self.log.clone())
    }

    pub(crate) fn gate(&self, delegation: Delegation) -> Gate {
        let plan = Plan::new("wide").danger_unlimited();
        self.builder().plan(plan).default_plan("wide").delegation(delegation).build().unwrap()
    }

    /// A credential for alice, who may do everything here, with these claims set.
    pub(crate) fn credential<'c>(&self, claims: impl IntoIterator<Item = (&'c str, Value)>) -> String {
        let alice = self.issuer.credential("alice").audience(AUDIENCE).scope("generate:invoke hr:read");
        claims.into_iter().fold(alice, |alice, (name, value)| alice.claim(name, value)).sign()
    }

    /// The connection of the machine of that name.
    pub(crate) fn from(&self, workload: &str) -> TlsConnection {
        let certificate = self.authority.spiffe(workload).issue();
        let verified = self.bundles.verify_client(certificate.chain(), self.clock.now());
        TlsConnection::with_peer(verified.unwrap())
    }

    pub(crate) fn record(&self) -> Value {
        self.records.recv_timeout(Duration::from_secs(10)).expect("a record is written")
    }
}

/// The orchestrator on its machine, and the web application behind it; each may do everything.
pub(crate) fn delegation() -> Delegation {
    Delegation::new().actor(orchestrator()).actor(web())
}

pub(crate) fn orchestrator() -> ActorRule {
    let rule = ActorRule::new(ISSUER, "orchestrator").workload(ORCHESTRATOR.parse().unwrap());
    rule.scopes(["generate:invoke", "hr:read"])
}

pub(crate) fn web() -> ActorRule {
    ActorRule::new(ISSUER, "web").scopes(["generate:invoke", "hr:read"])
}

/// `act` of the orchestrator, for which the web application acted before.
pub(crate) fn both() -> Value {
    json!({ "sub": "orchestrator", "act": { "sub": "web" } })
}

pub(crate) fn request(path: &str, tls: &TlsConnection, credential: &str) -> Request<Full<Bytes>> {
    Request::post(path)
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {credential}"))
        .extension(PeerAddress("192.0.2.7:4711".parse().unwrap()))
        .extension(tls.clone())
        .body(Full::from(r#"{"prompt":"hello","max_tokens":8}"#))
        .unwrap()
}

/// The status and the body of the answer.
pub(crate) async fn ask(gate: &Gate, request: Request<Full<Bytes>>) -> (StatusCode, Value) {
    let response = gate.layer(handler()).oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (head.status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// Tells who asks, through whom, and what it may do.
pub(crate) fn handler()
-> impl Service<Request<RequestBody>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    service_fn(|request: Request<RequestBody>| {
        let exchange = request.extensions().get::<Exchange>().unwrap().clone();
        let who = exchange.principal().unwrap();
        let body = json!({
            "who": who.name(),
            "is_user": who.subject().is_some(),
            "actors": who.actors().iter().map(ToString::to_string).collect::<Vec<_>>(),
            "may_act": who.may_act().map(ToString::to_string),
            "scopes": who.scopes().iter().collect::<Vec<_>>(),
            "roles": who.roles().iter().collect::<Vec<_>>(),
            "machine": who.workload().map(|workload| workload.id().as_str()),
            "plan": who.plan().map(portcullis::principal::PlanName::as_str),
        });
        let response = Response::builder().header("content-type", "application/json");
        std::future::ready(Ok(response.body(Full::from(body.to_string())).unwrap()))
    })
}

/// That the principal is refused as one whose actors may not act, for a reason that has these words in it.
pub(crate) fn assert_may_not_act(record: &Value, words: &str) {
    assert_eq!(record["decision"], "refused", "{record}");
    assert_eq!((&record["reason"], &record["rule"]), (&json!("invalid_credential"), &json!("jwt:actor")));
    assert!(record["cause"].as_str().unwrap().contains(words), "{record}");
}

/// The scopes that a principal has in the end.
pub(crate) fn scopes(principal: &Principal) -> Vec<String> {
    principal.scopes().iter().map(str::to_owned).collect()
}
