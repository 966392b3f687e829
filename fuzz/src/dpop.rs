//! DPoP proofs beside a bound credential: nothing passes but what the key signed for this very request.

use std::convert::Infallible;
use std::future::{Future as _, ready};
use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context as Task, Poll, Waker};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use portcullis::clock::UnixTime;
use portcullis::exchange::Context;
use portcullis::jose::{KeySet, SigningKey};
use portcullis::jwt::{DpopRules, StaticKeys, TrustedIssuer, VerifyJwtLayer};
use portcullis::testing::FakeClock;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

use crate::{choose, seed};

const NOW: u64 = 1_800_000_000;

struct World {
    client: SigningKey,
    credential: String,
    layer: VerifyJwtLayer,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let key = || SigningKey::generate_ed25519().expect("the system gives randomness");
        let (issuer, client) = (key(), key());
        let claims = json!({
            "iss": "https://login.test", "aud": "llm", "sub": "ada", "exp": NOW + 60,
            "cnf": { "jkt": client.thumbprint().to_string() },
        });
        let credential = issuer.sign_jwt("at+jwt", &claims).expect("a fresh key signs");
        let keys = KeySet::from_jwks(issuer.public_jwks()).expect("a set that was just written can be read");
        let issuer = TrustedIssuer::new("https://login.test").audience("llm").keys(StaticKeys::from(keys));
        let layer = VerifyJwtLayer::builder()
            .context(Context::new(FakeClock::at(UnixTime::from_secs(NOW)).shared()))
            .issuer(issuer)
            .dpop(DpopRules::at("https://llm.test").remember_at_most(1 << 20, 1 << 24))
            .build()
            .expect("the settings are sound");
        World { client, credential, layer }
    })
}

pub fn check(data: &[u8]) {
    match choose(data, 3) {
        Some((0, proof)) => assert_ne!(ask(proof, "/generate"), Some(StatusCode::OK), "nobody signed it"),
        Some((1, claims)) => signed(claims),
        Some((_, input)) => address(input),
        None => {}
    }
}

/// Claims of the fuzzer's, signed by the right key.
fn signed(claims: &[u8]) {
    if ask(proof(claims).as_bytes(), "/generate") != Some(StatusCode::OK) {
        return;
    }
    let claims: Value = serde_json::from_slice(claims).expect("what passed is JSON");
    assert_eq!((&claims["htm"], &claims["ath"]), (&json!("POST"), &json!(ath())));
    let made = claims["iat"].as_f64().expect("what passed has its time");
    assert!((NOW as f64 - 61.0..NOW as f64 + 6.0).contains(&made), "{made}");
    assert!(claims["jti"].as_str().is_some_and(|jti| !jti.is_empty()));
    assert!(claims["htu"].as_str().is_some_and(|htu| htu.to_ascii_lowercase().contains("llm")));
}

/// A path and an address of the fuzzer's.
fn address(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (path, htu) = text.split_once('\n').unwrap_or(("/generate", text));
    if !path.starts_with('/') {
        return;
    }
    let jti = format!("{path} {htu}").chars().take(60).collect::<String>();
    let claims = json!({ "htm": "POST", "htu": htu, "iat": NOW, "jti": jti, "ath": ath() }).to_string();
    if ask(proof(claims.as_bytes()).as_bytes(), path) == Some(StatusCode::OK) {
        let lower = htu.to_ascii_lowercase();
        assert!(lower.starts_with("https://") && !htu.contains('@'), "{htu}");
    }
}

fn ath() -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, world().credential.as_bytes()))
}

fn proof(claims: &[u8]) -> String {
    let jwk: Value = serde_json::from_str(&world().client.public_jwk()).expect("a key is JSON");
    let header = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk }).to_string();
    world().client.sign_compact(header.as_bytes(), claims).expect("a fresh key signs")
}

/// The status of the answer; `None` for what is no request.
fn ask(proof: &[u8], path: &str) -> Option<StatusCode> {
    let request = Request::post(path)
        .header("authorization", format!("DPoP {}", world().credential))
        .header("dpop", HeaderValue::from_bytes(proof).ok()?)
        .body(Full::<Bytes>::default())
        .ok()?;
    let handler = service_fn(|_: Request<Full<Bytes>>| {
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    });
    let mut answer = pin!(world().layer.layer(handler).oneshot(request));
    match answer.as_mut().poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(Ok(response)) => Some(response.status()),
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => panic!("static keys need no waiting"),
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let claims = |htu: &str, jti: &str| {
        json!({ "htm": "POST", "htu": htu, "iat": NOW, "jti": jti, "ath": ath() }).to_string()
    };
    let unsigned = proof(claims("https://llm.test/generate", "0").as_bytes());
    let (unsigned, _) = unsigned.rsplit_once('.').expect("a JWS has three parts");
    vec![
        seed(0, format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode([7; 64]))),
        seed(0, "x.y.z"),
        seed(1, claims("https://llm.test/generate", "1")),
        seed(1, claims("HTTPS://LLM.test:443/a/../%67enerate?x#y", "2")),
        seed(1, r#"{"htm":"POST","jti":7}"#),
        seed(2, "/generate\nhttps://llm.test/generate"),
        seed(2, "/a%2fb/./c\nhttps://llm.test:0443/a%2Fb/c"),
        seed(2, "https://[::1]:443/"),
    ]
}
