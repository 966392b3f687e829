//! The promise of keys that are fetched: seldom, in the background, and never a request let in or kept out for want of them that
//! should not be.
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use portcullis::clock::UnixTime;
use portcullis::exchange::{Context, EdgeRules, MatchRouteLayer};
use portcullis::fetch::{Fetch, Fetching};
use portcullis::jose::SigningKey;
use portcullis::jwt::{Jwks, JwksBuilder, JwtErrorKind, TrustedIssuer, VerifyJwtLayer};
use portcullis::refusal::Refusal;
use portcullis::route::{Route, RouteTable};
use portcullis::testing::FakeClock;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use tower::{Layer, ServiceExt, service_fn};

const ISSUER: &str = "https://login.example";
const KEYS: &str = "https://login.example/jwks";
const METADATA: &str = "https://login.example/.well-known/openid-configuration";
const NOW: u64 = 1_800_000_000;

fn clock() -> FakeClock {
    FakeClock::at(UnixTime::from_secs(NOW))
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What stands at which URL, who asked for it, and whether anybody is answered at the moment.
#[derive(Clone, Debug)]
struct Web {
    pages: Arc<Mutex<BTreeMap<String, Response<Bytes>>>>,
    asked: Arc<Mutex<Vec<String>>>,
    /// One for each answer that may go out.
    answers: Arc<Semaphore>,
}

impl Web {
    fn new() -> Self {
        Self { pages: Arc::default(), asked: Arc::default(), answers: Arc::new(Semaphore::new(1 << 20)) }
    }

    fn of(signer: &SigningKey) -> Self {
        let web = Self::new();
        web.put(KEYS, signer.public_jwks());
        web
    }

    fn put(&self, url: &str, body: impl Into<Bytes>) {
        self.put_response(url, Response::new(body.into()));
    }

    fn put_response(&self, url: &str, response: Response<Bytes>) {
        self.pages.lock().unwrap().insert(url.to_owned(), response);
    }

    /// Nobody answers from now on.
    fn down(&self) {
        self.pages.lock().unwrap().clear();
    }

    fn asked(&self, url: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == url).count()
    }
}

impl Fetch for Web {
    fn fetch(&self, request: Request<Bytes>) -> Fetching {
        let web = self.clone();
        Fetching::new(async move {
            let url = request.uri().to_string();
            web.asked.lock().unwrap().push(url.clone());
            web.answers.acquire().await.unwrap().forget();
            let page = web.pages.lock().unwrap().get(&url).map(|page| {
                let mut copy = Response::new(page.body().clone());
                (*copy.status_mut(), *copy.headers_mut()) = (page.status(), page.headers().clone());
                copy
            });
            page.ok_or_else(|| {
                portcullis::fetch::FetchErrorKind::Connect("nobody is there".to_owned()).into()
            })
        })
    }
}

fn source(web: &Web, clock: &FakeClock) -> JwksBuilder {
    Jwks::url(KEYS).client(web.clone()).clock(clock.shared())
}

fn layer(keys: &Jwks, clock: &FakeClock) -> VerifyJwtLayer {
    let issuer = TrustedIssuer::new(ISSUER).audience("llm").keys(keys.clone());
    VerifyJwtLayer::builder().context(Context::new(clock.shared())).issuer(issuer).build().unwrap()
}

fn credential(signer: &SigningKey) -> String {
    let claims = json!({ "iss": ISSUER, "aud": "llm", "sub": "ada", "exp": NOW + 80_000, "iat": NOW });
    signer.sign_jwt("JWT", &claims).unwrap()
}

struct Outcome {
    status: StatusCode,
    retry_after: bool,
    cause: String,
}

async fn bear(layer: &VerifyJwtLayer, credential: &str) -> Outcome {
    let handler = service_fn(async |_: Request<Full<Bytes>>| {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let table = RouteTable::new([Route::post("/generate").scope("any")]).unwrap();
    let routes = MatchRouteLayer::builder(table).edge(EdgeRules::default().danger_plaintext()).build();
    let request = Request::post("/generate").header(AUTHORIZATION, format!("Bearer {credential}"));
    let request = request.body(Full::default()).unwrap();
    let response = routes.layer(layer.layer(handler)).oneshot(request).await.unwrap();
    let cause = response.extensions().get::<Refusal>().and_then(Refusal::private_cause);
    Outcome {
        status: response.status(),
        retry_after: response.headers().contains_key(RETRY_AFTER),
        cause: cause.unwrap_or_default().to_owned(),
    }
}

#[tokio::test]
async fn the_first_requests_wait_for_one_fetch_and_all_others_for_none() {
    let (signer, clock) = (SigningKey::generate_ed25519().unwrap().with_kid("a"), clock());
    let web = Web::of(&signer);
    let keys = source(&web, &clock).build().unwrap();
    assert_eq!(web.asked(KEYS), 0, "nothing is fetched before anybody asks");
    let layer = layer(&keys, &clock);
    let first: Vec<_> = (0..20)
        .map(|_| {
            let (layer, credential) = (layer.clone(), credential(&signer));
            tokio::spawn(async move { bear(&layer, &credential).await.status })
        })
        .collect();
    for request in first {
        assert_eq!(request.await.unwrap(), StatusCode::OK);
    }
    assert_eq!((web.asked(KEYS), keys.status().fetches), (1, 1));
    assert_eq!(bear(&layer, &credential(&signer)).await.status, StatusCode::OK);
    assert_eq!(web.asked(KEYS), 1);
}

#[tokio::test]
async fn ten_thousand_unknown_keys_make_one_fetch_for_each_cool_down_and_a_new_key_still_gets_in() {
    let (old, new) = (
        SigningKey::generate_ed25519().unwrap().with_kid("old"),
        SigningKey::generate_ed25519().unwrap().with_kid("new"),
    );
    let clock = clock();
    let web = Web::of(&old);
    let keys = source(&web, &clock).cool_down(seconds(10)).build().unwrap();
    let layer = layer(&keys, &clock);
    keys.load().await.unwrap();
    assert_eq!(web.asked(KEYS), 1);
    let stranger = SigningKey::generate_ed25519().unwrap();
    let mut strangers = Vec::new();
    for n in 0..10_000_u64 {
        let header = format!(r#"{{"alg":"EdDSA","kid":"{n}-{}"}}"#, n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let claims = json!({ "iss": ISSUER, "aud": "llm", "sub": "eve", "exp": NOW + 600 }).to_string();
        strangers.push(stranger.sign_compact(header.as_bytes(), claims.as_bytes()).unwrap());
    }
    for (n, stranger) in strangers.iter().enumerate() {
        assert_eq!(bear(&layer, stranger).await.status, StatusCode::UNAUTHORIZED);
        if n == 5_000 {
            assert_eq!(web.asked(KEYS), 2, "one look for the first five thousand");
            web.put(KEYS, new.public_jwks());
            // Still within the cool-down, by time alone: not even the new key makes it look.
            assert_eq!(bear(&layer, &credential(&new)).await.status, StatusCode::UNAUTHORIZED);
            clock.advance(seconds(10));
        }
    }
    assert_eq!(web.asked(KEYS), 3, "one look for each cool-down");
    assert_eq!(
        bear(&layer, &credential(&new)).await.status,
        StatusCode::OK,
        "the strangers' look has brought it"
    );
    assert_eq!(web.asked(KEYS), 3);
    assert!(keys.status().held_back > 9_000, "{:?}", keys.status());
}

#[tokio::test]
async fn a_key_that_was_just_published_gets_in_at_its_first_request() {
    let (old, new) = (
        SigningKey::generate_ed25519().unwrap().with_kid("old"),
        SigningKey::generate_ed25519().unwrap().with_kid("new"),
    );
    let clock = clock();
    let web = Web::of(&old);
    let keys = source(&web, &clock).build().unwrap();
    let layer = layer(&keys, &clock);
    assert_eq!(bear(&layer, &credential(&old)).await.status, StatusCode::OK);
    web.put(KEYS, new.public_jwks());
    let many: Vec<_> = (0..20)
        .map(|_| {
            let (layer, credential) = (layer.clone(), credential(&new));
            tokio::spawn(async move { bear(&layer, &credential).await.status })
        })
        .collect();
    for request in many {
        assert_eq!(request.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(bear(&layer, &credential(&old)).await.status, StatusCode::UNAUTHORIZED, "its key is gone");
    assert_eq!(web.asked(KEYS), 2);
}

#[tokio::test]
async fn a_look_that_began_before_a_key_was_published_is_followed_by_another() {
    let (old, new) = (
        SigningKey::generate_ed25519().unwrap().with_kid("old"),
        SigningKey::generate_ed25519().unwrap().with_kid("new"),
    );
    let clock = clock();
    let web = Web::of(&old);
    let keys = source(&web, &clock).build().unwrap();
    let layer = layer(&keys, &clock);
    keys.load().await.unwrap();
    // A scheduled fetch has asked, and its answer, with the old key alone, is on its way …
    web.answers.forget_permits(1 << 20);
    clock.advance(seconds(241));
    assert_eq!(bear(&layer, &credential(&old)).await.status, StatusCode::OK);
    while web.asked(KEYS) < 2 {
        tokio::task::yield_now().await;
    }
    // … when somebody comes with the new one.
    let waiting = {
        let (layer, credential) = (layer.clone(), credential(&new));
        tokio::spawn(async move { bear(&layer, &credential).await.status })
    };
    tokio::task::yield_now().await;
    web.answers.add_permits(1);
    while keys.status().age != Some(Duration::ZERO) {
        tokio::task::yield_now().await;
    }
    web.put(KEYS, new.public_jwks());
    web.answers.add_permits(1);
    assert_eq!(waiting.await.unwrap(), StatusCode::OK);
    assert_eq!(web.asked(KEYS), 3);
}

#[tokio::test]
async fn the_set_is_fetched_again_in_the_background_before_it_is_too_old() {
    let (signer, clock) = (SigningKey::generate_ed25519().unwrap().with_kid("a"), clock());
    let web = Web::new();
    let with_age = |age: &str| {
        let mut response = Response::new(Bytes::from(signer.public_jwks()));
        response.headers_mut().insert(CACHE_CONTROL, age.parse().unwrap());
        response
    };
    // How long, by the header, until the next fetch: at most the 100 seconds of the setting, at least the cool-down.
    for (header, due) in [
        ("max-age=50", 40),
        ("public, max-age=86400", 80),
        ("no-store, max-age=0", 8),
        ("max-age=x", 80),
        ("private", 80),
    ] {
        web.put_response(KEYS, with_age(header));
        let keys = source(&web, &clock).refresh_every(seconds(100)).build().unwrap();
        let layer = layer(&keys, &clock);
        keys.load().await.unwrap();
        clock.advance(seconds(due) - Duration::from_millis(1));
        assert_eq!(bear(&layer, &credential(&signer)).await.status, StatusCode::OK);
        assert_eq!(keys.status().fetches, 1, "{header}");
        clock.advance(Duration::from_millis(1));
        // The answer is held back, and no request waits for it.
        let permits = web.answers.available_permits();
        web.answers.forget_permits(permits);
        for _ in 0..3 {
            assert_eq!(bear(&layer, &credential(&signer)).await.status, StatusCode::OK);
        }
        assert_eq!(keys.status().fetches, 2, "{header}");
        web.answers.add_permits(1 << 20);
    }
}

#[tokio::test]
async fn old_keys_count_while_the_issuer_is_down_for_as_long_as_was_said_and_then_nobody_gets_in() {
    let (signer, clock) = (SigningKey::generate_ed25519().unwrap().with_kid("a"), clock());
    let web = Web::of(&signer);
    let keys = source(&web, &clock).keep_for(seconds(600)).build().unwrap();
    let layer = layer(&keys, &clock);
    let good = credential(&signer);
    assert_eq!(bear(&layer, &good).await.status, StatusCode::OK);
    web.down();
    for _ in 0..59 {
        clock.advance(seconds(10));
        assert_eq!(bear(&layer, &good).await.status, StatusCode::OK, "{:?}", keys.status());
        // No request waits for the fetch that it has begun, so it gets its turn here.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    }
    clock.advance(seconds(10));
    let outcome = bear(&layer, &good).await;
    assert_eq!((outcome.status, outcome.retry_after), (StatusCode::SERVICE_UNAVAILABLE, true));
    assert_eq!(outcome.cause, JwtErrorKind::KeysUnavailable.to_string());
    let status = keys.status();
    assert_eq!((status.keys, status.age), (0, Some(seconds(600))));
    assert!(
        status.failures > 10 && status.problem.as_deref().unwrap().contains("nobody is there"),
        "{status:?}"
    );
    // Every cool-down it is asked again, and then everything is as before.
    web.put(KEYS, signer.public_jwks());
    clock.advance(seconds(10));
    assert_eq!(bear(&layer, &good).await.status, StatusCode::OK);
}

#[tokio::test]
async fn before_there_are_keys_nobody_gets_in_and_nobody_is_called_a_liar() {
    let (signer, clock) = (SigningKey::generate_ed25519().unwrap(), clock());
    let web = Web::new();
    let keys = source(&web, &clock).build().unwrap();
    let layer = layer(&keys, &clock);
    for _ in 0..100 {
        assert_eq!(bear(&layer, &credential(&signer)).await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(web.asked(KEYS) <= 2, "{} fetches within one cool-down", web.asked(KEYS));
    let error = keys.load().await.unwrap_err();
    assert!(matches!(&error.kind, JwtErrorKind::KeysNotFetched { from, .. } if from == KEYS), "{error}");
}

#[tokio::test]
async fn a_bad_answer_leaves_the_old_keys_and_a_bad_key_leaves_the_others() {
    let (signer, clock) = (SigningKey::generate_ed25519().unwrap().with_kid("a"), clock());
    let web = Web::of(&signer);
    let keys = source(&web, &clock).build().unwrap();
    keys.load().await.unwrap();
    let answer = |status: u16, body: &str| {
        let mut response = Response::new(Bytes::from(body.to_owned()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
    };
    let set = signer.public_jwks();
    let bad = [
        (answer(302, &set), "redirects are not followed"),
        (answer(500, &set), "500"),
        (answer(404, ""), "404"),
        (answer(200, "<html>"), "JWK set"),
        (answer(200, "{}"), "keys"),
        (answer(200, r#"{"keys":[],"keys":[]}"#), "JWK set"),
    ];
    for (response, why) in bad {
        web.put_response(KEYS, response);
        let error = keys.load().await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert_eq!(keys.status().keys, 1, "{error}");
    }
    let mut mixed: Value = serde_json::from_str(&set).unwrap();
    mixed["keys"].as_array_mut().unwrap().insert(0, json!({ "kty": "oct", "kid": "odd", "k": "c2VjcmV0" }));
    web.put(KEYS, mixed.to_string());
    keys.load().await.unwrap();
    let status = keys.status();
    assert_eq!((status.keys, status.skipped.len(), status.problem), (1, 1, None));
    assert_eq!((status.skipped[0].index, status.skipped[0].kid.as_deref()), (0, Some("odd")));
    web.put(KEYS, r#"{"keys":[]}"#);
    keys.load().await.unwrap();
    assert_eq!(keys.status().keys, 0, "an empty set is the issuer's word");
}

fn metadata(issuer: &str, keys: &str) -> String {
    json!({ "issuer": issuer, "jwks_uri": keys }).to_string()
}

#[tokio::test]
async fn metadata_must_name_exactly_the_issuer_and_keys_on_its_host_or_a_listed_one() {
    let signer = SigningKey::generate_ed25519().unwrap();
    let web = Web::of(&signer);
    for url in ["https://keys.example/jwks", "https://login.example:8443/jwks", "http://login.example/jwks"] {
        web.put(url, signer.public_jwks());
    }
    let found = async |document: String| {
        web.put(METADATA, document);
        let keys = Jwks::discover(ISSUER).client(web.clone()).key_host("KEYS.example").build().unwrap();
        keys.load().await.map_err(|error| error.to_string())
    };
    for keys in [KEYS, "https://keys.example/jwks", "https://login.example:8443/jwks"] {
        assert_eq!(found(metadata(ISSUER, keys)).await, Ok(()), "{keys}");
    }
    for issuer in ["https://login.example/", "https://LOGIN.example", "https://evil.example", ""] {
        let error = found(metadata(issuer, KEYS)).await.unwrap_err();
        assert!(error.contains("`issuer`"), "{issuer}: {error}");
    }
    let bad = [
        (metadata(ISSUER, "https://evil.example/jwks"), "another host"),
        (metadata(ISSUER, "https://login.example.evil.example/jwks"), "another host"),
        (metadata(ISSUER, "http://login.example/jwks"), "https"),
        (metadata(ISSUER, "/jwks"), "whole URL"),
        (json!({ "issuer": ISSUER }).to_string(), "jwks_uri"),
        (format!(r#"{{"issuer":"{ISSUER}","issuer":"{ISSUER}","jwks_uri":"{KEYS}"}}"#), "metadata"),
    ];
    for (document, why) in bad {
        let error = found(document.clone()).await.unwrap_err();
        assert!(error.contains(why), "{document}: {error}");
    }
    assert_eq!(web.asked("https://evil.example/jwks"), 0);
}

#[tokio::test]
async fn metadata_is_looked_for_where_its_specification_says() {
    let openid = [
        ("https://a.example", "https://a.example/.well-known/openid-configuration"),
        ("https://a.example/", "https://a.example/.well-known/openid-configuration"),
        ("https://a.example/realms/x", "https://a.example/realms/x/.well-known/openid-configuration"),
    ];
    let oauth = [
        ("https://a.example", "https://a.example/.well-known/oauth-authorization-server"),
        ("https://a.example/realms/x/", "https://a.example/.well-known/oauth-authorization-server/realms/x"),
    ];
    let all = openid.iter().map(|(issuer, url)| (Jwks::discover(*issuer), url));
    for (builder, url) in all.chain(oauth.iter().map(|(issuer, url)| (Jwks::discover_oauth(*issuer), url))) {
        let web = Web::new();
        builder.client(web.clone()).build().unwrap().load().await.unwrap_err();
        assert_eq!(web.asked(url), 1, "{:?} instead of {url}", web.asked.lock().unwrap());
    }
}

#[test]
fn a_source_that_cannot_work_is_refused_by_name_when_it_is_built() {
    let web = Web::new();
    let wrong = [
        (Jwks::url("login.example/jwks"), "Jwks::url"),
        (Jwks::url("ftp://login.example/jwks"), "Jwks::url"),
        (Jwks::discover("https://login.example?x=1"), "Jwks::discover"),
        (Jwks::discover_oauth("login"), "Jwks::discover_oauth"),
        (Jwks::url(KEYS).key_host("keys.example"), "key_host"),
        (Jwks::url(KEYS).cool_down(Duration::ZERO), "cool_down"),
        (Jwks::url(KEYS).refresh_every(seconds(5)), "refresh_every"),
        (Jwks::url(KEYS).refresh_every(seconds(90_000)).keep_for(seconds(90_000)), "refresh_every"),
        (Jwks::url(KEYS).keep_for(seconds(299)), "keep_for"),
    ];
    for (builder, field) in wrong {
        let error = builder.client(web.clone()).build().unwrap_err();
        assert!(
            matches!(error.kind, JwtErrorKind::Setting { field: named, .. } if named == field),
            "{field}: {error}"
        );
    }
    for url in ["http://login.example", "http://10.0.0.1", "http://localhost.example"] {
        let error = Jwks::discover(url).internal().build().unwrap_err();
        assert!(error.to_string().contains("https://"), "{url}: {error}");
    }
    for url in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost"] {
        assert!(Jwks::discover(url).internal().build().is_ok(), "{url}");
    }
    let keys = Jwks::discover("https://other.example").client(web).build().unwrap();
    let issuer = TrustedIssuer::new(ISSUER).audience("llm").keys(keys);
    let error = VerifyJwtLayer::builder().issuer(issuer).build().unwrap_err();
    assert!(matches!(error.kind, JwtErrorKind::Setting { field: "keys", .. }), "{error}");
}
