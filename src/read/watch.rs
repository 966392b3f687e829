use crate::exchange::{Cut, End, Pipeline};
use crate::payload::{AnswerEvent, AnswerFraming, AnyJson, Dialect, EventLimits, EventReader, PayloadFacts};
use crate::refusal::{Refusal, RefusalKind};
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// What turns the bytes of an answer into events and shows them to the observers.
pub(super) struct Watch {
    pipeline: Pipeline,
    reader: EventReader,
    framing: AnswerFraming,
    request: Option<(Arc<dyn Dialect>, Arc<PayloadFacts>)>,
    /// Why an answer that is not empty is refused.
    must_be_empty: Option<Refusal>,
    /// Why nothing is read on, once the events before it were shown.
    broken: Option<Cut>,
    out: VecDeque<AnswerEvent>,
    trailers: Option<HeaderMap>,
    source_over: bool,
    over: bool,
    length_is_said: bool,
}

/// Why an answer ends early.
pub(super) enum Stop<E> {
    Cut(Cut),
    Failed(E),
}

impl<E> From<Cut> for Stop<E> {
    fn from(cut: Cut) -> Self {
        Self::Cut(cut)
    }
}

impl Watch {
    pub(super) fn new(framing: AnswerFraming, limits: EventLimits, pipeline: Pipeline) -> Self {
        let exchange = pipeline.exchange();
        let dialect = exchange.route().and_then(|route| route.body_dialect()).cloned();
        let request = dialect.zip(exchange.payload().map(|payload| payload.facts));
        Self {
            reader: EventReader::new(framing, limits),
            pipeline,
            framing,
            request,
            must_be_empty: None,
            broken: None,
            out: VecDeque::new(),
            trailers: None,
            source_over: false,
            over: false,
            length_is_said: false,
        }
    }

    /// Takes the answer for an error when it holds anything: its head does not say how to read it.
    pub(super) fn must_be_empty(&mut self, otherwise: Refusal) {
        self.must_be_empty = Some(otherwise);
    }

    /// Goes on until an event may be handed over or the answer is over.
    pub(super) fn poll_next<B: Body<Data = Bytes>>(
        &mut self,
        source: Option<Pin<&mut B>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Stop<B::Error>>> {
        self.poll_until(source, cx, |watch| !watch.out.is_empty())
    }

    /// Goes on until the answer is over. From then on it is not cut: its length is said in its head.
    pub(super) fn poll_whole<B: Body<Data = Bytes>>(
        &mut self,
        source: Option<Pin<&mut B>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Stop<B::Error>>> {
        let polled = ready!(self.poll_until(source, cx, |_| false));
        self.length_is_said = true;
        Poll::Ready(polled)
    }

    fn poll_until<B: Body<Data = Bytes>>(
        &mut self,
        source: Option<Pin<&mut B>>,
        cx: &mut Context<'_>,
        enough: impl Fn(&Self) -> bool,
    ) -> Poll<Result<(), Stop<B::Error>>> {
        let polled = self.poll_on(source, cx, enough);
        if polled.is_pending()
            && let Some(cut) = self.pipeline.poll_idle(cx)
        {
            return Poll::Ready(Err(cut.into()));
        }
        polled
    }

    fn poll_on<B: Body<Data = Bytes>>(
        &mut self,
        mut source: Option<Pin<&mut B>>,
        cx: &mut Context<'_>,
        enough: impl Fn(&Self) -> bool,
    ) -> Poll<Result<(), Stop<B::Error>>> {
        loop {
            // Before all else, also while events wait for a slow client.
            if !self.length_is_said
                && let Some(cut) = self.pipeline.poll_cut(cx)
            {
                return Poll::Ready(Err(cut.into()));
            }
            if self.over || enough(self) {
                return Poll::Ready(Ok(()));
            }
            let released = self.pipeline.poll_release(cx, &mut self.out);
            self.drop_hidden();
            if released.is_pending() && enough(self) {
                continue;
            }
            ready!(released)?;
            if enough(self) {
                continue;
            }
            if let Some(event) = self.reader.next_event() {
                self.show(event)?;
            } else if let Some(cut) = self.broken.take() {
                return Poll::Ready(Err(cut.into()));
            } else if self.source_over {
                let flushed = self.pipeline.poll_flush(cx, &mut self.out);
                self.drop_hidden();
                if flushed.is_pending() && enough(self) {
                    continue;
                }
                ready!(flushed)?;
                self.over = true;
            } else {
                let frame = match &mut source {
                    Some(source) => ready!(source.as_mut().poll_frame(cx)),
                    None => None,
                };
                let ended = frame.is_none() || source.as_ref().is_some_and(Body::is_end_stream);
                match frame.transpose().map_err(Stop::Failed)?.map(Frame::into_data) {
                    Some(Ok(data)) => self.take(&data)?,
                    Some(Err(frame)) => {
                        self.trailers = frame.into_trailers().ok();
                        self.source_over = true;
                    }
                    None => {}
                }
                if ended || self.source_over {
                    self.source_over = true;
                    let finished = self.reader.finish().map_err(|error| unreadable(&error));
                    self.note(finished);
                }
            }
        }
    }

    fn take(&mut self, data: &Bytes) -> Result<(), Cut> {
        if !data.is_empty()
            && let Some(refusal) = self.must_be_empty.take()
        {
            return Err(Cut(refusal));
        }
        let read = self.reader.push(data).map_err(|error| unreadable(&error));
        self.note(read);
        Ok(())
    }

    /// Keeps what is wrong until the events before it were shown: how the network cut the bytes changes nothing.
    fn note(&mut self, read: Result<(), Cut>) {
        if let Err(cut) = read {
            self.broken.get_or_insert(cut);
        }
    }

    fn show(&mut self, mut event: AnswerEvent) -> Result<(), Cut> {
        if let Some((dialect, request)) = &self.request {
            let seen = dialect
                .read_answer(&event, request, self.pipeline.facts_mut())
                .map_err(|error| unreadable(&error))?;
            if seen.usage_only && !request.usage_requested {
                event.hide();
            }
        }
        self.pipeline.event(event, &mut self.out)?;
        self.drop_hidden();
        Ok(())
    }

    fn drop_hidden(&mut self) {
        self.out.retain(|event| !event.is_hidden() && !event.raw().is_empty());
    }

    /// What is handed over next: all events, then the trailers.
    pub(super) fn next_frame(&mut self) -> Option<Frame<Bytes>> {
        match self.out.pop_front() {
            Some(event) => Some(Frame::data(event.released())),
            None if self.over => self.trailers.take().map(Frame::trailers),
            None => None,
        }
    }

    /// Whether everything has been handed over.
    pub(super) fn is_done(&self) -> bool {
        self.over && self.out.is_empty() && self.trailers.is_none()
    }

    /// What is left to hand over, where that is known. A length that is said leaves no room for trailers.
    pub(super) fn size_hint(&self) -> SizeHint {
        let held = self.out.iter().map(|event| event.raw().len() as u64).sum();
        if self.over && self.trailers.is_none() {
            return SizeHint::with_exact(held);
        }
        let mut hint = SizeHint::new();
        hint.set_lower(if self.over { held } else { 0 });
        hint
    }

    /// Tells the observers the end.
    pub(super) fn end(&mut self, end: End) {
        self.pipeline.end(end);
    }

    /// Cuts a stream. Answers with what tells the client so.
    pub(super) fn cut(mut self, refusal: &Refusal) -> Bytes {
        let exchange = self.pipeline.exchange();
        exchange.note_cut(refusal);
        let id = exchange.request_id();
        let last = match &self.request {
            Some((dialect, _)) => dialect.render_cut(refusal, id, self.framing),
            None => AnyJson.render_cut(refusal, id, self.framing),
        };
        self.pipeline.end(End::Cut);
        last
    }
}

fn unreadable(error: &dyn std::error::Error) -> Cut {
    Cut(Refusal::new(RefusalKind::UnreadableAnswer, "the answer could not be read").cause(error.to_string()))
}
