use super::acceptor::TlsAcceptor;
use super::connection::{Shared, drive};
use super::settings::HttpLimits;
use crate::clock::SharedClock;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower_service::Service;

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A server for HTTP/1.1 and HTTP/2 over TLS.
#[derive(Clone, Debug)]
pub struct Server {
    tls: TlsAcceptor,
    limits: HttpLimits,
}

impl Server {
    /// A server that shakes hands by `tls`, with the default [`HttpLimits`].
    pub fn new(tls: TlsAcceptor) -> Self {
        Self { tls, limits: HttpLimits::default() }
    }

    /// Bounds each client by these.
    pub fn limits(mut self, limits: HttpLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Answers the requests that come to `listener` by `service`. Await what comes back.
    pub fn serve<S, B>(self, listener: TcpListener, service: S) -> Serving<S>
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        Serving { server: self, listener, service, signal: Box::pin(std::future::pending()) }
    }
}

/// A server that runs while it is awaited.
pub struct Serving<S> {
    server: Server,
    listener: TcpListener,
    service: S,
    signal: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<S> Serving<S> {
    /// When `signal` is ready, takes no more connections and no more requests, and ends when those that are there are answered.
    pub fn with_graceful_shutdown(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        self.signal = Box::pin(signal);
        self
    }
}

impl<S, B> IntoFuture for Serving<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    /// An error of the kind [`TimedOut`](io::ErrorKind::TimedOut) when requests were cut off because they were not answered within the time
    /// that a shutdown has.
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(run(self))
    }
}

impl<S> fmt::Debug for Serving<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").field("server", &self.server).finish_non_exhaustive()
    }
}

async fn run<S, B>(serving: Serving<S>) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let Serving { server: Server { tls, limits }, listener, service, mut signal } = serving;
    let (stop, stopped) = watch::channel(false);
    let clock = tls.clock().clone();
    let room = Arc::new(Semaphore::new(limits.max_connections.min(Semaphore::MAX_PERMITS)));
    let shutdown_time = limits.shutdown_time;
    let shared = Arc::new(Shared { service, limits, clock: clock.clone(), stop: stopped });
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let room = room.clone().acquire_owned().await.expect("the semaphore is never closed");
            (room, accept(&listener, &clock).await)
        };
        let (room, (stream, address)) = tokio::select! {
            biased;
            () = &mut signal => break,
            next = next => next,
        };
        let (tls, shared) = (tls.clone(), shared.clone());
        connections.spawn(async move {
            let _room = room;
            let shaken = tokio::select! {
                biased;
                shaken = tls.accept(stream, address) => shaken,
                () = shared.stopped() => return,
            };
            if let Ok(stream) = shaken {
                drive(shared, stream, address).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    // Nobody receives when there is no connection.
    let _ = stop.send(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    tokio::select! {
        biased;
        () = all_ended => Ok(()),
        () = clock.sleep(shutdown_time) => {
            let left = connections.len();
            connections.shutdown().await;
            let what = format!("{left} connections were cut off after {} s", shutdown_time.as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, what))
        }
    }
}

/// The next connection. When there can be none, because files have run out for example, it waits, longer each time.
pub(super) async fn accept(listener: &TcpListener, clock: &SharedClock) -> (TcpStream, SocketAddr) {
    const LONGEST: Duration = Duration::from_secs(1);
    let mut wait = Duration::from_millis(10);
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Answers in small pieces, as models give them, must not wait for each other.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection delays small pieces");
                }
                return (stream, address);
            }
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::warn!(%error, wait_ms = wait.as_millis(), "no connection can be accepted");
                clock.sleep(wait).await;
                wait = (2 * wait).min(LONGEST);
            }
        }
    }
}

/// Whether the client left before it was accepted.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
