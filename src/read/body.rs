use crate::exchange::Exchange;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body that goes inward: the document as the layers left it, made when it is first asked for.
#[derive(Debug)]
pub struct RequestBody(Option<Exchange>);

impl RequestBody {
    pub(super) fn of(exchange: Exchange) -> Self {
        Self(Some(exchange))
    }

    pub(super) fn empty() -> Self {
        Self(None)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let payload = self.0.take().and_then(|exchange| exchange.payload());
        Poll::Ready(payload.map(|payload| Ok(Frame::data(payload.document.source().clone()))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let payload = self.0.as_ref().and_then(Exchange::payload);
        SizeHint::with_exact(payload.map_or(0, |payload| payload.document.source().len() as u64))
    }
}
