//! The bodies that our services hand on.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// The body of a checked service: the refusal's, or the inner service's own.
    #[derive(Debug)]
    pub struct CheckedBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<B> {
        Refused { body: Option<Bytes> },
        Passed { #[pin] body: B },
    }
}

impl<B> CheckedBody<B> {
    pub(crate) fn refused(body: Bytes) -> Self {
        Self { kind: Kind::Refused { body: (!body.is_empty()).then_some(body) } }
    }

    pub(crate) fn passed(body: B) -> Self {
        Self { kind: Kind::Passed { body } }
    }
}

impl<B: Body<Data = Bytes>> Body for CheckedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Refused { body } => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            KindProjection::Passed { body } => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Refused { body } => body.is_none(),
            Kind::Passed { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Refused { body } => SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64)),
            Kind::Passed { body } => body.size_hint(),
        }
    }
}
