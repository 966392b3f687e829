//! The promise of the `jwt` layer: nobody passes without one sound credential of a trusted issuer.
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

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

// Who passes.

#[tokio::test]
async fn a_sound_credential_passes_and_the_handler_sees_who_asks_and_not_the_credential() {
    let signer = ed25519();
    let issuer =
        issuer(keys(&signer)).plan_claim("/plan").tenant_claim("/org/id").roles_claim("/realm_access/roles");
    let mut claims = claims();
    claims["scope"] = json!("models:read generate:invoke");
    claims["azp"] = json!("web-app");
    claims["plan"] = json!("enterprise");
    claims["org"] = json!({ "id": "acme" });
    claims["realm_access"] = json!({ "roles": ["admin", "dev"] });
    claims["jti"] = json!("credential-1");
    claims["sid"] = json!("session-1");
    claims["aud"] = json!(["https://other.example", AUDIENCE]);
    claims["exp"] = json!(NOW as f64 + 60.5);
    let outcome = bear(&layer(issuer), &signer.sign_jwt("JWT", &claims).unwrap()).await;
    assert_eq!(outcome.status, StatusCode::OK);
    let Seen { principal, facts, headers } = outcome.seen.unwrap();
    assert_eq!((principal.subject().unwrap().issuer(), principal.name()), (ISSUER, "ada"));
    assert_eq!(principal.application().unwrap().as_str(), "web-app");
    assert_eq!(principal.plan().unwrap().as_str(), "enterprise");
    assert_eq!(principal.tenant().unwrap().as_str(), "acme");
    assert_eq!(principal.scopes().iter().collect::<Vec<_>>(), ["generate:invoke", "models:read"]);
    assert_eq!(principal.roles().iter().collect::<Vec<_>>(), ["admin", "dev"]);
    assert_eq!(principal.credential().identifier(), Some("credential-1"));
    assert_eq!(principal.credential().session_id(), Some("session-1"));
    assert!(principal.actors().is_empty());
    assert_eq!(
        (facts.key_id.as_deref(), facts.algorithm, facts.remembered),
        (Some(signer.kid()), Some("EdDSA"), false)
    );
    assert!(headers.get(AUTHORIZATION).is_none());
}

#[tokio::test]
async fn scopes_are_read_from_scope_and_scp_and_from_where_the_issuer_was_said_to_put_them() {
    let signer = ed25519();
    let plain = layer(issuer(keys(&signer)));
    let pointed = layer(issuer(keys(&signer)).scope_claim("/permissions"));
    let scopes = async |layer: &VerifyJwtLayer, name: &str, value: Value| {
        let outcome = bear(layer, &signer.sign_jwt("JWT", &claims_with(name, value)).unwrap()).await;
        outcome.seen.map(|seen| seen.principal.scopes().iter().map(str::to_owned).collect::<Vec<_>>())
    };
    let both = Some(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(scopes(&plain, "scope", json!("b  a")).await, both);
    assert_eq!(scopes(&plain, "scp", json!(["a", "b"])).await, both);
    assert_eq!(scopes(&plain, "scp", json!("a b")).await, both);
    assert_eq!(scopes(&pointed, "permissions", json!(["a", "b"])).await, both);
    assert_eq!(scopes(&pointed, "scope", json!("a b")).await, Some(vec![]));
    for (name, value) in [
        ("scope", json!(["a", "b"])),
        ("scope", json!(7)),
        ("scp", json!(["a b"])),
        ("scp", json!(["a", 7])),
        ("scp", json!([""])),
        ("scope", json!("a\"b")),
        ("scope", json!(null)),
    ] {
        assert_eq!(scopes(&plain, name, value.clone()).await, None, "{name}: {value}");
    }
}

#[tokio::test]
async fn the_actors_of_a_delegated_credential_are_known_the_current_one_first() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let act = json!({ "sub": "agent", "act": { "sub": "gateway", "iss": "https://other.example" } });
    let outcome = bear(&layer, &signer.sign_jwt("JWT", &claims_with("act", act)).unwrap()).await;
    let principal = outcome.seen.unwrap().principal;
    let actors: Vec<_> = principal.actors().iter().map(|actor| (actor.issuer(), actor.id())).collect();
    assert_eq!(actors, [(ISSUER, "agent"), ("https://other.example", "gateway")]);

    let mut deep = json!({ "sub": "0" });
    for n in 1..=8 {
        deep = json!({ "sub": n.to_string(), "act": deep });
    }
    for act in [json!("agent"), json!({}), json!({ "sub": 7 }), json!({ "sub": "" }), json!(null), deep] {
        let outcome = bear(&layer, &signer.sign_jwt("JWT", &claims_with("act", act.clone())).unwrap()).await;
        unverified(&outcome, &format!("act {act}"));
    }
}

#[tokio::test]
async fn the_scheme_has_no_case() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let credential = signer.sign_jwt("at+jwt", &claims()).unwrap();
    for scheme in ["Bearer", "bearer", "BEARER", "bEARER"] {
        let outcome = send(&layer, request(&[("authorization", &format!("{scheme} {credential}"))])).await;
        assert_eq!(outcome.status, StatusCode::OK, "{scheme}");
    }
}

#[tokio::test]
async fn only_an_open_route_is_entered_without_a_credential() {
    let routes =
        RouteTable::new([Route::get("/healthz").open(), Route::get("/models").scope("models:read")]).unwrap();
    let handler = service_fn(async |request: Request<Full<Bytes>>| {
        assert!(!request.headers().contains_key("authorization"), "nor does a handler there see one");
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let service = MatchRouteLayer::builder(routes)
        .edge(EdgeRules::default().danger_plaintext())
        .build()
        .layer(layer(issuer(keys(&ed25519()))).layer(handler));
    for (path, status) in [("/healthz", StatusCode::OK), ("/models", StatusCode::UNAUTHORIZED)] {
        let request = Request::get(path).body(Full::default()).unwrap();
        assert_eq!(service.clone().oneshot(request).await.unwrap().status(), status, "{path}");
    }
    let stray =
        Request::get("/healthz").header("authorization", "Bearer stray").body(Full::default()).unwrap();
    assert_eq!(service.oneshot(stray).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn every_algorithm_verifies_and_only_with_its_own_padding_and_digest() {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let ec = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    // PKCS#1: a sequence of two integers, 2048 bits (with a leading zero) and 65537.
    let der = rsa.public_key().as_ref();
    let (n, e) = (&der[der.len() - 261..der.len() - 5], &der[der.len() - 3..]);
    let point = ec.public_key().as_ref();
    let jwks = json!({ "keys": [
        { "kty": "RSA", "kid": "rsa", "n": encode(n),
          "e": encode(e) },
        { "kty": "EC", "crv": "P-384", "kid": "ec", "x": encode(&point[1..49]), "y": encode(&point[49..]) },
    ] });
    let layer = layer(issuer(StaticKeys::from(KeySet::from_jwks(jwks.to_string()).unwrap())));
    let random = SystemRandom::new();
    let by_rsa = |padding: &'static dyn RsaEncoding, message: &str| {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(padding, &random, message.as_bytes(), &mut signature).unwrap();
        signature
    };
    let paddings: [(&str, &'static dyn RsaEncoding); 6] = [
        ("RS256", &RSA_PKCS1_SHA256),
        ("RS384", &RSA_PKCS1_SHA384),
        ("RS512", &RSA_PKCS1_SHA512),
        ("PS256", &RSA_PSS_SHA256),
        ("PS384", &RSA_PSS_SHA384),
        ("PS512", &RSA_PSS_SHA512),
    ];
    let signed = |alg: &str, kid: &str| {
        let header = json!({ "alg": alg, "kid": kid }).to_string();
        format!("{}.{}", encode(header), encode(claims_bytes()))
    };
    for (alg, _) in paddings {
        let message = signed(alg, "rsa");
        for (padded, padding) in paddings {
            let outcome = bear(&layer, &format!("{message}.{}", encode(by_rsa(padding, &message)))).await;
            assert_eq!(outcome.status == StatusCode::OK, alg == padded, "{alg} signed as {padded}");
        }
    }
    let message = signed("ES384", "ec");
    let signature = ec.sign(&random, message.as_bytes()).unwrap();
    assert_eq!(bear(&layer, &format!("{message}.{}", encode(signature))).await.status, StatusCode::OK);
}

// Who does not: the request.

#[tokio::test]
async fn without_a_credential_the_challenge_names_the_scheme_and_no_error() {
    let layer = layer(issuer(keys(&ed25519())));
    for headers in
        [&[][..], &[("authorization", "Basic YTpi")], &[("authorization", "Bearer")], &[("x-api-key", "x")]]
    {
        let outcome = send(&layer, request(headers)).await;
        assert_eq!(outcome.status, StatusCode::UNAUTHORIZED);
        assert_eq!(outcome.challenge.unwrap(), "Bearer realm=\"llm\"");
    }
}

#[tokio::test]
async fn two_credentials_are_a_bad_request_even_if_both_are_sound() {
    let signer = ed25519();
    let layer = builder(&clock()).issuer(issuer(keys(&signer))).accept_api_key_header().build().unwrap();
    let credential = signer.sign_jwt("JWT", &claims()).unwrap();
    let bearer = format!("Bearer {credential}");
    let joined = format!("{bearer}, {bearer}");
    for headers in [
        [("authorization", &*bearer), ("authorization", &*bearer)],
        [("authorization", &bearer), ("x-api-key", &credential)],
        [("x-api-key", &credential), ("x-api-key", &credential)],
        [("authorization", &bearer), ("Authorization", "Basic YTpi")],
        [("authorization", &joined), ("accept", "*/*")],
    ] {
        let outcome = send(&layer, request(&headers)).await;
        assert_eq!(outcome.status, StatusCode::BAD_REQUEST);
        assert!(outcome.challenge.unwrap().contains("invalid_request") && outcome.seen.is_none());
    }
}

#[tokio::test]
async fn a_credential_in_the_query_is_a_bad_request_even_beside_a_sound_one() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let credential = signer.sign_jwt("JWT", &claims()).unwrap();
    for query in [format!("access_token={credential}"), "a=b&access%5Ftoken=x".into()] {
        let mut request = request(&[("authorization", &format!("Bearer {credential}"))]);
        *request.uri_mut() = format!("/generate?{query}").parse().unwrap();
        assert_eq!(send(&layer, request).await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn the_api_key_header_counts_only_by_choice() {
    let signer = ed25519();
    let credential = signer.sign_jwt("JWT", &claims()).unwrap();
    let refusing = layer(issuer(keys(&signer)));
    let accepting = builder(&clock()).issuer(issuer(keys(&signer))).accept_api_key_header().build().unwrap();
    assert_eq!(
        send(&refusing, request(&[("x-api-key", &credential)])).await.status,
        StatusCode::UNAUTHORIZED
    );
    let outcome = send(&accepting, request(&[("x-api-key", &credential)])).await;
    assert!(outcome.seen.unwrap().headers.get("x-api-key").is_none());
}

#[tokio::test]
async fn the_credential_goes_inward_only_through_a_danger_door() {
    let signer = ed25519();
    let layer =
        builder(&clock()).issuer(issuer(keys(&signer))).danger_pass_credential_inward().build().unwrap();
    let credential = signer.sign_jwt("JWT", &claims()).unwrap();
    let seen = bear(&layer, &credential).await.seen.unwrap();
    assert!(seen.headers[AUTHORIZATION].is_sensitive());
    assert!(!format!("{:?}", seen.headers).contains(&credential));
}

// Who does not: the signature.

#[tokio::test]
async fn alg_none_passes_in_no_spelling_with_or_without_a_signature() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let sound = signer.sign_jwt("JWT", &claims()).unwrap();
    let signature = sound.rsplit_once('.').unwrap().1;
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({ "alg": alg, "kid": signer.kid() }).to_string();
        for signature in ["", signature] {
            let forged = format!("{}.{}.{signature}", encode(&header), encode(claims().to_string()));
            unverified(&bear(&layer, &forged).await, alg);
        }
        unverified(
            &bear(&layer, &signer.sign_compact(header.as_bytes(), &claims_bytes()).unwrap()).await,
            alg,
        );
    }
}

fn claims_bytes() -> Vec<u8> {
    claims().to_string().into_bytes()
}

#[tokio::test]
async fn a_public_key_is_never_used_as_a_shared_secret() {
    for signer in [ed25519(), SigningKey::generate_p256().unwrap()] {
        let layer = layer(issuer(keys(&signer)));
        let jwk: Value = serde_json::from_str(&signer.public_jwk()).unwrap();
        let x = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
        for secret in [x, signer.public_jwk().into_bytes(), signer.public_jwks().into_bytes()] {
            let header = json!({ "alg": "HS256", "kid": signer.kid() }).to_string();
            let signed = format!("{}.{}", encode(header), encode(claims_bytes()));
            let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
            unverified(&bear(&layer, &format!("{signed}.{}", encode(mac))).await, "HS256");
        }
    }
}

#[tokio::test]
async fn a_key_is_not_used_for_the_algorithm_of_another_family() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    for alg in ["ES256", "ES384", "RS256", "PS512"] {
        let header = json!({ "alg": alg, "kid": signer.kid() }).to_string();
        let forged = signer.sign_compact(header.as_bytes(), &claims_bytes()).unwrap();
        let outcome = bear(&layer, &forged).await;
        unverified(&outcome, alg);
        assert!(outcome.cause.contains("not for algorithm"), "{}", outcome.cause);
    }
}

#[tokio::test]
async fn an_issuer_uses_only_the_algorithms_it_was_said_to_use() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)).algorithms([Algorithm::Es256]));
    unverified(&bear(&layer, &signer.sign_jwt("JWT", &claims()).unwrap()).await, "EdDSA");
}

#[tokio::test]
async fn keys_that_the_header_offers_are_never_used() {
    let (signer, attacker) = (ed25519(), ed25519());
    let layer = layer(issuer(keys(&signer)));
    let jwk: Value = serde_json::from_str(&attacker.public_jwk()).unwrap();
    for kid in [Some(signer.kid()), Some(attacker.kid()), None] {
        for (name, value) in [
            ("jwk", jwk.clone()),
            ("jku", json!("https://attacker.example/jwks")),
            ("x5u", json!("https://attacker.example/chain")),
            ("x5c", json!(["MIIB"])),
            ("x5t", json!("AAAA")),
        ] {
            let mut header = json!({ "alg": "EdDSA", name: value });
            if let Some(kid) = kid {
                header["kid"] = json!(kid);
            }
            let header = header.to_string();
            let forged = attacker.sign_compact(header.as_bytes(), &claims_bytes()).unwrap();
            unverified(&bear(&layer, &forged).await, &header);
            // They are ignored, not refused: a sound signature by the issuer's key stands.
            if kid != Some(attacker.kid()) {
                let sound = signer.sign_compact(header.as_bytes(), &claims_bytes()).unwrap();
                assert_eq!(bear(&layer, &sound).await.status, StatusCode::OK, "{header}");
            }
        }
    }
}

#[tokio::test]
async fn a_kid_means_a_key_of_its_issuer_only() {
    let (ours, theirs) = (ed25519().with_kid("k"), ed25519().with_kid("k"));
    let other = TrustedIssuer::new("https://other.example").audience(AUDIENCE).keys(keys(&theirs));
    let layer = builder(&clock()).issuer(issuer(keys(&ours))).issuer(other).build().unwrap();
    let of_other = claims_with("iss", json!("https://other.example"));
    for (signer, claims, status) in [
        (&ours, claims(), StatusCode::OK),
        (&theirs, of_other.clone(), StatusCode::OK),
        (&theirs, claims(), StatusCode::UNAUTHORIZED),
        (&ours, of_other, StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(bear(&layer, &signer.sign_jwt("JWT", &claims).unwrap()).await.status, status);
    }
}

// Who does not: the form.

#[tokio::test]
async fn headers_with_critical_or_meaning_changing_parameters_are_refused() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("typ", json!("dpop+jwt")),
        ("typ", json!("logout+jwt")),
        ("typ", json!(7)),
        ("kid", json!(["k"])),
    ] {
        let header = json!({ "alg": "EdDSA", name: value }).to_string();
        unverified(
            &bear(&layer, &signer.sign_compact(header.as_bytes(), &claims_bytes()).unwrap()).await,
            &header,
        );
    }
}

#[tokio::test]
async fn the_access_type_can_be_demanded() {
    let signer = ed25519();
    let demanding = layer(issuer(keys(&signer)).require_access_token_type());
    for (typ, passes) in
        [("at+jwt", true), ("AT+JWT", true), ("application/at+jwt", true), ("JWT", false), ("", false)]
    {
        let outcome = bear(&demanding, &signer.sign_jwt(typ, &claims()).unwrap()).await;
        assert_eq!(outcome.status == StatusCode::OK, passes, "{typ}");
    }
    let absent = signer.sign_compact(br#"{"alg":"EdDSA"}"#, &claims_bytes()).unwrap();
    unverified(&bear(&demanding, &absent).await, "no typ");
    assert_eq!(bear(&layer(issuer(keys(&signer))), &absent).await.status, StatusCode::OK);
}

#[tokio::test]
async fn duplicate_members_of_header_and_claims_are_refused() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let claims = claims().to_string();
    let (header, body) = (r#"{"alg":"EdDSA"}"#, &claims[1..]);
    for (header, claims) in [
        (r#"{"alg":"EdDSA","alg":"EdDSA"}"#.to_owned(), claims.clone()),
        (r#"{"alg":"none","alg":"EdDSA"}"#.to_owned(), claims.clone()),
        (format!(r#"{{"alg":"EdDSA","kid":"{0}","kid":"{0}"}}"#, signer.kid()), claims.clone()),
        (header.to_owned(), format!(r#"{{"sub":"root",{body}"#)),
        (header.to_owned(), format!(r#"{{"s\u0075b":"root",{body}"#)),
        (header.to_owned(), format!(r#"{{"x":{{"a":1,"a":2}},{body}"#)),
        (header.to_owned(), format!("[{claims}]")),
        (header.to_owned(), format!("{claims} ,")),
        (header.to_owned(), String::new()),
    ] {
        let credential = signer.sign_compact(header.as_bytes(), claims.as_bytes()).unwrap();
        unverified(&bear(&layer, &credential).await, &format!("{header} {claims}"));
    }
}

#[tokio::test]
async fn base64url_has_one_spelling() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let sound = signer.sign_jwt("JWT", &claims()).unwrap();
    // 64 bytes of signature: the last character carries 2 bits of value and 4 that must be zero.
    let last = sound.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let twin = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    let trailing = format!("{}{twin}", &sound[..sound.len() - 1]);
    let padded = format!("{sound}==");
    let standard = sound.replace('-', "+").replace('_', "/") + "+";
    for odd in [trailing, padded, standard, format!("{sound}."), sound.replace('.', "..")] {
        unverified(&bear(&layer, &odd).await, &odd);
    }
}

#[tokio::test]
async fn more_than_8_kib_are_refused_though_the_signature_holds() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let sized = |bytes: usize| signer.sign_jwt("JWT", &claims_with("x", json!("x".repeat(bytes)))).unwrap();
    let (fits, exceeds) = (sized(5700), sized(6200));
    assert!(fits.len() <= 8192 && exceeds.len() > 8192);
    assert_eq!(bear(&layer, &fits).await.status, StatusCode::OK);
    unverified(&bear(&layer, &exceeds).await, "too long");
}

// Who does not: the claims.

#[tokio::test]
async fn missing_mistyped_and_wrong_claims_are_refused() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)).plan_claim("/plan").tenant_claim("/tid").roles_claim("/roles"));
    let long = "x".repeat(256);
    let mut cases: Vec<Value> = ["iss", "aud", "exp", "sub"].map(claims_without).to_vec();
    let wrong: &[(&str, Vec<Value>)] = &[
        (
            "iss",
            vec![
                json!(null),
                json!([ISSUER]),
                json!(""),
                json!("https://login.example/"),
                json!("HTTPS://login.example"),
            ],
        ),
        (
            "aud",
            vec![
                json!(null),
                json!(5),
                json!([]),
                json!([5]),
                json!([AUDIENCE, 5]),
                json!("https://llm.example/"),
                json!({}),
            ],
        ),
        (
            "exp",
            vec![
                json!(null),
                json!("1800003600"),
                json!("x"),
                json!(true),
                json!([NOW + 60]),
                json!(-1),
                json!(0),
            ],
        ),
        (
            "exp",
            vec![
                json!(NOW - 10),
                json!(NOW as f64 - 10.5),
                json!((NOW + 60) * 1000),
                json!(1e300),
                json!(NOW + 86_401),
            ],
        ),
        ("nbf", vec![json!(null), json!("1800000000"), json!(false), json!(-1), json!(NOW + 11)]),
        ("iat", vec![json!(null), json!("1800000000"), json!({}), json!(NOW + 11), json!(NOW - 90_000)]),
        ("sub", vec![json!(null), json!(7), json!(""), json!(["ada"]), json!(long)]),
        ("sub", vec![json!("ada\n"), json!("\u{0}"), json!("ada\u{7f}")]),
        ("jti", vec![json!(7), json!(null), json!(long)]),
        ("sid", vec![json!(7)]),
        ("azp", vec![json!(7), json!("")]),
        ("client_id", vec![json!(["app"])]),
        ("plan", vec![json!(7), json!(""), json!(["free"]), json!(null)]),
        ("tid", vec![json!(7)]),
        ("roles", vec![json!(7), json!(["admin", 7]), json!({ "admin": true })]),
        ("cnf", vec![json!({ "jkt": "x" }), json!({}), json!(null)]),
    ];
    cases.extend(
        wrong.iter().flat_map(|(name, values)| values.iter().map(|value| claims_with(name, value.clone()))),
    );
    let mut differing = claims_with("azp", json!("a"));
    differing["client_id"] = json!("b");
    cases.push(differing);
    for claims in cases {
        let outcome = bear(&layer, &signer.sign_jwt("JWT", &claims).unwrap()).await;
        unverified(&outcome, &claims.to_string());
        assert!(!outcome.cause.contains(&long), "the record must not repeat what was sent");
    }
}

#[tokio::test]
async fn times_are_taken_with_the_leeway_and_not_beyond() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)).leeway(seconds(30)).max_lifetime(seconds(7200)));
    for (name, value, passes) in [
        ("exp", NOW - 29, true),
        ("exp", NOW - 30, false),
        ("nbf", NOW + 30, true),
        ("nbf", NOW + 31, false),
        ("iat", NOW + 30, true),
        ("iat", NOW + 31, false),
        ("exp", NOW + 7200, true),
        ("exp", NOW + 7201, false),
    ] {
        let outcome = bear(&layer, &signer.sign_jwt("JWT", &claims_with(name, json!(value))).unwrap()).await;
        assert_eq!(outcome.status == StatusCode::OK, passes, "{name} {value}: {}", outcome.cause);
    }
}

#[tokio::test]
async fn only_an_expired_credential_of_a_trusted_issuer_is_told_that_it_expired() {
    let (signer, attacker) = (ed25519(), ed25519().with_kid("k"));
    let signer = signer.with_kid("k");
    let layer = layer(issuer(keys(&signer)));
    let expired = claims_with("exp", json!(NOW - 100));
    let ours = bear(&layer, &signer.sign_jwt("JWT", &expired).unwrap()).await;
    assert!(ours.challenge.unwrap().contains("expired") && ours.body.contains("expired"));
    let forged = bear(&layer, &attacker.sign_jwt("JWT", &expired).unwrap()).await;
    assert!(!forged.challenge.unwrap().contains("expired") && !forged.body.contains("expired"));
}

// What is remembered.

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

#[tokio::test]
async fn a_credential_seen_before_is_remembered_and_still_expires() {
    let (signer, clock) = (ed25519(), clock());
    let layer = builder(&clock).issuer(issuer(keys(&signer))).build().unwrap();
    let credential = signer.sign_jwt("JWT", &claims_with("exp", json!(NOW + 60))).unwrap();
    let remembered = async || bear(&layer, &credential).await.seen.map(|seen| seen.facts.remembered);
    assert_eq!((remembered().await, remembered().await), (Some(false), Some(true)));
    clock.advance(seconds(69));
    assert_eq!(remembered().await, Some(true));
    clock.advance(seconds(1));
    let outcome = bear(&layer, &credential).await;
    unverified(&outcome, "expired");
    assert_eq!(outcome.cause, JwtErrorKind::Expired.to_string());
}

#[tokio::test]
async fn a_remembered_credential_waits_when_the_calendar_steps_back_before_its_beginning() {
    let (signer, clock) = (ed25519(), clock());
    let layer = builder(&clock).issuer(issuer(keys(&signer))).build().unwrap();
    let credential = signer.sign_jwt("JWT", &claims_with("nbf", json!(NOW))).unwrap();
    assert_eq!(bear(&layer, &credential).await.status, StatusCode::OK);
    clock.set(UnixTime::from_secs(NOW - 11));
    unverified(&bear(&layer, &credential).await, "not yet");
}

#[tokio::test]
async fn a_credential_is_remembered_no_longer_than_was_said() {
    let (signer, clock) = (ed25519(), clock());
    let brief = builder(&clock).issuer(issuer(keys(&signer))).remember_for(seconds(5)).build().unwrap();
    let never = builder(&clock).issuer(issuer(keys(&signer))).remember_for(Duration::ZERO).build().unwrap();
    let credential = signer.sign_jwt("JWT", &claims()).unwrap();
    let remembered = async |layer| bear(layer, &credential).await.seen.unwrap().facts.remembered;
    assert_eq!((remembered(&brief).await, remembered(&brief).await), (false, true));
    clock.advance(seconds(5));
    assert_eq!((remembered(&brief).await, remembered(&brief).await), (false, true));
    assert_eq!((remembered(&never).await, remembered(&never).await), (false, false));
}

#[tokio::test]
async fn a_remembered_credential_dies_with_its_key() {
    let (old, new) = (ed25519(), ed25519());
    let source = Rotating::new(&old);
    let layer = layer(issuer(source.clone()));
    let credential = old.sign_jwt("JWT", &claims()).unwrap();
    assert_eq!(bear(&layer, &credential).await.status, StatusCode::OK);
    *source.keys.write().unwrap() = set(&new);
    unverified(&bear(&layer, &credential).await, "key gone");
}

#[tokio::test]
async fn a_remembered_credential_dies_when_its_kid_comes_to_name_another_key() {
    let (old, new) = (ed25519().with_kid("k"), ed25519().with_kid("k"));
    let source = Rotating::new(&old);
    let layer = layer(issuer(source.clone()));
    let credential = old.sign_jwt("JWT", &claims()).unwrap();
    assert_eq!(bear(&layer, &credential).await.status, StatusCode::OK);
    *source.keys.write().unwrap() = set(&new);
    let outcome = bear(&layer, &credential).await;
    unverified(&outcome, "key exchanged");
    assert_eq!(outcome.cause, JoseErrorKind::Signature.to_string());
}

#[tokio::test]
async fn a_credential_that_shares_a_long_prefix_with_a_remembered_one_is_verified_itself() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let credential = signer.sign_jwt("JWT", &claims()).unwrap();
    assert_eq!(bear(&layer, &credential).await.status, StatusCode::OK);
    let mut forged = credential.clone().into_bytes();
    let place = forged.len() - 20;
    forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
    unverified(&bear(&layer, std::str::from_utf8(&forged).unwrap()).await, "forged");
}

#[tokio::test]
async fn what_failed_is_not_remembered() {
    let (signer, clock) = (ed25519(), clock());
    let layer = builder(&clock).issuer(issuer(keys(&signer))).build().unwrap();
    let credential = signer.sign_jwt("JWT", &claims_with("nbf", json!(NOW + 60))).unwrap();
    unverified(&bear(&layer, &credential).await, "not yet");
    clock.advance(seconds(60));
    assert_eq!(bear(&layer, &credential).await.status, StatusCode::OK);
}

// Where keys come from.

#[tokio::test]
async fn an_unknown_kid_makes_the_source_look_and_the_new_key_counts_at_once() {
    for later in [false, true] {
        let (old, new) = (ed25519(), ed25519());
        let source = Rotating { later, ..Rotating::new(&old) };
        *source.next.write().unwrap() = Some(set(&new));
        let layer = layer(issuer(source.clone()));
        let outcome = bear(&layer, &new.sign_jwt("JWT", &claims()).unwrap()).await;
        assert_eq!((outcome.status, source.refreshed.load(Ordering::SeqCst)), (StatusCode::OK, 1));
        assert!(outcome.seen.unwrap().headers.get(AUTHORIZATION).is_none());
        let unknown = bear(&layer, &ed25519().sign_jwt("JWT", &claims()).unwrap()).await;
        unverified(&unknown, "unknown kid");
        assert_eq!(source.refreshed.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn nothing_but_an_unknown_key_makes_the_source_look() {
    let signer = ed25519();
    let source = Rotating::new(&signer);
    let layer = layer(issuer(source.clone()));
    let forged = ed25519().with_kid(signer.kid()).sign_jwt("JWT", &claims()).unwrap();
    for credential in [&forged, &forged[1..], "x", &signer.sign_jwt("JWT", &claims_without("exp")).unwrap()] {
        unverified(&bear(&layer, credential).await, credential);
    }
    assert_eq!(source.refreshed.load(Ordering::SeqCst), 0);
}

struct Directory(std::path::PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("portcullis-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.join("jwks.json")
    }

    fn write(&self, content: &str) {
        std::fs::write(self.file(), content).unwrap();
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_key_file_is_read_again_when_it_changed_and_its_cool_down_is_over() {
    let (old, new, clock, directory) = (ed25519(), ed25519(), clock(), Directory::new("changed"));
    directory.write(&old.public_jwks());
    let file = JwksFile::open_with_clock(directory.file(), clock.shared()).unwrap();
    let layer = builder(&clock).issuer(issuer(file.cool_down(seconds(30)))).build().unwrap();
    let (by_old, by_new) = (old.sign_jwt("JWT", &claims()).unwrap(), new.sign_jwt("JWT", &claims()).unwrap());
    assert_eq!(bear(&layer, &by_old).await.status, StatusCode::OK);
    directory.write(&format!("{} ", new.public_jwks()));
    assert_eq!(bear(&layer, &by_new).await.status, StatusCode::UNAUTHORIZED);
    clock.advance(seconds(30));
    assert_eq!(bear(&layer, &by_old).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(bear(&layer, &by_new).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_bad_key_file_leaves_the_old_keys_in_place() {
    let (signer, clock, directory) = (ed25519(), clock(), Directory::new("bad"));
    directory.write(&signer.public_jwks());
    let file = Arc::new(JwksFile::open_with_clock(directory.file(), clock.shared()).unwrap());
    let layer = builder(&clock).issuer(issuer(file.clone())).build().unwrap();
    let credential = signer.sign_jwt("JWT", &claims()).unwrap();
    directory.write("{\"keys\":");
    clock.advance(seconds(31));
    assert_eq!(bear(&layer, &credential).await.status, StatusCode::OK);
    assert!(matches!(file.reload().unwrap_err().kind, JwtErrorKind::KeyFile { .. }));
    std::fs::remove_file(directory.file()).unwrap();
    clock.advance(seconds(31));
    assert_eq!(bear(&layer, &credential).await.status, StatusCode::OK);
    directory.write("{\"keys\":[]}");
    file.reload().unwrap();
    unverified(&bear(&layer, &credential).await, "the issuer withdrew every key");
}

#[test]
fn a_key_file_without_a_usable_key_does_not_open() {
    let directory = Directory::new("empty");
    for content in ["", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#] {
        directory.write(content);
        assert!(
            matches!(JwksFile::open(directory.file()).unwrap_err().kind, JwtErrorKind::KeyFile { .. }),
            "{content}"
        );
    }
}

// What is built.

#[test]
fn building_fails_early_and_names_the_setting() {
    let signer = ed25519();
    let fails = |issuers: Vec<TrustedIssuer>| {
        let builder = issuers.into_iter().fold(VerifyJwtLayer::builder(), VerifyJwtLayerBuilder::issuer);
        match builder.build().unwrap_err().kind {
            JwtErrorKind::Setting { field, .. } => field,
            other => panic!("{other}"),
        }
    };
    let sound = || issuer(keys(&signer));
    assert_eq!(fails(vec![]), "issuer");
    assert_eq!(fails(vec![sound(), sound()]), "issuer");
    assert_eq!(
        fails(vec![TrustedIssuer::new("").audience(AUDIENCE).keys(keys(&signer))]),
        "TrustedIssuer::new"
    );
    assert_eq!(fails(vec![TrustedIssuer::new(ISSUER).keys(keys(&signer))]), "audience");
    assert_eq!(fails(vec![sound().audience("")]), "audience");
    assert_eq!(fails(vec![TrustedIssuer::new(ISSUER).audience(AUDIENCE)]), "keys");
    assert_eq!(fails(vec![sound().algorithms([])]), "algorithms");
    assert_eq!(fails(vec![sound().leeway(seconds(61))]), "leeway");
    assert_eq!(fails(vec![sound().max_lifetime(Duration::ZERO)]), "max_lifetime");
    assert_eq!(fails(vec![sound().plan_claim("plan")]), "plan_claim");
    assert_eq!(fails(vec![sound().tenant_claim("")]), "tenant_claim");
    assert_eq!(fails(vec![sound().roles_claim("/a~2")]), "roles_claim");
    let realm = VerifyJwtLayer::builder().issuer(sound()).realm("a\"b").build().unwrap_err();
    assert!(realm.to_string().contains("realm"));
}

#[tokio::test]
async fn debug_shows_neither_credential_nor_private_key() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let credential = signer.sign_jwt("JWT", &claims()).unwrap();
    let seen = bear(&layer, &credential).await.seen.unwrap();
    let shown = format!("{layer:?} {signer:?} {:?} {:?} {:?}", seen.principal, seen.facts, seen.headers);
    for part in credential.split('.') {
        assert!(!shown.contains(part));
    }
}
