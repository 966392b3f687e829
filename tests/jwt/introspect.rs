//! Opaque credentials (RFC 7662), asked about at an endpoint over a real socket.

use super::*;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use portcullis::fetch::{Fetch, Fetching, HttpsClient};
use portcullis::jose::Jws;
use portcullis::jwt::{ClientAuthentication, Introspection};
use portcullis::principal::{AuthenticationMethod, Revocations, RevokedBy};
use std::sync::Mutex;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// An issuer that answers as it was told, when it is let.
#[derive(Clone)]
struct Endpoint {
    url: String,
    asked: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    answer: Arc<Mutex<(StatusCode, String)>>,
    /// One permit for each answer.
    permits: Arc<Semaphore>,
    came: Arc<Semaphore>,
}

impl Endpoint {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/introspect", listener.local_addr().unwrap());
        let endpoint = Self {
            url,
            asked: Arc::default(),
            answer: Arc::new(Mutex::new((StatusCode::OK, active().to_string()))),
            permits: Arc::new(Semaphore::new(1000)),
            came: Arc::new(Semaphore::new(0)),
        };
        let app = axum::Router::new().fallback(answer).with_state(endpoint.clone());
        // It ends with the runtime of the test.
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        endpoint
    }

    fn will_answer(&self, answer: &Value) {
        *self.answer.lock().unwrap() = (StatusCode::OK, answer.to_string());
    }

    fn times_asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn rules(&self, client: ClientAuthentication) -> Introspection {
        let fetch = HttpsClient::builder().loopback_only().internal_host("127.0.0.1").build().unwrap();
        let issuer = TrustedIssuer::new(ISSUER).audience(AUDIENCE).plan_claim("/plan");
        Introspection::new(self.url.as_str(), issuer, client, fetch)
    }

    fn layer(&self, clock: &FakeClock) -> VerifyJwtLayer {
        let client = ClientAuthentication::secret("llm", "s:e c".into());
        builder(clock).introspection(self.rules(client)).build().unwrap()
    }
}

async fn answer(State(endpoint): State<Endpoint>, headers: HeaderMap, body: String) -> impl IntoResponse {
    endpoint.asked.lock().unwrap().push((headers, body));
    endpoint.came.add_permits(1);
    endpoint.permits.acquire().await.unwrap().forget();
    let (status, body) = endpoint.answer.lock().unwrap().clone();
    (status, [(CONTENT_TYPE, "application/json")], body)
}

fn active() -> Value {
    let mut answer = claims();
    answer["active"] = json!(true);
    answer["scope"] = json!("generate:invoke");
    answer["client_id"] = json!("web-app");
    answer["plan"] = json!("free");
    answer["token_type"] = json!("Bearer");
    answer
}

#[tokio::test]
async fn an_opaque_credential_is_asked_about_once_and_remembered_for_a_while() {
    let (endpoint, clock) = (Endpoint::start().await, clock());
    let layer = endpoint.layer(&clock);
    for remembered in [false, true] {
        let outcome = bear(&layer, "opaque-1").await;
        let Seen { principal, facts, headers } = outcome.seen.expect(&outcome.cause);
        assert_eq!((principal.subject().unwrap().issuer(), principal.name()), (ISSUER, "ada"));
        assert_eq!(principal.application().unwrap().as_str(), "web-app");
        assert_eq!(principal.plan().unwrap().as_str(), "free");
        assert!(principal.scopes().contains("generate:invoke"));
        assert_eq!(principal.credential().method(), AuthenticationMethod::Introspection);
        assert_eq!(facts.remembered, remembered);
        assert!(!headers.contains_key("authorization"));
    }
    assert_eq!(endpoint.times_asked(), 1);
    // What it revokes meanwhile is known when a minute is over.
    endpoint.will_answer(&json!({ "active": false }));
    clock.advance(seconds(59));
    assert_eq!(bear(&layer, "opaque-1").await.status, StatusCode::OK);
    clock.advance(seconds(1));
    unverified(&bear(&layer, "opaque-1").await, "inactive");
    assert_eq!(endpoint.times_asked(), 2);
}

#[tokio::test]
async fn an_answer_is_remembered_no_longer_than_it_says() {
    let (endpoint, clock) = (Endpoint::start().await, clock());
    let layer = endpoint.layer(&clock);
    let mut answer = active();
    answer["exp"] = json!(NOW + 20);
    endpoint.will_answer(&answer);
    assert_eq!(bear(&layer, "opaque").await.status, StatusCode::OK);
    clock.advance(seconds(29));
    assert_eq!(bear(&layer, "opaque").await.status, StatusCode::OK, "within the leeway");
    clock.advance(seconds(1));
    let outcome = bear(&layer, "opaque").await;
    unverified(&outcome, "expired");
    assert!(outcome.challenge.unwrap().contains("expired"));
}

#[tokio::test]
async fn a_refusal_is_remembered_briefly_and_for_its_own_credential() {
    let (endpoint, clock) = (Endpoint::start().await, clock());
    let layer = endpoint.layer(&clock);
    endpoint.will_answer(&json!({ "active": false }));
    for _ in 0..3 {
        unverified(&bear(&layer, "opaque").await, "inactive");
    }
    assert_eq!(endpoint.times_asked(), 1);
    endpoint.will_answer(&active());
    assert_eq!(bear(&layer, "opaque-too").await.status, StatusCode::OK);
    unverified(&bear(&layer, "opaque").await, "still remembered");
    clock.advance(seconds(10));
    assert_eq!(bear(&layer, "opaque").await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_answer_is_held_to_the_rules_of_a_jwt() {
    let endpoint = Endpoint::start().await;
    let layer = endpoint.layer(&clock());
    for (n, (name, value)) in [
        ("aud", Value::Null),
        ("aud", json!("https://other.example")),
        ("exp", Value::Null),
        ("exp", json!("x")),
        ("exp", json!(NOW - 3600)),
        ("sub", Value::Null),
        ("iss", json!("https://other.example")),
        ("iss", json!(7)),
        ("nbf", json!(NOW + 3600)),
        ("scope", json!(["a"])),
        ("token_type", json!("refresh_token")),
        ("token_type", json!(7)),
        ("nonce", json!("of an ID token")),
        ("cnf", json!({ "kid": "k" })),
        ("cnf", json!({ "jkt": encode([7; 32]) })),
        ("cnf", json!({ "x5t#S256": encode([7; 32]) })),
    ]
    .into_iter()
    .enumerate()
    {
        let mut answer = active();
        match value.clone() {
            Value::Null => drop(answer.as_object_mut().unwrap().remove(name)),
            value => answer[name] = value,
        }
        endpoint.will_answer(&answer);
        let outcome = bear(&layer, &format!("opaque-{n}")).await;
        assert_eq!(
            (outcome.status, outcome.seen.is_none()),
            (StatusCode::UNAUTHORIZED, true),
            "{name} {value}"
        );
    }
    let mut unnamed = active();
    unnamed.as_object_mut().unwrap().remove("iss");
    endpoint.will_answer(&unnamed);
    assert_eq!(bear(&layer, "opaque").await.status, StatusCode::OK, "the issuer need not name itself");
}

#[tokio::test]
async fn an_endpoint_that_is_down_or_makes_no_sense_refuses_and_is_asked_again() {
    let endpoint = Endpoint::start().await;
    let layer = endpoint.layer(&clock());
    let unavailable = async || {
        let outcome = bear(&layer, "opaque").await;
        assert_eq!(outcome.status, StatusCode::SERVICE_UNAVAILABLE, "{}", outcome.cause);
        assert!(outcome.cause.contains("could not be asked"), "{}", outcome.cause);
    };
    for (status, body) in [
        (500, active().to_string()),
        (401, r#"{"error":"invalid_client"}"#.to_owned()),
        (200, "<html>".to_owned()),
        (200, "{}".to_owned()),
        (200, r#"{"active":"true"}"#.to_owned()),
        (200, r#"{"active":false,"active":true}"#.to_owned()),
        (302, active().to_string()),
    ] {
        *endpoint.answer.lock().unwrap() = (StatusCode::from_u16(status).unwrap(), body);
        unavailable().await;
    }
    let times = endpoint.times_asked();
    *endpoint.answer.lock().unwrap() = (StatusCode::OK, active().to_string());
    assert_eq!(bear(&layer, "opaque").await.status, StatusCode::OK);
    assert_eq!((times, endpoint.times_asked()), (7, 8));

    // Nobody listens any more, and what is remembered still counts.
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/introspect", listener.local_addr().unwrap())
    };
    let nobody = Endpoint { url: gone, ..endpoint.clone() };
    let layer = nobody.layer(&clock());
    assert_eq!(bear(&layer, "opaque").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn many_who_bear_one_credential_ask_one_question_also_when_the_first_of_them_leaves() {
    let endpoint = Endpoint::start().await;
    endpoint.permits.forget_permits(1000);
    let layer = Arc::new(endpoint.layer(&clock()));
    let bear = |layer: &Arc<VerifyJwtLayer>| {
        let layer = Arc::clone(layer);
        async move { bear(&layer, "opaque").await.status }
    };
    let first = tokio::spawn(bear(&layer));
    endpoint.came.acquire().await.unwrap().forget();
    let mut others = JoinSet::new();
    (0..20).for_each(|_| drop(others.spawn(bear(&layer))));
    tokio::task::yield_now().await;
    assert_eq!(endpoint.times_asked(), 1);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    // One of the others asks in its place.
    endpoint.came.acquire().await.unwrap().forget();
    endpoint.permits.add_permits(1000);
    while let Some(status) = others.join_next().await {
        assert_eq!(status.unwrap(), StatusCode::OK);
    }
    assert_eq!(endpoint.times_asked(), 2);
}

#[tokio::test]
async fn no_more_than_64_questions_are_under_way_at_once() {
    let endpoint = Endpoint::start().await;
    endpoint.permits.forget_permits(1000);
    let layer = Arc::new(endpoint.layer(&clock()));
    let mut asking = JoinSet::new();
    for n in 0..64 {
        let layer = Arc::clone(&layer);
        asking.spawn(async move { bear(&layer, &format!("opaque-{n}")).await.status });
    }
    endpoint.came.acquire_many(64).await.unwrap().forget();
    assert_eq!(bear(&layer, "opaque").await.status, StatusCode::SERVICE_UNAVAILABLE);
    endpoint.permits.add_permits(1000);
    while let Some(status) = asking.join_next().await {
        assert_eq!(status.unwrap(), StatusCode::OK);
    }
    assert_eq!(bear(&layer, "opaque").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_endpoint_learns_who_asks_by_secret_by_assertion_or_by_certificate() {
    let endpoint = Endpoint::start().await;
    let key = ed25519();
    let keys = KeySet::from_jwks(key.public_jwks()).unwrap();
    let secret = ClientAuthentication::secret("l:m", "s:e c".into());
    for client in [
        secret,
        ClientAuthentication::private_key("llm", key, Some(ISSUER)),
        ClientAuthentication::certificate("llm"),
    ] {
        assert!(!format!("{client:?}").contains("s:e"));
        let layer = builder(&clock()).introspection(endpoint.rules(client)).build().unwrap();
        assert_eq!(bear(&layer, "a+b/c=").await.status, StatusCode::OK);
    }
    let asked = endpoint.asked.lock().unwrap().clone();
    for (headers, body) in &asked {
        assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
        assert!(body.starts_with("token=a%2Bb%2Fc%3D&token_type_hint=access_token"), "{body}");
    }
    let basic = base64::engine::general_purpose::STANDARD.encode("l%3Am:s%3Ae+c");
    assert_eq!(asked[0].0["authorization"], format!("Basic {basic}"));
    assert!(!asked[1].0.contains_key("authorization") && !asked[2].0.contains_key("authorization"));
    assert!(asked[2].1.ends_with("&client_id=llm"), "{}", asked[2].1);
    let (start, assertion) = asked[1].1.split_once("&client_assertion=").unwrap();
    assert!(start.ends_with(
        "&client_id=llm&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
    ));
    let jws = Jws::parse(assertion).unwrap();
    let claims = jws.verify(keys.select(jws.kid(), jws.algorithm()).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(claims).unwrap();
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("llm"), &json!("llm")));
    assert_eq!((&claims["aud"], &claims["exp"]), (&json!(ISSUER), &json!(NOW + 60)));
    assert!(claims["jti"].as_str().is_some_and(|jti| jti.len() == 22));
}

#[tokio::test]
async fn a_jwt_of_a_trusted_issuer_is_checked_here_and_only_others_are_asked_about() {
    let (endpoint, signer) = (Endpoint::start().await, ed25519());
    let client = ClientAuthentication::certificate("llm");
    let both = builder(&clock()).issuer(issuer(keys(&signer))).introspection(endpoint.rules(client));
    let both = both.build().unwrap();
    let jwt = signer.sign_jwt("JWT", &claims()).unwrap();
    let forged = ed25519().with_kid(signer.kid()).sign_jwt("JWT", &claims()).unwrap();
    let seen = bear(&both, &jwt).await.seen.unwrap();
    assert_eq!(seen.principal.credential().method(), AuthenticationMethod::Jwt);
    unverified(&bear(&both, &forged).await, "forged, and not asked about");
    assert_eq!(endpoint.times_asked(), 0);
    assert_eq!(bear(&both, "opaque").await.status, StatusCode::OK);
    // Without an issuer of JWTs, everything is opaque.
    assert_eq!(bear(&endpoint.layer(&clock()), &forged).await.status, StatusCode::OK);
    assert_eq!(endpoint.times_asked(), 2);
}

#[tokio::test]
async fn an_opaque_credential_that_was_revoked_is_refused_though_its_answer_is_remembered() {
    let (endpoint, clock) = (Endpoint::start().await, clock());
    let list = Revocations::with_clock(clock.shared());
    let client = ClientAuthentication::secret("llm", "s:e c".into());
    let layer =
        builder(&clock).introspection(endpoint.rules(client)).revocations(list.clone()).build().unwrap();
    let mut answer = active();
    answer["jti"] = json!("7");
    endpoint.will_answer(&answer);
    assert_eq!(bear(&layer, "opaque").await.status, StatusCode::OK);
    list.revoke_credential(ISSUER, "7", UnixTime::from_secs(NOW + 3600)).unwrap();
    // The first is remembered, the second is asked about now.
    for (credential, asked) in [("opaque", 1), ("opaque-too", 2)] {
        let outcome = bear(&layer, credential).await;
        unverified(&outcome, credential);
        assert_eq!(outcome.cause, JwtErrorKind::Revoked(RevokedBy::Identifier).to_string());
        assert_eq!(endpoint.times_asked(), asked);
    }
    answer["jti"] = json!("8");
    endpoint.will_answer(&answer);
    assert_eq!(bear(&layer, "opaque-of-another").await.status, StatusCode::OK);
}

/// An issuer in this process, which knows one credential.
#[derive(Clone, Debug, Default)]
struct Nearby(Arc<AtomicUsize>);

impl Fetch for Nearby {
    fn fetch(&self, request: Request<Bytes>) -> Fetching {
        self.0.fetch_add(1, Ordering::SeqCst);
        let is_known = request.body().starts_with(b"token=known&");
        let answer = if is_known { active() } else { json!({ "active": false }) };
        Fetching::new(std::future::ready(Ok(Response::new(answer.to_string().into()))))
    }
}

#[tokio::test]
async fn however_many_a_stranger_makes_up_the_good_are_remembered_and_the_refused_are_bounded() {
    let nearby = Nearby::default();
    let times_asked = || nearby.0.load(Ordering::SeqCst);
    let client = ClientAuthentication::certificate("llm");
    let issuer = TrustedIssuer::new(ISSUER).audience(AUDIENCE);
    let rules = Introspection::new("https://login.example/introspect", issuer, client, nearby.clone());
    let layer = builder(&clock()).introspection(rules).build().unwrap();
    assert_eq!(bear(&layer, "known").await.status, StatusCode::OK);
    for n in 0..10_000 {
        assert_eq!(bear(&layer, &format!("made-up-{n}")).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(times_asked(), 10_001);
    assert_eq!(bear(&layer, "known").await.status, StatusCode::OK);
    assert_eq!(bear(&layer, "made-up-9999").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(times_asked(), 10_001, "both are remembered");
    assert_eq!(bear(&layer, "made-up-0").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(times_asked(), 10_002, "the oldest has left");
}
