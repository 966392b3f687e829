//! Layers that are stacked by hand: with the upstream's credential everybody may do what this service may, so none may be missing.

use crate::world::{ANSWER, AUDIENCE, HELLO, KEY, Upstream, credential, loopback, ok};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use portcullis::authorize::AuthorizeLayer;
use portcullis::clock::UnixTime;
use portcullis::delegate::RotatingSecret;
use portcullis::exchange::{Context, EdgeRules, MatchRouteLayer};
use portcullis::forward::Forward;
use portcullis::jwt::VerifyJwtLayer;
use portcullis::payload::OpenAiChat;
use portcullis::read::ReadPayloadLayer;
use portcullis::refusal::Refusal;
use portcullis::route::{Route, RouteTable};
use portcullis::testing::{FakeClock, Issuer};
use std::convert::Infallible;
use tower::{Layer, Service, ServiceExt};

const NOW: u64 = 1_800_000_000;

struct Stack {
    issuer: Issuer,
    context: Context,
    upstream: Upstream,
    forward: Forward,
}

impl Stack {
    async fn new() -> Self {
        let clock = FakeClock::at(UnixTime::from_secs(NOW));
        let upstream = Upstream::answering(ok(ANSWER)).await;
        let key = RotatingSecret::new(KEY.into()).unwrap();
        let forward =
            Forward::builder(credential(&upstream.url(), &key)).connect_by(loopback()).build().unwrap();
        Self {
            issuer: Issuer::with_clock("https://issuer.test", clock.shared()),
            context: Context::new(clock.shared()),
            upstream,
            forward,
        }
    }

    fn routes(&self, route: Route) -> MatchRouteLayer {
        let table = RouteTable::new([route]).unwrap();
        let routes = MatchRouteLayer::builder(table).edge(EdgeRules::default().danger_plaintext());
        routes.context(self.context.clone()).build()
    }

    fn jwt(&self) -> VerifyJwtLayer {
        let issuer = self.issuer.trusted().audience(AUDIENCE);
        VerifyJwtLayer::builder().issuer(issuer).context(self.context.clone()).build().unwrap()
    }

    fn authorize(&self) -> AuthorizeLayer {
        AuthorizeLayer::builder().context(self.context.clone()).build()
    }

    fn read(&self) -> ReadPayloadLayer {
        ReadPayloadLayer::builder().context(self.context.clone()).build()
    }

    /// The status, and which layer the refusal says is missing.
    async fn ask<S, RB>(&self, service: S, path: &str) -> (StatusCode, String)
    where
        S: Service<Request<Full<Bytes>>, Response = Response<RB>, Error = Infallible>,
    {
        let credential = self.issuer.credential("alice").audience(AUDIENCE).scope("generate:invoke").sign();
        let request = match path {
            MODELS => Request::get(path).body(Full::default()),
            _ => Request::post(path).header("content-type", "application/json").body(Full::from(HELLO)),
        };
        let mut request = request.unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {credential}").parse().unwrap());
        let answer = service.oneshot(request).await.unwrap();
        let cause = answer.extensions().get::<Refusal>().and_then(Refusal::private_cause);
        (answer.status(), cause.unwrap_or_default().to_owned())
    }
}

const CHAT: &str = "/v1/chat/completions";
const MODELS: &str = "/v1/models";

fn chat() -> Route {
    Route::post(CHAT).dialect(OpenAiChat)
}

#[tokio::test]
async fn without_one_of_the_layers_that_let_a_request_in_nothing_goes_on() {
    let stack = Stack::new().await;
    let (forward, closed) = (stack.forward.clone(), stack.routes(chat().scope("generate:invoke")));
    let open = stack.routes(Route::get(MODELS).open());
    for ((status, cause), missing) in [
        (stack.ask(closed.layer(forward.clone()), CHAT).await, "VerifyJwtLayer"),
        (stack.ask(closed.layer(stack.jwt().layer(forward.clone())), CHAT).await, "AuthorizeLayer"),
        (
            stack.ask(closed.layer(stack.jwt().layer(stack.read().layer(forward.clone()))), CHAT).await,
            "AuthorizeLayer",
        ),
        (
            stack.ask(closed.layer(stack.jwt().layer(stack.authorize().layer(forward.clone()))), CHAT).await,
            "ReadPayloadLayer",
        ),
        (stack.ask(open.layer(forward), MODELS).await, "ReadPayloadLayer"),
    ] {
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{missing}");
        assert!(cause.contains(&format!("stack {missing} outside of Forward")), "{cause}");
    }
    assert!(stack.upstream.came().is_empty());
}

#[tokio::test]
async fn with_all_of_them_it_goes_on_and_so_does_what_is_open_or_only_observed() {
    let stack = Stack::new().await;
    let forward = stack.forward.clone();
    let inside = stack.jwt().layer(stack.authorize().layer(stack.read().layer(forward.clone())));
    let observed = chat().scope("generate:invoke").danger_observe(UnixTime::from_secs(NOW + 60));
    for (status, cause) in [
        stack.ask(stack.routes(chat().scope("generate:invoke")).layer(inside), CHAT).await,
        stack
            .ask(stack.routes(Route::get(MODELS).open()).layer(stack.read().layer(forward.clone())), MODELS)
            .await,
        stack.ask(stack.routes(observed).layer(forward), CHAT).await,
    ] {
        assert_eq!(status, StatusCode::OK, "{cause}");
    }
    assert_eq!(stack.upstream.came().len(), 3);
}
