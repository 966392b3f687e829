//! One stack for all: routes, an observer that can be told what to do, the reader, a handler.

mod answers;
mod bodies;
#[cfg(feature = "inflate")]
mod encodings;
mod opaque;

use super::ReadPayloadLayer;
use crate::clock::UnixTime;
use crate::exchange::{
    AnswerObserver, Check, Context, Cut, EdgeRules, End, Exchange, MatchRouteLayer, Record, Released, Stage,
    Step, StepId, StepLayer,
};
use crate::payload::dialect::OpenAiChat;
use crate::payload::{AnswerEvent, AnswerFacts, AnyJson};
use crate::refusal::{Refusal, RefusalKind};
use crate::route::{Route, RouteTable};
use crate::testing::FakeClock;
use bytes::Bytes;
use http::{Request, Response, request};
use http_body_util::BodyExt;
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use tower::{Layer, Service, ServiceExt, service_fn};

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(super) type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;

pub(super) fn full(text: impl Into<Bytes>) -> Body {
    http_body_util::Full::new(text.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

pub(super) fn frames(frames: impl IntoIterator<Item = Result<http_body::Frame<Bytes>, BoxError>>) -> Body {
    let mut frames: std::collections::VecDeque<_> = frames.into_iter().collect();
    poll_body(move |_| Poll::Ready(frames.pop_front()))
}

pub(super) type Polled = Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>>;

pub(super) fn poll_body(poll: impl FnMut(&mut std::task::Context<'_>) -> Polled + Send + 'static) -> Body {
    struct Fn<F>(F);
    impl<F: FnMut(&mut std::task::Context<'_>) -> Polled + Unpin> http_body::Body for Fn<F> {
        type Data = Bytes;
        type Error = BoxError;
        fn poll_frame(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Polled {
            (self.0)(cx)
        }
    }
    Fn(Box::new(poll)).boxed_unsync()
}

pub(super) fn data(text: &'static str) -> Result<http_body::Frame<Bytes>, BoxError> {
    Ok(http_body::Frame::data(Bytes::from_static(text.as_bytes())))
}

/// What an observer saw and was told, and what it is to do.
#[derive(Clone, Default)]
pub(super) struct Witness(Arc<Mutex<Seen>>);

#[derive(Default)]
pub(super) struct Seen {
    pub(super) events: Vec<String>,
    pub(super) ends: Vec<(End, Option<&'static str>, Record)>,
    pub(super) cut_at: Option<&'static str>,
    pub(super) cut_now: bool,
    pub(super) hold: bool,
    /// Polls of `poll_release` that are pending after each event, and after the end.
    pub(super) slow: usize,
    held: Vec<AnswerEvent>,
    waiting: usize,
}

impl Witness {
    pub(super) fn with(&self, change: impl FnOnce(&mut Seen)) -> Self {
        change(&mut self.0.lock().unwrap());
        self.clone()
    }

    pub(super) fn events(&self) -> Vec<String> {
        self.0.lock().unwrap().events.clone()
    }

    pub(super) fn end(&self) -> (End, Option<&'static str>) {
        let seen = self.0.lock().unwrap();
        assert_eq!(seen.ends.len(), 1, "told once");
        (seen.ends[0].0, seen.ends[0].1)
    }

    pub(super) fn is_told(&self) -> bool {
        !self.0.lock().unwrap().ends.is_empty()
    }

    pub(super) fn record(&self) -> Record {
        self.end();
        self.0.lock().unwrap().ends[0].2.clone()
    }
}

pub(super) fn blocked() -> Cut {
    Cut(Refusal::new(RefusalKind::AnswerBlocked, "public words").cause("private words"))
}

impl AnswerObserver for Witness {
    fn event(&mut self, event: AnswerEvent, _: &AnswerFacts, released: &mut Released) -> Result<(), Cut> {
        let mut seen = self.0.lock().unwrap();
        let text = event.text().unwrap_or_default().to_owned();
        if seen.cut_at.is_some_and(|needle| text.contains(needle)) {
            return Err(blocked());
        }
        seen.events.push(text);
        seen.waiting = seen.slow;
        if seen.hold || seen.slow > 0 {
            seen.held.push(event);
        } else {
            released.push(event);
        }
        Ok(())
    }

    fn poll_release(
        &mut self,
        cx: &mut std::task::Context<'_>,
        released: &mut Released,
    ) -> Poll<Result<(), Cut>> {
        let mut seen = self.0.lock().unwrap();
        if seen.waiting > 0 {
            seen.waiting -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if !seen.hold {
            seen.held.drain(..).for_each(|event| released.push(event));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_cut(&mut self, _: &mut std::task::Context<'_>) -> Poll<Cut> {
        if self.0.lock().unwrap().cut_now { Poll::Ready(blocked()) } else { Poll::Pending }
    }

    fn flush(&mut self, _: &AnswerFacts, released: &mut Released) -> Result<(), Cut> {
        let mut seen = self.0.lock().unwrap();
        (seen.hold, seen.waiting) = (false, seen.slow);
        if seen.slow == 0 {
            seen.held.drain(..).for_each(|event| released.push(event));
        }
        Ok(())
    }

    fn end(self: Box<Self>, end: End, _: &AnswerFacts, exchange: &Exchange) {
        let code = exchange.refusal().map(|refusal| refusal.kind().code());
        let record = exchange.record(|record| record.clone());
        self.0.lock().unwrap().ends.push((end, code, record));
    }
}

struct Watching(Witness);

impl Step for Watching {
    fn id(&self) -> StepId {
        StepId::Audit
    }

    fn check(&self, _: &mut request::Parts, exchange: &Exchange) -> Check {
        exchange.observe(Stage::Watch, self.0.clone()).into()
    }
}

/// The whole stack around `handler`, with limits of 1,000 bytes, 10 seconds and 10 bytes a second; 1,500 bytes at once
/// for one caller, 2,500 for all.
pub(super) struct Stack {
    pub(super) clock: FakeClock,
    pub(super) witness: Witness,
}

impl Stack {
    pub(super) fn new() -> Self {
        Self { clock: FakeClock::at(UnixTime::from_secs(1)), witness: Witness::default() }
    }

    pub(super) fn service<F, R, B>(
        &self,
        handler: F,
    ) -> impl Service<
        Request<B>,
        Response = Response<impl http_body::Body<Data = Bytes, Error = BoxError> + Unpin + use<F, R, B>>,
        Error = BoxError,
        Future: Send,
    > + Clone
    + use<F, R, B>
    where
        F: Fn(Request<super::RequestBody>) -> R + Clone + Send,
        R: Future<Output = Result<Response<Body>, BoxError>> + Send,
        B: http_body::Body<Data = Bytes> + Send,
    {
        let context = Context::new(self.clock.shared());
        let routes = RouteTable::new([
            Route::get("/plain").scope("s"),
            Route::get("/healthz").open(),
            Route::post("/audio").danger_opaque_body(["audio/wav"], 100).scope("s"),
            Route::post("/json").dialect(AnyJson).scope("s"),
            Route::post("/speech").dialect(AnyJson).danger_opaque_answer(["audio/mpeg"], 10).scope("s"),
            Route::post("/chat").dialect(OpenAiChat).scope("s"),
        ]);
        let read = ReadPayloadLayer::builder()
            .max_bytes(1_000)
            .min_bytes_per_second(10)
            .max_bytes_at_once(1_500, 2_500)
            .max_time(std::time::Duration::from_secs(10))
            .context(context.clone())
            .build();
        let routes = MatchRouteLayer::builder(routes.unwrap())
            .edge(EdgeRules::default().danger_plaintext())
            .context(context.clone())
            .build();
        let witness = StepLayer::new(Watching(self.witness.clone()), context);
        tower::util::MapResponse::new(
            witness.layer(routes.layer(read.layer(service_fn(handler)))),
            |response: Response<_>| response.map(Box::pin),
        )
    }

    /// What the stack answers to a `GET` when the handler answers with `response`.
    pub(super) async fn answer(
        &self,
        response: Response<Body>,
    ) -> Response<impl http_body::Body<Data = Bytes, Error = BoxError> + Unpin + use<>> {
        self.answer_to(Request::get("/plain").body(full("")).unwrap(), response).await
    }

    pub(super) async fn answer_to(
        &self,
        request: Request<Body>,
        response: Response<Body>,
    ) -> Response<impl http_body::Body<Data = Bytes, Error = BoxError> + Unpin + use<>> {
        let once = Arc::new(Mutex::new(Some(response)));
        let handler = move |_| std::future::ready(Ok(once.lock().unwrap().take().expect("asked once")));
        self.service(handler).oneshot(request).await.unwrap()
    }
}

pub(super) fn typed(content_type: &str, body: Body) -> Response<Body> {
    Response::builder().header("content-type", content_type).body(body).unwrap()
}

pub(super) fn post(path: &str, body: Body) -> Request<Body> {
    Request::post(path).header("content-type", "application/json").body(body).unwrap()
}

pub(super) async fn text<B>(response: Response<B>) -> String
where
    B: http_body::Body<Data = Bytes, Error = BoxError>,
{
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}
