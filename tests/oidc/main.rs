//! The gate against a real OpenID Provider, `oidc-provider`, on loopback: what it signs gets in, what it signs for others does not,
//! and neither its rotation of keys nor its outage keeps out anybody who should get in.
#![cfg(feature = "fetch")]
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod bound;
#[cfg(feature = "axum")]
mod logout;
#[cfg(feature = "tls")]
mod mtls;
#[cfg(feature = "delegate")]
mod on_behalf;
mod provider;

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use portcullis::Principal;
use portcullis::clock::{Clock, SystemClock};
use portcullis::exchange::{Context, EdgeRules, Exchange, MatchRouteLayer};
use portcullis::jwt::{Jwks, JwtErrorKind, ProtectedResource, TrustedIssuer, VerifyJwtLayer};
use portcullis::refusal::Refusal;
use portcullis::route::{Route, RouteTable};
use portcullis::testing::FakeClock;
use provider::Provider;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tower::{Layer, ServiceExt, service_fn};

const RESOURCE: &str = "https://llm.example.com/mcp";

/// What came of one request.
struct Outcome {
    status: StatusCode,
    principal: Option<Principal>,
    cause: String,
    challenge: String,
}

fn keys(provider: &Provider, clock: &FakeClock) -> Jwks {
    Jwks::discover(provider.issuer()).internal().clock(clock.shared()).build().unwrap()
}

/// Believes the provider, by the resource alone; `application` is an audience as well, as a careless operator has it.
fn layer(provider: &Provider, keys: &Jwks, clock: &FakeClock) -> VerifyJwtLayer {
    let issuer = TrustedIssuer::new(provider.issuer())
        .audience("app")
        .max_lifetime(Duration::from_secs(3_600))
        // The provider's clock goes on by itself, and this one only when it is moved.
        .leeway(Duration::from_secs(60))
        .keys(keys.clone());
    let resource = ProtectedResource::new(RESOURCE).authorization_server(provider.issuer());
    let layer = VerifyJwtLayer::builder().issuer(issuer).protected_resource(resource);
    layer.context(Context::new(clock.shared())).build().unwrap()
}

async fn bear(layer: &VerifyJwtLayer, credential: &str) -> Outcome {
    ask(layer, &[(AUTHORIZATION.as_str(), &format!("Bearer {credential}"))]).await
}

async fn ask(layer: &VerifyJwtLayer, headers: &[(&str, &str)]) -> Outcome {
    let handler = service_fn(async |request: Request<Full<bytes::Bytes>>| {
        let (parts, _) = request.into_parts();
        let mut response = Response::new(Full::<bytes::Bytes>::default());
        response.extensions_mut().insert(Exchange::of(&parts).unwrap().principal().unwrap().clone());
        Ok::<_, Infallible>(response)
    });
    let table = RouteTable::new([Route::post("/generate").scope("any")]).unwrap();
    let routes = MatchRouteLayer::builder(table).edge(EdgeRules::default().danger_plaintext()).build();
    let request = Request::post("/generate");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let request = request.body(Full::default()).unwrap();
    let response = routes.layer(layer.layer(handler)).oneshot(request).await.unwrap();
    let refusal = response.extensions().get::<Refusal>();
    let challenge = response.headers().get(WWW_AUTHENTICATE);
    Outcome {
        status: response.status(),
        principal: response.extensions().get().cloned(),
        cause: refusal.and_then(Refusal::private_cause).unwrap_or_default().to_owned(),
        challenge: challenge.map_or("", |value| value.to_str().unwrap()).to_owned(),
    }
}

/// The provider lives by the machine's clock.
fn clock() -> FakeClock {
    FakeClock::at(SystemClock::new().now())
}

#[tokio::test]
async fn a_machine_gets_in_by_client_credentials() {
    let (provider, clock) = (Provider::start().await, clock());
    let layer = layer(&provider, &keys(&provider, &clock), &clock);
    let outcome = bear(&layer, &provider.client_credentials().await).await;
    assert_eq!(outcome.status, StatusCode::OK, "{}", outcome.cause);
    let principal = outcome.principal.unwrap();
    assert_eq!(principal.application().unwrap().as_str(), "batch");
    assert_eq!(principal.subject().unwrap().issuer(), provider.issuer());
    assert_eq!(principal.scopes().iter().collect::<Vec<_>>(), ["generate:invoke"]);
    assert_eq!(principal.credential().acr(), None);
}

#[tokio::test]
async fn a_user_gets_in_by_authorization_code_and_pkce_and_the_login_is_known() {
    let (provider, clock) = (Provider::start().await, clock());
    let layer = layer(&provider, &keys(&provider, &clock), &clock);
    let before = clock.now();
    let answer = provider.authorization_code().await;
    let outcome = bear(&layer, answer["access_token"].as_str().unwrap()).await;
    assert_eq!(outcome.status, StatusCode::OK, "{}", outcome.cause);
    let principal = outcome.principal.unwrap();
    assert_eq!((principal.name(), principal.application().unwrap().as_str()), ("alice", "app"));
    let credential = principal.credential();
    assert_eq!(credential.acr(), Some("urn:example:mfa"));
    assert_eq!(credential.amr().collect::<Vec<_>>(), ["pwd", "otp"]);
    let login = credential.auth_time().unwrap();
    assert!(login.as_secs() + 1 >= before.as_secs(), "{login:?} {before:?}");
}

#[tokio::test]
async fn an_id_token_is_no_credential_for_access_even_where_its_audience_is_taken() {
    let (provider, clock) = (Provider::start().await, clock());
    let layer = layer(&provider, &keys(&provider, &clock), &clock);
    let answer = provider.authorization_code().await;
    let outcome = bear(&layer, answer["id_token"].as_str().unwrap()).await;
    assert_eq!(outcome.status, StatusCode::UNAUTHORIZED);
    assert_eq!(outcome.cause, JwtErrorKind::NotForAccess("nonce").to_string());
    let metadata = "resource_metadata=\"https://llm.example.com/.well-known/oauth-protected-resource/mcp\"";
    assert!(outcome.challenge.contains(metadata), "{}", outcome.challenge);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_rotate_under_load_keep_nobody_out() {
    let (provider, clock) = (Arc::new(Provider::start().await), clock());
    let keys = keys(&provider, &clock);
    let layer = layer(&provider, &keys, &clock);
    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (provider, layer) = (provider.clone(), layer.clone());
            let (stop, served) = (stop.clone(), served.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    // A credential that the provider has just signed is valid, whatever key that was by. The old key is gone with
                    // the rotation, so one from before is not.
                    let rotation = provider.rotations();
                    let credential = provider.client_credentials().await;
                    let outcome = bear(&layer, &credential).await;
                    if rotation % 2 == 0 && provider.rotations() == rotation {
                        assert_eq!(outcome.status, StatusCode::OK, "{}", outcome.cause);
                        served.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    for rotation in 1..=5 {
        let before = served.load(Ordering::SeqCst);
        while served.load(Ordering::SeqCst) < before + 20 && !clients.iter().any(JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
        // One cool-down from the last look: rotations that follow one another faster are no honest issuer's.
        clock.advance(Duration::from_secs(10));
        provider.rotate().await;
        assert_eq!(provider.rotations() / 2, rotation);
    }
    let before = served.load(Ordering::SeqCst);
    while served.load(Ordering::SeqCst) < before + 20 && !clients.iter().any(JoinHandle::is_finished) {
        tokio::task::yield_now().await;
    }
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.unwrap();
    }
    assert!(keys.status().fetches <= 12, "{:?}", keys.status());
}

#[tokio::test]
async fn an_outage_of_a_minute_keeps_nobody_out() {
    let (provider, clock) = (Provider::start().await, clock());
    let keys = Jwks::discover(provider.issuer())
        .internal()
        .clock(clock.shared())
        .refresh_every(Duration::from_secs(30));
    let keys = keys.build().unwrap();
    let layer = layer(&provider, &keys, &clock);
    let mut credentials = Vec::new();
    for _ in 0..13 {
        credentials.push(provider.client_credentials().await);
    }
    assert_eq!(bear(&layer, &credentials[12]).await.status, StatusCode::OK);
    provider.stop().await;
    for credential in &credentials[..12] {
        clock.advance(Duration::from_secs(5));
        let outcome = bear(&layer, credential).await;
        assert_eq!(outcome.status, StatusCode::OK, "{}", outcome.cause);
        // Whether it comes to pass or not: the refusal of the connection is waited for by `load`, not by a request.
        if keys.status().problem.is_none() && keys.status().fetches > 1 {
            keys.load().await.unwrap_err();
        }
    }
    assert!(keys.status().failures > 0, "{:?}", keys.status());
}
