//! To whom a call goes, whatever the request says beside its URI.

use crate::world::{World, plain, send};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use portcullis::delegate::{Provider, ProviderCredentialLayer, RotatingSecret};
use tower::{Layer, ServiceExt, service_fn};

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
