use super::Policies;
use super::circumstances::Circumstances;
use super::set::FORBIDDEN;
use super::step::Authorize;
use super::{Judged, Resource};
use crate::body::CheckedBody;
use crate::exchange::{Check, Context as StackContext, Exchange};
use crate::principal::Principal;
use crate::refusal::{Refusal, RefusalKind};
use crate::route::Route;
use http::{Request, Response, request};
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tower_layer::Layer;
use tower_service::Service;

/// Proof that the request was authorized: by the scopes of its route, and by the policies where there are some. Nothing
/// outside of this crate can make one: it does not go by the record, which layers of a host may write. A request that is only
/// observed and would have been refused has none.
///
/// An axum handler takes it as an extractor, which refuses where the layers did not run. A tower service demands it in its
/// type, so that it does not compile without [`HandPermitLayer`] in front:
///
/// ```
/// # use portcullis::authorize::{Authorized, HandPermitLayer};
/// # use http::{Request, Response};
/// # use http_body_util::Full;
/// # use tower::{Layer, Service, service_fn};
/// # use std::convert::Infallible;
/// async fn secret((who, _): (Authorized, Request<()>)) -> Result<Response<Full<bytes::Bytes>>, Infallible> {
///     Ok(Response::new(Full::from(format!("for {} alone", who.principal().name()))))
/// }
/// fn serves(_: impl Service<Request<()>>) {}
/// serves(HandPermitLayer::new().layer(service_fn(secret)));
/// ```
///
/// ```compile_fail
/// # use portcullis::authorize::Authorized;
/// # use http::{Request, Response};
/// # use http_body_util::Full;
/// # use tower::{Layer, Service, service_fn};
/// # use std::convert::Infallible;
/// async fn secret((who, _): (Authorized, Request<()>)) -> Result<Response<Full<bytes::Bytes>>, Infallible> {
///     Ok(Response::new(Full::from(format!("for {} alone", who.principal().name()))))
/// }
/// fn serves(_: impl Service<Request<()>>) {}
/// serves(service_fn(secret));
/// ```
#[derive(Clone)]
pub struct Authorized {
    exchange: Exchange,
    principal: Principal,
    asked: Option<Asked>,
}

/// What the policies were asked, for questions that come later.
#[derive(Clone)]
pub(super) struct Asked {
    policies: Policies,
    circumstances: Arc<Circumstances>,
}

impl Asked {
    pub(super) fn new(policies: Policies, circumstances: Arc<Circumstances>) -> Self {
        Self { policies, circumstances }
    }
}

impl Authorized {
    /// The proof, if the layers ran and let the request pass.
    ///
    /// # Errors
    /// When they did not run, or would have refused a request that is only observed; the refusal's cause says what to do.
    pub fn of(parts: &request::Parts) -> Result<Self, Refusal> {
        let missing = || Refusal::stacked_wrongly("what demands Authorized", "AuthorizeLayer");
        let exchange = Exchange::of(parts).ok_or_else(missing)?.clone();
        if !exchange.is_authorized() {
            return Err(match exchange.is_observed() {
                true => Refusal::new(RefusalKind::Forbidden, FORBIDDEN).cause(
                    "the gate only observes this request, which it would have refused: what demands Authorized gets no proof",
                ),
                false => missing(),
            });
        }
        let principal = exchange.principal().ok_or_else(missing)?.clone();
        Ok(Self { exchange, principal, asked: parts.extensions.get().cloned() })
    }

    /// Who is authorized.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Those of these models that the principal may use on `route`: for the answer to `GET /v1/models`. The route's own
    /// demands and the policies are asked as they are when the model is called, so that the two cannot disagree; the call is taken to be the
    /// smallest there is, with one unit of output and without tools.
    ///
    /// `route` is one of [`Posture::routes`](crate::gate::Posture::routes), or the one that the gate was built with.
    pub async fn models<'m>(&self, route: &Route, models: impl IntoIterator<Item = &'m str>) -> Vec<&'m str> {
        let mut usable = Vec::new();
        for model in models {
            if self.may(route, Resource::model(model)).await {
                usable.push(model);
            }
        }
        usable
    }

    /// Whether the principal may use this thing on `route`, in the smallest call there is.
    pub async fn may(&self, route: &Route, resource: Resource<'_>) -> bool {
        if !matches!(Authorize::default().enter(route, &self.exchange), Check::Permit) {
            return false;
        }
        if let Some(patterns) = route.workload_patterns() {
            let machine = self.exchange.workload();
            if !machine.is_some_and(|machine| patterns.iter().any(|pattern| pattern.matches(machine))) {
                return false;
            }
        }
        let Some(Asked { policies, circumstances }) = &self.asked else { return true };
        let judged: Judged = {
            let mut resources = [resource];
            policies.call_by_one_name(&mut resources);
            let action = route.action_name().as_str();
            policies.judge(&circumstances.smallest_call(action, route.pattern(), &resources))
        };
        judged.verdict().await.permits()
    }
}

impl fmt::Debug for Authorized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorized").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

/// Hands the [`Authorized`] of each request to a service that demands it; a request without one is refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct HandPermitLayer(());

impl HandPermitLayer {
    /// The layer. It stands inside of all others.
    pub fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for HandPermitLayer {
    type Service = HandPermit<S>;

    fn layer(&self, inner: S) -> HandPermit<S> {
        HandPermit(inner)
    }
}

/// The service of [`HandPermitLayer`].
#[derive(Clone, Debug)]
pub struct HandPermit<S>(S);

impl<S, B, RB> Service<Request<B>> for HandPermit<S>
where
    S: Service<(Authorized, Request<B>), Response = Response<RB>>,
{
    type Response = Response<CheckedBody<RB>>;
    type Error = S::Error;
    type Future = HandPermitFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        match Authorized::of(&parts) {
            Ok(permit) => {
                let answer = self.0.call((permit, Request::from_parts(parts, body)));
                HandPermitFuture { phase: Phase::Calling { answer } }
            }
            Err(refusal) => {
                let exchange = Exchange::join(&mut parts, &StackContext::default());
                let response = Some(Box::new(exchange.refuse(refusal)));
                HandPermitFuture { phase: Phase::Refused { response } }
            }
        }
    }
}

pin_project! {
    /// The future of [`HandPermit`].
    pub struct HandPermitFuture<F> {
        #[pin]
        phase: Phase<F>,
    }
}

pin_project! {
    #[project = PhaseProjection]
    enum Phase<F> {
        Calling { #[pin] answer: F },
        Refused { response: Option<Box<Response<bytes::Bytes>>> },
    }
}

impl<F, RB, E> Future for HandPermitFuture<F>
where
    F: Future<Output = Result<Response<RB>, E>>,
{
    type Output = Result<Response<CheckedBody<RB>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().phase.project() {
            PhaseProjection::Calling { answer } => {
                Poll::Ready(ready!(answer.poll(cx)).map(|response| response.map(CheckedBody::passed)))
            }
            PhaseProjection::Refused { response } => {
                let response = response.take().expect("a future is polled until it is ready, and no longer");
                Poll::Ready(Ok(response.map(CheckedBody::refused)))
            }
        }
    }
}

impl<F> fmt::Debug for HandPermitFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandPermitFuture")
    }
}
