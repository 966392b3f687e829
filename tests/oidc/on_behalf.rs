//! The provider exchanges credentials for the outbound layer.

use super::*;
use bytes::Bytes;
use portcullis::delegate::{ActOnBehalfLayer, CredentialExchange, OnBehalfOf, OutboundError};
use portcullis::fetch::HttpsClient;
use portcullis::jose::{Jws, KeySet};
use portcullis::jwt::ClientAuthentication;
use portcullis::refusal::RefusalKind;
use std::sync::Mutex;

const VECTORS: &str = "https://vectors.example.com";

fn client() -> HttpsClient {
    HttpsClient::builder().loopback_only().internal_host("127.0.0.1").build().unwrap()
}

/// Whom a request is for, as the layer that verifies the provider's credentials finds out.
async fn caller(provider: &Provider, clock: &FakeClock, credential: &str) -> OnBehalfOf {
    let issuer = TrustedIssuer::new(provider.issuer())
        .audience(RESOURCE)
        .leeway(Duration::from_secs(60))
        .keys(keys(provider, clock));
    let layer = VerifyJwtLayer::builder().issuer(issuer).keep_credential();
    let outcome = bear(&layer.context(Context::new(clock.shared())).build().unwrap(), credential).await;
    assert_eq!(outcome.status, StatusCode::OK, "{}", outcome.cause);
    OnBehalfOf::from(outcome.principal.unwrap())
}

fn layer(provider: &Provider, audience: &str, scope: &str) -> ActOnBehalfLayer {
    let secret = ClientAuthentication::secret("orchestrator", "orchestrator-secret".into());
    let endpoint = format!("{}/token", provider.issuer());
    ActOnBehalfLayer::builder(CredentialExchange::rfc8693(endpoint, secret, client()))
        .audience(audience)
        .scope(scope)
        .destination("https://vectors.internal")
        .hop("vector database")
        .build()
        .unwrap()
}

#[tokio::test]
async fn the_provider_makes_of_a_users_credential_one_for_the_next_service_with_fewer_scopes() {
    let (provider, clock) = (Provider::start().await, clock());
    let answer = provider.authorization_code().await;
    let alice = caller(&provider, &clock, answer["access_token"].as_str().unwrap()).await;
    let shown = Arc::new(Mutex::new(Vec::new()));
    let next = {
        let shown = shown.clone();
        service_fn(move |request: Request<Full<Bytes>>| {
            shown.lock().unwrap().push(request.headers()[AUTHORIZATION].to_str().unwrap().to_owned());
            std::future::ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
        })
    };
    let vectors = layer(&provider, VECTORS, "models:read").layer(next).on_behalf_of(alice);
    for _ in 0..2 {
        let request = Request::get("https://vectors.internal/collections").body(Full::default()).unwrap();
        vectors.clone().oneshot(request).await.unwrap();
    }
    let shown = shown.lock().unwrap().clone();
    assert_eq!(shown[0], shown[1], "the second call goes by what is remembered");
    let request = Request::get(format!("{}/jwks", provider.issuer())).body(Bytes::new()).unwrap();
    let published = portcullis::fetch::Fetch::fetch(&client(), request).await.unwrap();
    let published = KeySet::from_jwks(String::from_utf8(published.body().to_vec()).unwrap()).unwrap();
    let issued = Jws::parse(shown[0].strip_prefix("Bearer ").unwrap()).unwrap();
    let claims = issued.verify(published.select(issued.kid(), issued.algorithm()).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(claims).unwrap();
    assert_eq!((&claims["sub"], &claims["aud"]), (&"alice".into(), &VECTORS.into()));
    assert_eq!((&claims["scope"], &claims["act"]["sub"]), (&"models:read".into(), &"orchestrator".into()));
}

#[tokio::test]
async fn what_the_provider_refuses_is_refused_and_so_is_its_outage() {
    let (provider, clock) = (Provider::start().await, clock());
    let answer = provider.authorization_code().await;
    let alice = caller(&provider, &clock, answer["access_token"].as_str().unwrap()).await;
    let refusal = async |audience, scope| {
        let never = service_fn(async |_: Request<Full<Bytes>>| -> Result<Response<()>, Infallible> {
            panic!("a call was made")
        });
        let request = Request::get("https://vectors.internal/").body(Full::default()).unwrap();
        let vectors = layer(&provider, audience, scope).layer(never).on_behalf_of(alice.clone());
        let Err(OutboundError::Refused(refusal)) = vectors.oneshot(request).await else { panic!("{scope}") };
        (refusal.kind(), refusal.private_cause().unwrap().to_owned())
    };
    for (audience, scope, code) in
        [("https://hr.example.com", "models:read", "invalid_target"), (VECTORS, "admin", "invalid_scope")]
    {
        let (kind, cause) = refusal(audience, scope).await;
        assert_eq!(kind, RefusalKind::DelegationRefused, "{cause}");
        assert!(cause.contains(code), "{cause}");
    }
    provider.stop().await;
    let (kind, cause) = refusal(VECTORS, "models:read").await;
    assert_eq!(kind, RefusalKind::Unavailable, "{cause}");
}
