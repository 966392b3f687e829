//! Credentials beside the JWTs of issuers, through the whole gate: API keys, a host's own login, DPoP; and what guessing costs.

#![allow(clippy::unwrap_used, reason = "these are tests; clippy knows only the functions that are marked so")]

use bytes::Bytes;
use http::{Request, Response, StatusCode, header, request};
use http_body_util::{BodyExt, Full};
use portcullis::Gate;
use portcullis::clock::UnixTime;
use portcullis::exchange::Exchange;
use portcullis::gate::GateBuilder;
use portcullis::jwt::{ApiKey, Authenticate, Authentication, DpopRules, NewApiKey, RequireBinding};
use portcullis::limit::{FloodQuota, Per, Plan};
use portcullis::payload::PlainGenerate;
use portcullis::principal::{AuthenticationMethod, Credential, PeerAddress, Principal, Subject};
use portcullis::read::RequestBody;
use portcullis::route::Route;
use portcullis::testing::{FakeClock, Issuer};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;
use tower::{Layer, ServiceExt, service_fn};

const NOW: u64 = 1_800_000_000;
const AUDIENCE: &str = "https://llm.test";

fn builder(clock: &FakeClock) -> GateBuilder {
    Gate::builder()
        .clock(clock.shared())
        .danger_plaintext()
        .route(Route::post("/generate").dialect(PlainGenerate).scope("generate:invoke"))
        .open(http::Method::GET, "/healthz")
        .plan(Plan::new("narrow").requests(2, Per::Minute).usage(10_000, Per::Minute))
        .danger_without_audit()
}

fn clock() -> FakeClock {
    FakeClock::at(UnixTime::from_secs(NOW))
}

fn key(made: &NewApiKey) -> ApiKey {
    let key =
        ApiKey::of_sha256(&made.sha256, Subject::new("api-keys", "ada"), UnixTime::from_secs(NOW + 3600));
    key.unwrap().plan("narrow").scopes(["generate:invoke"].into_iter().collect())
}

fn ask_as(name: &str, value: &str) -> Request<Full<Bytes>> {
    ask_from("192.0.2.7:4711", name, value)
}

fn ask_from(address: &str, name: &str, value: &str) -> Request<Full<Bytes>> {
    Request::post("/generate")
        .header(header::CONTENT_TYPE, "application/json")
        .header(name, value)
        .extension(PeerAddress(address.parse().unwrap()))
        .body(Full::from(r#"{"prompt":"hello","max_tokens":8}"#))
        .unwrap()
}

async fn ask(gate: &Gate, request: Request<Full<Bytes>>) -> (StatusCode, Value) {
    let handler = service_fn(async |request: Request<RequestBody>| {
        let who = Exchange::of(&request.into_parts().0).unwrap().principal().unwrap().clone();
        let body = json!({ "who": who.name(), "method": who.credential().method().as_str() });
        let response = Response::builder().header("content-type", "application/json");
        Ok::<_, Infallible>(response.body(Full::<Bytes>::from(body.to_string())).unwrap())
    });
    let (head, body) = gate.layer(handler).oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (head.status, serde_json::from_slice(&bytes).unwrap_or_default())
}

/// Knows whoever sends a session, with the scopes that it names.
#[derive(Debug)]
struct Sessions;

impl Authenticate for Sessions {
    fn authenticate(&self, parts: &mut request::Parts, _: &Exchange) -> Authentication {
        let Some(session) = parts.headers.remove("x-session") else { return Authentication::Absent };
        let scopes = session.to_str().unwrap().split(' ').collect();
        let credential = Credential::new(AuthenticationMethod::Host);
        let ada = Principal::builder(Subject::new("app", "ada"), credential);
        Authentication::Known(ada.scopes(scopes).plan("narrow".into()).build())
    }
}

#[tokio::test]
async fn limits_and_scopes_hold_for_whom_the_hosts_login_knows() {
    let gate = builder(&clock()).authenticate(Sessions).build().unwrap();
    assert_eq!(ask(&gate, ask_as("x-session", "models:read")).await.0, StatusCode::FORBIDDEN);
    let (status, answer) = ask(&gate, ask_as("x-session", "generate:invoke")).await;
    assert_eq!((status, &answer["method"]), (StatusCode::OK, &json!("host")));
    assert_eq!(ask(&gate, ask_as("x-session", "generate:invoke")).await.0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ask(&gate, ask_as("x-other", "x")).await.0, StatusCode::UNAUTHORIZED);
    let posture = gate.posture().to_string();
    assert!(posture.contains("the host's own login: Sessions") && posture.contains("no JWT is believed"));
}

#[tokio::test]
async fn an_api_key_is_enough_and_the_posture_calls_it_the_weakest_kind() {
    let made = ApiKey::generate().unwrap();
    let gate = builder(&clock()).api_key(key(&made)).build().unwrap();
    let bearer = format!("Bearer {}", made.key.expose_secret());
    let (status, answer) = ask(&gate, ask_as("authorization", &bearer)).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({ "who": "ada", "method": "api_key" })));
    let posture = gate.posture().to_string();
    assert!(posture.contains("API KEYS: 1, THE WEAKEST KIND"), "{posture}");
    assert!(!posture.contains(&made.sha256));
    let another = builder(&clock()).api_key(key(&ApiKey::generate().unwrap())).build().unwrap();
    assert_ne!(gate.posture().generation, another.posture().generation, "other keys, another configuration");
}

#[tokio::test]
async fn a_guess_at_a_credential_costs_its_address_ten_requests_and_nobody_else() {
    let (clock, made) = (clock(), ApiKey::generate().unwrap());
    let issuer = Issuer::with_clock("https://issuer.test", clock.shared());
    let gate = builder(&clock)
        .api_key(key(&made))
        .issuer(issuer.trusted().audience(AUDIENCE))
        .flood(FloodQuota::new(30, Per::Second))
        .build()
        .unwrap();
    for _ in 0..3 {
        assert_eq!(ask(&gate, ask_as("authorization", "Bearer key_guess")).await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(
        ask(&gate, ask_as("authorization", "Bearer key_guess")).await.0,
        StatusCode::TOO_MANY_REQUESTS
    );
    let neighbour = ask_from("192.0.2.8:4711", "authorization", "Bearer key_guess");
    assert_eq!(ask(&gate, neighbour).await.0, StatusCode::UNAUTHORIZED);
    clock.advance(Duration::from_secs(1));
    // Whoever shows nothing, or what was good once, guesses nothing.
    let old = issuer.credential("ada").audience(AUDIENCE).sign();
    clock.advance(Duration::from_secs(3600));
    for n in 0..15 {
        let asked = [ask_as("x-nothing", "x"), ask_as("authorization", &format!("Bearer {old}"))];
        for request in asked {
            assert_eq!(ask(&gate, request).await.0, StatusCode::UNAUTHORIZED, "{n}");
        }
    }
}

#[tokio::test]
async fn a_file_sets_up_keys_dpop_and_who_must_be_bound() {
    let made = ApiKey::generate().unwrap();
    let text = |more: &str| {
        format!(
            "danger_without_limits = true\naudit.danger_off = true\n{more}\n[[routes]]\nmethod = \"POST\"\n\
             path = \"/generate\"\ndialect = \"generate\"\nscopes = [\"generate:invoke\"]\n[edge]\ndanger_plaintext = true\n"
        )
    };
    let keys = format!(
        "[[api_keys]]\nsha256 = \"{}\"\nowner = \"ada\"\nexpires = \"2126-01-01T00:00:00Z\"\nscopes = [\"generate:invoke\"]\n",
        made.sha256
    );
    let dpop = "authentication.dpop.addresses = [\"https://llm.test\"]\n";
    let gate = Gate::from_config(&text(&format!("{dpop}{keys}"))).unwrap();
    let bearer = format!("Bearer {}", made.key.expose_secret());
    assert_eq!(ask(&gate, ask_as("authorization", &bearer)).await.0, StatusCode::OK);
    assert!(gate.posture().to_string().contains("DPoP at https://llm.test"));
    let bound =
        Gate::from_config(&text(&format!("authentication.require_binding = \"always\"\n{keys}"))).unwrap();
    assert_eq!(ask(&bound, ask_as("authorization", &bearer)).await.0, StatusCode::UNAUTHORIZED);

    for (wrong, line, says) in [
        ("[[api_keys]]\nsha256 = \"x\"\nowner = \"a\"\nexpires = \"2126-01-01T00:00:00Z\"\n", 4, "sha256sum"),
        ("[[api_keys]]\nsha256 = \"x\"\nowner = \"a\"\n", 3, "expires"),
        ("authentication.dpop.addresses = []\n", 3, "name the address"),
        ("authentication.dpop.addresses = [\"llm.test\"]\n", 3, "https://llm.example.com"),
        ("authentication.require_binding = \"sometimes\"\n", 3, "\"when_bound\" or \"always\""),
        ("authentication.require_binding = []\n", 3, "empty list"),
        (&format!("{keys}{keys}"), 9, "twice"),
    ] {
        let error = Gate::from_config(&text(wrong)).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(error.line(), Some(line), "{error}");
        assert!(!error.to_string().contains(&made.sha256));
    }
}

#[test]
fn the_posture_says_what_must_be_bound() {
    let issuer = Issuer::new("https://issuer.test");
    let gate = builder(&clock())
        .issuer(issuer.trusted().audience(AUDIENCE))
        .dpop(DpopRules::at("https://llm.test").require_nonces())
        .require_binding(RequireBinding::for_plans(["narrow"]))
        .build()
        .unwrap();
    let posture = gate.posture().to_string();
    assert!(posture.contains("DPoP at https://llm.test, with nonces"), "{posture}");
    assert!(posture.contains("bound to a key of its bearer for plan narrow"), "{posture}");
}

#[cfg(feature = "fetch")]
#[test]
fn a_file_names_whom_to_ask_about_opaque_credentials_and_how_to_show_who_asks() {
    let folder = std::env::temp_dir().join(format!("portcullis-introspection-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("secret"), "s3cret\n").unwrap();
    std::fs::write(folder.join("odd"), "no key").unwrap();
    let gate = |way: &str| {
        let text = format!(
            "danger_without_limits = true\naudit.danger_off = true\n[introspection]\nendpoint = \"http://127.0.0.1:9/introspect\"\n\
             issuer = \"https://login.test\"\naudiences = [\"llm\"]\nclient_id = \"gate\"\ninternal_hosts = [\"127.0.0.1\"]\n{way}\n\
             [[routes]]\nmethod = \"POST\"\npath = \"/generate\"\ndialect = \"generate\"\nscopes = [\"a\"]\n"
        );
        let config = portcullis::gate::config::Config::parse(&text).unwrap();
        config.relative_to(&folder).build()
    };
    let posture = gate("client_secret_file = \"secret\"").unwrap().posture().to_string();
    assert!(posture.contains("opaque credentials of https://login.test, asked about at http"), "{posture}");
    assert!(!posture.contains("s3cret"));
    for (way, says) in [
        ("", "one of client_secret_file"),
        ("client_secret_file = \"secret\"\nprivate_key_file = \"odd\"", "one of client_secret_file"),
        ("client_secret_file = \"nowhere\"", "cannot be read"),
        ("private_key_file = \"odd\"", "PKCS #8"),
        ("private_key_file = \"nowhere\"", "cannot be read"),
        ("client_secret_file = \"secret\"\nscope_claim = \"permissions\"", "scope_claim"),
        ("certificate_file = \"odd\"", "go together"),
    ] {
        let error = gate(way).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(error.line(), Some(3), "{error}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// What an issuer was asked, in a form.
#[cfg(feature = "fetch")]
type Questions = std::sync::Arc<std::sync::Mutex<Vec<String>>>;

/// An issuer that knows every credential, and says elsewhere than usual what it allows.
#[cfg(feature = "fetch")]
async fn issuer_of_opaque_credentials() -> (String, Questions) {
    let asked = Questions::default();
    let seen = asked.clone();
    let answer = move |question: String| async move {
        use portcullis::clock::{Clock as _, SystemClock};
        seen.lock().unwrap().push(question);
        axum::Json(json!({
            "active": true, "sub": "ada", "aud": "llm", "exp": SystemClock::new().now().as_secs() + 300,
            "scope": "nothing", "permissions": ["generate:invoke"],
        }))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/introspect", listener.local_addr().unwrap());
    let app = axum::Router::new().route("/introspect", axum::routing::post(answer));
    // It ends with the runtime of the test.
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (endpoint, asked)
}

#[cfg(feature = "fetch")]
#[tokio::test]
async fn a_file_names_where_scopes_stand_in_an_answer_and_a_key_in_pem_or_der_that_signs_the_question() {
    let folder = std::env::temp_dir().join(format!("portcullis-assertion-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    std::fs::write(folder.join("key.der"), key.serialize_der()).unwrap();
    let public = portcullis::jose::SigningKey::from_pkcs8(key.serialized_der()).unwrap().public_jwks();
    let public = portcullis::jose::KeySet::from_jwks(public).unwrap();
    let (endpoint, asked) = issuer_of_opaque_credentials().await;
    for (number, file) in ["key.pem", "key.der"].into_iter().enumerate() {
        let text = format!(
            "danger_without_limits = true\naudit.danger_off = true\n[introspection]\nendpoint = \"{endpoint}\"\n\
             issuer = \"https://login.test\"\naudiences = [\"llm\"]\nclient_id = \"gate\"\ninternal_hosts = [\"127.0.0.1\"]\n\
             private_key_file = \"{file}\"\nscope_claim = \"/permissions\"\n[[routes]]\nmethod = \"POST\"\npath = \"/generate\"\n\
             dialect = \"generate\"\nscopes = [\"generate:invoke\"]\n[edge]\ndanger_plaintext = true\n"
        );
        let config = portcullis::gate::config::Config::parse(&text).unwrap().relative_to(&folder);
        let gate = config.build().unwrap();
        let (status, answer) = ask(&gate, ask_as("authorization", "Bearer opaque")).await;
        assert_eq!((status, &answer["who"]), (StatusCode::OK, &json!("ada")), "{answer}");
        let question = asked.lock().unwrap()[number].clone();
        let (_, assertion) = question.split_once("&client_assertion=").unwrap();
        let jws = portcullis::jose::Jws::parse(assertion).unwrap();
        jws.verify(public.select(jws.kid(), jws.algorithm()).unwrap()).unwrap();
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
