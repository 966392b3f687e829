//! Logouts of an issuer: a form ends a session only if it holds exactly one token, which the issuer has signed to that end.

use std::future::Future;
use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as Task, Poll, Waker};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use portcullis::clock::UnixTime;
use portcullis::exchange::{Checked, Context, EdgeRules, MatchRouteLayer};
use portcullis::jose::{KeySet, SigningKey};
use portcullis::jwt::logout::BackChannelLogout;
use portcullis::jwt::{StaticKeys, TrustedIssuer};
use portcullis::principal::{PeerAddress, Revocations};
use portcullis::read::{ReadPayload, ReadPayloadLayer};
use portcullis::route::RouteTable;
use portcullis::testing::FakeClock;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt};

use crate::{choose, seed};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://login.test";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Where a form of the fuzzer's has the issuer's token.
const PLACE: u8 = b'@';

struct World {
    issuer: SigningKey,
    service: Checked<ReadPayload<BackChannelLogout>>,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let clock = FakeClock::at(UnixTime::from_secs(NOW)).shared();
        let issuer = SigningKey::generate_ed25519().expect("the system gives randomness");
        let keys = KeySet::from_jwks(issuer.public_jwks()).expect("a set that was just written can be read");
        let service = BackChannelLogout::builder(Revocations::with_clock(clock.clone()))
            .issuer(TrustedIssuer::new(ISSUER).audience("client").keys(StaticKeys::from(keys)))
            .clock(clock.clone())
            .build()
            .expect("the settings are sound");
        let routes = RouteTable::new([service.route()]).expect("the route is fine");
        let context = Context::new(clock);
        let read = ReadPayloadLayer::builder().context(context.clone()).build();
        let routes = MatchRouteLayer::builder(routes).edge(EdgeRules::default().danger_plaintext());
        World { issuer, service: routes.context(context).build().layer(read.layer(service)) }
    })
}

pub fn check(data: &[u8]) {
    match choose(data, 3) {
        Some((0, form)) => assert_ne!(send(form.to_vec()), StatusCode::OK, "nobody signed it"),
        Some((1, form)) => placed(form),
        Some((_, claims)) => signed(claims),
        None => {}
    }
}

/// A form of the fuzzer's around a token that holds.
fn placed(form: &[u8]) {
    let token = sign(claims().to_string().as_bytes());
    let parts: Vec<&[u8]> = form.split(|byte| *byte == PLACE).collect();
    let form = parts.join(token.as_bytes());
    let holds_it = only_token(&form) == Some(token.into_bytes());
    let expected = if holds_it { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    if form.len() <= 16 * 1024 {
        assert_eq!(send(form), expected);
    }
}

/// Claims of the fuzzer's, signed by the issuer.
fn signed(claims: &[u8]) {
    let form = format!("logout_token={}", sign(claims)).into_bytes();
    if send(form) != StatusCode::OK {
        return;
    }
    let claims: Value = serde_json::from_slice(claims).expect("what passed is JSON");
    assert_eq!(claims["iss"], ISSUER);
    assert!(
        claims["aud"] == "client"
            || claims["aud"].as_array().is_some_and(|all| all.contains(&json!("client")))
    );
    assert!(claims["events"][EVENT].is_object() && claims.get("nonce").is_none());
    assert!(claims["jti"].is_string() && (claims["sub"].is_string() || claims["sid"].is_string()));
    assert!(claims["exp"].as_f64().is_some_and(|end| end + 10.0 > NOW as f64));
}

/// The value of the one `logout_token`, read once more in another way.
fn only_token(form: &[u8]) -> Option<Vec<u8>> {
    let pairs =
        form.split(|byte| *byte == b'&').map(|pair| match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (decoded(&pair[..at]), decoded(&pair[at + 1..])),
            None => (decoded(pair), Vec::new()),
        });
    let mut tokens: Vec<Vec<u8>> =
        pairs.filter(|(name, _)| name == b"logout_token").map(|(_, value)| value).collect();
    (tokens.len() == 1).then(|| tokens.remove(0))
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let mut rest = text;
    let mut out = Vec::new();
    while let Some((first, after)) = rest.split_first() {
        let escape =
            after.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let escape = escape.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = escape.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    out
}

/// Of a logout that was never sent before.
fn claims() -> Value {
    static SENT: AtomicU64 = AtomicU64::new(0);
    let id = SENT.fetch_add(1, Ordering::Relaxed).to_string();
    json!({
        "iss": ISSUER, "aud": "client", "sub": "ada", "sid": "1", "jti": id, "iat": NOW, "exp": NOW + 60,
        "events": { EVENT: {} },
    })
}

fn sign(claims: &[u8]) -> String {
    let header = json!({ "typ": "logout+jwt", "alg": "EdDSA", "kid": world().issuer.kid() }).to_string();
    world().issuer.sign_compact(header.as_bytes(), claims).expect("a fresh key signs")
}

fn send(form: Vec<u8>) -> StatusCode {
    let mut request = Request::post("/backchannel-logout")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(form)))
        .expect("the request is well formed");
    request.extensions_mut().insert(PeerAddress(([192, 0, 2, 1], 1).into()));
    let mut answer = pin!(world().service.clone().oneshot(request));
    for _ in 0..64 {
        if let Poll::Ready(Ok(response)) = answer.as_mut().poll(&mut Task::from_waker(Waker::noop())) {
            return response.status();
        }
    }
    panic!("a form that is there is waited for")
}

pub fn seeds() -> Vec<Vec<u8>> {
    vec![
        seed(0, "logout_token=a.b.c"),
        seed(0, format!("logout_token={}", "x".repeat(3_000))),
        seed(1, "logout_token=@"),
        seed(1, "x=1&logout%5Ftoken=@&y"),
        seed(1, "logout_token=@&logout_token=@"),
        seed(1, "logout_token=%40@"),
        seed(1, "logout_token=&&=@&%6c"),
        seed(2, claims().to_string()),
        seed(2, claims().to_string().replace("\"sub\"", "\"nonce\"")),
        seed(2, r#"{"iss":"https://login.test","aud":["client",7],"jti":"x"}"#),
    ]
}
