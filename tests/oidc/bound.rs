//! Credentials that the provider binds by DPoP, and opaque ones that it is asked about.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::fetch::HttpsClient;
use portcullis::jose::SigningKey;
use portcullis::jwt::{ClientAuthentication, DpopRules, Introspection};
use portcullis::principal::AuthenticationMethod;
use serde_json::json;

/// A proof by this key (RFC 9449 §4.2).
fn proof(key: &SigningKey, clock: &FakeClock, url: &str, credential: Option<&str>, jti: &str) -> String {
    let jwk: serde_json::Value = serde_json::from_str(&key.public_jwk()).unwrap();
    let header = json!({ "typ": "dpop+jwt", "alg": key.algorithm().name(), "jwk": jwk });
    let mut claims = json!({ "htm": "POST", "htu": url, "iat": clock.now().as_secs(), "jti": jti });
    if let Some(credential) = credential {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, credential.as_bytes());
        claims["ath"] = json!(URL_SAFE_NO_PAD.encode(hash));
    }
    key.sign_compact(header.to_string().as_bytes(), claims.to_string().as_bytes()).unwrap()
}

#[tokio::test]
async fn what_the_provider_binds_by_dpop_passes_with_a_proof_by_that_key_alone() {
    let (provider, clock) = (Provider::start().await, clock());
    let (client, thief) = (SigningKey::generate_p256().unwrap(), SigningKey::generate_p256().unwrap());
    let issuer = TrustedIssuer::new(provider.issuer()).audience(RESOURCE).keys(keys(&provider, &clock));
    let layer = VerifyJwtLayer::builder()
        .issuer(issuer.leeway(Duration::from_secs(60)))
        .dpop(DpopRules::at("https://llm.example.com"))
        .context(Context::new(clock.shared()))
        .build()
        .unwrap();
    let endpoint = format!("{}/token", provider.issuer());
    let credential =
        provider.client_credentials_with(Some(&proof(&client, &clock, &endpoint, None, "1"))).await;
    let scheme = format!("DPoP {credential}");
    let url = "https://llm.example.com/generate";
    let good = proof(&client, &clock, url, Some(&credential), "2");
    let outcome = ask(&layer, &[("authorization", &scheme), ("dpop", &good)]).await;
    assert_eq!(outcome.status, StatusCode::OK, "{}", outcome.cause);
    assert_eq!(outcome.principal.unwrap().application().unwrap().as_str(), "batch");
    let stolen = proof(&thief, &clock, url, Some(&credential), "3");
    for headers in [&[("authorization", &*scheme), ("dpop", &stolen)][..], &[("authorization", &scheme)]] {
        assert_eq!(ask(&layer, headers).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(bear(&layer, &credential).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_provider_is_asked_about_what_is_opaque_and_says_when_it_is_revoked() {
    let (provider, clock) = (Provider::start().await, clock());
    let fetch = HttpsClient::builder().loopback_only().internal_host("127.0.0.1").build().unwrap();
    let issuer = TrustedIssuer::new(provider.issuer()).audience("https://opaque.example.com");
    let introspection = Introspection::new(
        format!("{}/token/introspection", provider.issuer()),
        issuer.leeway(Duration::from_secs(60)),
        ClientAuthentication::secret("gate", "gate-secret".into()),
        fetch,
    );
    let layer = VerifyJwtLayer::builder()
        .introspection(introspection)
        .context(Context::new(clock.shared()))
        .build()
        .unwrap();
    let credential = provider.opaque().await;
    assert!(!credential.contains('.'), "it is opaque");
    let outcome = bear(&layer, &credential).await;
    assert_eq!(outcome.status, StatusCode::OK, "{}", outcome.cause);
    let principal = outcome.principal.unwrap();
    assert_eq!((principal.name(), principal.application().unwrap().as_str()), ("alice", "app"));
    assert_eq!(principal.credential().method(), AuthenticationMethod::Introspection);
    assert_eq!(bear(&layer, "made-up").await.status, StatusCode::UNAUTHORIZED);

    provider.revoke(&credential).await;
    clock.advance(Duration::from_secs(60));
    let outcome = bear(&layer, &credential).await;
    assert_eq!(outcome.status, StatusCode::UNAUTHORIZED);
    assert_eq!(outcome.cause, JwtErrorKind::Inactive.to_string());
}
