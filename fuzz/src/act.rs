//! Chains of actors in signed credentials: none is too long, nobody comes twice, and no right is there that an actor lacks.

use std::convert::Infallible;
use std::future::{Future as _, ready};
use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context as Task, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use portcullis::clock::UnixTime;
use portcullis::exchange::{Context, Exchange};
use portcullis::jose::{KeySet, SigningKey};
use portcullis::jwt::{StaticKeys, TrustedIssuer, VerifyJwtLayer};
use portcullis::principal::{ActorRule, Delegation, Principal};
use portcullis::testing::FakeClock;
use tower::{Layer, ServiceExt, service_fn};

use crate::{choose, seed};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://sts.test";
/// Each actor has the scopes of its name: `ab` may `a` and `b`.
const KNOWN: [&str; 6] = ["abc", "ab", "bc", "a", "b", "c"];

struct World {
    issuer: SigningKey,
    /// Knows the actors above, or whomever is named.
    layers: [VerifyJwtLayer; 2],
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let issuer = SigningKey::generate_ed25519().expect("the system gives randomness");
        let known = KNOWN.iter().fold(Delegation::new(), |delegation, name| {
            let rule = ActorRule::new(ISSUER, *name).danger_from_anywhere();
            delegation.actor(rule.scopes(name.chars().map(|scope| scope.to_string())))
        });
        let layers = [known, Delegation::new().danger_any_actor()].map(|delegation| {
            let keys = KeySet::from_jwks(issuer.public_jwks()).expect("a set that was just written is read");
            let trusted = TrustedIssuer::new(ISSUER).audience("llm").keys(StaticKeys::from(keys));
            VerifyJwtLayer::builder()
                .context(Context::new(FakeClock::at(UnixTime::from_secs(NOW)).shared()))
                .issuer(trusted)
                .delegation(delegation)
                .build()
                .expect("the settings are sound")
        });
        World { issuer, layers }
    })
}

pub fn check(data: &[u8]) {
    let Some((choice, act)) = choose(data, 2) else { return };
    let mut claims =
        format!(r#"{{"iss":"{ISSUER}","aud":"llm","sub":"abc","exp":{},"scope":"a b c","act":"#, NOW + 60)
            .into_bytes();
    claims.extend_from_slice(act);
    claims.push(b'}');
    let Some(who) = ask(&world().layers[choice], &claims) else { return };
    let actors: Vec<(&str, &str)> = who.actors().iter().map(|actor| (actor.issuer(), actor.id())).collect();
    assert!((1..=8).contains(&actors.len()), "{actors:?}");
    for (n, actor) in actors.iter().enumerate() {
        assert!(!actors[n + 1..].contains(actor) && *actor != (ISSUER, "abc"), "{actors:?}");
        assert!(!actor.1.is_empty() && actor.1.len() <= 255);
    }
    for scope in who.scopes().iter() {
        assert!(["a", "b", "c"].contains(&scope), "the subject has no {scope}");
        if choice == 0 {
            assert!(actors.iter().all(|(_, name)| name.contains(scope)), "{scope}: {actors:?}");
        }
    }
    let missing = 3 - who.scopes().len();
    assert_eq!(who.withheld().len(), missing, "what does not count is told, and by whom");
}

/// Whom the layer lets in by these claims, signed.
fn ask(layer: &VerifyJwtLayer, claims: &[u8]) -> Option<Principal> {
    let credential = world().issuer.sign_compact(br#"{"alg":"EdDSA","typ":"JWT"}"#, claims).ok()?;
    let request = Request::post("/generate")
        .header("authorization", format!("Bearer {credential}"))
        .body(Full::<Bytes>::default())
        .ok()?;
    let handler = service_fn(|request: Request<Full<Bytes>>| {
        let exchange = request.extensions().get::<Exchange>().expect("the layer has put it there");
        let mut response = Response::new(Full::<Bytes>::default());
        response.extensions_mut().insert(exchange.principal().expect("it was let in").clone());
        ready(Ok::<_, Infallible>(response))
    });
    let mut answer = pin!(layer.layer(handler).oneshot(request));
    match answer.as_mut().poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(Ok(response)) => response.extensions().get().cloned(),
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => panic!("static keys need no waiting"),
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let deep = (0..9).fold("null".to_owned(), |inner, n| format!(r#"{{"sub":"{n}","act":{inner}}}"#));
    vec![
        seed(0, r#"{"sub":"ab","act":{"sub":"bc","iss":"https://sts.test"}}"#),
        seed(0, r#"{"sub":"ab","act":{"sub":"ab"}}"#),
        seed(0, r#"{"sub":"a"},"may_act":{"sub":"b"},"portcullis_root":{"iss":"x","sub":"y","jti":"z"}"#),
        seed(0, r#"{"sub":"stranger"}"#),
        seed(1, r#"{"sub":"x","iss":"y","act":{"sub":"x"}}"#),
        seed(1, r#"{"sub":"abc"}"#),
        seed(1, deep),
        seed(1, r#""agent""#),
    ]
}
