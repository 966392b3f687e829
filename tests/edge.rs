//! Nothing goes around the gate: what the head of a request may be, and what of it goes inward.

#![allow(clippy::unwrap_used, reason = "these are tests; clippy knows only the functions that are marked so")]

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Empty;
use portcullis::exchange::{Context, EdgeRules, MatchRouteLayer};
use portcullis::principal::{PeerAddress, TlsConnection};
use portcullis::refusal::{Refusal, RefusalKind};
use portcullis::route::{Route, RouteTable};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tower::{Layer, ServiceExt, service_fn};

type Body = Empty<bytes::Bytes>;

const STRANGER: &str = "192.0.2.7:4711";
const LOOPBACK: &str = "127.0.0.1:4711";

/// Asks for `/`, and answers with the refusal's kind, or the headers that went inward.
async fn ask(
    rules: EdgeRules,
    peer: &str,
    uri: &str,
    headers: &[(&str, &str)],
) -> Result<HeaderMap, Refusal> {
    let table = RouteTable::new([Route::get("/").open()]).unwrap();
    let layer = MatchRouteLayer::builder(table).edge(rules).context(Context::default()).build();
    let seen = Arc::new(Mutex::new(None));
    let inward = seen.clone();
    let inner = service_fn(move |request: Request<Body>| {
        *inward.lock().unwrap() = Some(request.headers().clone());
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::new())))
    });
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::new()).unwrap();
    request.extensions_mut().insert(PeerAddress(peer.parse().unwrap()));
    request.extensions_mut().insert(TlsConnection::new());
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    match response.extensions().get::<Refusal>() {
        Some(refusal) => {
            assert!(seen.lock().unwrap().is_none(), "what is refused does not go inward");
            Err(refusal.clone())
        }
        None => Ok(seen.lock().unwrap().take().unwrap()),
    }
}

async fn refused(rules: EdgeRules, peer: &str, uri: &str, headers: &[(&str, &str)]) -> Option<RefusalKind> {
    ask(rules, peer, uri, headers).await.err().map(|refusal| refusal.kind())
}

#[tokio::test]
async fn headers_of_more_than_sixteen_kibibytes_are_431() {
    let half = "x".repeat(8_000);
    assert_eq!(refused(EdgeRules::default(), STRANGER, "/", &[("a", &half), ("b", &half)]).await, None);
    let both = [("a", &*half), ("b", &half), ("c", &half)];
    let refusal = ask(EdgeRules::default(), STRANGER, "/", &both).await.unwrap_err();
    assert_eq!(refusal.kind().status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let many: Vec<(String, String)> = (0..2_000).map(|n| (format!("x-{n}"), "1234".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(refused(EdgeRules::default(), STRANGER, "/", &many).await, Some(RefusalKind::HeadersTooLarge));
}

#[tokio::test]
async fn only_listed_hosts_are_answered() {
    let rules = || EdgeRules::default().allowed_hosts(["llm.example.com"]).unwrap();
    for host in ["llm.example.com", "LLM.example.com", "llm.example.com:8443"] {
        assert_eq!(refused(rules(), STRANGER, "/", &[("host", host)]).await, None, "{host}");
    }
    for host in ["evil.example.com", "llm.example.com.evil.test", "llm.example.com.", "localhost"] {
        assert_eq!(
            refused(rules(), STRANGER, "/", &[("host", host)]).await,
            Some(RefusalKind::UnknownHost),
            "{host}"
        );
    }
    assert_eq!(refused(rules(), STRANGER, "/", &[]).await, Some(RefusalKind::UnknownHost), "no host at all");
}

#[tokio::test]
async fn from_loopback_only_the_names_of_loopback_are_answered_unless_hosts_are_listed() {
    for host in ["localhost:8080", "127.0.0.1", "127.0.0.2:1", "[::1]:8080", "[::ffff:127.0.0.1]"] {
        assert_eq!(refused(EdgeRules::default(), LOOPBACK, "/", &[("host", host)]).await, None, "{host}");
    }
    for host in ["rebound.example.com", "10.0.0.1", "localhost.example.com"] {
        let refusal = ask(EdgeRules::default(), LOOPBACK, "/", &[("host", host)]).await.unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::UnknownHost, "{host}");
        assert!(refusal.private_cause().unwrap().contains("trusted_proxies"));
        assert_eq!(refused(EdgeRules::default(), STRANGER, "/", &[("host", host)]).await, None, "{host}");
    }
}

#[tokio::test]
async fn a_host_that_is_said_twice_or_in_two_ways_is_malformed() {
    let cases: [(&str, &[(&str, &str)]); 5] = [
        ("/", &[("host", "a.test"), ("host", "a.test")]),
        ("http://a.test/", &[("host", "b.test")]),
        ("http://a.test/", &[("host", "a.test:81")]),
        ("/", &[("host", "user@a.test")]),
        ("/", &[("host", "a test")]),
    ];
    for (uri, headers) in cases {
        let kind = refused(EdgeRules::default(), STRANGER, uri, headers).await;
        assert_eq!(kind, Some(RefusalKind::MalformedRequest), "{uri} {headers:?}");
    }
    assert_eq!(refused(EdgeRules::default(), STRANGER, "http://a.test/", &[("host", "A.test")]).await, None);
}

#[tokio::test]
async fn pages_of_another_origin_are_refused_unless_listed() {
    let rules = || EdgeRules::default().allowed_origins(["https://app.example.com"]).unwrap();
    let with = |origin| [("host", "llm.example.com"), ("origin", origin)];
    for origin in ["https://llm.example.com", "https://app.example.com", "HTTPS://APP.example.com"] {
        assert_eq!(refused(rules(), STRANGER, "/", &with(origin)).await, None, "{origin}");
    }
    for origin in [
        "https://evil.test",
        "null",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://llm.example.com.evil.test",
        "",
    ] {
        let kind = refused(rules(), STRANGER, "/", &with(origin)).await;
        assert_eq!(kind, Some(RefusalKind::ForeignOrigin), "{origin}");
    }
}

#[tokio::test]
async fn names_that_others_obey_do_not_go_inward() {
    let sent = [
        ("x-http-method-override", "DELETE"),
        ("x-original-url", "/admin"),
        ("x-forwarded-user", "root"),
        ("x-auth-request-email", "root@example.com"),
        ("x-goog-authenticated-user-email", "root@example.com"),
        ("x-ms-client-principal-id", "root"),
        ("cf-access-authenticated-user-email", "root@example.com"),
        ("tailscale-user-login", "root"),
        ("x_tenant_id", "other"),
        ("x-user-id", "1"),
        ("baggage", "user=root"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("accept", "*/*"),
    ];
    let inward = ask(EdgeRules::default(), STRANGER, "/", &sent).await.unwrap();
    let mut names: Vec<&str> = inward.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "traceparent", "x-request-id"]);
}

/// The handle that hyper leaves in a request for whoever wants to leave HTTP.
#[tokio::test]
async fn a_handle_for_an_upgrade_does_not_go_inward_whoever_put_it_there() {
    let table = RouteTable::new([Route::get("/").open()]).unwrap();
    let context = Context::default();
    let routes = MatchRouteLayer::builder(table).context(context.clone()).build();
    let read = portcullis::read::ReadPayloadLayer::builder().context(context).build();
    let inner = service_fn(|request: Request<portcullis::read::RequestBody>| {
        assert!(request.extensions().get::<hyper::upgrade::OnUpgrade>().is_none());
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::new())))
    });
    let mut request = Request::get("/").body(Body::new()).unwrap();
    request.extensions_mut().insert(PeerAddress(STRANGER.parse().unwrap()));
    request.extensions_mut().insert(TlsConnection::new());
    request.extensions_mut().insert(hyper::upgrade::on(Request::new(())));
    let response = routes.layer(read.layer(inner)).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[test]
fn what_no_request_can_have_is_an_error_when_it_is_listed() {
    for host in ["llm.example.com:443", "https://llm.example.com", "", "a b"] {
        assert!(EdgeRules::default().allowed_hosts([host]).is_err(), "{host:?}");
    }
    for origin in ["app.example.com", "https://app.example.com/", "https://app.example.com/path", "null", ""]
    {
        assert!(EdgeRules::default().allowed_origins([origin]).is_err(), "{origin:?}");
    }
}
