//! Forms of exchanges: nothing is issued but for one well-formed request, whose every parameter came once.

use std::future::Future as _;
use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context as Task, Poll, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use portcullis::clock::UnixTime;
use portcullis::jose::SigningKey;
use portcullis::sts::{ActorClient, Grant, Sts};
use portcullis::testing::{FakeClock, Issuer};
use tower::ServiceExt;

use crate::{choose, seed};

const SECRET: &str = "a-long-secret-of-the-web-application";

struct World {
    sts: Sts,
    subject: String,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let clock = FakeClock::at(UnixTime::from_secs(1_800_000_000));
        let login = Issuer::with_clock("https://login.test", clock.shared());
        let grant = Grant::to("https://vectors.test").scopes(["docs:read"]).for_everybody();
        let sts = Sts::builder("https://sts.test")
            .subjects_of(login.trusted())
            .actor(ActorClient::by_secret("web", SECRET.into()).audience("https://web.test").grant(grant))
            .signing_key(SigningKey::generate_ed25519().expect("the system gives randomness"))
            .clock(clock.shared())
            .danger_without_audit()
            .build()
            .expect("the settings are sound");
        let subject =
            login.credential("alice").audience("https://web.test").scope("docs:read hr:read").sign();
        World { sts, subject }
    })
}

pub fn check(data: &[u8]) {
    match choose(data, 2) {
        Some((0, form)) => form_of(form),
        Some((_, authorization)) => client(authorization),
        None => {}
    }
}

/// A form of the fuzzer's, by a client that has shown who it is. `SUBJECT` in it stands for a credential that is good.
fn form_of(form: &[u8]) {
    let Ok(form) = std::str::from_utf8(form) else { return };
    let form = form.replacen("SUBJECT", &world().subject, 1);
    let basic = format!("Basic {}", STANDARD.encode(format!("web:{SECRET}")));
    if ask(&basic.parse().expect("base64 stands in a header"), form.clone()) != Some(StatusCode::OK) {
        return;
    }
    let names: Vec<&str> = form
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split('=').next().unwrap_or(pair))
        .collect();
    for (n, name) in names.iter().enumerate() {
        assert!(!names[n + 1..].contains(name), "{name} came twice");
    }
    let unescaped = form.replace("%3A", ":").replace("%3a", ":").replace("%2F", "/").replace("%2f", "/");
    assert!(form.contains('%') || unescaped.contains("https://vectors.test"), "for no other service");
}

/// Another one's word for who it is.
fn client(authorization: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(authorization) else { return };
    let form = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&audience=https://vectors.test&subject_token={}\
         &subject_token_type=urn:ietf:params:oauth:token-type:jwt",
        world().subject
    );
    if ask(&value, form) == Some(StatusCode::OK) {
        let text = value.to_str().expect("what passed is text");
        let pair = text.split(' ').next_back().expect("a split has one part").trim();
        let pair = STANDARD.decode(pair).expect("what passed is base64");
        assert!(pair.len() >= SECRET.len(), "who does not know the secret is nobody");
    }
}

fn ask(authorization: &HeaderValue, form: String) -> Option<StatusCode> {
    let request = Request::post("/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", authorization)
        .body(Full::new(Bytes::from(form)))
        .ok()?;
    let mut answer = pin!(world().sts.endpoint().oneshot(request));
    match answer.as_mut().poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(Ok(response)) => Some(response.status()),
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => panic!("fixed keys and a whole body need no waiting"),
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let whole = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=SUBJECT\
                 &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token";
    vec![
        seed(0, format!("{whole}&audience=https%3A%2F%2Fvectors.test")),
        seed(
            0,
            format!("{whole}&audience=https%3A%2F%2Fvectors.test&scope=docs%3Aread+hr:read&client_id=web"),
        ),
        seed(0, format!("{whole}&resource=https://vectors.test&audience=x&audience=y")),
        seed(0, format!("{whole}&actor_token=SUBJECT&actor_token_type=x&requested_token_type=y")),
        seed(0, "a=%&b=%zz&=&&grant_type"),
        seed(1, format!("Basic {}", STANDARD.encode(format!("web:{SECRET}")))),
        seed(1, format!("basic  {}", STANDARD.encode("web:%"))),
        seed(1, "Bearer x"),
    ]
}
