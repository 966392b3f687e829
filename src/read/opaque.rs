//! Answers of types that the route declares opaque: bounded, gathered, and handed on unread.

use super::answer::{AnswerBody, seal, unreadable};
use super::buffers::Held;
use super::head;
use super::service::Watched;
use super::watch::Stop;
use crate::exchange::{Cut, End, Exchange, Pipeline};
use crate::refusal::Refusal;
use bytes::Bytes;
use http::{Response, response};
use http_body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The bound of this answer, if it goes by unread.
pub(super) fn bound(head: &response::Parts, exchange: &Exchange) -> Option<usize> {
    let declared = exchange.route()?.opaque_answer()?;
    head::is_opaque(head, declared).then(|| declared.max_bytes())
}

/// Puts the bound around an answer.
pub(super) fn watch<B: Body<Data = Bytes>>(
    head: response::Parts,
    body: B,
    bound: usize,
    exchange: &Exchange,
    held: Option<Held>,
) -> Result<Watched<B>, Refusal> {
    let pipeline = seal(exchange, &head)?;
    let body = AnswerBody::opaque(body, Opaque::new(bound, pipeline), held);
    Ok(Watched { response: Response::from_parts(head, body), whole: true })
}

/// An answer that nobody reads. The observers are told its end.
pub(super) struct Opaque {
    pipeline: Pipeline,
    limit: usize,
    frames: VecDeque<Frame<Bytes>>,
    bytes: usize,
}

impl Opaque {
    pub(super) fn new(limit: usize, mut pipeline: Pipeline) -> Self {
        pipeline.facts_mut().unread = true;
        Self { pipeline, limit, frames: VecDeque::new(), bytes: 0 }
    }

    /// Gathers the answer to its end. From then on it is not cut: its length is said in its head.
    pub(super) fn poll_whole<B: Body<Data = Bytes>>(
        &mut self,
        mut source: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Stop<B::Error>>> {
        loop {
            if let Some(cut) = self.pipeline.poll_cut(cx) {
                return Poll::Ready(Err(cut.into()));
            }
            let polled = source.as_mut().poll_frame(cx);
            if polled.is_pending()
                && let Some(cut) = self.pipeline.poll_idle(cx)
            {
                return Poll::Ready(Err(cut.into()));
            }
            let Some(frame) = ready!(polled) else { break };
            let frame = frame.map_err(Stop::Failed)?;
            if let Some(data) = frame.data_ref() {
                if data.is_empty() {
                    continue;
                }
                self.bytes = self.bytes.saturating_add(data.len());
                self.note();
                if self.bytes > self.limit {
                    let cause =
                        format!("the answer is longer than the {} bytes that the route declares", self.limit);
                    return Poll::Ready(Err(Cut(unreadable(cause)).into()));
                }
            }
            self.frames.push_back(frame);
        }
        Poll::Ready(Ok(()))
    }

    /// What is handed over next.
    pub(super) fn next_frame(&mut self) -> Option<Frame<Bytes>> {
        self.frames.pop_front()
    }

    /// Whether everything has been handed over.
    pub(super) fn is_done(&self) -> bool {
        self.frames.is_empty()
    }

    /// What is left to hand over. A length that is said leaves no room for trailers.
    pub(super) fn size_hint(&self) -> SizeHint {
        let left = self.frames.iter().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum();
        if self.frames.iter().all(Frame::is_data) {
            return SizeHint::with_exact(left);
        }
        let mut hint = SizeHint::new();
        hint.set_lower(left);
        hint
    }

    /// Tells the observers the end.
    pub(super) fn end(&mut self, end: End) {
        self.pipeline.end(end);
    }

    fn note(&self) {
        let bytes = self.bytes as u64;
        self.pipeline.exchange().record(|record| record.unread.answer = Some(bytes));
    }
}
