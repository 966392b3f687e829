use super::{Gate, Gated, GatedFuture};
#[cfg(feature = "tls")]
use crate::principal::PeerConnection;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum::response::Response;
use axum::routing::IntoMakeService;
use http_body::Body as _;
use pin_project_lite::pin_project;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tower_layer::Layer;
use tower_service::Service;

impl Gate {
    /// Wraps a whole router. What comes back takes no more routes, so that none can stand beside the gate.
    ///
    /// ```no_run
    /// # async fn serve(gate: portcullis::Gate, app: axum::Router) -> std::io::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    /// axum::serve(listener, gate.protect(app).into_make_service_with_connect_info()).await
    /// # }
    /// ```
    pub fn protect(&self, router: Router) -> Protected {
        Protected(self.layer(router))
    }
}

/// A router behind a gate, for `axum::serve`.
#[derive(Clone)]
pub struct Protected(Gated<Router>);

impl Protected {
    /// For `axum::serve` on a TCP listener: gives the gate each client's address, which it needs to refuse floods.
    pub fn into_make_service_with_connect_info(self) -> IntoMakeServiceWithConnectInfo<Self, SocketAddr> {
        axum::ServiceExt::<Request>::into_make_service_with_connect_info(self)
    }

    /// For `axum::serve` on a [`TlsListener`](crate::serve::TlsListener): gives the gate each client's address, and the TLS of its
    /// connection with the certificate that it has shown.
    #[cfg(feature = "tls")]
    pub fn into_make_service_with_tls(self) -> IntoMakeServiceWithConnectInfo<Self, PeerConnection> {
        axum::ServiceExt::<Request>::into_make_service_with_connect_info(self)
    }

    /// For `axum::serve` where clients have no address, as on a Unix socket: let a layer outside put
    /// [`UnixSocket`](crate::principal::UnixSocket) into each request's extensions. A gate that checks floods by address refuses everybody
    /// here, and says so in its log.
    pub fn into_make_service(self) -> IntoMakeService<Self> {
        axum::ServiceExt::<Request>::into_make_service(self)
    }
}

impl fmt::Debug for Protected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protected")
    }
}

impl Service<Request> for Protected {
    type Response = Response;
    type Error = Infallible;
    type Future = ProtectedFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        <Gated<Router> as Service<Request>>::poll_ready(&mut self.0, cx)
    }

    fn call(&mut self, request: Request) -> ProtectedFuture {
        ProtectedFuture { gated: self.0.call(request) }
    }
}

pin_project! {
    /// The future of [`Protected`].
    pub struct ProtectedFuture {
        #[pin]
        gated: GatedFuture<Router, Body, Body>,
    }
}

impl Future for ProtectedFuture {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = match ready!(self.project().gated.poll(cx)) {
            Ok(response) => response,
            Err(never) => match never {},
        };
        Poll::Ready(Ok(
            response.map(|body| if body.is_end_stream() { Body::empty() } else { Body::new(body) })
        ))
    }
}

impl fmt::Debug for ProtectedFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProtectedFuture")
    }
}
