use super::error::ReqwestError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// The body of an answer, as it comes. Dropped early, it ends the connection, or the stream of one.
#[derive(Debug)]
pub struct ReqwestBody(reqwest::Body);

impl ReqwestBody {
    pub(super) fn new(body: reqwest::Body) -> Self {
        Self(body)
    }
}

impl Body for ReqwestBody {
    type Data = Bytes;
    type Error = ReqwestError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReqwestError>>> {
        let polled = Pin::new(&mut self.0).poll_frame(cx);
        polled.map(|frame| frame.map(|frame| frame.map_err(ReqwestError::of)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// A request's body for reqwest, which asks for one that threads may share; nobody ever waits for this lock.
pub(super) struct Shareable<B>(Mutex<Pin<Box<B>>>);

impl<B> Shareable<B> {
    pub(super) fn new(body: B) -> Self {
        Self(Mutex::new(Box::pin(body)))
    }

    fn body(&self) -> MutexGuard<'_, Pin<Box<B>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Body> Body for Shareable<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let body = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        body.as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}
