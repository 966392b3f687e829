//! What it costs to remember credentials: a hundred thousand of them within the 64 MiB that are set aside.
//!
//! A program of its own, since it counts every byte that is in use.
#![allow(unsafe_code, reason = "an allocator cannot be written without; it hands every call on")]
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

use http::{Request, Response};
use http_body_util::Full;
use portcullis::clock::UnixTime;
use portcullis::exchange::{Context, EdgeRules, Exchange, MatchRouteLayer};
use portcullis::jwt::VerifyJwtLayer;
use portcullis::route::{Route, RouteTable};
use portcullis::testing::{FakeClock, Issuer};
use std::alloc::{GlobalAlloc, Layout, System};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use tower::{Layer, ServiceExt, service_fn};

struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// As many as a test has time to sign. An eighth of a hundred thousand: tables grow by doubling, so that they are as full.
const CREDENTIALS: usize = 100_000 / 8;
/// A hundred thousand of them in 64 MiB.
const BYTES_EACH: usize = 64 * 1024 * 1024 / 100_000;

#[tokio::test]
async fn a_hundred_thousand_credentials_fit_into_64_mib() {
    let clock = FakeClock::at(UnixTime::from_secs(1_800_000_000));
    let issuer = Issuer::with_clock("https://login.example.com/realms/customers", clock.shared());
    let trusted =
        issuer.trusted().audience("https://llm.example.com").plan_claim("/plan").tenant_claim("/tid");
    let layer =
        VerifyJwtLayer::builder().context(Context::new(clock.shared())).issuer(trusted).build().unwrap();
    let table = RouteTable::new([Route::get("/").scope("any")]).unwrap();
    let routes = MatchRouteLayer::builder(table).edge(EdgeRules::default().danger_plaintext()).build();
    let handler = service_fn(async |request: Request<Full<bytes::Bytes>>| {
        let (parts, _) = request.into_parts();
        let exchange = Exchange::of(&parts).unwrap();
        let remembered = exchange.record(|record| record.credential.as_ref().unwrap().remembered);
        let mut response = Response::new(Full::<bytes::Bytes>::default());
        response.extensions_mut().insert(remembered);
        Ok::<_, Infallible>(response)
    });
    let service = routes.layer(layer.layer(handler));
    // What an issuer of some size writes: names of customers are UUIDs, and so are sessions and credentials.
    let uuid = |n: usize, kind: u32| format!("{n:08x}-0000-4000-8000-{kind:012x}");
    let credentials: Vec<String> = (0..CREDENTIALS)
        .map(|n| {
            let credential = issuer.credential(uuid(n, 1)).audience("https://llm.example.com");
            let credential =
                credential.scope("openid profile generate:invoke models:read").claim("plan", "free");
            let credential =
                credential.claim("jti", uuid(n, 2)).claim("sid", uuid(n, 3)).claim("tid", uuid(n / 50, 4));
            let credential = credential.claim("acr", "urn:example:mfa").claim("auth_time", 1_799_999_000);
            credential.claim("client_id", "chat-application").claim("amr", vec!["pwd", "otp"]).sign()
        })
        .collect();
    let ask = async |credential: &str| {
        let request = Request::get("/").header("authorization", format!("Bearer {credential}"));
        let response = service.clone().oneshot(request.body(Full::default()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        response.extensions().get::<bool>().copied().unwrap()
    };
    ask(&issuer.credential("warm").audience("https://llm.example.com").sign()).await;
    let before = IN_USE.load(Ordering::Relaxed);
    for credential in &credentials {
        assert!(!ask(credential).await);
    }
    let each = (IN_USE.load(Ordering::Relaxed) - before) / CREDENTIALS;
    println!("{each} bytes for each remembered credential");
    for credential in &credentials {
        assert!(ask(credential).await, "it was forgotten");
    }
    assert!(each <= BYTES_EACH, "{each} bytes for each, {BYTES_EACH} are set aside");
}
