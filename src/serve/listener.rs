use super::acceptor::{Protocols, TlsAcceptor};
use super::server::accept;
use super::stream::TlsStream;
use crate::principal::PeerConnection;
use crate::trust::TrustError;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use std::fmt;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

/// How many connections may wait, after their handshake, until `axum::serve` takes them.
const READY: usize = 64;

/// A listener for `axum::serve`, which gives it connections after their handshake.
///
/// It must be served with `into_make_service_with_connect_info::<PeerConnection>()`, which tells the gate of each connection's
/// address and certificate; without, a gate that needs them refuses everybody. [`Server`](super::Server) needs no such call, and bounds
/// the time of a request's head, which `axum::serve` does not.
///
/// ```no_run
/// # async fn serve(tls: portcullis::serve::TlsAcceptor, app: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
/// use portcullis::principal::PeerConnection;
/// use portcullis::serve::TlsListener;
///
/// let listener = TlsListener::new(&tls, tokio::net::TcpListener::bind("0.0.0.0:8443").await?)?;
/// axum::serve(listener, app.into_make_service_with_connect_info::<PeerConnection>()).await?;
/// # Ok(())
/// # }
/// ```
pub struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    local: SocketAddr,
    accepting: JoinHandle<()>,
}

impl TlsListener {
    /// Accepts connections of `listener` in a task of its own, and shakes hands with each by `tls`. It offers HTTP/1.1: `axum::serve`
    /// speaks HTTP/2 only with axum's feature `http2`; see [`with_http2`](Self::with_http2).
    ///
    /// # Errors
    /// When TLS cannot be set up, or the listener has no address.
    pub fn new(tls: &TlsAcceptor, listener: TcpListener) -> Result<Self, TrustError> {
        Self::start(tls.offering(Protocols::Http1)?, listener)
    }

    /// The same, offering HTTP/2 as well: where axum's feature `http2` is on.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_http2(tls: &TlsAcceptor, listener: TcpListener) -> Result<Self, TrustError> {
        Self::start(tls.clone(), listener)
    }

    fn start(tls: TlsAcceptor, listener: TcpListener) -> Result<Self, TrustError> {
        let local = listener.local_addr().map_err(|error| {
            crate::trust::TrustErrorKind::Build(format!("the listener has no address: {error}"))
        })?;
        let (give, ready) = mpsc::channel(READY);
        let accepting = tokio::spawn(async move {
            let mut handshakes = JoinSet::new();
            loop {
                let (stream, address) = accept(&listener, tls.clock()).await;
                let (tls, give) = (tls.clone(), give.clone());
                handshakes.spawn(async move {
                    if let Ok(stream) = tls.accept(stream, address).await {
                        // Nobody takes it any more when the server has ended.
                        let _ = give.send((stream, address)).await;
                    }
                });
                while handshakes.try_join_next().is_some() {}
            }
        });
        Ok(Self { ready, local, accepting })
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The task that accepts ends only with this listener.
            None => pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl fmt::Debug for TlsListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsListener").field("local", &self.local).finish_non_exhaustive()
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for PeerConnection {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        Self { address: *stream.remote_addr(), tls: Some(stream.io().connection().clone()) }
    }
}
