//! A login, an exchange with three actors, and requests to it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use portcullis::clock::{Clock, UnixTime};
use portcullis::jose::{KeySet, SigningKey};
use portcullis::principal::{Revocations, TlsConnection};
use portcullis::sts::{ActorClient, ExchangeRecord, Grant, Sts, StsBuilder};
use portcullis::testing::{CertificateAuthority, FakeClock, Issuer};
use portcullis::trust::{Pem, TrustBundles};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tower::ServiceExt;

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const LOGIN: &str = "https://login.test";
pub(crate) const STS: &str = "https://sts.test";
pub(crate) const WEB: &str = "https://web.test";
pub(crate) const ORCHESTRATOR: &str = "https://orchestrator.test";
pub(crate) const VECTORS: &str = "https://vectors.test";
pub(crate) const WORKLOAD: &str = "spiffe://prod.test/ns/chat/sa/orchestrator";
pub(crate) const SECRET: &str = "a-long-secret-of-the-web-application";

pub(crate) struct World {
    pub(crate) clock: FakeClock,
    pub(crate) login: Issuer,
    pub(crate) authority: CertificateAuthority,
    pub(crate) bundles: TrustBundles,
    pub(crate) revocations: Revocations,
    /// Of the actor `batch`.
    pub(crate) key: SigningKey,
    records: Arc<Mutex<Vec<ExchangeRecord>>>,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = FakeClock::at(UnixTime::from_secs(NOW));
        let authority = CertificateAuthority::with_clock("prod", clock.shared());
        let bundles = TrustBundles::builder()
            .spiffe("prod.test", Pem::text(authority.pem()))
            .clock(clock.shared())
            .build()
            .unwrap();
        Self {
            login: Issuer::with_clock(LOGIN, clock.shared()),
            revocations: Revocations::with_clock(clock.shared()),
            key: SigningKey::generate_p256().unwrap(),
            records: Arc::default(),
            clock,
            authority,
            bundles,
        }
    }

    /// The web application, by a secret; the orchestrator, by its certificate; a batch job, by its key, that may nothing yet.
    pub(crate) fn builder(&self) -> StsBuilder {
        let records = self.records.clone();
        Sts::builder(STS)
            .subjects_of(self.login.trusted().plan_claim("/plan").roles_claim("/roles").tenant_claim("/tid"))
            .actor(
                ActorClient::by_secret("web", SECRET.into())
                    .audience(WEB)
                    .grant(Grant::to(ORCHESTRATOR).scopes(["chat", "docs:read", "hr:read"]).for_everybody()),
            )
            .actor(
                ActorClient::by_certificate("orchestrator", WORKLOAD.parse().unwrap())
                    .audience(ORCHESTRATOR)
                    .grant(
                        Grant::to(VECTORS)
                            .scopes(["docs:read", "hr:read"])
                            .roles(["reader"])
                            .for_subjects_of(LOGIN),
                    ),
            )
            .actor(ActorClient::by_jwks("batch", KeySet::from_jwks(self.key.public_jwks()).unwrap()))
            .revocations(self.revocations.clone())
            .audit(move |record| {
                records.lock().unwrap().push(record.clone());
                Ok(())
            })
            .clock(self.clock.shared())
    }

    pub(crate) fn sts(&self) -> Sts {
        self.builder().build().unwrap()
    }

    /// A login credential of alice, with these claims set.
    pub(crate) fn credential<'c>(
        &self,
        audience: &str,
        claims: impl IntoIterator<Item = (&'c str, Value)>,
    ) -> String {
        let alice = self.login.credential("alice").audience(audience).scope("chat docs:read hr:read");
        let alice = alice.claim("jti", "root").claim("sid", "session");
        claims.into_iter().fold(alice, |alice, (name, value)| alice.claim(name, value)).sign()
    }

    /// The connection of a machine of that name.
    pub(crate) fn from(&self, workload: &str) -> TlsConnection {
        let certificate = self.authority.spiffe(workload).issue();
        TlsConnection::with_peer(self.bundles.verify_client(certificate.chain(), self.clock.now()).unwrap())
    }

    /// The records so far, which are taken.
    pub(crate) fn records(&self) -> Vec<ExchangeRecord> {
        std::mem::take(&mut *self.records.lock().unwrap())
    }

    pub(crate) fn record(&self) -> ExchangeRecord {
        let mut records = self.records();
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The credential that was issued.
    pub(crate) fn credential(&self) -> &str {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        self.body["access_token"].as_str().unwrap()
    }

    /// Its claims, unverified.
    pub(crate) fn claims(&self) -> Value {
        let payload = self.credential().split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    }

    pub(crate) fn assert_refused(&self, status: u16, error: &str) {
        assert_eq!((self.status.as_u16(), self.body["error"].as_str()), (status, Some(error)), "{self:?}");
        assert!(self.body["error_description"].is_string() && self.body["access_token"].is_null());
        assert_eq!(self.headers["cache-control"], "no-store");
        assert_eq!(self.headers["content-type"], "application/json");
    }
}

/// A request for an exchange: the form, and what comes beside it.
#[derive(Clone, Default)]
pub(crate) struct Asking {
    pub(crate) form: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) tls: Option<TlsConnection>,
}

impl Asking {
    /// For `subject` to be good at `audience`.
    pub(crate) fn new(subject: &str, audience: &str) -> Self {
        Self::default()
            .with("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
            .with("subject_token", subject)
            .with("subject_token_type", "urn:ietf:params:oauth:token-type:access_token")
            .with("audience", audience)
    }

    /// Sets a parameter, or takes it away when it is empty.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.form.retain(|(other, _)| other != name);
        if !value.is_empty() {
            self.form.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    /// As the web application.
    pub(crate) fn by_web(self) -> Self {
        self.basic("web", SECRET)
    }

    pub(crate) fn basic(self, id: &str, secret: &str) -> Self {
        self.header("authorization", &format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))))
    }

    /// As the orchestrator, from that connection.
    pub(crate) fn by_orchestrator(mut self, tls: &TlsConnection) -> Self {
        self.tls = Some(tls.clone());
        self.with("client_id", "orchestrator")
    }

    pub(crate) fn body(&self) -> String {
        let escape = |text: &str| {
            text.bytes()
                .map(|byte| match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                        char::from(byte).to_string()
                    }
                    _ => format!("%{byte:02X}"),
                })
                .collect::<String>()
        };
        let pairs = self.form.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value)));
        pairs.collect::<Vec<_>>().join("&")
    }

    pub(crate) async fn send(self, sts: &Sts) -> Answer {
        let mut request = Request::post("/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-request-id", "chain-1")
            .body(Full::new(Bytes::from(self.body())))
            .unwrap();
        request.headers_mut().extend(self.headers);
        if let Some(tls) = self.tls {
            request.extensions_mut().insert(tls);
        }
        answer(sts, request).await
    }
}

pub(crate) async fn answer(sts: &Sts, request: Request<Full<Bytes>>) -> Answer {
    let response = sts.endpoint().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    assert_eq!(head.headers["content-length"], bytes.len().to_string());
    Answer { status: head.status, headers: head.headers, body: serde_json::from_slice(&bytes).unwrap() }
}
