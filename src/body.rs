//! The bodies that our services hand on.

#[cfg(feature = "sts")]
use crate::clock::Clock;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
#[cfg(feature = "sts")]
use std::{future::Future, future::poll_fn, pin::pin, time::Duration};

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

/// The body of a short answer of ours, in one piece.
#[derive(Debug, Default)]
pub struct WholeBody(Option<Bytes>);

impl WholeBody {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self((!bytes.is_empty()).then_some(bytes))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, Bytes::len)
    }
}

impl Body for WholeBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|body| Ok(Frame::data(body))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len() as u64)
    }
}

#[cfg(feature = "sts")]
/// Why a body was not gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotGathered {
    TooLong,
    TooSlow,
    BrokeOff,
}

#[cfg(feature = "sts")]
/// Reads a small body whole, in bounds of size and time.
pub(crate) async fn gather<B: Body<Data = Bytes>>(
    body: B,
    most: usize,
    time: Duration,
    clock: &dyn Clock,
) -> Result<Vec<u8>, NotGathered> {
    let mut body = pin!(body);
    let mut timer = None;
    let mut gathered = Vec::new();
    poll_fn(|cx| {
        loop {
            match body.as_mut().poll_frame(cx) {
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Ready(Some(Ok(frame))) => {
                    let data = frame.into_data().unwrap_or_default();
                    if gathered.len() + data.len() > most {
                        return Poll::Ready(Err(NotGathered::TooLong));
                    }
                    gathered.extend_from_slice(&data);
                }
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(NotGathered::BrokeOff)),
                Poll::Pending => {
                    let timer = timer.get_or_insert_with(|| clock.sleep(time));
                    return Pin::new(timer).poll(cx).map(|()| Err(NotGathered::TooSlow));
                }
            }
        }
    })
    .await?;
    Ok(gathered)
}
