use super::slot::REQUEST_ID;
use super::{Check, Context as StackContext, End, Exchange, Joined, Later, Step, StepId};
use crate::body::CheckedBody;
use crate::refusal::Refusal;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Request, Response, request};
use http_body::Body;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tower_layer::Layer;
use tower_service::Service;

/// Runs steps, in their order, in front of a service. Cheap to clone: the steps and their state are shared.
#[derive(Clone)]
pub struct StepLayer(Arc<Steps>);

struct Steps {
    steps: Box<[Box<dyn Step>]>,
    ids: Box<[StepId]>,
    context: StackContext,
}

impl StepLayer {
    /// A layer of one step of your own.
    pub fn new(step: impl Step, context: StackContext) -> Self {
        Self::of(vec![Box::new(step)], context)
    }

    /// A layer of several steps, the outermost first: cheaper than as many layers.
    pub fn of(steps: Vec<Box<dyn Step>>, context: StackContext) -> Self {
        let ids = steps.iter().map(|step| step.id()).collect();
        Self(Arc::new(Steps { steps: steps.into(), ids, context }))
    }
}

impl fmt::Debug for StepLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StepLayer").field(&self.0.ids).finish()
    }
}

impl<S> Layer<S> for StepLayer {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        Checked { inner, steps: self.0.clone() }
    }
}

/// A service behind steps. Every layer of this crate makes one, or several in one.
#[derive(Clone)]
pub struct Checked<S> {
    inner: S,
    steps: Arc<Steps>,
}

impl<S> fmt::Debug for Checked<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Checked").field(&self.steps.ids).finish()
    }
}

impl<S, B, RB> Service<Request<B>> for Checked<S>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
    RB: Body<Data = bytes::Bytes>,
{
    type Response = Response<CheckedBody<RB>>;
    type Error = S::Error;
    type Future = CheckedFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> CheckedFuture<S, B> {
        let (mut parts, body) = request.into_parts();
        let exchange = Exchange::join(&mut parts, &self.steps.context);
        let run = Run { steps: self.steps.clone(), exchange, reached: 0 };
        let mut future = CheckedFuture { phase: Phase::Done, run };
        future.phase = match future.run.check(&mut parts) {
            Check::Permit | Check::Skip => {
                Phase::Calling { answer: self.inner.call(Request::from_parts(parts, body)) }
            }
            Check::Refuse(refusal) => Phase::Refused { refusal },
            Check::Later(later) => {
                // The instance that was polled ready goes with the future; its clone waits for the next request.
                let clone = self.inner.clone();
                let service = std::mem::replace(&mut self.inner, clone);
                Phase::Deciding { waiting: Some(Box::new(Waiting { later, service, parts, body })) }
            }
        };
        future
    }
}

pin_project! {
    /// The future of [`Checked`].
    pub struct CheckedFuture<S: Service<Request<B>>, B> {
        #[pin]
        phase: Phase<S, B>,
        run: Run,
    }
}

pin_project! {
    #[project = PhaseProjection]
    #[project_replace = PhaseTaken]
    enum Phase<S: Service<Request<B>>, B> {
        Deciding { waiting: Option<Box<Waiting<S, B>>> },
        Calling { #[pin] answer: S::Future },
        Refused { refusal: Refusal },
        Done,
    }
}

/// A request whose step decides later. Boxed, so that those which are decided at once do not carry its size.
struct Waiting<S, B> {
    later: Later,
    service: S,
    parts: request::Parts,
    body: B,
}

impl<S, B, RB> Future for CheckedFuture<S, B>
where
    S: Service<Request<B>, Response = Response<RB>>,
    RB: Body<Data = bytes::Bytes>,
{
    type Output = Result<Response<CheckedBody<RB>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.phase.as_mut().project() {
                PhaseProjection::Deciding { waiting } => {
                    let mut request = waiting.take().expect("a decision is made once");
                    let Poll::Ready(decision) = Pin::new(&mut request.later).poll(cx) else {
                        *waiting = Some(request);
                        return Poll::Pending;
                    };
                    match this.run.decided(decision, &mut request.parts) {
                        Check::Permit | Check::Skip => {
                            let Waiting { mut service, parts, body, .. } = *request;
                            let answer = service.call(Request::from_parts(parts, body));
                            this.phase.set(Phase::Calling { answer });
                        }
                        Check::Refuse(refusal) => this.phase.set(Phase::Refused { refusal }),
                        Check::Later(again) => {
                            request.later = again;
                            *waiting = Some(request);
                        }
                    }
                }
                PhaseProjection::Calling { answer } => {
                    let answered = ready!(answer.poll(cx));
                    this.phase.set(Phase::Done);
                    return Poll::Ready(match answered {
                        Ok(response) => Ok(this.run.finish(response.map(CheckedBody::passed))),
                        Err(error) => {
                            this.run.exchange.close(End::Failed);
                            Err(error)
                        }
                    });
                }
                PhaseProjection::Refused { .. } => {
                    let PhaseTaken::Refused { refusal } = this.phase.as_mut().project_replace(Phase::Done)
                    else {
                        unreachable!("the phase was just seen")
                    };
                    let response = this.run.exchange.refuse(refusal).map(CheckedBody::refused);
                    return Poll::Ready(Ok(this.run.finish(response)));
                }
                PhaseProjection::Done => panic!("a future was polled after it was ready"),
            }
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for CheckedFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedFuture").field("exchange", &self.run.exchange).finish_non_exhaustive()
    }
}

/// The steps of one request.
struct Run {
    steps: Arc<Steps>,
    exchange: Joined,
    reached: usize,
}

impl Run {
    /// Runs the steps that are left.
    fn check(&mut self, parts: &mut request::Parts) -> Check {
        let first = self.reached;
        for (place, step) in self.steps.steps.iter().enumerate().skip(first) {
            match step.check(parts, &self.exchange) {
                Check::Permit => {}
                Check::Skip => self.exchange.note_skipped(step.id()),
                Check::Refuse(refusal) => {
                    if let Err(refusal) = self.exchange.pardon(step.id(), refusal) {
                        self.reached = place + 1;
                        return self.refused(first, refusal);
                    }
                }
                Check::Later(later) => {
                    self.reached = place + 1;
                    self.exchange.note_ran(&self.steps.ids[first..place], None);
                    return Check::Later(later);
                }
            }
        }
        self.reached = self.steps.steps.len();
        if let Some(length) = self.exchange.note_ran(&self.steps.ids[first..], None) {
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        Check::Permit
    }

    /// Goes on after a step that decided later.
    fn decided(&mut self, decision: Result<(), Refusal>, parts: &mut request::Parts) -> Check {
        let step = self.reached - 1;
        match decision {
            Ok(()) => {
                self.exchange.note_ran(&self.steps.ids[step..=step], None);
                self.check(parts)
            }
            Err(refusal) => match self.exchange.pardon(self.steps.ids[step], refusal) {
                Ok(()) => self.check(parts),
                Err(refusal) => self.refused(step, refusal),
            },
        }
    }

    fn refused(&self, first: usize, refusal: Refusal) -> Check {
        let refusing = self.reached - 1;
        self.exchange.note_ran(&self.steps.ids[first..refusing], Some(self.steps.ids[refusing]));
        Check::Refuse(refusal)
    }

    /// Lets the steps that ran see the head of the response, and closes the exchange if it was opened here.
    fn finish<RB>(&mut self, mut response: Response<CheckedBody<RB>>) -> Response<CheckedBody<RB>> {
        if self.exchange.is_opened() {
            if self.exchange.is_refused_by(&response) {
                self.exchange.close(End::Refused);
            } else if self.exchange.lacks_policy() {
                response = self.replace(Refusal::misconfigured(
                    "the route is by_policy, and no policy was asked: stack EnforcePolicyLayer inside of AuthorizeLayer",
                ));
            } else if !self.exchange.complete() {
                response = self.replace(Refusal::misconfigured(match self.exchange.is_refused() {
                    true => "a middleware replaced the refusal of a layer by a response of its own",
                    false => {
                        "a layer observes the answer and nobody reads it: stack ReadPayloadLayer inside of it"
                    }
                }));
            }
        }
        let (mut head, body) = response.into_parts();
        for step in self.steps.steps[..self.reached].iter().rev() {
            step.answer(&mut head, &self.exchange);
        }
        if let Some(id) = self.exchange.take_id() {
            head.headers.insert(REQUEST_ID, id);
        }
        Response::from_parts(head, body)
    }

    /// The refusal that goes out in place of an answer.
    fn replace<RB>(&mut self, refusal: Refusal) -> Response<CheckedBody<RB>> {
        let response = self.exchange.refuse(refusal).map(CheckedBody::refused);
        self.exchange.close(End::Refused);
        response
    }
}
