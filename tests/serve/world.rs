//! An authority, servers that say what they know of a connection, and clients.

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis::principal::{PeerAddress, TlsConnection, TlsVersion};
use portcullis::serve::rustls::client_config;
use portcullis::serve::{
    ClientTls, HandshakeError, HandshakeErrorKind, HttpLimits, Server, TlsAcceptor, TlsAcceptorBuilder,
};
use portcullis::testing::{Certificate, CertificateAuthority, FakeClock};
use portcullis::trust::{Identity, Pem, TrustBundles};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, io};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long to wait for what is sure to come.
pub(crate) const SOON: Duration = Duration::from_secs(30);
pub(crate) const SERVER: &str = "spiffe://prod.example/server";

/// An authority of `prod.example`, and files of a server below it.
pub(crate) struct World {
    pub(crate) root: CertificateAuthority,
    pub(crate) folder: Folder,
    pub(crate) failures: Arc<Mutex<Vec<HandshakeError>>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(CertificateAuthority::new("prod.example"))
    }

    /// All certificates are made and verified on this clock.
    pub(crate) fn on(clock: &FakeClock) -> Self {
        Self::of(CertificateAuthority::with_clock("prod.example", clock.shared()))
    }

    fn of(root: CertificateAuthority) -> Self {
        Self { root, folder: Folder::new(), failures: Arc::default() }
    }

    pub(crate) fn server_certificate(&self) -> Certificate {
        self.root.spiffe(SERVER).dns_name("localhost").ip("127.0.0.1".parse().unwrap()).issue()
    }

    pub(crate) fn bundles(&self) -> TrustBundles {
        let root = Pem::text(self.root.pem());
        TrustBundles::builder().spiffe("prod.example", root.clone()).roots(root).build().unwrap()
    }

    /// An acceptor with a certificate of this world, which asks for nothing yet and tells of failures.
    pub(crate) fn acceptor(&self) -> TlsAcceptorBuilder {
        let failures = self.failures.clone();
        TlsAcceptor::builder(identity(&self.server_certificate()))
            .on_failure(move |failure| failures.lock().unwrap().push(failure.clone()))
    }

    pub(crate) async fn mutual(&self) -> Running {
        serve(self.acceptor().require_client_certificates(self.bundles()).build().unwrap()).await
    }

    /// A client that shows `certificate` and wants the server of this world.
    pub(crate) fn client(&self, certificate: Option<&Certificate>) -> Arc<ClientConfig> {
        let mut builder = ClientTls::builder(self.bundles()).server(SERVER);
        if let Some(certificate) = certificate {
            builder = builder.identity(identity(certificate));
        }
        client_config(&builder.build().unwrap())
    }

    pub(crate) fn gateway(&self) -> Certificate {
        self.root.spiffe("spiffe://prod.example/gateway").issue()
    }

    /// Why handshakes failed, as soon as so many have: a client may see the end before it is told of.
    pub(crate) async fn why(&self, failed: usize) -> Vec<HandshakeErrorKind> {
        let enough = async {
            while self.failures.lock().unwrap().len() < failed {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(SOON, enough).await.expect("as many handshakes fail as should");
        self.failures.lock().unwrap().iter().map(|failure| failure.kind.clone()).collect()
    }

    /// Why the one failed that was the last of so many.
    pub(crate) async fn why_last(&self, failed: usize) -> HandshakeErrorKind {
        let why = self.why(failed).await;
        assert_eq!(why.len(), failed, "{why:?}");
        why[failed - 1].clone()
    }
}

pub(crate) fn identity(certificate: &Certificate) -> Identity {
    Identity::files(Pem::text(certificate.chain_pem()), Pem::text(certificate.key_pem())).unwrap()
}

/// A server that answers with what it knows of the connection.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) tls: TlsAcceptor,
    /// Tells of each request to `/wait`, which is answered when `go_on` says so.
    pub(crate) waiting: mpsc::UnboundedReceiver<()>,
    pub(crate) go_on: Arc<Notify>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<io::Result<()>>,
}

pub(crate) async fn serve(tls: TlsAcceptor) -> Running {
    serve_within(tls, HttpLimits::default()).await
}

pub(crate) async fn serve_within(tls: TlsAcceptor, limits: HttpLimits) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell, waiting) = mpsc::unbounded_channel();
    let go_on = Arc::new(Notify::new());
    let (server, release) = (Server::new(tls.clone()).limits(limits), go_on.clone());
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let (tell, release) = (tell.clone(), release.clone());
        async move {
            if request.uri().path() == "/wait" {
                let released = release.notified();
                tell.send(()).unwrap();
                released.await;
            }
            Ok::<_, Infallible>(tell_facts(request).await)
        }
    });
    let serving = server.serve(listener, service).with_graceful_shutdown(async {
        // A dropped sender stops it, too.
        let _ = stopped.await;
    });
    let task = tokio::spawn(serving.into_future());
    Running { address, tls, waiting, go_on, stop: Some(stop), task }
}

impl Running {
    pub(crate) fn begin_to_stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) async fn stop(mut self) -> io::Result<()> {
        self.begin_to_stop();
        tokio::time::timeout(SOON, self.task).await.expect("a server stops").unwrap()
    }
}

/// `None` where the body does not come to its end.
async fn tell_facts(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let length = body.collect().await.ok().map(|body| body.to_bytes().len());
    let tls = parts.extensions.get::<TlsConnection>().unwrap();
    let peer = tls.peer_certificate();
    let facts = json!({
        "workload": peer.and_then(|peer| peer.workload()).map(ToString::to_string),
        "alpn": tls.alpn_protocol().map(String::from_utf8_lossy),
        "version": tls.protocol_version().map(TlsVersion::as_str),
        "server_name": tls.requested_server_name(),
        "hello": tls.client_hello_bytes().map(Bytes::len),
        "address": parts.extensions.get::<PeerAddress>().unwrap().0.to_string(),
        "http2": parts.version == Version::HTTP_2,
        "length": length,
    });
    Response::new(facts.to_string().into())
}

pub(crate) async fn connect(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(config.clone()).connect(name, stream).await
}

/// Asks over a new connection: `/` unless said otherwise.
pub(crate) async fn ask(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<Value, String> {
    let stream = connect(address, config).await.map_err(|error| error.to_string())?;
    let mut client = Http1::over(stream).await.map_err(|error| error.to_string())?;
    client.get("/").await.map_err(|error| error.to_string())
}

pub(crate) struct Http1(pub(crate) http1::SendRequest<Full<Bytes>>);

impl Http1 {
    pub(crate) async fn over(stream: TlsStream<TcpStream>) -> hyper::Result<Self> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    pub(crate) async fn get(&mut self, path: &str) -> hyper::Result<Value> {
        self.0.ready().await?;
        let request = Request::get(path).header("host", "localhost").body(Full::default()).unwrap();
        read(self.0.send_request(request).await?).await
    }
}

#[derive(Clone)]
pub(crate) struct Http2(pub(crate) http2::SendRequest<Full<Bytes>>);

impl Http2 {
    pub(crate) async fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> Self {
        let mut config = ClientConfig::clone(config);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = connect(address, &Arc::new(config)).await.unwrap();
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    pub(crate) async fn get(&mut self, path: &str) -> hyper::Result<Value> {
        self.0.ready().await?;
        let uri = format!("https://localhost{path}");
        read(self.0.send_request(Request::get(uri).body(Full::default()).unwrap()).await?).await
    }
}

async fn read(response: Response<Incoming>) -> hyper::Result<Value> {
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await?.to_bytes();
    Ok(serde_json::from_slice(&body).unwrap())
}

/// A folder of this test's own, until it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("portcullis-serve-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a complete file over the one that is there.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let (new, path) = (self.0.join(format!("{name}.new")), self.0.join(name));
        fs::write(&new, text).unwrap();
        fs::rename(&new, &path).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
