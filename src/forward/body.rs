use crate::clock::{SharedClock, Sleep};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::OwnedSemaphorePermit;

/// The body of an upstream's answer, or of a refusal.
pub struct ForwardBody(Kind);

enum Kind {
    Refused(Option<Bytes>),
    Upstream(Box<Answer>),
    Over,
}

/// An answer that is on its way. Dropped early, it ends the connection.
struct Answer {
    body: Incoming,
    silence: Silence,
    /// The place among the requests at once, until the answer is over.
    _place: OwnedSemaphorePermit,
}

struct Silence {
    limit: Duration,
    clock: SharedClock,
    /// Since the last piece, while there is none.
    timer: Option<Sleep>,
}

/// Why an upstream's answer broke off.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ForwardBodyError {
    /// Nothing came for too long.
    #[error("the upstream was silent for {} ms", .0.as_millis())]
    Silent(Duration),
    /// The connection, or its framing, broke.
    #[error("the upstream's answer broke off: {0}")]
    Broken(String),
}

impl ForwardBody {
    pub(super) fn refused(body: Bytes) -> Self {
        Self(Kind::Refused((!body.is_empty()).then_some(body)))
    }

    pub(super) fn upstream(
        body: Incoming,
        limit: Duration,
        clock: SharedClock,
        place: OwnedSemaphorePermit,
    ) -> Self {
        if body.is_end_stream() {
            return Self(Kind::Over);
        }
        Self(Kind::Upstream(Box::new(Answer {
            body,
            silence: Silence { limit, clock, timer: None },
            _place: place,
        })))
    }
}

impl Answer {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ForwardBodyError>>> {
        loop {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.silence.timer = None;
                    // Trailers are headers that nobody has looked at.
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Some(Err(ForwardBodyError::Broken(error.to_string()))));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    let Silence { limit, clock, timer } = &mut self.silence;
                    let timer = timer.get_or_insert_with(|| clock.sleep(*limit));
                    let too_long = Pin::new(timer).poll(cx);
                    return too_long.map(|()| Some(Err(ForwardBodyError::Silent(*limit))));
                }
            }
        }
    }
}

impl Body for ForwardBody {
    type Data = Bytes;
    type Error = ForwardBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ForwardBodyError>>> {
        let polled = match &mut self.0 {
            Kind::Refused(body) => return Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Kind::Over => return Poll::Ready(None),
            Kind::Upstream(answer) => answer.poll_data(cx),
        };
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.0 = Kind::Over;
        }
        polled.map(|data| data.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Refused(body) => body.is_none(),
            Kind::Upstream(answer) => answer.body.is_end_stream(),
            Kind::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Refused(body) => SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64)),
            Kind::Upstream(answer) => answer.body.size_hint(),
            Kind::Over => SizeHint::with_exact(0),
        }
    }
}

impl fmt::Debug for ForwardBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Refused(_) => "refused",
            Kind::Upstream(_) => "upstream",
            Kind::Over => "over",
        };
        f.debug_tuple("ForwardBody").field(&kind).finish()
    }
}
