use super::buffers::Held;
use super::opaque::Opaque;
use super::watch::{Stop, Watch};
use crate::exchange::{End, Exchange, Pipeline};
use crate::refusal::{Refusal, RefusalKind};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::response;
use http_body::{Body, Frame, SizeHint};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The body of an answer: read event by event, watched, and handed on.
///
/// The handler's body is boxed, because an answer in one piece is read before its head is sent, and moved afterwards.
pub struct AnswerBody<B> {
    source: Option<Pin<Box<B>>>,
    watch: Option<Box<Watch>>,
    /// The text of a refusal, or the last words of an answer that was cut.
    last: Option<Bytes>,
    /// Who is told the end of a body that goes on unread as it comes.
    unread: Option<Pipeline>,
    /// A body of a type that is declared opaque.
    opaque: Option<Box<Opaque>>,
    /// What is kept of the request, given back when the handler's body has ended.
    held: Option<Held>,
}

impl<B> AnswerBody<B> {
    /// The body of a refusal that this layer made.
    pub(super) fn refused(body: Bytes) -> Self {
        Self { last: (!body.is_empty()).then_some(body), ..Self::of(None, None) }
    }

    /// A body that nobody watches: that of a refusal made further in.
    pub(super) fn unwatched(source: B) -> Self {
        Self::of(Some(Box::pin(source)), None)
    }

    /// A body that is watched. Without a source it is empty, and the observers are told so.
    pub(super) fn watched(source: Option<B>, watch: Watch, held: Option<Held>) -> Self {
        Self { watch: Some(Box::new(watch)), ..Self::of(source.map(Box::pin), held) }
    }

    /// A body that is bounded and not read.
    pub(super) fn opaque(source: B, opaque: Opaque, held: Option<Held>) -> Self {
        Self { opaque: Some(Box::new(opaque)), ..Self::of(Some(Box::pin(source)), held) }
    }

    fn of(source: Option<Pin<Box<B>>>, held: Option<Held>) -> Self {
        Self { source, watch: None, last: None, unread: None, opaque: None, held }
    }
}

impl<B: Body<Data = Bytes>> AnswerBody<B> {
    /// A body that goes on as it comes, whose end the observers are told.
    pub(super) fn unread(source: Option<B>, mut pipeline: Pipeline, held: Option<Held>) -> Self {
        let source = source.filter(|source| !source.is_end_stream()).map(Box::pin);
        if source.is_none() {
            // Nobody polls a body that says it is over.
            pipeline.end(End::Complete);
        }
        Self { unread: Some(pipeline), ..Self::of(source, held) }
    }

    fn poll_unread(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let (Some(source), Some(pipeline)) = (&mut self.source, &mut self.unread) else {
            return Poll::Ready(None);
        };
        let frame = ready!(source.as_mut().poll_frame(cx));
        let end = match &frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                let facts = pipeline.facts_mut();
                facts.output_bytes += bytes;
                let so_far = facts.output_bytes;
                pipeline.exchange().record(|record| record.unread.answer = Some(so_far));
                // hyper asks is_end_stream() after a frame and may never poll for `None`.
                source.is_end_stream().then_some(End::Complete)
            }
            Some(Err(_)) => Some(End::Failed),
            None => Some(End::Complete),
        };
        if let Some(end) = end {
            pipeline.end(end);
            (self.source, self.held) = (None, None);
        }
        Poll::Ready(frame)
    }

    /// Reads the answer to its end, before its head is sent.
    pub(super) fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Stop<B::Error>>> {
        if let (Some(opaque), Some(source)) = (&mut self.opaque, &mut self.source) {
            let read = ready!(opaque.poll_whole(source.as_mut(), cx));
            self.source = None;
            // Nobody polls a body that says it is over. When it was not read to its end, the caller tells the end.
            if read.is_ok() && opaque.is_done() {
                self.end(End::Complete);
            }
            return Poll::Ready(read);
        }
        let Some(watch) = &mut self.watch else { return Poll::Ready(Ok(())) };
        let source = self.source.as_mut().map(Pin::as_mut);
        let read = ready!(watch.poll_whole(source, cx));
        self.source = None;
        // Nobody polls a body that says it is over.
        if watch.is_done() {
            self.end(End::Complete);
        }
        Poll::Ready(read)
    }

    /// Ends an answer, if it has not ended.
    pub(super) fn end(&mut self, end: End) {
        self.source = None;
        self.held = None;
        if let Some(mut watch) = self.watch.take() {
            watch.end(end);
        }
        if let Some(mut opaque) = self.opaque.take() {
            opaque.end(end);
        }
    }
}

impl<B: Body<Data = Bytes>> Body for AnswerBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        if this.unread.is_some() {
            return this.poll_unread(cx);
        }
        if let Some(opaque) = &mut this.opaque {
            let frame = opaque.next_frame();
            // hyper asks is_end_stream() after a frame and may never poll for `None`.
            if opaque.is_done() {
                this.end(End::Complete);
            }
            return Poll::Ready(frame.map(Ok));
        }
        let Some(mut watch) = this.watch.take() else {
            if let Some(last) = this.last.take() {
                return Poll::Ready(Some(Ok(Frame::data(last))));
            }
            let Some(source) = &mut this.source else { return Poll::Ready(None) };
            return source.as_mut().poll_frame(cx);
        };
        // Both are out of their places while they are polled: should one panic, the observers are told at once, and what
        // they did not see is not handed on.
        let mut source = this.source.take();
        match watch.poll_next(source.as_mut().map(Pin::as_mut), cx) {
            Poll::Pending => {
                (this.watch, this.source) = (Some(watch), source);
                Poll::Pending
            }
            Poll::Ready(Ok(())) => {
                let frame = watch.next_frame();
                (this.watch, this.source) = (Some(watch), source);
                // hyper asks is_end_stream() after a frame and may never poll for `None`.
                if this.watch.as_ref().is_some_and(|watch| watch.is_done()) {
                    this.end(End::Complete);
                }
                Poll::Ready(frame.map(Ok))
            }
            Poll::Ready(Err(Stop::Cut(cut))) => {
                // The handler's body is dropped first, so that it stops working.
                drop(source);
                let last = watch.cut(&cut.0);
                Poll::Ready((!last.is_empty()).then(|| Ok(Frame::data(last))))
            }
            Poll::Ready(Err(Stop::Failed(error))) => {
                watch.end(End::Failed);
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        if let Some(opaque) = &self.opaque {
            return opaque.is_done();
        }
        match (&self.source, &self.watch) {
            (_, Some(watch)) => watch.is_done(),
            (Some(source), None) => source.is_end_stream(),
            (None, None) => self.last.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        if let Some(opaque) = &self.opaque {
            return opaque.size_hint();
        }
        match (&self.source, &self.watch) {
            (_, Some(watch)) => watch.size_hint(),
            (Some(source), None) => source.size_hint(),
            (None, None) => SizeHint::with_exact(self.last.as_ref().map_or(0, |last| last.len() as u64)),
        }
    }
}

impl<B> fmt::Debug for AnswerBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerBody").field("watched", &self.watch.is_some()).finish_non_exhaustive()
    }
}

/// Takes the observers of an answer with this head.
pub(super) fn seal(exchange: &Exchange, head: &response::Parts) -> Result<Pipeline, Refusal> {
    let Some(pipeline) = exchange.seal() else {
        return Err(Refusal::misconfigured("two ReadPayloadLayers are stacked: keep one"));
    };
    exchange.record(|record| record.status = Some(head.status));
    Ok(pipeline)
}

/// What an answer of a type that cannot be read is refused with.
pub(super) fn unreadable_type(exchange: &Exchange, head: &response::Parts) -> Refusal {
    let content_type =
        head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let route = exchange.route().map_or("", |route| route.pattern());
    unreadable(format!(
        "the handler of {route} answered with the type {content_type:?}: it must be application/json, text/event-stream, application/x-ndjson or text/plain, said once"
    ))
}

/// What an answer that cannot be read is refused with.
pub(super) fn unreadable(cause: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(RefusalKind::UnreadableAnswer, "the service's answer could not be read").cause(cause)
}
