use super::BackChannelLogoutBuilder;
use super::desk::Desk;
use crate::body::WholeBody;
use crate::exchange::Exchange;
use crate::principal::Revocations;
use crate::refusal::Refusal;
use crate::route::Route;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_service::Service;

const MAX_BODY: usize = 16 * 1024;

/// Takes the logouts that an issuer sends; see the [module](super). Cheap to clone.
#[derive(Clone, Debug)]
pub struct BackChannelLogout(Arc<Desk>);

impl BackChannelLogout {
    /// A service that puts what it is told into that list.
    pub fn builder(revocations: Revocations) -> BackChannelLogoutBuilder {
        BackChannelLogoutBuilder::new(revocations)
    }

    pub(super) fn new(desk: Arc<Desk>) -> Self {
        Self(desk)
    }

    /// The route by which a gate lets logouts in, for layers that are stacked by hand.
    pub fn route(&self) -> Route {
        Route::signed_form(self.0.path.clone(), MAX_BODY).action("logout")
    }

    /// A router that serves it, to merge into the one that the gate protects.
    #[cfg(feature = "axum")]
    pub fn router(&self) -> axum::Router {
        axum::Router::new().route_service(&self.0.path, self.clone())
    }

    pub(crate) fn revocations(&self) -> &Revocations {
        &self.0.revocations
    }

    /// Everything that was set, without the keys: what tells one configuration from another.
    pub(crate) fn settings(&self) -> impl fmt::Debug {
        self.0.settings()
    }
}

/// For the posture.
impl fmt::Display for BackChannelLogout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers: Vec<String> = self.0.issuers.iter().map(ToString::to_string).collect();
        write!(f, "logouts of {} at {}", issuers.join(" and "), self.0.path)
    }
}

impl<B> Service<Request<B>> for BackChannelLogout
where
    B: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<WholeBody>;
    type Error = Infallible;
    type Future = LogoutFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> LogoutFuture {
        let desk = self.0.clone();
        LogoutFuture(Box::pin(async move {
            let (parts, body) = request.into_parts();
            let Some(exchange) = Exchange::of(&parts).cloned() else {
                let refusal = Refusal::stacked_wrongly("BackChannelLogout", "the gate");
                tracing::error!(cause = refusal.private_cause(), "a logout was refused");
                return respond(refusal.kind().status(), Some(refusal.public()));
            };
            match desk.take(&exchange, body).await {
                Ok(facts) => {
                    exchange.record(|record| record.logout = Some(Box::new(facts)));
                    respond(StatusCode::OK, None)
                }
                Err(refusal) => {
                    let mut response = respond(refusal.kind().status(), Some(refusal.public()));
                    let (of_refusal, _) = exchange.refuse(refusal).into_parts();
                    *response.extensions_mut() = of_refusal.extensions;
                    response
                }
            }
        }))
    }
}

/// The future of a [`BackChannelLogout`].
pub struct LogoutFuture(Pin<Box<dyn Future<Output = Response<WholeBody>> + Send>>);

impl Future for LogoutFuture {
    type Output = Result<Response<WholeBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for LogoutFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogoutFuture")
    }
}

/// §2.8.
fn respond(status: StatusCode, problem: Option<&str>) -> Response<WholeBody> {
    let body = problem.map(|public| {
        let body = serde_json::json!({ "error": "invalid_request", "error_description": public });
        Bytes::from(body.to_string())
    });
    let mut response = Response::new(WholeBody::new(body.unwrap_or_default()));
    *response.status_mut() = status;
    let length = response.body().len();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if problem.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    response
}
