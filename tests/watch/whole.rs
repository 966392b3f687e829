//! Answers in one piece, in the process: refused until their head is sent, left alone afterwards.

use crate::site::{AUDIENCE, LEEWAY, Site, seconds};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use portcullis::principal::{PeerAddress, TlsConnection};
use std::convert::Infallible;
use tower::{Layer, ServiceExt, service_fn};

fn request(site: &Site) -> Request<Full<Bytes>> {
    let peer: std::net::SocketAddr = "192.0.2.7:4711".parse().unwrap();
    let credential = site.issuer.credential("alice").audience(AUDIENCE).scope("generate:invoke").sign();
    Request::post("/v1/chat/completions")
        .header("host", "llm.test")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {credential}"))
        .extension(PeerAddress(peer))
        .extension(TlsConnection::new())
        .body(Full::from(r#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#))
        .unwrap()
}

fn completion() -> Response<Full<Bytes>> {
    let body = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;
    Response::builder().header("content-type", "application/json").body(Full::from(body)).unwrap()
}

#[tokio::test]
async fn an_answer_whose_head_was_sent_is_left_alone() {
    let site = Site::new();
    let gate = site.builder().build().unwrap();
    let handler = service_fn(async |_| Ok::<_, Infallible>(completion()));
    let response = gate.layer(handler).oneshot(request(&site)).await.unwrap();
    site.revocations.revoke_subject(&site.alice()).unwrap();
    site.clock.advance(seconds(1_000));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.ends_with(br#""total_tokens":2}}"#));
    let record = site.record();
    assert_eq!((&record["decision"], &record["ran"]["watch"]), (&"permitted".into(), &"passed".into()));
}

#[tokio::test]
async fn an_answer_that_comes_after_its_credential_has_ended_is_refused_and_charged() {
    for revoked in [true, false] {
        let site = Site::new();
        let gate = site.builder().build().unwrap();
        let (list, alice, clock) = (site.revocations.clone(), site.alice(), site.clock.clone());
        let handler = service_fn(move |_| {
            if revoked {
                list.revoke_subject(&alice).unwrap();
            } else {
                clock.advance(seconds(300 + LEEWAY));
            }
            std::future::ready(Ok::<_, Infallible>(completion()))
        });
        let response = gate.layer(handler).oneshot(request(&site)).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(!body.ends_with(br#""total_tokens":2}}"#));
        let record = site.record();
        assert_eq!((&record["reason"], &record["end"]), (&"credential_ended".into(), &"refused".into()));
        assert!(record["usage"]["settled"].as_u64() > Some(0), "the model has worked: {record}");
        site.assert_no_more_records();
    }
}

/// The handler may work for long between one look at the credential and the next: here, while its body is asked for.
#[tokio::test]
async fn an_answer_whose_credential_ends_while_its_body_comes_is_refused() {
    for revoked in [true, false] {
        let site = Site::new();
        let gate = site.builder().build().unwrap();
        let (list, alice, clock) = (site.revocations.clone(), site.alice(), site.clock.clone());
        let handler = service_fn(move |_| {
            let (list, alice, clock) = (list.clone(), alice.clone(), clock.clone());
            let slow = completion().map(|body| {
                body.map_frame(move |frame| {
                    if revoked {
                        list.revoke_subject(&alice).unwrap();
                    } else {
                        clock.advance(seconds(300 + LEEWAY));
                    }
                    frame
                })
            });
            std::future::ready(Ok::<_, Infallible>(slow))
        });
        let response = gate.layer(handler).oneshot(request(&site)).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "revoked: {revoked}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(!body.ends_with(br#""total_tokens":2}}"#));
        assert_eq!(site.record()["reason"], "credential_ended");
        site.assert_no_more_records();
    }
}

#[tokio::test]
async fn what_another_layer_let_in_is_refused_when_it_is_revoked() {
    use portcullis::exchange::{
        Check, Context, EdgeRules, Exchange, MatchRouteLayer, Step, StepId, StepLayer,
    };
    use portcullis::payload::AnyJson;
    use portcullis::principal::{AuthenticationMethod, Credential, Principal};
    use portcullis::read::ReadPayloadLayer;
    use portcullis::refusal::Refusal;
    use portcullis::route::{Route, RouteTable};
    use portcullis::watch::WatchCredentialLayer;

    /// The host's own login.
    struct Login(Principal);

    impl Step for Login {
        fn id(&self) -> StepId {
            StepId::Authenticate
        }

        fn check(&self, _: &mut http::request::Parts, exchange: &Exchange) -> Check {
            exchange.set_principal(self.0.clone()).into()
        }
    }

    let site = Site::new();
    let context = Context::new(site.clock.shared());
    let route = Route::post("/v1/chat/completions").dialect(AnyJson).scope("generate:invoke");
    let routes = MatchRouteLayer::builder(RouteTable::new([route]).unwrap())
        .edge(EdgeRules::default().danger_plaintext())
        .context(context.clone())
        .build();
    let ends = portcullis::clock::Clock::now(&site.clock).saturating_add(seconds(60));
    let credential = Credential::new(AuthenticationMethod::Host).session("cookie").expires(ends);
    let principal = Principal::builder(site.alice(), credential).build();
    let login = StepLayer::new(Login(principal), context.clone());
    let watch =
        WatchCredentialLayer::builder(site.revocations.clone()).context(context.clone()).build().unwrap();
    let read = ReadPayloadLayer::builder().context(context).build();
    let handler = service_fn(async |_| Ok::<_, Infallible>(completion()));
    let service = routes.layer(login.layer(watch.layer(read.layer(handler))));
    let ask = async || {
        let response = service.clone().oneshot(request(&site)).await.unwrap();
        let cause =
            response.extensions().get::<Refusal>().and_then(Refusal::private_cause).map(str::to_owned);
        (response.status(), cause)
    };
    assert_eq!(ask().await, (StatusCode::OK, None));
    site.revocations.revoke_session(site.issuer.name(), "cookie", ends).unwrap();
    let cause = "the credential was revoked, by its session (sid)";
    assert_eq!(ask().await, (StatusCode::UNAUTHORIZED, Some(cause.to_owned())));
    site.clock.advance(seconds(60));
    site.revocations.restore_subject(&site.alice());
    assert_eq!(ask().await.0, StatusCode::UNAUTHORIZED);
}
