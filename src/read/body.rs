use crate::exchange::Exchange;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body that goes inward: the document as the layers left it, made when it is first asked for.
#[derive(Debug)]
pub struct RequestBody(Kind);

enum Kind {
    Empty,
    Document(Exchange),
    Unread(Bytes),
}

impl RequestBody {
    pub(super) fn of(exchange: Exchange) -> Self {
        Self(Kind::Document(exchange))
    }

    pub(super) fn unread(bytes: Bytes) -> Self {
        Self(if bytes.is_empty() { Kind::Empty } else { Kind::Unread(bytes) })
    }

    pub(super) fn empty() -> Self {
        Self(Kind::Empty)
    }
}

impl Kind {
    fn bytes(&self) -> Option<Bytes> {
        match self {
            Self::Empty => None,
            Self::Document(exchange) => exchange.payload().map(|payload| payload.document.source().clone()),
            Self::Unread(bytes) => Some(bytes.clone()),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let kind = std::mem::replace(&mut self.0, Kind::Empty);
        Poll::Ready(kind.bytes().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Kind::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.bytes().map_or(0, |bytes| bytes.len() as u64))
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Document(_) => "Document",
            Self::Unread(_) => "Unread",
        })
    }
}
