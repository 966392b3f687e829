//! What a provider of models sees, and what comes back of its answers.

use crate::world::{World, inbound, plain};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::{Router, routing::any};
use bytes::Bytes;
use http::{HeaderName, Request, Response};
use http_body_util::{BodyExt, Full};
use portcullis::delegate::{OutboundError, Provider, ProviderCredentialLayer, RotatingSecret};
use portcullis::exchange::Exchange;
use portcullis::refusal::RefusalKind;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt, service_fn};

const KEY: &str = "sk-of-this-service";

/// A provider that notes what comes and answers with more than it should.
struct Running {
    origin: String,
    came: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Running {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running =
            Self { origin: format!("http://{}", listener.local_addr().unwrap()), came: Arc::default() };
        let came = running.came.clone();
        let answer = move |headers: HeaderMap| {
            came.lock().unwrap().push(headers);
            let headers = [
                ("content-type", "application/json"),
                ("retry-after", "3"),
                ("x-ratelimit-remaining-requests", "9"),
                ("set-cookie", "a=b"),
                ("openai-organization", "ours"),
                ("x-debug", KEY),
                ("cache-control", "no-store, sk-of-this-service"),
            ];
            std::future::ready((StatusCode::TOO_MANY_REQUESTS, headers, "{}").into_response())
        };
        tokio::spawn(async move {
            axum::serve(listener, Router::new().fallback(any(answer))).await.unwrap();
        });
        running
    }

    fn layer(&self, provider: Provider, key: &RotatingSecret) -> ProviderCredentialLayer {
        ProviderCredentialLayer::builder(provider, key.clone()).destination(&self.origin).build().unwrap()
    }

    fn call(&self, path: &str) -> Request<Full<Bytes>> {
        Request::post(format!("{}{path}", self.origin)).body(Full::default()).unwrap()
    }

    fn last(&self) -> HeaderMap {
        self.came.lock().unwrap().last().unwrap().clone()
    }
}

#[tokio::test]
async fn a_provider_sees_this_services_credential_where_it_expects_it_and_nothing_of_the_callers() {
    let running = Running::start().await;
    let key = RotatingSecret::new(KEY.into()).unwrap();
    let bearer = format!("Bearer {KEY}");
    for (provider, header, value) in [
        (Provider::openai(), "authorization", &*bearer),
        (Provider::anthropic(), "x-api-key", KEY),
        (Provider::gemini(), "x-goog-api-key", KEY),
        (Provider::header("azure", HeaderName::from_static("api-key")), "api-key", KEY),
    ] {
        let client = running.layer(provider, &key).layer(plain());
        let mut request = running.call("/v1/chat");
        for name in [
            "authorization",
            "proxy-authorization",
            "x-api-key",
            "x-goog-api-key",
            "api-key",
            "cookie",
            "dpop",
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-user",
            "x-forwarded-client-cert",
            "client-cert",
            "x-user-id",
            "x_user_id",
            "x-auth-request-user",
            "openai-organization",
            "remote-user",
            "x-real-ip",
            "baggage",
            "x-amzn-oidc-data",
            "x-ms-token-aad-access-token",
            "x-serverless-authorization",
            "x-goog-iap-jwt-assertion",
            "from",
            "origin",
            "referer",
            "via",
            "x-client-ip",
            "x-cluster-client-ip",
            "fastly-client-ip",
            "x-envoy-external-address",
            "x-forwarded-ssl",
            "x-original-forwarded-for",
            "x-nobody-has-heard-of",
            "x-named-by-connection",
        ] {
            request.headers_mut().insert(name, "of-the-caller".parse().unwrap());
        }
        for (name, value) in NEUTRAL {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        client.oneshot(request).await.unwrap();
        let came = running.last();
        assert_eq!(came.get_all(header).iter().collect::<Vec<_>>(), [value]);
        assert!(came.values().all(|value| value != "of-the-caller"), "{came:?}");
        assert!(NEUTRAL.iter().all(|(name, value)| came[*name] == *value), "{came:?}");
    }
}

/// What says nothing of who asks.
const NEUTRAL: [(&str, &str); 4] = [
    ("accept", "text/event-stream"),
    ("anthropic-version", "2023-06-01"),
    ("content-type", "application/json"),
    ("user-agent", "service/1"),
];

#[tokio::test]
async fn another_header_goes_on_if_it_was_allowed_unless_it_carries_a_credential() {
    let running = Running::start().await;
    let key = RotatingSecret::new(KEY.into()).unwrap();
    let builder =
        || ProviderCredentialLayer::builder(Provider::openai(), key.clone()).destination(&running.origin);
    let organization = HeaderName::from_static("openai-organization");
    let client = builder().allow_request_header(organization.clone()).build().unwrap().layer(plain());
    for connection in ["keep-alive", "keep-alive, openai-organization"] {
        let mut request = running.call("/");
        request.headers_mut().insert(organization.clone(), "ours".parse().unwrap());
        request.headers_mut().insert("connection", connection.parse().unwrap());
        client.clone().oneshot(request).await.unwrap();
        assert_eq!(running.last().contains_key(&organization), connection == "keep-alive");
    }
    for name in ["authorization", "cookie", "x-ms-token-aad-id-token", "x_api_key"] {
        let error = builder().allow_request_header(HeaderName::from_static(name)).build().unwrap_err();
        assert!(error.to_string().starts_with("`allow_request_header`: "), "{error}");
    }
}

#[tokio::test]
async fn a_credential_that_is_replaced_counts_from_the_next_call_on() {
    let running = Running::start().await;
    let key = RotatingSecret::new(KEY.into()).unwrap();
    let client = running.layer(Provider::openai(), &key).layer(plain());
    client.clone().oneshot(running.call("/")).await.unwrap();
    assert_eq!(running.last()["authorization"], format!("Bearer {KEY}"));
    for wrong in ["", "two words", "line\n", "ü"] {
        let error = key.replace(wrong.into()).unwrap_err().to_string();
        assert!(wrong.is_empty() || !error.contains(wrong), "{error}");
    }
    let file = std::env::temp_dir().join(format!("portcullis-key-{}", std::process::id()));
    std::fs::write(&file, "sk-renewed\n").unwrap();
    key.replace_from(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(key.replace_from(&file).unwrap_err().to_string().contains("cannot be read"));
    client.clone().oneshot(running.call("/")).await.unwrap();
    assert_eq!(running.last()["authorization"], "Bearer sk-renewed");
    assert!(!format!("{client:?} {key:?}").contains("sk-"));
}

#[tokio::test]
async fn of_an_answers_headers_only_those_come_back_that_are_listed_and_none_that_tells_the_credential() {
    let running = Running::start().await;
    let key = RotatingSecret::new(KEY.into()).unwrap();
    let layer = ProviderCredentialLayer::builder(Provider::openai(), key)
        .destination(&running.origin)
        .allow_response_header(HeaderName::from_static("x-ratelimit-remaining-requests"))
        .allow_response_header(HeaderName::from_static("x-debug"))
        .build()
        .unwrap();
    let answer = layer.layer(plain()).oneshot(running.call("/")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    let mut names: Vec<&str> = answer.headers().keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["content-length", "content-type", "date", "retry-after", "x-ratelimit-remaining-requests"]
    );
}

#[tokio::test]
async fn a_call_to_another_host_or_with_a_credential_in_its_query_is_not_made() {
    let running = Running::start().await;
    let key = RotatingSecret::new(KEY.into()).unwrap();
    let here = running.layer(Provider::openai(), &key);
    let there = ProviderCredentialLayer::builder(Provider::openai(), key.clone()).build().unwrap();
    assert_eq!(
        there.to_string(),
        "openai at https://api.openai.com:443, by a credential of this service in authorization"
    );
    for (layer, path, why) in [
        (&there, "/", "not one of its destinations"),
        (&here, "/?key=mine", "names a credential"),
        (&here, "/?a=b&API_KEY=mine", "names a credential"),
        (&here, "/?%6bey=mine", "names a credential"),
        (&here, "/?a=b;access_token=mine", "names a credential"),
    ] {
        let Err(OutboundError::Refused(refusal)) = layer.layer(plain()).oneshot(running.call(path)).await
        else {
            panic!("{path} was called")
        };
        assert_eq!(refusal.kind(), RefusalKind::Forbidden);
        assert!(refusal.private_cause().unwrap().contains(why), "{refusal:?}");
    }
    assert!(running.came.lock().unwrap().is_empty());
    let nowhere = ProviderCredentialLayer::builder(Provider::bearer("mine"), key).build().unwrap_err();
    assert!(nowhere.to_string().starts_with("`destination`: "), "{nowhere}");
}

#[tokio::test]
async fn a_server_without_credentials_is_shown_none() {
    let running = Running::start().await;
    let layer =
        ProviderCredentialLayer::without_credential("vllm").destination(&running.origin).build().unwrap();
    let mut request = running.call("/");
    request.headers_mut().insert("authorization", "Bearer mine".parse().unwrap());
    layer.layer(plain()).oneshot(request).await.unwrap();
    assert!(!running.last().contains_key("authorization"));
}

#[tokio::test]
async fn a_failed_call_is_a_refusal_that_names_the_provider_and_stands_in_the_record() {
    let world = World::new().await;
    let (log, records) = crate::world::records();
    let gate = world.builder().audit(log).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let key = RotatingSecret::new(KEY.into()).unwrap();
    let layer =
        ProviderCredentialLayer::builder(Provider::openai(), key).destination(&origin).build().unwrap();
    let client = layer.layer(plain());
    let handler = service_fn(move |request: Request<portcullis::read::RequestBody>| {
        let (client, exchange) = (client.clone(), Exchange::of(&request.into_parts().0).unwrap().clone());
        let mut call = Request::get(&origin).body(Full::<Bytes>::default()).unwrap();
        call.extensions_mut().insert(exchange.clone());
        async move {
            let error = client.oneshot(call).await.unwrap_err();
            Ok::<_, Infallible>(error.refuse(&exchange).map(Full::new))
        }
    });
    let answer = gate.layer(handler).oneshot(inbound(&world.credential("alice"))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    let body = Response::into_body(answer).collect().await.unwrap().to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    assert!(body.contains("openai could not be reached") && !body.contains("127.0.0.1"), "{body}");
    let record = records.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
    assert_eq!(
        (&record["reason"], &record["calls"][0]["hop"]),
        (&"upstream_failed".into(), &"openai".into())
    );
}
