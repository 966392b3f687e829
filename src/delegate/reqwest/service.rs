use super::body::{ReqwestBody, Shareable};
use super::error::{ReqwestError, ReqwestErrorKind};
use bytes::Bytes;
use http::{Request, Response, Uri, Version};
use http_body::Body;
use pin_project_lite::pin_project;
use reqwest::{Client, Url};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower_service::Service;

/// A client of reqwest that sends what the layers above it have made, and nothing else; see [the module](super). Cheap to clone; clones
/// share their connections.
///
/// It needs a tokio runtime when it is called, not when it is built.
#[derive(Clone)]
pub struct ReqwestClient(pub(super) Client);

impl<B> Service<Request<B>> for ReqwestClient
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<ReqwestBody>;
    type Error = ReqwestError;
    type Future = ReqwestFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReqwestError>> {
        self.0.poll_ready(cx).map_err(ReqwestError::of)
    }

    fn call(&mut self, request: Request<B>) -> ReqwestFuture {
        let phase = match translate(request) {
            Ok(request) => Phase::Calling { answer: self.0.call(request) },
            Err(kind) => Phase::Refused { error: kind.into() },
        };
        ReqwestFuture { phase }
    }
}

/// The same request in reqwest's words.
fn translate<B>(mut request: Request<B>) -> Result<reqwest::Request, ReqwestErrorKind>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let uri = request.uri().clone();
    // That of the request it was made of says nothing: the connection knows whether it is HTTP/2.
    *request.version_mut() = Version::HTTP_11;
    let request = request.map(|body| reqwest::Body::wrap(Shareable::new(body)));
    let request = reqwest::Request::try_from(request);
    let request = request.map_err(|_| ReqwestErrorKind::Uri("its URI is not absolute"))?;
    match leads_there(&uri, request.url()) {
        true => Ok(request),
        false => Err(ReqwestErrorKind::Uri(
            "its URI holds a user, or reads otherwise as a URL: write the path without dot segments and with all escaped that must be",
        )),
    }
}

/// Whether the URL is that of the URI: of the same scheme, host, port and path, and without a user. In queries some signs are written as
/// their escapes.
fn leads_there(uri: &Uri, url: &Url) -> bool {
    let Some(authority) = uri.authority() else { return false };
    let usual = if url.scheme() == "https" { 443 } else { 80 };
    !authority.as_str().contains('@')
        && uri.scheme_str() == Some(url.scheme())
        && url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(authority.host()))
        && url.port_or_known_default() == Some(authority.port_u16().unwrap_or(usual))
        && url.path() == uri.path()
}

impl fmt::Debug for ReqwestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReqwestClient")
    }
}

pin_project! {
    /// The future of [`ReqwestClient`].
    pub struct ReqwestFuture {
        #[pin]
        phase: Phase,
    }
}

pin_project! {
    #[project = PhaseProjection]
    enum Phase {
        Calling { #[pin] answer: <Client as Service<reqwest::Request>>::Future },
        Refused { error: ReqwestError },
    }
}

impl Future for ReqwestFuture {
    type Output = Result<Response<ReqwestBody>, ReqwestError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().phase.project() {
            PhaseProjection::Calling { answer } => answer.poll(cx).map(|answered| match answered {
                Ok(answer) => Ok(Response::<reqwest::Body>::from(answer).map(ReqwestBody::new)),
                Err(error) => Err(ReqwestError::of(error)),
            }),
            PhaseProjection::Refused { error } => Poll::Ready(Err(error.clone())),
        }
    }
}

impl fmt::Debug for ReqwestFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReqwestFuture")
    }
}
