//! Limits, as callers meet them: through the layers, over handlers that answer, stream, break off or never end.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking, as tests do")]

mod answers;
mod crowds;
mod endings;
mod holders;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, request};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use portcullis::clock::UnixTime;
use portcullis::exchange::{Check, Context, Exchange, MatchRouteLayer, Record, Step, StepId, StepLayer};
use portcullis::limit::{
    BudgetStore, BudgetStoreError, Charges, Dimension, FloodQuota, Holder, Limit, LimitFloodLayer,
    LimitRequestsLayer, LimitUsageLayer, Limits, MemoryBudgetStore, Per, Plan, Plans, Reply,
};
use portcullis::payload::dialect::OpenAiChat;
use portcullis::principal::{
    AuthenticationMethod, Credential, PeerAddress, Principal, Subject, TlsConnection,
};
use portcullis::read::{ReadPayloadLayer, RequestBody};
use portcullis::refusal::{Refusal, RefusalKind};
use portcullis::route::{Route, RouteTable};
use portcullis::testing::FakeClock;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt, service_fn};

/// Says who asks, as a layer that authenticates would, and keeps the exchange to look into.
struct Who {
    known: bool,
    last: Arc<Mutex<Option<Exchange>>>,
}

impl Step for Who {
    fn id(&self) -> StepId {
        StepId::Authenticate
    }

    fn check(&self, parts: &mut request::Parts, exchange: &Exchange) -> Check {
        *self.last.lock().unwrap() = Some(exchange.clone());
        let Some(name) = parts.headers.get("test-subject").filter(|_| self.known) else {
            return Check::Permit;
        };
        let subject = Subject::new("https://issuer.example", name.to_str().unwrap());
        let mut principal = Principal::builder(subject, Credential::new(AuthenticationMethod::Host));
        if let Some(plan) = parts.headers.get("test-plan") {
            principal = principal.plan(plan.to_str().unwrap().into());
        }
        if let Some(tenant) = parts.headers.get("test-tenant") {
            principal = principal.tenant(tenant.to_str().unwrap().into());
        }
        exchange.set_principal(principal.build()).into()
    }
}

/// Refuses what the test tells it to, between the limits.
struct Picky;

impl Step for Picky {
    fn id(&self) -> StepId {
        StepId::Inspect
    }

    fn check(&self, parts: &mut request::Parts, _: &Exchange) -> Check {
        match parts.headers.contains_key("test-blocked") {
            true => Check::Refuse(Refusal::new(RefusalKind::ContentBlocked, "no")),
            false => Check::Permit,
        }
    }
}

/// What a handler answers.
#[derive(Clone)]
enum Answer {
    Whole(&'static str),
    Stream(&'static [&'static str], Then),
    Odd,
    /// A refusal of the handler's own.
    Refuses(Refusal),
    /// The same, which the handler makes and does not send.
    ThinksBetter(Refusal),
}

#[derive(Clone, Copy)]
enum Then {
    Ends,
    Fails,
    Hangs,
}

struct Pieces(Vec<&'static str>, Then);

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if !self.0.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(self.0.remove(0).as_bytes())))));
        }
        match self.1 {
            Then::Ends => Poll::Ready(None),
            Then::Fails => Poll::Ready(Some(Err(std::io::Error::other("the model is gone")))),
            Then::Hangs => Poll::Pending,
        }
    }
}

impl Answer {
    fn response(&self, exchange: &Exchange) -> Response<Pieces> {
        let (kind, pieces, then) = match self {
            Self::Whole(text) => ("application/json", vec![*text], Then::Ends),
            Self::Stream(events, then) => ("text/event-stream", events.to_vec(), *then),
            Self::Odd => ("image/png", vec!["PNG"], Then::Ends),
            Self::Refuses(refusal) => {
                return exchange.refuse(refusal.clone()).map(|_| Pieces(Vec::new(), Then::Ends));
            }
            Self::ThinksBetter(refusal) => {
                exchange.refuse(refusal.clone());
                ("application/json", vec![WHOLE], Then::Ends)
            }
        };
        Response::builder()
            .header("content-type", kind)
            .header("x-ratelimit-remaining-requests", "999999")
            .header("x-ratelimit-limit-images", "7")
            .header("ratelimit", "\"mine\";r=1")
            .body(Pieces(pieces, then))
            .unwrap()
    }
}

type BoxBody = http_body_util::combinators::UnsyncBoxBody<Bytes, std::io::Error>;

/// Limits over a handler.
struct Gate {
    service: BoxCloneSyncService<Request<Full<Bytes>>, Response<BoxBody>, Infallible>,
    clock: FakeClock,
    last: Arc<Mutex<Option<Exchange>>>,
    handled: Arc<AtomicUsize>,
}

struct Setup {
    plan: Plan,
    answer: Answer,
    known: bool,
    store: Arc<dyn BudgetStore>,
}

impl Setup {
    fn new(plan: Plan) -> Self {
        Self {
            plan,
            answer: Answer::Whole(WHOLE),
            known: true,
            store: Arc::new(MemoryBudgetStore::default()),
        }
    }

    fn answering(mut self, answer: Answer) -> Self {
        self.answer = answer;
        self
    }

    fn build(self) -> Gate {
        let clock = FakeClock::at(UnixTime::from_secs(1_800_000_000));
        let context = Context::new(clock.shared());
        let last: Arc<Mutex<Option<Exchange>>> = Arc::default();
        let handled = Arc::new(AtomicUsize::new(0));
        let plans = Plans::new([self.plan]).unwrap();
        let limits = Limits::builder(plans).store(self.store).build(clock.shared()).unwrap();
        let routes = RouteTable::new([
            Route::post("/v1/chat/completions")
                .dialect(OpenAiChat)
                .scope("generate:invoke")
                .default_output_cap(100),
            Route::get("/v1/models").scope("models:read"),
            Route::get("/healthz").open(),
        ]);
        let handler = {
            let (answer, handled) = (self.answer, handled.clone());
            service_fn(move |request: Request<RequestBody>| {
                handled.fetch_add(1, Ordering::SeqCst);
                let response = answer.response(request.extensions().get().unwrap());
                async move { Ok::<_, Infallible>(response) }
            })
        };
        let usage = LimitUsageLayer::builder(limits.clone()).context(context.clone()).build().layer(handler);
        let picky = StepLayer::new(Picky, context.clone()).layer(usage);
        let read = ReadPayloadLayer::builder().context(context.clone()).build().layer(picky);
        let requests = LimitRequestsLayer::builder(limits).context(context.clone()).build().layer(read);
        let who =
            StepLayer::new(Who { known: self.known, last: last.clone() }, context.clone()).layer(requests);
        let flood = LimitFloodLayer::builder(FloodQuota::new(1_000, Per::Second).burst(20_000));
        let flood = flood.context(context.clone()).build().unwrap().layer(who);
        let service = MatchRouteLayer::builder(routes.unwrap()).context(context).build().layer(flood);
        let service = ServiceExt::<Request<Full<Bytes>>>::map_response(service, boxed);
        Gate { service: BoxCloneSyncService::new(service), clock, last, handled }
    }
}

fn boxed<B>(response: Response<B>) -> Response<BoxBody>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    response.map(|body| body.map_err(std::io::Error::other).boxed_unsync())
}

const WHOLE: &str = r#"{"id":"a","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"four words of text"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":4,"total_tokens":11}}"#;
const UNCOUNTED: &str = r#"{"id":"a","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"thirty letters, thirty letters"},"finish_reason":"stop"}]}"#;
const PIECE: &str = "data: {\"id\":\"a\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"thirty letters, thirty letters\"},\"finish_reason\":null}]}\n\n";
const COUNT: &str = "data: {\"id\":\"a\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":40,\"total_tokens\":47}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// 24 bytes, estimated at 8 units.
const PROMPT: &str = "a prompt of 24 bytes, ok";

fn asking(subject: &str, members: &str) -> Request<Full<Bytes>> {
    let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{PROMPT}"}}]{members}}}"#);
    Request::post("/v1/chat/completions")
        .header("content-type", "application/json")
        .header("test-subject", subject)
        .header("test-plan", "free")
        .extension(PeerAddress(SocketAddr::from(([192, 0, 2, 1], 443))))
        .extension(TlsConnection::new())
        .body(Full::from(body))
        .unwrap()
}

impl Gate {
    async fn send(&self, request: Request<Full<Bytes>>) -> Response<BoxBody> {
        self.service.clone().ready().await.unwrap().call(request).await.unwrap()
    }

    /// Sends, and reads the answer to its end.
    async fn done(&self, request: Request<Full<Bytes>>) -> Response<Bytes> {
        let (head, body) = self.send(request).await.into_parts();
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }

    fn record(&self) -> Record {
        self.last.lock().unwrap().as_ref().expect("a request came by").record(|record| record.clone())
    }

    fn settled(&self) -> u64 {
        self.record().usage.and_then(|usage| usage.settled).expect("the usage is settled")
    }

    /// What is left of the usage, asked in a way that takes nothing.
    async fn usage_left(&self, subject: &str) -> i64 {
        self.done(asking(subject, r#","max_tokens":999999999"#)).await;
        let levels = self.record().limits.unwrap().levels;
        levels.iter().find(|level| level.limit.starts_with("usage")).expect("there is a limit of usage").left
    }
}

fn header<'a, B>(response: &'a Response<B>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn kind<B>(response: &Response<B>) -> Option<RefusalKind> {
    response.extensions().get::<Refusal>().map(Refusal::kind)
}

fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}
