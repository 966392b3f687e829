use super::answer::{self, AnswerBody, unreadable};
use super::body::RequestBody;
use super::buffers::Held;
use super::collect::{Collect, too_large};
use super::head::{self, Framing, describe_length};
use super::layer::Settings;
use super::observe;
use super::opaque;
use super::pace::Pace;
use super::request::understand;
use super::watch::{Stop, Watch};
use crate::exchange::{End, Exchange, Joined, Ran, StepId};
use crate::payload::AnswerFraming;
use crate::refusal::Refusal;
use crate::route::{Access, BodyKind};
use bytes::Bytes;
use http::{Request, Response, StatusCode, request, response};
use http_body::Body;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tower_service::Service;

/// The service of [`ReadPayloadLayer`](super::ReadPayloadLayer).
#[derive(Clone, Debug)]
pub struct ReadPayload<S> {
    pub(super) inner: S,
    pub(super) settings: Arc<Settings>,
}

impl<S, B, RB> Service<Request<B>> for ReadPayload<S>
where
    S: Service<Request<RequestBody>, Response = Response<RB>> + Clone,
    B: Body<Data = Bytes>,
    RB: Body<Data = Bytes>,
{
    type Response = Response<AnswerBody<RB>>;
    type Error = S::Error;
    type Future = ReadPayloadFuture<S, B, RB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let exchange = Exchange::join(&mut parts, &self.settings.context);
        let phase = match self.begin(&mut parts, body, &exchange) {
            Ok(collect) => {
                // The instance that was polled ready goes with the future; its clone waits for the next request.
                let clone = self.inner.clone();
                let service = std::mem::replace(&mut self.inner, clone);
                Phase::Reading { collect, waiting: Some((service, parts)) }
            }
            Err(refusal) => {
                exchange.note_read(Ran::Refused);
                Phase::Refused { refusal: Some(refusal) }
            }
        };
        ReadPayloadFuture { phase, exchange, settings: self.settings.clone(), held: None }
    }
}

impl<S> ReadPayload<S> {
    fn begin<B: Body<Data = Bytes>>(
        &self,
        parts: &mut request::Parts,
        body: B,
        exchange: &Exchange,
    ) -> Result<Collect<B>, Refusal> {
        if !exchange.is_open() {
            return Err(Refusal::misconfigured("two ReadPayloadLayers are stacked: keep one"));
        }
        head::close_ways_around(parts)?;
        let (encoding, limit) = match self.expected(parts, exchange) {
            Ok((encoding, limit)) if exchange.is_observed() => (encoding, limit.max(self.settings.max_bytes)),
            Ok(expected) => expected,
            Err(refusal) => {
                exchange.pardon(StepId::Read, refusal)?;
                (head::Encoding::Identity, self.settings.max_bytes)
            }
        };
        let Settings { max_time, min_rate, buffers, .. } = &*self.settings;
        let pace = Pace::new(exchange.clock().clone(), *max_time, *min_rate);
        Collect::new(body, &parts.headers, encoding, limit, pace, buffers.open(exchange))
    }

    /// How the body is encoded and how long it may be, as the route has it.
    fn expected(
        &self,
        parts: &request::Parts,
        exchange: &Exchange,
    ) -> Result<(head::Encoding, usize), Refusal> {
        let Some(route) = exchange.route() else {
            return Err(Refusal::stacked_wrongly("ReadPayloadLayer", "MatchRouteLayer"));
        };
        match route.body() {
            BodyKind::None => Ok((head::Encoding::Identity, 0)),
            BodyKind::Opaque(body) => {
                head::check_opaque(&parts.headers, body)?;
                Ok((head::Encoding::Identity, body.max_bytes()))
            }
            BodyKind::Json(_) => Ok((head::json_encoding(&parts.headers)?, self.settings.max_bytes)),
        }
    }
}

pin_project! {
    /// The future of [`ReadPayload`].
    pub struct ReadPayloadFuture<S: Service<Request<RequestBody>>, B, RB> {
        #[pin]
        phase: Phase<S, B, S::Future, RB>,
        exchange: Joined,
        settings: Arc<Settings>,
        held: Option<Held>,
    }
}

pin_project! {
    #[project = PhaseProjection]
    enum Phase<S, B, F, RB> {
        Reading { #[pin] collect: Collect<B>, waiting: Option<(S, request::Parts)> },
        Calling { #[pin] answer: F },
        // An answer in one piece is read whole before its head is sent.
        Gathering { answer: Option<(response::Parts, AnswerBody<RB>)> },
        Refused { refusal: Option<Refusal> },
        Done,
    }
}

impl<S, B, RB> Future for ReadPayloadFuture<S, B, RB>
where
    S: Service<Request<RequestBody>, Response = Response<RB>>,
    B: Body<Data = Bytes>,
    RB: Body<Data = Bytes>,
{
    type Output = Result<Response<AnswerBody<RB>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.phase.as_mut().project() {
                PhaseProjection::Reading { collect, waiting } => {
                    let read = ready!(collect.poll(cx));
                    let (mut service, mut parts) = waiting.take().expect("a body is read once");
                    let admitted = read.and_then(|(bytes, held)| {
                        let held = this.held.insert(held);
                        let body = admit(bytes, &mut parts, this.exchange)?;
                        held.hold_parsed(this.exchange)?;
                        Ok(body)
                    });
                    let next = match admitted {
                        Ok(body) => Phase::Calling { answer: service.call(Request::from_parts(parts, body)) },
                        Err(refusal) => {
                            this.exchange.note_read(Ran::Refused);
                            Phase::Refused { refusal: Some(refusal) }
                        }
                    };
                    this.phase.set(next);
                }
                PhaseProjection::Calling { answer } => {
                    let answered = ready!(answer.poll(cx));
                    this.phase.set(Phase::Done);
                    let response = match answered {
                        Ok(response) => response,
                        Err(error) => {
                            this.exchange.close(End::Failed);
                            return Poll::Ready(Err(error));
                        }
                    };
                    if this.exchange.is_refused_by(&response) {
                        return Poll::Ready(Ok(response.map(AnswerBody::unwatched)));
                    }
                    match watch(response, this.exchange, this.settings, this.held.take()) {
                        Ok(Watched { response, whole: false }) => return Poll::Ready(Ok(response)),
                        Ok(Watched { response, whole: true }) => {
                            this.phase.set(Phase::Gathering { answer: Some(response.into_parts()) });
                        }
                        Err(refusal) => this.phase.set(Phase::Refused { refusal: Some(refusal) }),
                    }
                }
                PhaseProjection::Gathering { answer } => {
                    let (_, body) = answer.as_mut().expect("an answer is gathered once");
                    let read = ready!(body.poll_whole(cx));
                    let (mut head, mut body) = answer.take().expect("an answer is gathered once");
                    this.phase.set(Phase::Done);
                    let (refusal, end) = match read {
                        Ok(()) => {
                            if let Some(length) = body.size_hint().exact()
                                && !is_bodiless(this.exchange, head.status)
                            {
                                describe_length(&mut head.headers, length);
                            }
                            return Poll::Ready(Ok(Response::from_parts(head, body)));
                        }
                        Err(Stop::Cut(cut)) => (cut.0, End::Refused),
                        Err(Stop::Failed(_)) => (unreadable("the handler's body broke off"), End::Failed),
                    };
                    // First the refusal, then the end: the record is written at the end.
                    let response = this.exchange.refuse(refusal).map(AnswerBody::refused);
                    body.end(end);
                    return Poll::Ready(Ok(response));
                }
                PhaseProjection::Refused { refusal } => {
                    let refusal = refusal.take().expect("a request is refused once");
                    let response = this.exchange.refuse(refusal).map(AnswerBody::refused);
                    this.exchange.close(End::Refused);
                    this.phase.set(Phase::Done);
                    return Poll::Ready(Ok(response));
                }
                PhaseProjection::Done => panic!("a future was polled after it was ready"),
            }
        }
    }
}

/// Lets the body that was read go inward.
fn admit(bytes: Bytes, parts: &mut request::Parts, exchange: &Exchange) -> Result<RequestBody, Refusal> {
    if exchange.is_observed() {
        observe::admit(bytes, parts, exchange, read)
    } else {
        read(bytes, parts, exchange)
    }
}

/// Makes of the bytes what the route takes.
fn read(bytes: Bytes, parts: &mut request::Parts, exchange: &Exchange) -> Result<RequestBody, Refusal> {
    let route = exchange.route().expect("a body is read only where a route was matched");
    let read = match route.body() {
        // Longer ones have been refused, but for requests that are only observed.
        BodyKind::None if !bytes.is_empty() => Err(too_large(0)),
        BodyKind::Opaque(body) if bytes.len() > body.max_bytes() => Err(too_large(body.max_bytes())),
        BodyKind::None => Ok((RequestBody::empty(), 0)),
        BodyKind::Opaque(body) => {
            let length = bytes.len();
            if !body.is_signed() {
                exchange.record(|record| record.unread.body = Some(length as u64));
            }
            Ok((RequestBody::unread(bytes), length))
        }
        BodyKind::Json(dialect) => understand(bytes, &**dialect, parts.uri.path(), exchange)
            .map(|length| (RequestBody::of(exchange.clone()), length)),
    };
    let (body, length) = read?;
    exchange.note_read(Ran::Passed);
    head::describe_body(&mut parts.headers, length);
    Ok(body)
}

/// An answer with the observers around it.
pub(super) struct Watched<RB> {
    pub(super) response: Response<AnswerBody<RB>>,
    /// Whether it is read to its end before its head is sent.
    pub(super) whole: bool,
}

/// Puts the observers around an answer, or says why it cannot be read.
fn watch<RB: Body<Data = Bytes>>(
    response: Response<RB>,
    exchange: &Exchange,
    settings: &Settings,
    held: Option<Held>,
) -> Result<Watched<RB>, Refusal> {
    if exchange.is_refused() {
        let cause = "a middleware replaced the refusal of a layer by a response of its own";
        return Err(Refusal::misconfigured(cause));
    }
    let (mut head, body) = response.into_parts();
    let body = (!is_bodiless(exchange, head.status)).then_some(body);
    if exchange.is_observed() && observe::goes_unread(&head, body.as_ref(), exchange) {
        return observe::hand_on(head, body, exchange, held);
    }
    head::close_ways_out(&mut head)?;
    let empty = body.as_ref().is_none_or(Body::is_end_stream);
    let body = match (body, opaque::bound(&head, exchange)) {
        (Some(body), Some(bound)) if !empty => return opaque::watch(head, body, bound, exchange, held),
        (body, _) => body,
    };
    let framing = head::framing(&head.headers);
    let unreadable_type = || answer::unreadable_type(exchange, &head);
    let (framing, must_be_empty) = match framing {
        Framing::Readable(framing) => (framing, None),
        Framing::Unreadable if !empty => return Err(unreadable_type()),
        // A health check that says only "ok" is read as the text that it is.
        Framing::Unsaid if exchange.route().is_some_and(|route| *route.access() == Access::Open) => {
            (AnswerFraming::Text, None)
        }
        Framing::Unreadable | Framing::Unsaid => (AnswerFraming::Text, Some(unreadable_type())),
    };
    let pipeline = answer::seal(exchange, &head)?;
    let mut watch = Watch::new(framing, settings.answer, pipeline);
    if let Some(refusal) = must_be_empty {
        watch.must_be_empty(refusal);
    }
    let response = Response::from_parts(head, AnswerBody::watched(body, watch, held));
    Ok(Watched { response, whole: empty || !framing.is_stream() })
}

fn is_bodiless(exchange: &Exchange, status: StatusCode) -> bool {
    exchange.record(|record| head::is_bodiless(&record.method, status))
}

impl<S: Service<Request<RequestBody>>, B, RB> fmt::Debug for ReadPayloadFuture<S, B, RB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadPayloadFuture").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}
