use crate::exchange::{Cut, End, Exchange, Pipeline};
use crate::payload::{AnswerEvent, AnswerFraming, Dialect, EventReader, PayloadFacts};
use crate::refusal::{Refusal, RefusalKind};
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The body of an answer: read event by event, watched, and handed on.
///
/// The handler's body is boxed, because an answer in one piece is read before its head is sent, and moved afterwards.
pub struct AnswerBody<B> {
    source: Option<Pin<Box<B>>>,
    watch: Option<Box<Watch>>,
    refused: Option<Bytes>,
}

/// What turns bytes into events and shows them to the observers.
struct Watch {
    pipeline: Pipeline,
    reader: EventReader,
    framing: AnswerFraming,
    request: Option<(Arc<dyn Dialect>, Arc<PayloadFacts>)>,
    out: VecDeque<AnswerEvent>,
    trailers: Option<HeaderMap>,
    over: bool,
}

impl<B> AnswerBody<B> {
    /// The body of a refusal that this layer made.
    pub(super) fn refused(body: Bytes) -> Self {
        Self { source: None, watch: None, refused: (!body.is_empty()).then_some(body) }
    }

    /// A body that nobody watches: that of a refusal made further in.
    pub(super) fn unwatched(source: B) -> Self {
        Self { source: Some(Box::pin(source)), watch: None, refused: None }
    }

    /// A body that the pipeline watches.
    pub(super) fn watched(
        source: B,
        framing: AnswerFraming,
        reader: EventReader,
        pipeline: Pipeline,
    ) -> Self {
        let exchange = pipeline.exchange();
        let dialect = exchange.route().and_then(|route| route.body_dialect()).cloned();
        let request = dialect.zip(exchange.payload().map(|payload| payload.facts));
        let (out, trailers, over) = Default::default();
        let watch = Watch { pipeline, reader, framing, request, out, trailers, over };
        Self { source: Some(Box::pin(source)), watch: Some(Box::new(watch)), refused: None }
    }
}

impl<B: Body<Data = Bytes>> AnswerBody<B> {
    /// Reads on until something may be handed over, or nothing more will come; what cuts the answer is an error.
    pub(super) fn poll_prepare(&mut self, cx: &mut Context<'_>) -> Poll<Result<Result<(), Cut>, B::Error>> {
        let (Some(watch), Some(source)) = (&mut self.watch, &mut self.source) else {
            return Poll::Ready(Ok(Ok(())));
        };
        let filled = ready!(watch.poll_fill(source.as_mut(), cx));
        // Nobody polls a body that says it is over.
        if watch.is_done() {
            watch.pipeline.end(End::Complete);
        }
        Poll::Ready(filled)
    }

    /// Ends an answer whose head has not been sent.
    pub(super) fn refuse(&mut self) {
        self.source = None;
        if let Some(mut watch) = self.watch.take() {
            watch.pipeline.end(End::Refused);
        }
    }
}

impl Watch {
    /// Fills `out` until it holds something or the answer is over.
    fn poll_fill<B: Body<Data = Bytes>>(
        &mut self,
        mut source: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Result<(), Cut>, B::Error>> {
        while self.out.is_empty() && !self.over {
            if let Some(cut) = self.pipeline.poll_cut(cx) {
                return Poll::Ready(Ok(Err(cut)));
            }
            if let Err(cut) = ready!(self.pipeline.poll_release(cx, &mut self.out)) {
                return Poll::Ready(Ok(Err(cut)));
            }
            if !self.out.is_empty() {
                break;
            }
            let read = match ready!(source.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self
                        .take(&data)
                        .and_then(|()| if source.is_end_stream() { self.finish() } else { Ok(()) }),
                    Err(frame) => {
                        self.trailers = frame.into_trailers().ok();
                        self.finish()
                    }
                },
                Some(Err(error)) => {
                    self.pipeline.end(End::Failed);
                    return Poll::Ready(Err(error));
                }
                None => self.finish(),
            };
            if let Err(cut) = read {
                return Poll::Ready(Ok(Err(cut)));
            }
        }
        Poll::Ready(Ok(Ok(())))
    }

    fn take(&mut self, data: &Bytes) -> Result<(), Cut> {
        self.reader.push(data).map_err(|error| unreadable(&error))?;
        self.show()
    }

    /// The source has said all: shows what is left and lets every stage release what it holds.
    fn finish(&mut self) -> Result<(), Cut> {
        self.reader.finish().map_err(|error| unreadable(&error))?;
        self.show()?;
        self.pipeline.flush(&mut self.out)?;
        self.drop_hidden();
        self.over = true;
        Ok(())
    }

    fn show(&mut self) -> Result<(), Cut> {
        while let Some(mut event) = self.reader.next_event() {
            if let Some((dialect, request)) = &self.request {
                let seen = dialect
                    .read_answer(&event, request, self.pipeline.facts_mut())
                    .map_err(|error| unreadable(&error))?;
                if seen.usage_only && !request.usage_requested {
                    event.hide();
                }
            }
            self.pipeline.event(event, &mut self.out)?;
        }
        self.drop_hidden();
        Ok(())
    }

    fn drop_hidden(&mut self) {
        self.out.retain(|event| !event.is_hidden());
    }

    /// The event that tells the client that the answer was cut.
    fn render_cut(&self, refusal: &Refusal) -> Bytes {
        let exchange = self.pipeline.exchange();
        match &self.request {
            Some((dialect, _)) => dialect.render_cut(refusal, exchange.request_id(), self.framing),
            None => Bytes::new(),
        }
    }

    fn is_done(&self) -> bool {
        self.over && self.out.is_empty() && self.trailers.is_none()
    }
}

fn unreadable(error: &dyn std::error::Error) -> Cut {
    Cut(Refusal::new(RefusalKind::UnreadableAnswer, "the answer could not be read").cause(error.to_string()))
}

impl<B: Body<Data = Bytes>> Body for AnswerBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        if let Some(body) = this.refused.take() {
            return Poll::Ready(Some(Ok(Frame::data(body))));
        }
        let Some(source) = &mut this.source else { return Poll::Ready(None) };
        let Some(watch) = &mut this.watch else { return source.as_mut().poll_frame(cx) };
        match ready!(watch.poll_fill(source.as_mut(), cx)) {
            Err(error) => {
                this.source = None;
                return Poll::Ready(Some(Err(error)));
            }
            Ok(Err(Cut(refusal))) => {
                let last = watch.render_cut(&refusal);
                watch.pipeline.exchange().note_cut(&refusal);
                watch.pipeline.end(End::Cut);
                // The handler's body is dropped now, so that it stops working.
                this.source = None;
                this.watch = None;
                return Poll::Ready((!last.is_empty()).then(|| Ok(Frame::data(last))));
            }
            Ok(Ok(())) => {}
        }
        let frame = match watch.out.pop_front() {
            Some(event) => Some(Frame::data(event.released())),
            None => watch.trailers.take().map(Frame::trailers),
        };
        // hyper asks is_end_stream() after a frame and may never poll for `None`.
        if watch.is_done() {
            watch.pipeline.end(End::Complete);
        }
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        match (&self.source, &self.watch) {
            (_, Some(watch)) => watch.is_done(),
            (Some(source), None) => source.is_end_stream(),
            (None, None) => self.refused.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.source, &self.watch) {
            (_, Some(watch)) if watch.over => {
                SizeHint::with_exact(watch.out.iter().map(|event| event.raw().len() as u64).sum())
            }
            (_, Some(_)) => SizeHint::default(),
            (Some(source), None) => source.size_hint(),
            (None, None) => SizeHint::with_exact(self.refused.as_ref().map_or(0, |body| body.len() as u64)),
        }
    }
}

impl<B> fmt::Debug for AnswerBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerBody").field("watched", &self.watch.is_some()).finish_non_exhaustive()
    }
}

/// What an exchange that is read by nobody's dialect is called in refusals.
pub(super) fn unreadable_type(exchange: &Exchange, content_type: &str) -> Refusal {
    let route = exchange.route().map_or("", |route| route.pattern());
    Refusal::new(RefusalKind::UnreadableAnswer, "the service's answer could not be read").cause(format!(
        "the handler of {route} answered with the type {content_type:?}: it must be application/json, text/event-stream, application/x-ndjson or text/plain"
    ))
}
