use super::body::ForwardBody;
use super::{head, outcome};
use crate::delegate::ProviderCredential;
use crate::exchange::{Exchange, Price, Ran, StepId};
use crate::fetch::StreamingClient;
use crate::refusal::{ProblemJson, Refusal, Rendered, Respond};
use crate::route::Access;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_service::Service;

type BoxError = Box<dyn Error + Send + Sync>;
type OutboundBody = UnsyncBoxBody<Bytes, BoxError>;

/// Passes checked requests on to an upstream; see [the module](super). Cheap to clone; clones share connections and limits.
///
/// It needs a tokio runtime when it is called, not when it is built.
#[derive(Clone)]
pub struct Forward(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) hop: Arc<str>,
    /// For people.
    pub(super) about: String,
    pub(super) client: ProviderCredential<StreamingClient<OutboundBody>>,
    /// What stands in front of each path.
    pub(super) base: String,
    /// Of requests, that go on.
    pub(super) headers: Vec<HeaderName>,
    pub(super) queries: Vec<Box<str>>,
    pub(super) prices: BTreeMap<Box<str>, Price>,
    pub(super) room: Arc<Semaphore>,
    pub(super) head: Duration,
    pub(super) silence: Duration,
}

impl<B> Service<Request<B>> for Forward
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ForwardBody>;
    type Error = Infallible;
    type Future = ForwardFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Who is one too many is told so, and does not wait.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ForwardFuture {
        let inner = Arc::clone(&self.0);
        ForwardFuture(Box::pin(async move {
            let (parts, body) = request.into_parts();
            let Some(exchange) = Exchange::of(&parts).cloned() else { return Ok(outside()) };
            let body = body.map_err(Into::into).boxed_unsync();
            let answer = inner.forward(Request::from_parts(parts, body), &exchange).await;
            Ok(answer.unwrap_or_else(|refusal| exchange.refuse(refusal).map(ForwardBody::refused)))
        }))
    }
}

impl Inner {
    async fn forward(
        &self,
        request: Request<OutboundBody>,
        exchange: &Exchange,
    ) -> Result<Response<ForwardBody>, Refusal> {
        let hop = &*self.hop;
        let (place, mut request) = self.begin(request, exchange).map_err(Refusal::uncharged)?;
        let note = head::note(self, exchange);
        request.extensions_mut().insert(note.clone());
        let mut too_late = exchange.clock().sleep(self.head);
        // A client of this kind is always ready.
        let mut answer = pin!(self.client.clone().call(request));
        let answered = poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Ready(answered) => Poll::Ready(answered.map_err(|error| outcome::none(hop, error, &note))),
            Poll::Pending => {
                Pin::new(&mut too_late).poll(cx).map(|()| Err(outcome::too_late(hop, self.head)))
            }
        });
        let response = outcome::judge(hop, answered.await?)?;
        let clock = exchange.clock().clone();
        Ok(response.map(|body| ForwardBody::upstream(body, self.silence, clock, place)))
    }

    /// A place among the requests at once, and the request that goes on.
    fn begin(
        &self,
        request: Request<OutboundBody>,
        exchange: &Exchange,
    ) -> Result<(OwnedSemaphorePermit, Request<OutboundBody>), Refusal> {
        checked(exchange)?;
        let place = Arc::clone(&self.room).try_acquire_owned();
        let place = place.map_err(|_| outcome::no_room(&self.hop))?;
        let (parts, body) = request.into_parts();
        Ok((place, Request::from_parts(head::outbound(self, parts, exchange)?, body)))
    }
}

/// Whether the layers that make it safe to go on ran: with the upstream's credential everybody may do what this service may.
fn checked(exchange: &Exchange) -> Result<(), Refusal> {
    let lacks = |layer| Err(Refusal::stacked_wrongly("Forward", layer));
    let Some(route) = exchange.route() else { return lacks("MatchRouteLayer") };
    // What is only observed goes on whatever the layers say.
    if exchange.is_observed() {
        return Ok(());
    }
    let ran = |step| exchange.record(|record| record.ran(step));
    // An open route asks nobody who they are.
    if *route.access() != Access::Open {
        if exchange.principal().is_none() {
            return lacks("VerifyJwtLayer");
        }
        if ran(StepId::Authorize) != Ran::Passed {
            return lacks("AuthorizeLayer");
        }
    }
    // That there is no body where there must be none has been looked at as well.
    if ran(StepId::Read) != Ran::Passed {
        return lacks("ReadPayloadLayer");
    }
    Ok(())
}

/// The answer where no gate ran.
fn outside() -> Response<ForwardBody> {
    let refusal = Refusal::misconfigured("Forward stands behind no gate: wrap it, gate.layer(forward)");
    tracing::error!(cause = refusal.private_cause(), "wrap the service: gate.layer(forward)");
    let Rendered { content_type, body } = ProblemJson.respond(&refusal, "");
    let mut response = Response::new(ForwardBody::refused(body));
    *response.status_mut() = refusal.kind().status();
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response.extensions_mut().insert(refusal);
    response
}

/// For the host's own posture.
impl fmt::Display for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (head, silence) = (self.0.head.as_secs_f64(), self.0.silence.as_secs_f64());
        write!(f, "passed on to {}; answers within {head} s, silent for {silence} s at most", self.0.about)
    }
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward")
            .field("about", &self.0.about)
            .field("base", &self.0.base)
            .finish_non_exhaustive()
    }
}

/// The future of [`Forward`].
pub struct ForwardFuture(Pin<Box<dyn Future<Output = Result<Response<ForwardBody>, Infallible>> + Send>>);

impl Future for ForwardFuture {
    type Output = Result<Response<ForwardBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ForwardFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForwardFuture")
    }
}
