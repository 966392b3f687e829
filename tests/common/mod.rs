//! What the promises are tried on: an issuer, routes, and every layer, on one clock that stands still.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "these are tests; clippy knows only the functions that are marked so")]

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use portcullis::audit::{AuditEntry, AuditLayer, AuditLog};
use portcullis::authorize::AuthorizeLayer;
use portcullis::clock::UnixTime;
use portcullis::exchange::{Context, EdgeRules, MatchRouteLayer};
use portcullis::inspect::{InspectLayer, Inspection};
use portcullis::jwt::VerifyJwtLayer;
use portcullis::limit::{
    FloodQuota, LimitFloodLayer, LimitRequestsLayer, LimitUsageLayer, Limits, Per, Plan, Plans,
};
use portcullis::payload::{AnyJson, OllamaChat, OpenAiChat, PlainGenerate};
use portcullis::principal::{PeerAddress, TlsConnection};
use portcullis::read::ReadPayloadLayer;
use portcullis::route::{Route, RouteTable};
use portcullis::testing::{FakeClock, Issuer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::mpsc::{self, Receiver};
use std::task::{self, Poll};
use std::time::Duration;
use tower::Service;

pub(crate) const AUDIENCE: &str = "https://llm.test";

pub(crate) struct World {
    pub(crate) clock: FakeClock,
    pub(crate) context: Context,
    pub(crate) issuer: Issuer,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = FakeClock::at(UnixTime::from_secs(1_800_000_000));
        let context = Context::new(clock.shared());
        let issuer = Issuer::with_clock("https://issuer.test", clock.shared());
        Self { clock, context, issuer }
    }

    pub(crate) fn credential(&self, scope: &str) -> String {
        self.issuer.credential("alice").audience(AUDIENCE).scope(scope).claim("plan", "wide").sign()
    }

    /// A request that passes every layer, for `path`.
    pub(crate) fn request(&self, path: &str, body: impl Into<Bytes>) -> Request<Bytes> {
        request(path, &self.credential("generate:invoke"), body)
    }

    pub(crate) fn routes(&self) -> MatchRouteLayer {
        let table = RouteTable::new([
            Route::post("/generate").dialect(PlainGenerate).scope("generate:invoke"),
            Route::post("/json").dialect(AnyJson).scope("generate:invoke"),
            Route::post("/v1/chat/completions").dialect(OpenAiChat).scope("generate:invoke"),
            Route::post("/api/chat").dialect(OllamaChat).scope("generate:invoke"),
            Route::get("/models").scope("generate:invoke"),
        ]);
        MatchRouteLayer::builder(table.unwrap())
            .edge(EdgeRules::default().danger_plaintext())
            .context(self.context.clone())
            .build()
    }

    pub(crate) fn jwt(&self) -> VerifyJwtLayer {
        let issuer = self.issuer.trusted().audience(AUDIENCE).plan_claim("/plan");
        VerifyJwtLayer::builder().issuer(issuer).context(self.context.clone()).build().unwrap()
    }

    pub(crate) fn authorize(&self) -> AuthorizeLayer {
        AuthorizeLayer::builder().context(self.context.clone()).build()
    }

    pub(crate) fn flood(&self, per_second: u32) -> LimitFloodLayer {
        let quota = FloodQuota::new(per_second, Per::Second);
        LimitFloodLayer::builder(quota).context(self.context.clone()).build().unwrap()
    }

    /// Limits of a plan that holds `requests` a minute and `usage` units.
    pub(crate) fn limits(&self, requests: u64, usage: u64) -> Limits {
        let plan = Plan::new("wide").requests(requests, Per::Minute).usage(usage, Per::Minute);
        Limits::builder(Plans::new([plan]).unwrap()).build(self.clock.shared()).unwrap()
    }

    pub(crate) fn requests(&self, limits: &Limits) -> LimitRequestsLayer {
        LimitRequestsLayer::builder(limits.clone()).context(self.context.clone()).build()
    }

    pub(crate) fn usage(&self, limits: &Limits) -> LimitUsageLayer {
        LimitUsageLayer::builder(limits.clone()).context(self.context.clone()).build()
    }

    pub(crate) fn inspect(&self) -> InspectLayer {
        InspectLayer::builder(Inspection::builtin()).context(self.context.clone()).build()
    }

    pub(crate) fn read(&self) -> ReadPayloadLayer {
        ReadPayloadLayer::builder()
            .max_bytes(100_000)
            .max_time(Duration::from_secs(10))
            .context(self.context.clone())
            .build()
    }

    /// An audit layer, its log, and where the records arrive.
    pub(crate) fn audit(&self) -> (AuditLayer, Records) {
        let (send, records) = mpsc::channel();
        let sink = move |entry: &AuditEntry| {
            send.send((entry.clone(), serde_json::to_value(entry).unwrap())).unwrap();
        };
        let log = AuditLog::builder().sink(sink).start().unwrap();
        let layer = AuditLayer::builder(log.clone()).context(self.context.clone()).build();
        (layer, Records { log, records })
    }
}

/// The records that were written.
pub(crate) struct Records {
    pub(crate) log: AuditLog,
    records: Receiver<(AuditEntry, serde_json::Value)>,
}

/// How long to wait for what is sure to come.
pub(crate) const SOON: Duration = Duration::from_secs(10);

impl Records {
    /// The next record, as it is written.
    pub(crate) fn next(&self) -> serde_json::Value {
        self.records.recv_timeout(SOON).expect("a record is written").1
    }

    /// The records that have been written by now.
    pub(crate) fn try_iter(&self) -> impl Iterator<Item = serde_json::Value> + '_ {
        self.records.try_iter().map(|(_, written)| written)
    }

    /// That there is no other.
    pub(crate) fn assert_no_more(&self) {
        assert!(self.log.flush(SOON), "the log is written");
        let more = self.records.try_recv().ok();
        assert!(more.is_none(), "another record: {more:?}");
    }
}

pub(crate) fn request(path: &str, credential: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post(path)
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {credential}"))
        .extension(PeerAddress(SocketAddr::from((Ipv4Addr::new(192, 0, 2, 7), 4711))))
        .extension(TlsConnection::new())
        .body(body.into())
        .unwrap()
}

/// What a handler answers with.
pub(crate) type Answer = Response<Frames>;

/// A body of the frames it is given.
pub(crate) struct Frames(pub(crate) VecDeque<Frame<Bytes>>);

impl Frames {
    pub(crate) fn of<D: Into<Bytes>>(data: impl IntoIterator<Item = D>) -> Self {
        Self(data.into_iter().map(|data| Frame::data(data.into())).collect())
    }

    pub(crate) fn and_trailer(mut self, name: &'static str, value: &'static str) -> Self {
        let mut trailers = HeaderMap::new();
        trailers.insert(name, HeaderValue::from_static(value));
        self.0.push_back(Frame::trailers(trailers));
        self
    }
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

/// A handler that answers every request alike.
pub(crate) fn answering<B>(
    content_type: &'static str,
    body: impl Fn() -> Frames + Clone + Send + 'static,
) -> impl Service<Request<B>, Response = Answer, Error = Infallible, Future: Send> + Clone + Send + 'static
where
    B: Send + 'static,
{
    tower::service_fn(move |_: Request<B>| {
        let answer = Response::builder().header("content-type", content_type).body(body()).unwrap();
        std::future::ready(Ok(answer))
    })
}
