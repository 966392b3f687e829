//! To whom a call goes, whatever the request says beside its URI, and by which client.

use crate::world::{World, plain, send};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use portcullis::delegate::{Provider, ProviderCredentialLayer, RotatingSecret};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tower::{Layer, Service, ServiceExt, service_fn};

#[tokio::test]
async fn a_call_goes_to_the_host_of_its_uri_and_to_no_other_behind_the_same_address() {
    let world = World::new().await;
    let gate = world.gate();
    let host = world.vectors.origin().trim_start_matches("http://").to_owned();
    let evil = |mut request: Request<Full<Bytes>>| {
        request.headers_mut().insert("host", "evil.test".parse().unwrap());
        request.headers_mut().append("host", "worse.test".parse().unwrap());
        request
    };
    let alice = world.caller(&gate, "alice").await;
    send(&world.client(&gate), &alice, evil(world.call())).await.unwrap();

    let key = RotatingSecret::new("sk-of-this-service".into()).unwrap();
    let provider =
        ProviderCredentialLayer::builder(Provider::openai(), key).destination(world.vectors.origin());
    provider.build().unwrap().layer(plain()).oneshot(evil(world.call())).await.unwrap();
    let came = world.vectors.came();
    assert_eq!(came.len(), 2);
    for (_, headers) in came {
        assert_eq!(headers.get_all("host").iter().collect::<Vec<_>>(), [&*host]);
    }
}

#[tokio::test]
async fn the_host_of_a_usual_port_is_written_without_it() {
    let key = RotatingSecret::new("sk-of-this-service".into()).unwrap();
    for (uri, host) in [
        ("https://api.openai.com/v1", "api.openai.com"),
        ("https://api.openai.com:443/v1", "api.openai.com"),
        ("https://[2001:db8::1]:8443/v1", "[2001:db8::1]:8443"),
    ] {
        let provider = ProviderCredentialLayer::builder(Provider::openai(), key.clone());
        let provider =
            provider.destination("https://api.openai.com").destination("https://[2001:db8::1]:8443");
        let told = service_fn(async |request: Request<()>| {
            let host = request.headers()["host"].to_str().unwrap().to_owned();
            Ok::<_, std::convert::Infallible>(http::Response::new(host))
        });
        let request = Request::get(uri).body(()).unwrap();
        let answer = provider.build().unwrap().layer(told).oneshot(request).await.unwrap();
        assert_eq!(answer.into_body(), host);
    }
}

/// A service that sends everybody elsewhere, and where it sends them.
async fn redirecting() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let arrived = Arc::new(AtomicUsize::new(0));
    let (counted, there) = (arrived.clone(), format!("{origin}/elsewhere"));
    let app = axum::Router::new()
        .route(
            "/",
            axum::routing::any(move || std::future::ready(axum::response::Redirect::temporary(&there))),
        )
        .fallback(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            std::future::ready("here")
        });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (origin, arrived)
}

#[tokio::test]
async fn reqwest_in_five_lines_bears_the_credential_and_follows_no_redirect() {
    let world = World::new().await;
    let gate = world.gate();
    let (origin, arrived) = redirecting().await;
    let client =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    let client = service_fn(move |request: http::Request<reqwest::Body>| {
        let client = client.clone();
        async move { client.execute(request.try_into()?).await.map(http::Response::<reqwest::Body>::from) }
    });
    let layer = world.layer(&gate, world.exchange()).destination(origin.as_str()).build().unwrap();
    let mut vectors = layer.layer(client);
    let alice = world.caller(&gate, "alice").await;
    for (uri, expected) in [
        (format!("{}/collections", world.vectors.origin()), StatusCode::OK),
        (format!("{origin}/"), StatusCode::TEMPORARY_REDIRECT),
    ] {
        let mut request = http::Request::post(uri).body(reqwest::Body::from("question")).unwrap();
        request.headers_mut().insert("authorization", "of-the-caller".parse().unwrap());
        request.extensions_mut().insert(alice.clone());
        let answer = vectors.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(answer.status(), expected);
    }
    assert_eq!(arrived.load(Ordering::SeqCst), 0, "nobody has looked at where it leads");
    let (_, headers) = world.vectors.came().remove(0);
    assert!(headers["authorization"].to_str().unwrap().starts_with("Bearer ey"), "{headers:?}");
    assert_eq!(headers["host"], world.vectors.origin().trim_start_matches("http://"));
    assert_eq!(headers["content-length"], "8");
}
