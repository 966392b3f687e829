use super::OutboundError;
use super::caller::OnBehalfOf;
use super::headers;
use super::layer::Inner;
use crate::exchange::{CallFacts, CallNote};
use crate::jose::seen::Fingerprint;
use crate::refusal::{Refusal, RefusalKind};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode, request};
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tower_service::Service;

/// A client that acts on behalf of callers: the service of [`ActOnBehalfLayer`](super::ActOnBehalfLayer).
#[derive(Clone)]
pub struct ActOnBehalf<S> {
    pub(super) inner: S,
    pub(super) shared: Arc<Inner>,
    pub(super) caller: Option<OnBehalfOf>,
}

impl<S> ActOnBehalf<S> {
    /// The same client, for this caller and no other: what requests have in their extensions is not looked at. For clients that
    /// build their requests themselves.
    pub fn on_behalf_of(mut self, caller: impl Into<OnBehalfOf>) -> Self {
        self.caller = Some(caller.into());
        self
    }
}

impl<S> fmt::Debug for ActOnBehalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ActOnBehalf").field(&self.shared.obtainer.wanted.hop).finish()
    }
}

type Obtaining = Pin<Box<dyn Future<Output = Result<Arc<HeaderValue>, Refusal>> + Send>>;

impl<S, B, RB> Service<Request<B>> for ActOnBehalf<S>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
{
    type Response = Response<RB>;
    type Error = OutboundError<S::Error>;
    type Future = ActOnBehalfFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let hop = &self.shared.obtainer.wanted.hop;
        self.inner.poll_ready(cx).map_err(|error| OutboundError::Failed { hop: Arc::clone(hop), error })
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let found = OnBehalfOf::take(&mut parts);
        let caller = self.caller.as_ref().or(found.as_ref());
        let Inner { obtainer, destinations } = &*self.shared;
        let hop = &obtainer.wanted.hop;
        let exchange = caller.and_then(|caller| caller.exchange().cloned());
        let note = CallNote::begin(exchange, CallFacts::new(Arc::clone(hop)));
        // Whatever comes of it, the caller's own credential does not go on.
        headers::strip_credentials(&mut parts.headers);
        let admitted = match (destinations.address(&mut parts), caller) {
            (Err(why), _) => Err(elsewhere(hop, &why)),
            (Ok(()), None) => Err(obtainer.for_nobody()),
            (Ok(()), Some(caller)) => obtainer.admit(caller.principal()).map(|admitted| (caller, admitted)),
        };
        let mut shown = None;
        let phase = match admitted {
            Err(refusal) => Phase::Refused { refusal },
            Ok((caller, admitted)) => {
                caller.propagate(&mut parts);
                shown = Some(admitted.fingerprint);
                if let Some(issued) = obtainer.recall(&admitted.fingerprint) {
                    note.note(|call| call.credential = Some("remembered"));
                    Phase::Calling { answer: self.inner.call(bearing(parts, body, &issued)) }
                } else {
                    // The instance that was polled ready goes with the future; its clone waits for the next request.
                    let clone = self.inner.clone();
                    let service = std::mem::replace(&mut self.inner, clone);
                    let (shared, asking) = (Arc::clone(&self.shared), admitted.of(caller));
                    let issued = Box::pin(async move { shared.obtainer.obtain(asking).await });
                    Phase::Obtaining { issued, waiting: Some(Box::new((service, parts, body))) }
                }
            }
        };
        ActOnBehalfFuture { phase, shared: Arc::clone(&self.shared), shown, note }
    }
}

/// A call that would take the credential to where nobody said that it may go.
pub(super) fn elsewhere(hop: &str, why: &str) -> Refusal {
    Refusal::new(RefusalKind::Forbidden, format!("this service does not call that address for {hop}"))
        .cause(format!("a call to {hop} was not made: {why}"))
        .rule("delegate:destination")
}

fn bearing<B>(mut parts: request::Parts, body: B, issued: &HeaderValue) -> Request<B> {
    parts.headers.insert(AUTHORIZATION, issued.clone());
    Request::from_parts(parts, body)
}

pin_project! {
    /// The future of [`ActOnBehalf`].
    pub struct ActOnBehalfFuture<S: Service<Request<B>>, B> {
        #[pin]
        phase: Phase<S, B, S::Future>,
        shared: Arc<Inner>,
        // Under which the credential of this call is remembered.
        shown: Option<Fingerprint>,
        note: CallNote,
    }
}

pin_project! {
    #[project = PhaseProjection]
    enum Phase<S, B, F> {
        Obtaining { issued: Obtaining, waiting: Option<Box<(S, request::Parts, B)>> },
        Calling { #[pin] answer: F },
        Refused { refusal: Refusal },
    }
}

impl<S, B, RB> Future for ActOnBehalfFuture<S, B>
where
    S: Service<Request<B>, Response = Response<RB>>,
{
    type Output = Result<Response<RB>, OutboundError<S::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.phase.as_mut().project() {
                PhaseProjection::Obtaining { issued, waiting } => match ready!(issued.as_mut().poll(cx)) {
                    Ok(issued) => {
                        this.note.note(|call| call.credential = Some("exchanged"));
                        let waiting = waiting.take().expect("a credential is had once");
                        let (mut service, parts, body) = *waiting;
                        Phase::Calling { answer: service.call(bearing(parts, body, &issued)) }
                    }
                    Err(refusal) => Phase::Refused { refusal },
                },
                PhaseProjection::Calling { answer } => {
                    return Poll::Ready(match ready!(answer.poll(cx)) {
                        Ok(response) => {
                            this.note.note(|call| call.status = Some(response.status()));
                            // It may have been revoked there, or its key replaced: the next call brings another.
                            if let (StatusCode::UNAUTHORIZED, Some(shown)) = (response.status(), &*this.shown)
                            {
                                this.shared.obtainer.forget(shown);
                            }
                            Ok(response)
                        }
                        Err(error) => {
                            let hop = Arc::clone(&this.shared.obtainer.wanted.hop);
                            Err(OutboundError::Failed { hop, error })
                        }
                    });
                }
                PhaseProjection::Refused { refusal } => {
                    this.note.note(|call| call.refusal = Some(refusal.clone()));
                    return Poll::Ready(Err(OutboundError::Refused(refusal.clone())));
                }
            };
            this.phase.set(next);
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for ActOnBehalfFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ActOnBehalfFuture").field(&self.shared.obtainer.wanted.hop).finish()
    }
}
