use super::Gate;
use crate::body::CheckedBody;
use crate::exchange::{Checked, CheckedFuture};
use crate::read::{AnswerBody, ReadPayload, RequestBody};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tower_layer::Layer;
use tower_service::Service;

/// A service behind a gate.
#[derive(Clone)]
pub struct Gated<S>(Stack<S>);

/// Steps before the body is read, the reader, steps after.
type Stack<S> = Checked<ReadPayload<Checked<S>>>;

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated(self.outer.layer(self.read.layer(self.inner.layer(inner))))
    }
}

impl<S> fmt::Debug for Gated<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gated")
    }
}

impl<S, B, RB> Service<Request<B>> for Gated<S>
where
    S: Service<Request<RequestBody>, Response = Response<RB>> + Clone,
    B: Body<Data = Bytes>,
    RB: Body<Data = Bytes>,
{
    type Response = Response<GatedBody<RB>>;
    type Error = S::Error;
    type Future = GatedFuture<S, B, RB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        <Stack<S> as Service<Request<B>>>::poll_ready(&mut self.0, cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        GatedFuture { stack: self.0.call(request) }
    }
}

pin_project! {
    /// The future of [`Gated`].
    pub struct GatedFuture<S, B, RB>
    where
        S: Service<Request<RequestBody>, Response = Response<RB>>,
        S: Clone,
        B: Body<Data = Bytes>,
        RB: Body<Data = Bytes>,
    {
        #[pin]
        stack: CheckedFuture<ReadPayload<Checked<S>>, B>,
    }
}

impl<S, B, RB> Future for GatedFuture<S, B, RB>
where
    S: Service<Request<RequestBody>, Response = Response<RB>> + Clone,
    B: Body<Data = Bytes>,
    RB: Body<Data = Bytes>,
{
    type Output = Result<Response<GatedBody<RB>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.project().stack.poll(cx))?;
        Poll::Ready(Ok(response.map(|stack| GatedBody { stack })))
    }
}

impl<S, B, RB> fmt::Debug for GatedFuture<S, B, RB>
where
    S: Service<Request<RequestBody>, Response = Response<RB>> + Clone,
    B: Body<Data = Bytes>,
    RB: Body<Data = Bytes>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GatedFuture")
    }
}

pin_project! {
    /// The body of an answer that came through a gate, or of a refusal.
    #[derive(Debug)]
    pub struct GatedBody<B> {
        #[pin]
        stack: CheckedBody<AnswerBody<CheckedBody<B>>>,
    }
}

impl<B: Body<Data = Bytes>> Body for GatedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.project().stack.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.stack.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.stack.size_hint()
    }
}
