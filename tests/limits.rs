//! Limits, as callers meet them: through the layers, over handlers that answer, stream, break off or never end.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking, as tests do")]

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
use portcullis::read::ReadPayloadLayer;
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
    fn response(&self) -> Response<Pieces> {
        let (kind, pieces, then) = match self {
            Self::Whole(text) => ("application/json", vec![*text], Then::Ends),
            Self::Stream(events, then) => ("text/event-stream", events.to_vec(), *then),
            Self::Odd => ("image/png", vec!["PNG"], Then::Ends),
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
            service_fn(move |_| {
                handled.fetch_add(1, Ordering::SeqCst);
                let response = answer.response();
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

#[tokio::test]
async fn a_burst_passes_then_429_says_when_to_come_again_and_is_right_about_it() {
    let gate = Setup::new(Plan::new("free").requests(3, Per::Minute)).build();
    for left in ["2", "1", "0"] {
        let answer = gate.done(asking("ann", "")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(header(&answer, "x-ratelimit-remaining-requests"), left);
    }
    let refused = gate.done(asking("ann", "")).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&refused, "retry-after"), "20");
    assert_eq!(header(&refused, "x-ratelimit-reset-requests"), "1m0s");
    assert!(text(&refused).contains("3 requests per minute"), "{}", text(&refused));
    assert_eq!(gate.record().limits.unwrap().exceeded.as_deref(), Some("requests-per-minute"));
    assert_eq!(gate.done(asking("bob", "")).await.status(), StatusCode::OK);
    gate.clock.advance(Duration::from_millis(19_999));
    assert_eq!(header(&gate.done(asking("ann", "")).await, "retry-after"), "1");
    gate.clock.advance(Duration::from_millis(1));
    assert_eq!(gate.done(asking("ann", "")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn answers_and_refusals_tell_how_limits_stand_and_look_alikes_are_overwritten() {
    // the last is shared with strangers, so it is not told
    let shared = Limit::requests(500, Per::Second).per(Dimension::Plan);
    let plan = Plan::new("free").requests(20, Per::Minute).usage(2_000, Per::Hour).limit(shared);
    let gate = Setup::new(plan).build();
    let answer = gate.done(asking("ann", r#","max_tokens":92"#)).await;
    assert_eq!(
        header(&answer, "ratelimit-policy"),
        r#""requests-per-minute";q=20;w=60, "usage-per-hour";q=2000;qu="tokens";w=3600"#
    );
    assert_eq!(
        header(&answer, "ratelimit"),
        r#""requests-per-minute";r=19;t=3, "usage-per-hour";r=1900;t=180"#
    );
    let told = |name: &str| header(&answer, &format!("x-ratelimit-{name}")).to_owned();
    assert_eq!(
        [told("limit-requests"), told("remaining-requests"), told("reset-requests")],
        ["20", "19", "3s"]
    );
    assert_eq!(
        [told("limit-tokens"), told("remaining-tokens"), told("reset-tokens")],
        ["2000", "1900", "3m0s"]
    );
    assert_eq!(told("limit-images"), "", "what the handler says about limits is taken away");
    assert_eq!(answer.headers().get_all("ratelimit").iter().count(), 1);
    let mut blocked = asking("ann", "");
    blocked.headers_mut().insert("test-blocked", "1".parse().unwrap());
    let blocked = gate.done(blocked).await;
    assert_eq!(kind(&blocked), Some(RefusalKind::ContentBlocked));
    assert_eq!(header(&blocked, "x-ratelimit-remaining-requests"), "18");
}

#[tokio::test]
async fn usage_is_reserved_at_the_estimate_and_settled_at_the_servers_count() {
    let gate = Setup::new(Plan::new("free").usage(1_000, Per::Hour)).build();
    let answer = gate.done(asking("ann", r#","max_tokens":200,"n":3"#)).await;
    assert_eq!(header(&answer, "x-ratelimit-remaining-tokens"), "392", "8 of input and three times 200");
    assert_eq!(gate.record().usage.unwrap().reserved, 608);
    assert_eq!(gate.settled(), 11);
    assert_eq!(gate.usage_left("ann").await, 989);
}

#[tokio::test]
async fn a_request_without_a_cap_reserves_the_routes_default_but_never_more_than_fits() {
    let gate = Setup::new(Plan::new("free").usage(1_000, Per::Hour)).build();
    gate.done(asking("ann", "")).await;
    assert_eq!(gate.record().usage.unwrap().reserved, 108);
    let gate = Setup::new(Plan::new("free").usage(50, Per::Hour)).build();
    assert_eq!(gate.done(asking("ann", "")).await.status(), StatusCode::OK);
    assert_eq!(gate.record().usage.unwrap().reserved, 50);
}

#[tokio::test]
async fn usage_that_is_not_reported_settles_at_what_was_generated_and_never_at_nothing() {
    let plan = || Plan::new("free").usage(1_000, Per::Hour);
    let gate = Setup::new(plan()).answering(Answer::Whole(UNCOUNTED)).build();
    gate.done(asking("ann", "")).await;
    assert_eq!(gate.settled(), 8 + 10);
    let gate = Setup::new(plan()).answering(Answer::Stream(&[PIECE, PIECE, DONE], Then::Ends)).build();
    gate.done(asking("ann", r#","stream":true"#)).await;
    assert_eq!(gate.settled(), 8 + 20);
    assert_eq!(gate.usage_left("ann").await, 972);
}

#[tokio::test]
async fn a_stream_settles_at_the_servers_count_also_when_the_client_did_not_ask_for_it() {
    let answer = Answer::Stream(&[PIECE, COUNT, DONE], Then::Ends);
    let gate = Setup::new(Plan::new("free").usage(1_000, Per::Hour)).answering(answer).build();
    let answer = gate.done(asking("ann", r#","stream":true,"stream_options":{"include_usage":false}"#)).await;
    assert_eq!(gate.settled(), 47);
    assert!(!text(&answer).contains("usage"), "{}", text(&answer));
}

#[tokio::test]
async fn a_client_that_leaves_mid_stream_pays_what_was_used_and_once() {
    let answer = Answer::Stream(&[PIECE, PIECE, PIECE], Then::Hangs);
    let gate = Setup::new(Plan::new("free").usage(1_000, Per::Hour)).answering(answer).build();
    let mut body = gate.send(asking("ann", r#","stream":true,"max_tokens":900"#)).await.into_body();
    for _ in 0..2 {
        body.frame().await.unwrap().unwrap();
    }
    assert_eq!(gate.record().usage.unwrap().settled, None);
    assert_eq!(gate.usage_left("ann").await, 92, "all of it is held while the answer runs");
    drop(body);
    assert_eq!(gate.usage_left("ann").await, 1_000 - 8 - 20);
    assert_eq!(gate.usage_left("ann").await, 1_000 - 8 - 20);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_pays_its_input() {
    let answer = Answer::Stream(&[], Then::Hangs);
    let gate = Setup::new(Plan::new("free").usage(1_000, Per::Hour)).answering(answer).build();
    drop(gate.send(asking("ann", r#","stream":true"#)).await);
    assert_eq!(gate.settled(), 8);
}

#[tokio::test]
async fn a_handler_that_breaks_off_or_answers_unreadably_has_used_what_it_used() {
    let plan = || Plan::new("free").usage(1_000, Per::Hour);
    let gate = Setup::new(plan()).answering(Answer::Stream(&[PIECE], Then::Fails)).build();
    let body = gate.send(asking("ann", r#","stream":true"#)).await.into_body();
    assert!(body.collect().await.is_err());
    assert_eq!(gate.settled(), 8 + 10);
    let gate = Setup::new(plan()).answering(Answer::Odd).build();
    assert_eq!(kind(&gate.done(asking("ann", "")).await), Some(RefusalKind::UnreadableAnswer));
    assert_eq!(gate.settled(), 8);
}

#[tokio::test]
async fn more_used_than_reserved_is_debt_that_refuses_before_the_body_is_read() {
    let answer = Answer::Stream(&[PIECE, COUNT, DONE], Then::Ends);
    let gate = Setup::new(Plan::new("free").usage(20, Per::Minute)).answering(answer).build();
    gate.done(asking("ann", r#","stream":true,"max_tokens":1"#)).await;
    assert_eq!(gate.settled(), 47);
    let no_json = || asking("ann", "").map(|_| Full::from("no JSON"));
    let refused = gate.send(no_json()).await;
    assert_eq!(kind(&refused), Some(RefusalKind::UsageExceeded));
    // 27 units of debt and one to begin with, at 20 a minute
    assert_eq!(header(&refused, "retry-after"), "84");
    assert_eq!(header(&refused, "ratelimit"), r#""usage-per-minute";r=0;t=84"#);
    assert_eq!(header(&refused, "x-ratelimit-remaining-tokens"), "0");
    gate.clock.advance(Duration::from_secs(84));
    assert_eq!(kind(&gate.send(no_json()).await), Some(RefusalKind::MalformedRequest));
}

#[tokio::test]
async fn what_a_limit_refuses_counts_against_no_limit_and_what_others_refuse_stays_counted() {
    let gate = Setup::new(Plan::new("free").requests(10, Per::Minute).usage(100, Per::Hour)).build();
    let left = |response: &Response<Bytes>| header(response, "x-ratelimit-remaining-requests").to_owned();
    let held = gate.send(asking("ann", r#","max_tokens":80"#)).await;
    for _ in 0..20 {
        let refused = gate.done(asking("ann", r#","max_tokens":50"#)).await;
        assert_eq!(kind(&refused), Some(RefusalKind::UsageExceeded));
        assert_eq!(left(&refused), "9");
        let never = gate.done(asking("ann", r#","max_tokens":93"#)).await;
        assert_eq!((kind(&never), never.status()), (Some(RefusalKind::NeverFits), StatusCode::BAD_REQUEST));
        assert!(
            text(&never).contains("101 units") && text(&never).contains("100 units per hour"),
            "{}",
            text(&never)
        );
        assert_eq!((left(&never).as_str(), header(&never, "retry-after")), ("9", ""));
    }
    drop(held);
    let malformed = gate.done(asking("ann", "").map(|_| Full::from("{"))).await;
    assert_eq!((kind(&malformed), left(&malformed).as_str()), (Some(RefusalKind::MalformedRequest), "8"));
    let mut blocked = asking("ann", "");
    blocked.headers_mut().insert("test-blocked", "1".parse().unwrap());
    let blocked = gate.done(blocked).await;
    assert_eq!((kind(&blocked), left(&blocked).as_str()), (Some(RefusalKind::ContentBlocked), "7"));
    assert_eq!(gate.handled.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn limits_without_a_verified_principal_are_misconfigured_and_name_the_layer_that_is_missing() {
    let mut setup = Setup::new(Plan::new("free").requests(10, Per::Minute));
    setup.known = false;
    let gate = setup.build();
    let refused = gate.done(asking("ann", "")).await;
    assert_eq!(refused.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let refusal = refused.extensions().get::<Refusal>().unwrap();
    assert_eq!(refusal.kind(), RefusalKind::Misconfigured);
    assert!(refusal.private_cause().unwrap().contains("VerifyJwtLayer"), "{refusal:?}");
    assert!(!text(&refused).contains("VerifyJwtLayer"));
    assert_eq!(gate.handled.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn subjects_of_one_tenant_share_its_limit_and_so_do_all_who_have_none() {
    let gate =
        Setup::new(Plan::new("free").limit(Limit::requests(2, Per::Minute).per(Dimension::Tenant))).build();
    let from = |subject, tenant: &str| {
        let mut request = asking(subject, "");
        if !tenant.is_empty() {
            request.headers_mut().insert("test-tenant", tenant.parse().unwrap());
        }
        request
    };
    for tenant in ["acme", "globex", ""] {
        assert_eq!(kind(&gate.done(from("ann", tenant)).await), None);
        assert_eq!(kind(&gate.done(from("bob", tenant)).await), None);
        let refused = gate.done(from("eve", tenant)).await;
        assert_eq!(kind(&refused), Some(RefusalKind::RateLimited));
        assert!(header(&refused, "ratelimit").starts_with("\"tenant-requests-per-minute\";r=0"));
    }
}

#[tokio::test]
async fn an_address_with_many_subjects_has_one_limit_of_its_own() {
    let gate =
        Setup::new(Plan::new("free").limit(Limit::requests(2, Per::Hour).per(Dimension::Address))).build();
    let from = |subject, ip: &str| {
        let mut request = asking(subject, "");
        request.extensions_mut().insert(PeerAddress(SocketAddr::new(ip.parse().unwrap(), 443)));
        request.extensions_mut().insert(TlsConnection::new());
        request
    };
    assert_eq!(kind(&gate.done(from("ann", "2001:db8::1")).await), None);
    assert_eq!(kind(&gate.done(from("bob", "2001:db8::ffff:2")).await), None);
    assert_eq!(kind(&gate.done(from("eve", "2001:db8::3")).await), Some(RefusalKind::RateLimited));
    assert_eq!(kind(&gate.done(from("eve", "2001:db8:0:1::3")).await), None);
}

#[tokio::test]
async fn a_plan_without_limits_is_still_metered() {
    let gate = Setup::new(Plan::new("free").danger_unlimited()).build();
    let answer = gate.done(asking("ann", r#","max_tokens":999999999"#)).await;
    assert_eq!((answer.status(), gate.settled()), (StatusCode::OK, 11));
    assert_eq!(header(&answer, "x-ratelimit-remaining-requests"), "", "the handler's own is taken away");
}

fn open_route(ip: [u8; 4]) -> Request<Full<Bytes>> {
    Request::get("/healthz")
        .extension(PeerAddress(SocketAddr::from((ip, 443))))
        .extension(TlsConnection::new())
        .body(Full::default())
        .unwrap()
}

#[tokio::test]
async fn a_caller_on_no_known_plan_is_refused_and_an_open_route_asks_for_none() {
    let gate = Setup::new(Plan::new("paid").requests(1, Per::Minute)).build();
    assert_eq!(kind(&gate.done(asking("ann", "")).await), Some(RefusalKind::Forbidden));
    for _ in 0..5 {
        assert_eq!(kind(&gate.send(open_route([192, 0, 2, 1])).await), None);
    }
}

#[tokio::test]
async fn a_route_without_a_body_counts_requests_alone() {
    let gate = Setup::new(Plan::new("free").requests(2, Per::Minute).usage(10, Per::Minute)).build();
    let get = || {
        let (mut parts, _) = asking("ann", "").into_parts();
        (parts.method, parts.uri) = (http::Method::GET, "/v1/models".parse().unwrap());
        parts.headers.remove("content-type");
        Request::from_parts(parts, Full::default())
    };
    assert_eq!(gate.done(get()).await.status(), StatusCode::OK);
    assert_eq!(gate.done(get()).await.status(), StatusCode::OK);
    assert_eq!(kind(&gate.done(get()).await), Some(RefusalKind::RateLimited));
}

#[tokio::test]
async fn a_flood_from_one_address_is_refused_before_anybody_asks_who_it_is() {
    let gate = Setup::new(Plan::new("free").requests(1_000_000, Per::Minute)).build();
    for _ in 0..20_000 {
        assert_eq!(kind(&gate.send(open_route([192, 0, 2, 9])).await), None);
    }
    let refused = gate.done(open_route([192, 0, 2, 9])).await;
    assert_eq!(kind(&refused), Some(RefusalKind::AddressRateLimited));
    assert_eq!(header(&refused, "retry-after"), "1");
    assert_eq!(kind(&gate.send(open_route([192, 0, 2, 8])).await), None);
    let unknown = gate.done(Request::get("/healthz").body(Full::default()).unwrap()).await;
    assert_eq!(kind(&unknown), Some(RefusalKind::Misconfigured));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_at_once_never_get_one_unit_more_than_the_budget_and_overrun_is_debt() {
    let answer = Answer::Stream(&[PIECE, COUNT, DONE], Then::Ends);
    let gate = Arc::new(Setup::new(Plan::new("free").usage(10_000, Per::Hour)).answering(answer).build());
    let asks: Vec<_> = (0..10_000)
        .map(|_| {
            let gate = gate.clone();
            // 8 units of input and 12 of output
            tokio::spawn(async move { gate.send(asking("ann", r#","stream":true,"max_tokens":12"#)).await })
        })
        .collect();
    let mut admitted = Vec::new();
    for ask in asks {
        let response = ask.await.unwrap();
        match kind(&response) {
            None => admitted.push(response),
            Some(kind) => assert_eq!(kind, RefusalKind::UsageExceeded),
        }
    }
    assert_eq!(admitted.len(), 10_000 / 20);
    assert_eq!(gate.handled.load(Ordering::SeqCst), admitted.len());
    for response in admitted {
        response.into_body().collect().await.unwrap();
    }
    let refused = gate.done(asking("ann", "")).await;
    assert_eq!(kind(&refused), Some(RefusalKind::UsageExceeded));
    assert_eq!(gate.record().limits.unwrap().levels[0].left, 10_000 - 500 * 47);
}

/// Memory behind a network: every answer comes later.
#[derive(Debug)]
struct Far(Arc<MemoryBudgetStore>);

impl BudgetStore for Far {
    fn open(&self, plan: &str, limit: &Limit) -> Result<portcullis::limit::Budget, BudgetStoreError> {
        self.0.open(plan, limit)
    }

    fn holder(&self, dimension: Dimension, facts: &[&str]) -> Holder {
        self.0.holder(dimension, facts)
    }

    fn reserve(&self, charges: Charges, now: Duration) -> Reply {
        let near = self.0.clone();
        Reply::Later(Box::pin(async move {
            tokio::task::yield_now().await;
            match near.reserve(charges, now) {
                Reply::Ready(decision) => decision,
                Reply::Later(later) => later.await,
            }
        }))
    }

    fn settle(&self, charges: Charges, now: Duration) -> Charges {
        self.0.settle(charges, now)
    }
}

#[tokio::test]
async fn a_store_that_answers_later_limits_alike() {
    let mut setup = Setup::new(Plan::new("free").requests(3, Per::Minute).usage(1_000, Per::Hour));
    setup.store = Arc::new(Far(Arc::new(MemoryBudgetStore::default())));
    let gate = setup.build();
    assert_eq!(gate.done(asking("ann", "")).await.status(), StatusCode::OK);
    assert_eq!(gate.settled(), 11);
    assert_eq!(gate.usage_left("ann").await, 989);
    let refused = gate.done(asking("ann", r#","max_tokens":990"#)).await;
    assert_eq!(header(&refused, "x-ratelimit-remaining-requests"), "2", "given back");
    for _ in 0..2 {
        gate.done(asking("ann", "")).await;
    }
    assert_eq!(kind(&gate.done(asking("ann", "")).await), Some(RefusalKind::RateLimited));
}
