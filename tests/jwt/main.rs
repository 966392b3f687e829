//! The promise of the `jwt` layer: nobody passes without one sound credential of a trusted issuer.
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod api_keys;
mod building;
mod claims;
mod dpop;
mod form;
mod host;
#[cfg(feature = "fetch")]
mod introspect;
mod keys;
mod login;
mod passes;
mod remembered;
mod request;
mod signature;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use portcullis::clock::UnixTime;
use portcullis::exchange::{Context, CredentialFacts, EdgeRules, Exchange, MatchRouteLayer};
use portcullis::jose::{Algorithm, JoseErrorKind, KeySet, SigningKey};
use portcullis::jwt::{
    JwksFile, JwtErrorKind, KeySource, Refresh, StaticKeys, TrustedIssuer, VerifyJwtLayer,
    VerifyJwtLayerBuilder,
};
use portcullis::principal::Principal;
use portcullis::refusal::Refusal;
use portcullis::route::{Route, RouteTable};
use portcullis::testing::FakeClock;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

const ISSUER: &str = "https://login.example";
const AUDIENCE: &str = "https://llm.example";
const NOW: u64 = 1_800_000_000;

// What stands around the layer.

fn clock() -> FakeClock {
    FakeClock::at(UnixTime::from_secs(NOW))
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What came of one request.
struct Outcome {
    status: StatusCode,
    challenge: Option<String>,
    body: String,
    cause: String,
    /// What the handler saw.
    seen: Option<Seen>,
}

#[derive(Clone)]
struct Seen {
    principal: Principal,
    facts: CredentialFacts,
    headers: HeaderMap,
}

async fn send(layer: &VerifyJwtLayer, request: Request<Full<Bytes>>) -> Outcome {
    let handler = service_fn(async |request: Request<Full<Bytes>>| {
        let (parts, _) = request.into_parts();
        let exchange = Exchange::of(&parts).unwrap();
        let seen = Seen {
            principal: exchange.principal().unwrap().clone(),
            facts: exchange.record(|record| record.credential.clone()).unwrap(),
            headers: parts.headers.clone(),
        };
        let mut response = Response::new(Full::<Bytes>::default());
        response.extensions_mut().insert(seen);
        Ok::<_, std::convert::Infallible>(response)
    });
    let response = layer.layer(handler).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    let challenge = parts.headers.get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap().to_owned());
    let refusal = parts.extensions.get::<Refusal>();
    Outcome {
        status: parts.status,
        challenge,
        body: String::from_utf8(body.to_vec()).unwrap(),
        cause: refusal.and_then(Refusal::private_cause).unwrap_or_default().to_owned(),
        seen: parts.extensions.get().cloned(),
    }
}

fn request(headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method("POST").uri("/generate");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::default()).unwrap()
}

async fn bear(layer: &VerifyJwtLayer, credential: &str) -> Outcome {
    send(layer, request(&[("authorization", &format!("Bearer {credential}"))])).await
}

fn keys(signer: &SigningKey) -> StaticKeys {
    KeySet::from_jwks(signer.public_jwks()).unwrap().into()
}

fn issuer(keys: impl KeySource) -> TrustedIssuer {
    TrustedIssuer::new(ISSUER).audience(AUDIENCE).keys(keys)
}

fn builder(clock: &FakeClock) -> VerifyJwtLayerBuilder {
    VerifyJwtLayer::builder().context(Context::new(clock.shared()))
}

fn layer(issuer: TrustedIssuer) -> VerifyJwtLayer {
    builder(&clock()).issuer(issuer).build().unwrap()
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": NOW + 3600, "iat": NOW })
}

fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn claims_without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn claims_bytes() -> Vec<u8> {
    claims().to_string().into_bytes()
}

fn ed25519() -> SigningKey {
    SigningKey::generate_ed25519().unwrap()
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn unverified(outcome: &Outcome, what: &str) {
    assert_eq!(outcome.status, StatusCode::UNAUTHORIZED, "{what}");
    assert!(outcome.seen.is_none(), "{what}");
    assert!(outcome.challenge.as_deref().unwrap().contains("error=\"invalid_token\""), "{what}");
    assert!(!outcome.cause.is_empty(), "{what}: the record must say why");
    // That a sound credential has expired is the one thing an honest client can act on.
    let told = outcome.cause == JwtErrorKind::Expired.to_string();
    assert!(told || !outcome.body.contains(&outcome.cause), "{what}: the caller must not learn why");
}

/// Keys that a test can exchange, as an issuer does.
#[derive(Clone)]
struct Rotating {
    keys: Arc<RwLock<Arc<KeySet>>>,
    /// What the next refresh brings.
    next: Arc<RwLock<Option<Arc<KeySet>>>>,
    refreshed: Arc<AtomicUsize>,
    later: bool,
}

impl Rotating {
    fn new(signer: &SigningKey) -> Self {
        let keys = Arc::new(RwLock::new(set(signer)));
        Self { keys, next: Arc::default(), refreshed: Arc::default(), later: false }
    }
}

fn set(signer: &SigningKey) -> Arc<KeySet> {
    Arc::new(KeySet::from_jwks(signer.public_jwks()).unwrap())
}

impl fmt::Debug for Rotating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rotating")
    }
}

impl KeySource for Rotating {
    fn snapshot(&self) -> Arc<KeySet> {
        self.keys.read().unwrap().clone()
    }

    fn refresh(&self) -> Refresh {
        self.refreshed.fetch_add(1, Ordering::SeqCst);
        let this = self.clone();
        let look = move || {
            if let Some(next) = this.next.write().unwrap().take() {
                *this.keys.write().unwrap() = next;
            }
        };
        if self.later {
            return Refresh::later(async move {
                tokio::task::yield_now().await;
                look();
            });
        }
        look();
        Refresh::Ready
    }
}
