use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tower_service::Service;

/// The service innermost in a stack that is checked. It panics when it is called without having been polled ready, and
/// answers as each check demands.
pub struct Probe {
    wire: Arc<Wire>,
    asked: bool,
    ready: bool,
}

/// What a body does next, and in the end a handler.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Data(Bytes),
    Trailers(HeaderMap),
    /// Pending once, woken at once.
    Yield,
    /// Pending until [`Wire::go_on`].
    Wait,
    Fail,
    Panic,
}

/// How the probe's handler goes, before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handler {
    Answers,
    Waits,
    Fails,
    Panics,
    PanicsWhenCalled,
}

#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) handler: Handler,
    pub(super) status: StatusCode,
    pub(super) content_type: Option<&'static str>,
    pub(super) body: Vec<Act>,
}

/// What the check and the probe share.
#[derive(Debug)]
pub(super) struct Wire {
    script: Script,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: usize,
    alive: usize,
    open: bool,
    waiting: Vec<Waker>,
}

impl Wire {
    pub(super) fn new(script: Script) -> Arc<Self> {
        Arc::new(Self { script, state: Mutex::default() })
    }

    /// How often the handler was called.
    pub(super) fn calls(&self) -> usize {
        self.state().calls
    }

    /// How many futures and bodies of the handler have not been dropped.
    pub(super) fn alive(&self) -> usize {
        self.state().alive
    }

    /// Ends all waiting.
    pub(super) fn go_on(&self) {
        let waiting = {
            let mut state = self.state();
            state.open = true;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    fn poll_open(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.open {
            return Poll::Ready(());
        }
        // The last waker counts, as with every future.
        state.waiting = vec![cx.waker().clone()];
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts what lives.
#[derive(Debug)]
struct Alive(Arc<Wire>);

impl Alive {
    fn new(wire: &Arc<Wire>) -> Self {
        wire.state().alive += 1;
        Self(wire.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.state().alive -= 1;
    }
}

impl Probe {
    pub(super) fn new(wire: Arc<Wire>) -> Self {
        Self { wire, asked: false, ready: false }
    }
}

impl Clone for Probe {
    /// Not ready, as no clone of a service is.
    fn clone(&self) -> Self {
        Self::new(self.wire.clone())
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}

impl<B> Service<Request<B>> for Probe {
    type Response = Response<ProbeBody>;
    type Error = ProbeError;
    type Future = ProbeFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProbeError>> {
        if !std::mem::replace(&mut self.asked, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Request<B>) -> ProbeFuture {
        assert!(std::mem::take(&mut self.ready), "the inner service was called without being polled ready");
        self.asked = false;
        self.wire.state().calls += 1;
        assert!(self.wire.script.handler != Handler::PanicsWhenCalled, "{AS_TOLD}");
        ProbeFuture(Alive::new(&self.wire))
    }
}

const AS_TOLD: &str = "the probe panics, as told";

/// The future of a [`Probe`].
#[derive(Debug)]
pub struct ProbeFuture(Alive);

impl Future for ProbeFuture {
    type Output = Result<Response<ProbeBody>, ProbeError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wire = &self.0.0;
        match wire.script.handler {
            Handler::Answers => {}
            Handler::Waits => std::task::ready!(wire.poll_open(cx)),
            Handler::Fails => return Poll::Ready(Err(ProbeError)),
            Handler::Panics | Handler::PanicsWhenCalled => panic!("{AS_TOLD}"),
        }
        let mut response = Response::new(ProbeBody::of(wire.script.body.clone(), Some(wire)));
        *response.status_mut() = wire.script.status;
        if let Some(content_type) = wire.script.content_type {
            response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        Poll::Ready(Ok(response))
    }
}

/// A body of a check: of the request, or of the probe's answer. It is `Send` and, on purpose, not `Sync`.
#[derive(Debug)]
pub struct ProbeBody {
    acts: VecDeque<Act>,
    alive: Option<Alive>,
    over: bool,
    not_sync: PhantomData<Cell<()>>,
}

impl ProbeBody {
    pub(super) fn of(acts: Vec<Act>, wire: Option<&Arc<Wire>>) -> Self {
        Self { acts: acts.into(), alive: wire.map(Alive::new), over: false, not_sync: PhantomData }
    }
}

impl Body for ProbeBody {
    type Data = Bytes;
    type Error = ProbeError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProbeError>>> {
        assert!(!self.over, "a body was polled after it had failed");
        let frame = match self.acts.pop_front() {
            None => return Poll::Ready(None),
            Some(Act::Data(data)) => Frame::data(data),
            Some(Act::Trailers(trailers)) => Frame::trailers(trailers),
            Some(Act::Yield) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Act::Wait) => {
                let open = self.alive.as_ref().is_none_or(|alive| alive.0.poll_open(cx).is_ready());
                if !open {
                    self.acts.push_front(Act::Wait);
                    return Poll::Pending;
                }
                return self.poll_frame(cx);
            }
            Some(Act::Fail) => {
                self.over = true;
                return Poll::Ready(Some(Err(ProbeError)));
            }
            Some(Act::Panic) => panic!("{AS_TOLD}"),
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.acts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let known = self.acts.iter().map(|act| match act {
            Act::Data(data) => data.len() as u64,
            _ => 0,
        });
        SizeHint::with_exact(known.sum())
    }
}

/// The error of a [`Probe`] and of its bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the probe fails, as told")]
#[non_exhaustive]
pub struct ProbeError;
