use super::drive::Hand;
use super::probe::{Act, ProbeBody, Wire};
use super::suite::Suite;
use super::witness::{Told, Witness};
use crate::exchange::{Checked, CheckedBody, End};
use crate::refusal::{Refusal, RefusalKind};
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use tower_service::Service;

/// One check: a stack of its own, and what is known of it.
pub(super) struct Run<'a, S> {
    pub(super) suite: &'a Suite,
    pub(super) name: String,
    pub(super) service: Checked<S>,
    pub(super) witness: Witness,
    pub(super) wire: Arc<Wire>,
    pub(super) hand: Hand,
}

/// A body, read to its end.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) data: Vec<u8>,
    pub(super) trailers: Option<HeaderMap>,
    pub(super) failed: bool,
}

impl<'a, S> Run<'a, S> {
    pub(super) fn new(
        suite: &'a Suite,
        name: String,
        service: Checked<S>,
        witness: Witness,
        wire: Arc<Wire>,
    ) -> Self {
        Self { suite, name, service, witness, wire, hand: Hand::new() }
    }

    /// The one end that the observers were told.
    pub(super) fn told(&self) -> Told {
        let (name, told) = (&self.name, self.witness.told());
        assert_eq!(told.len(), self.witness.opened(), "{name}: each exchange is told its end exactly once");
        told.into_iter().next_back().unwrap_or_else(|| panic!("{name}: no exchange was opened"))
    }

    pub(super) fn expect_end(&self, end: End) -> Told {
        let told = self.told();
        assert_eq!(told.end, end, "{}: how the exchange ended ({:?})", self.name, told.refusal);
        assert_eq!(self.wire.alive(), 0, "{}: what the handler held is dropped", self.name);
        told
    }
}

type FutureOf<S> = <Checked<S> as Service<Request<ProbeBody>>>::Future;

impl<S, RB> Run<'_, S>
where
    S: Service<Request<ProbeBody>, Response = Response<RB>> + Clone,
    S::Error: fmt::Debug,
    RB: Body<Data = Bytes> + fmt::Debug,
    RB::Error: fmt::Debug,
{
    pub(super) fn call(&mut self, request: Request<Bytes>) -> FutureOf<S> {
        let service = &mut self.service;
        let what = format!("{}: poll_ready", self.name);
        let ready = self.hand.finish(&what, |cx| Service::<Request<ProbeBody>>::poll_ready(service, cx));
        ready.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        self.service.call(in_pieces(request))
    }

    pub(super) fn answer(&mut self, request: Request<Bytes>) -> Result<Response<CheckedBody<RB>>, S::Error> {
        let mut future = pin!(self.call(request));
        let answer = self.hand.finish(&self.name, |cx| future.as_mut().poll(cx));
        if let Ok(response) = &answer {
            self.suite.assert_no_secret(&self.name, "the Debug of a body", &format!("{:?}", response.body()));
        }
        answer
    }

    pub(super) fn expect_answer(&mut self, request: Request<Bytes>) -> Response<CheckedBody<RB>> {
        let name = self.name.clone();
        let response = self.answer(request).unwrap_or_else(|error| panic!("{name}: failed with {error:?}"));
        let refusal = response.extensions().get::<Refusal>();
        assert!(refusal.is_none(), "{name}: a request that is to pass was refused: {refusal:?}");
        response
    }

    /// Reads a body to its end, and looks at what it says of itself before every frame.
    pub(super) fn read(&self, body: CheckedBody<RB>) -> Read {
        let name = &self.name;
        let mut body = pin!(body);
        let first = body.size_hint();
        let mut read = Read::default();
        loop {
            let over = body.is_end_stream();
            if over {
                // Says so, then nobody need poll on: the end must have been told.
                self.told();
            }
            let frame = self.hand.finish(name, |cx| body.as_mut().poll_frame(cx));
            assert!(!over || frame.is_none(), "{name}: a body that said it was over went on");
            match frame.map(|frame| frame.map(Frame::into_data)) {
                None => break,
                Some(Err(_)) => {
                    read.failed = true;
                    break;
                }
                Some(Ok(Ok(data))) => {
                    assert!(read.trailers.is_none(), "{name}: data came after the trailers");
                    read.data.extend_from_slice(&data);
                }
                Some(Ok(Err(frame))) => read.trailers = frame.into_trailers().ok(),
            }
        }
        let length = read.data.len() as u64;
        if !read.failed {
            assert!(first.lower() <= length, "{name}: more was promised than came");
            assert!(first.upper().is_none_or(|upper| length <= upper), "{name}: more came than was promised");
        }
        let after = self.hand.finish(name, |cx| body.as_mut().poll_frame(cx));
        assert!(after.is_none(), "{name}: a body that was over went on");
        read
    }

    /// Sends a request that is to be refused, and looks at the refusal from all sides.
    pub(super) fn expect_refused(&mut self, request: Request<Bytes>, kind: RefusalKind) {
        let name = self.name.clone();
        let mut response =
            self.answer(request).unwrap_or_else(|error| panic!("{name}: failed with {error:?}"));
        let refusal = response.extensions_mut().remove::<Refusal>();
        let refusal = refusal
            .unwrap_or_else(|| panic!("{name}: passed with {}: a refusal was expected", response.status()));
        assert_eq!(refusal.kind(), kind, "{name}: the kind of the refusal ({refusal:?})");
        assert_eq!(response.status(), kind.status(), "{name}: the kind fixes the status");
        assert_eq!(self.wire.calls(), 0, "{name}: the handler is not called");
        let told = self.expect_end(End::Refused);
        let noted = told.refusal.as_ref().map(Refusal::kind);
        assert_eq!(noted, Some(kind), "{name}: the record says why");
        assert_eq!(response.headers()["x-request-id"], *told.request_id, "{name}: the caller learns the id");
        let length = response.headers().get(CONTENT_LENGTH).cloned();
        let body = self.read(response.into_body());
        let text = String::from_utf8_lossy(&body.data).into_owned();
        self.suite.assert_no_secret(&name, "the body of a refusal", &text);
        assert!(
            text.contains(refusal.kind().code()) || text.contains(refusal.public()),
            "{name}: says nothing: {text}"
        );
        for private in [refusal.private_cause(), refusal.rule_name()].into_iter().flatten() {
            assert!(!text.contains(private), "{name}: the body tells the private cause {private:?}");
        }
        if let Some(length) = length {
            assert_eq!(length, body.data.len().to_string(), "{name}: the length of a refusal");
        }
    }

    /// Polls a future once and leaves it pending.
    pub(super) fn expect_pending(&self, future: Pin<&mut FutureOf<S>>) {
        let mut future = future;
        let polled = self.hand.poll_until_quiet(|cx| future.as_mut().poll(cx));
        assert!(matches!(polled, Poll::Pending), "{}: answered before the handler did", self.name);
    }
}

/// The request with a body that comes in two pieces, and is waited for in between.
fn in_pieces(request: Request<Bytes>) -> Request<ProbeBody> {
    request.map(|mut bytes| {
        if bytes.is_empty() {
            return ProbeBody::of(Vec::new(), None);
        }
        let first = bytes.split_to(bytes.len() / 2);
        ProbeBody::of(vec![Act::Data(first), Act::Yield, Act::Data(bytes)], None)
    })
}
