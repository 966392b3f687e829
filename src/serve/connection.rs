use super::activity::{Activity, Watched};
use super::server::BoxError;
use super::settings::HttpLimits;
use super::stream::TlsStream;
use crate::clock::SharedClock;
use crate::principal::PeerAddress;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{HeaderValue, Request, Response, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower_service::Service;

/// What all connections of a server share.
pub(super) struct Shared<S> {
    pub(super) service: S,
    pub(super) limits: HttpLimits,
    pub(super) clock: SharedClock,
    /// Becomes true when the server shuts down.
    pub(super) stop: watch::Receiver<bool>,
}

impl<S> Shared<S> {
    /// Waits until the server shuts down.
    pub(super) async fn stopped(&self) {
        // An error says that the server is gone, which is an end, too.
        drop(self.stop.clone().wait_for(|stop| *stop).await);
    }
}

/// Answers the requests of one connection until it ends.
pub(super) async fn drive<S, B>(shared: Arc<Shared<S>>, stream: TlsStream<TcpStream>, address: SocketAddr)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let activity = Activity::new(shared.clock.clone());
    let (service, watched) = (shared.service.clone(), activity.clone());
    let tls = stream.connection().clone();
    let is_http2 = stream.is_http2();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let extensions = request.extensions_mut();
        extensions.insert(PeerAddress(address));
        extensions.insert(tls.clone());
        let (open, mut service) = (watched.begin(), service.clone());
        // A length beside it, which makes the request one that can be read in two ways (RFC 9112 §6.1), has been taken away
        // where it could still be seen: so no second request is read after any such body.
        let closes = request.version() < Version::HTTP_2 && request.headers().contains_key(TRANSFER_ENCODING);
        async move {
            poll_fn(|cx| service.poll_ready(cx)).await?;
            let mut response = service.call(request).await?;
            if closes {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, S::Error>(response.map(|body| Watched { body, open }))
        }
    });
    let io = TokioIo::new(stream);
    if is_http2 {
        let connection = shared.limits.http2().serve_connection(io, service);
        run(&shared, &activity, connection, http2::Connection::graceful_shutdown).await;
    } else {
        let connection = shared.limits.http1().serve_connection(io, service);
        run(&shared, &activity, connection, http1::Connection::graceful_shutdown).await;
    }
}

/// Runs a connection until it is over, until it has nothing to do any more, or, in a shutdown, until its requests are answered.
async fn run<S, C>(shared: &Shared<S>, activity: &Activity, connection: C, take_no_more: fn(Pin<&mut C>))
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    let limits = &shared.limits;
    tokio::select! {
        biased;
        ended = connection.as_mut() => return note(ended),
        () = shared.stopped() => {
            take_no_more(connection.as_mut());
            return note(connection.await);
        }
        () = activity.idle_for(limits.head_time, limits.idle_time) => take_no_more(connection.as_mut()),
    }
    // Asked politely to leave. Who does not, and asks for nothing either, is shown out.
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return note(ended),
            () = shared.clock.sleep(limits.head_time) => if activity.is_idle() { return },
        }
    }
}

fn note(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
