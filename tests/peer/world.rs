//! Two trust domains, an authority of people, an issuer of credentials, and a gate in front of a handler that tells who asks.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use portcullis::Gate;
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::clock::{Clock, UnixTime};
use portcullis::exchange::Exchange;
use portcullis::gate::GateBuilder;
use portcullis::limit::{Per, Plan};
use portcullis::payload::PlainGenerate;
use portcullis::peer::PeerRules;
use portcullis::principal::{PeerAddress, Principal, Subject, TlsConnection};
use portcullis::read::RequestBody;
use portcullis::route::Route;
use portcullis::testing::{Certificate, CertificateAuthority, FakeClock, Issuer};
use portcullis::trust::{Pem, TrustBundles};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use tower::{Layer, Service, ServiceExt, service_fn};

pub(crate) const AUDIENCE: &str = "https://llm.test";
pub(crate) const GATEWAY: &str = "spiffe://prod.test/ns/chat/sa/gateway";
pub(crate) const SOMEWHERE: &str = "192.0.2.7:4711";

pub(crate) struct World {
    pub(crate) clock: FakeClock,
    pub(crate) prod: CertificateAuthority,
    pub(crate) partner: CertificateAuthority,
    /// Of hosts and of people.
    pub(crate) others: CertificateAuthority,
    pub(crate) bundles: TrustBundles,
    pub(crate) issuer: Issuer,
    pub(crate) log: AuditLog,
    records: Receiver<Value>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::at(UnixTime::from_secs(1_800_000_000))
    }

    /// For programs of others, which have no other clock.
    pub(crate) fn on_the_machines_clock() -> Self {
        Self::at(std::time::SystemTime::now().into())
    }

    fn at(now: UnixTime) -> Self {
        let clock = FakeClock::at(now);
        let authority = |name| CertificateAuthority::with_clock(name, clock.shared());
        let (prod, partner, others) = (authority("prod"), authority("partner"), authority("others"));
        let bundles = TrustBundles::builder()
            .spiffe("prod.test", Pem::text(prod.pem()))
            .spiffe("partner.test", Pem::text(partner.pem()))
            .roots(Pem::text(others.pem()))
            .clock(clock.shared())
            .build()
            .unwrap();
        let issuer = Issuer::with_clock("https://issuer.test", clock.shared());
        let (send, records) = mpsc::channel();
        let sink = move |entry: &AuditEntry| {
            let _ = send.send(serde_json::to_value(entry).unwrap());
        };
        let log = AuditLog::builder().sink(sink).start().unwrap();
        Self { clock, prod, partner, others, bundles, issuer, log, records }
    }

    /// `/generate` for users, `/internal` for machines, `/gateway` for users through the gateway, `/healthz` for all.
    pub(crate) fn builder(&self) -> GateBuilder {
        Gate::builder()
            .clock(self.clock.shared())
            .issuer(self.issuer.trusted().audience(AUDIENCE).plan_claim("/plan"))
            .route(Route::post("/generate").dialect(PlainGenerate).scope("generate:invoke"))
            .route(Route::post("/internal").dialect(PlainGenerate).machine_only())
            .route(
                Route::post("/gateway")
                    .dialect(PlainGenerate)
                    .scope("generate:invoke")
                    .workloads(["spiffe://prod.test/ns/*/sa/gateway".parse().unwrap()]),
            )
            .open(http::Method::GET, "/healthz")
            .plan(Plan::new("wide").requests(100, Per::Minute).usage(1_000_000, Per::Minute))
            .plan(Plan::new("machines").requests(2, Per::Minute).usage(1_000_000, Per::Minute))
            .default_plan("wide")
            .danger_without_inspection()
            .audit(self.log.clone())
    }

    pub(crate) fn gate(&self, rules: PeerRules) -> Gate {
        self.builder().peers(rules).build().unwrap()
    }

    /// Rules that let in every machine of prod.test.
    pub(crate) fn rules(&self) -> PeerRules {
        PeerRules::new().trust_domain("prod.test".parse().unwrap())
    }

    /// A connection whose client has shown this certificate.
    pub(crate) fn shown(&self, certificate: &Certificate) -> TlsConnection {
        let verified = self.bundles.verify_client(certificate.chain(), self.clock.now());
        TlsConnection::with_peer(verified.unwrap())
    }

    pub(crate) fn credential(&self) -> String {
        let alice = self.issuer.credential("alice").audience(AUDIENCE).scope("generate:invoke");
        alice.claim("plan", "wide").sign()
    }

    pub(crate) fn record(&self) -> Value {
        self.records.recv_timeout(Duration::from_secs(10)).expect("a record is written")
    }
}

/// A request for `path` that is still without a credential.
pub(crate) fn request(path: &str, tls: &TlsConnection) -> Request<Full<Bytes>> {
    let mut request = match path {
        "/healthz" => Request::get(path).body(Full::default()).unwrap(),
        _ => Request::post(path)
            .header("content-type", "application/json")
            .body(Full::from(r#"{"prompt":"hello","max_tokens":8}"#))
            .unwrap(),
    };
    request.extensions_mut().insert(PeerAddress(SOMEWHERE.parse().unwrap()));
    request.extensions_mut().insert(tls.clone());
    request
}

pub(crate) fn with_credential(mut request: Request<Full<Bytes>>, credential: &str) -> Request<Full<Bytes>> {
    let value = format!("Bearer {credential}").parse().unwrap();
    request.headers_mut().insert("authorization", value);
    request
}

/// The status and the body of the answer.
pub(crate) async fn ask(gate: &Gate, request: Request<Full<Bytes>>) -> (StatusCode, Value) {
    let response = gate.layer(handler()).oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (head.status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// Tells who asks, and which headers about certificates it sees.
pub(crate) fn handler()
-> impl Service<Request<RequestBody>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    service_fn(|request: Request<RequestBody>| {
        let exchange = request.extensions().get::<Exchange>().unwrap().clone();
        let principal = exchange.principal();
        let seen: Vec<&str> = request
            .headers()
            .keys()
            .map(http::HeaderName::as_str)
            .filter(|name| name.contains("cert"))
            .collect();
        let body = json!({
            "who": principal.map(Principal::name),
            "subject": principal.and_then(|who| who.subject()).map(Subject::issuer),
            "scopes": principal.map(|who| who.scopes().iter().map(str::to_owned).collect::<Vec<_>>()),
            "machine": principal.and_then(|who| who.workload()).map(|workload| workload.id().as_str()),
            "method": principal.map(|who| who.credential().method().as_str()),
            "seen": seen,
        });
        let response = Response::builder().header("content-type", "application/json");
        std::future::ready(Ok(response.body(Full::from(body.to_string())).unwrap()))
    })
}
