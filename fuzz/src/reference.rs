//! Sealed references: only what was sealed for a principal opens for it, in bodies, paths and queries, and the handler never
//! sees one that did not.

use std::convert::Infallible;
use std::future::{Future as _, ready};
use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context as Task, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use portcullis::exchange::{Check, Context, EdgeRules, Exchange, MatchRouteLayer, Step, StepId, StepLayer};
use portcullis::principal::{AuthenticationMethod, Credential, Principal, Subject};
use portcullis::protect::{ProtectLayer, ReferenceKeys, SealReferences};
use portcullis::route::{Route, RouteTable};
use tower::{Layer, ServiceExt, service_fn};

use crate::{choose, seed};

const ID: &str = "resp_1";
const CURSOR: &str = "msg_2";

struct World {
    keys: ReferenceKeys,
    alice: Principal,
    bob: Principal,
    routes: MatchRouteLayer,
    protect: ProtectLayer,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let keys =
            ReferenceKeys::new(&"0123456789abcdef0123456789abcdef".into()).expect("the secret is long");
        let route = Route::get("/v1/responses/{id}/items").scope("use");
        let table = RouteTable::new([route.reference_in_path("id").reference_in_query("after")]);
        let routes = MatchRouteLayer::builder(table.expect("the route is sound"));
        let protect = ProtectLayer::builder().references(SealReferences::new(keys.clone()));
        World {
            alice: principal("alice"),
            bob: principal("bob"),
            routes: routes.edge(EdgeRules::default().danger_plaintext()).build(),
            protect: protect.build().expect("it protects references"),
            keys,
        }
    })
}

fn principal(name: &str) -> Principal {
    let subject = Subject::new("https://login.test", name);
    Principal::builder(subject, Credential::new(AuthenticationMethod::Asserted)).build()
}

/// Says that alice asks.
struct AsAlice;

impl Step for AsAlice {
    fn id(&self) -> StepId {
        StepId::Authenticate
    }

    fn check(&self, _: &mut http::request::Parts, exchange: &Exchange) -> Check {
        exchange.set_principal(world().alice.clone()).into()
    }
}

pub fn check(data: &[u8]) {
    let Some((choice, rest)) = choose(data, 3) else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    match choice {
        0 => seals(text),
        1 => opens(text),
        _ => asks(text),
    }
}

/// What is sealed opens for its owner alone, to what it was.
fn seals(id: &str) {
    let World { keys, alice, bob, .. } = world();
    let Some(sealed) = keys.seal(alice, id) else {
        assert!(id.is_empty() || id.len() > 512);
        return;
    };
    assert_eq!(keys.open(alice, &sealed).as_deref(), Some(id));
    assert_eq!(keys.open(bob, &sealed), None);
    assert_eq!(keys.seal(alice, id), Some(sealed.clone()));
    assert_eq!(keys.open(alice, id), None, "an id is no sealed form");
}

/// What opens was sealed.
fn opens(sealed: &str) {
    let World { keys, alice, .. } = world();
    if let Some(id) = keys.open(alice, sealed) {
        assert_eq!(keys.seal(alice, &id).as_deref(), Some(sealed));
    }
}

fn asks(target: &str) {
    let Ok(request) = Request::get(target).body(Full::new(Bytes::new())) else { return };
    let handler = service_fn(|request: Request<Full<Bytes>>| {
        assert_eq!(request.uri().path(), format!("/v1/responses/{ID}/items"));
        for pair in request.uri().query().unwrap_or_default().split('&') {
            let value = pair.strip_prefix("after=");
            assert!(value.is_none_or(|value| value == ID || value == CURSOR), "{pair} came through");
        }
        ready(Ok::<_, Infallible>(Response::new(Full::new(Bytes::new()))))
    });
    let World { routes, protect, .. } = world();
    let login = StepLayer::new(AsAlice, Context::default());
    let asked = routes.layer(login.layer(protect.layer(handler))).oneshot(request);
    match pin!(asked).poll(&mut Task::from_waker(Waker::noop())) {
        // The observer of the answer is driven by nobody here, which is a refusal as well.
        Poll::Ready(Ok(answer)) => assert_ne!(answer.status(), StatusCode::OK),
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => panic!("nothing here waits"),
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let World { keys, alice, bob, .. } = world();
    let seal = |who: &Principal, id: &str| keys.seal(who, id).expect("an id is short");
    let (own, cursor, foreign) = (seal(alice, ID), seal(alice, CURSOR), seal(bob, ID));
    let mut seeds: Vec<Vec<u8>> =
        [ID, "file-9", "cachedContents/x", "no prefix", "\u{e9}_1"].map(|id| seed(0, id)).into();
    seeds.extend([&own, &cursor, &foreign].map(|sealed| seed(1, sealed)));
    let items = |id: &str, query: &str| seed(2, format!("/v1/responses/{id}/items{query}"));
    seeds.push(items(&own, &format!("?after={cursor}&limit=2")));
    seeds.push(items(&own, &format!("?%61fter={cursor}")));
    seeds.push(items(&own, "?after=msg_2&after"));
    seeds.push(items(&foreign, ""));
    seeds.push(items(ID, "?a=b"));
    seeds
}
