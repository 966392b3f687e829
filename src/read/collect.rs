//! Gathers a body's bytes, bounded in size and time.

use super::buffers::Held;
use super::head::{self, Encoding};
use super::pace::Pace;
use crate::refusal::{Refusal, RefusalKind};
use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body;
use pin_project_lite::pin_project;
use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// How many empty frames a body may come with.
const MOST_EMPTY_FRAMES: usize = 1_000;

pin_project! {
    /// Becomes the body's bytes as they came, decoded.
    pub(super) struct Collect<B> {
        #[pin]
        body: B,
        gathered: Gathered,
        encoding: Encoding,
        limit: usize,
        empty_frames: usize,
        pace: Pace,
        held: Option<Held>,
    }
}

impl<B: Body<Data = Bytes>> Collect<B> {
    /// Begins to gather. Refuses at once a body that says it is too large.
    pub(super) fn new(
        body: B,
        headers: &HeaderMap,
        encoding: Encoding,
        limit: usize,
        pace: Pace,
        held: Held,
    ) -> Result<Self, Refusal> {
        let declared = head::declared_length(headers).unwrap_or_else(|| body.size_hint().lower());
        if declared > limit as u64 {
            return Err(too_large(limit));
        }
        Ok(Self {
            body,
            gathered: Gathered::Nothing,
            encoding,
            limit,
            empty_frames: 0,
            pace,
            held: Some(held),
        })
    }
}

impl<B> Future for Collect<B>
where
    B: Body<Data = Bytes>,
{
    type Output = Result<(Bytes, Held), Refusal>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let Poll::Ready(frame) = this.body.as_mut().poll_frame(cx) else {
                let refusal = ready!(this.pace.poll(this.gathered.len(), cx));
                return Poll::Ready(Err(refusal));
            };
            match frame {
                // Trailers are dropped: nothing that we check may come after the check.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        if data.is_empty() {
                            // HTTP/2 can send them for ever: they are no part of the body, and no sign of life.
                            *this.empty_frames += 1;
                            if *this.empty_frames > MOST_EMPTY_FRAMES {
                                return Poll::Ready(Err(Refusal::new(
                                    RefusalKind::MalformedRequest,
                                    "the body comes in too many empty frames",
                                )));
                            }
                            continue;
                        }
                        if data.remaining() > *this.limit - this.gathered.len() {
                            return Poll::Ready(Err(too_large(*this.limit)));
                        }
                        let held = this.held.as_mut().expect("a body is gathered once");
                        if let Err(refusal) = held.resize(this.gathered.len() + data.remaining()) {
                            return Poll::Ready(Err(refusal));
                        }
                        this.gathered.push(data);
                    }
                }
                Some(Err(_)) => {
                    let broken = Refusal::new(RefusalKind::MalformedRequest, "the body broke off");
                    return Poll::Ready(Err(broken));
                }
                None => {
                    let mut held = this.held.take().expect("a body is gathered once");
                    let decoded = decode(this.gathered.take(), *this.encoding, *this.limit);
                    return Poll::Ready(decoded.and_then(|bytes| {
                        held.resize(bytes.len())?;
                        Ok((bytes, held))
                    }));
                }
            }
        }
    }
}

pub(super) fn too_large(limit: usize) -> Refusal {
    let public = match limit {
        0 => Cow::Borrowed("this path takes no body"),
        limit => Cow::Owned(format!("the body may be {limit} bytes long at most")),
    };
    Refusal::new(RefusalKind::PayloadTooLarge, public)
}

#[cfg(feature = "inflate")]
fn decode(encoded: Bytes, encoding: Encoding, limit: usize) -> Result<Bytes, Refusal> {
    use super::inflate::{InflateError, inflate};
    inflate(encoding, encoded, limit).map_err(|error| match error {
        InflateError::TooLarge => too_large(limit),
        InflateError::Malformed => {
            Refusal::new(RefusalKind::MalformedRequest, "the body is not encoded as Content-Encoding says")
        }
    })
}

#[cfg(not(feature = "inflate"))]
fn decode(encoded: Bytes, encoding: Encoding, _limit: usize) -> Result<Bytes, Refusal> {
    debug_assert_eq!(encoding, Encoding::Identity, "the head refuses encodings that cannot be undone");
    Ok(encoded)
}

/// Most bodies come in one piece, which is kept as it is.
enum Gathered {
    Nothing,
    One(Bytes),
    Many(BytesMut),
}

impl Gathered {
    fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::One(bytes) => bytes.len(),
            Self::Many(bytes) => bytes.len(),
        }
    }

    fn push(&mut self, data: Bytes) {
        *self = match std::mem::replace(self, Self::Nothing) {
            Self::Nothing => Self::One(data),
            Self::One(first) => {
                let mut many = BytesMut::with_capacity((first.len() + data.len()) * 2);
                many.extend_from_slice(&first);
                many.extend_from_slice(&data);
                Self::Many(many)
            }
            Self::Many(mut many) => {
                many.extend_from_slice(&data);
                Self::Many(many)
            }
        };
    }

    fn take(&mut self) -> Bytes {
        match std::mem::replace(self, Self::Nothing) {
            Self::Nothing => Bytes::new(),
            Self::One(bytes) => bytes,
            Self::Many(bytes) => bytes.freeze(),
        }
    }
}
