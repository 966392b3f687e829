//! A SPIFFE agent gives identity and roots over the Workload API, and changes them.

use crate::world::{Folder, SOON, World, ask, connect, serve};
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis::serve::TlsAcceptor;
use portcullis::testing::{Certificate, CertificateAuthority};
use portcullis::trust::SpiffeAgent;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a workload is told: a message of the Workload API, or that it has no identity.
#[derive(Clone)]
enum Told {
    Identity(Bytes),
    Denied,
}

/// An agent that speaks gRPC over a Unix socket (SPIFFE Workload API, `FetchX509SVID`).
struct Agent {
    endpoint: String,
    tell: watch::Sender<Told>,
    task: JoinHandle<()>,
    _folder: Folder,
}

impl Agent {
    fn start(first: Told) -> Self {
        let folder = Folder::new();
        let path = folder.path().join("agent.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let (tell, told) = watch::channel(first);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let told = told.clone();
                let service = hyper::service::service_fn(move |request| answer(request, told.clone()));
                tokio::spawn(
                    http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { endpoint: format!("unix:{}", path.display()), tell, task, _folder: folder }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    request: Request<Incoming>,
    told: watch::Receiver<Told>,
) -> Result<Response<Stream>, Infallible> {
    assert_eq!(request.uri().path(), "/SpiffeWorkloadAPI/FetchX509SVID");
    assert_eq!(request.headers()["workload.spiffe.io"], "true", "the header that browsers cannot send");
    let next = Box::pin(next(told, true));
    Ok(Response::builder()
        .header("content-type", "application/grpc")
        .body(Stream { next: Some(next) })
        .unwrap())
}

type Next = Pin<Box<dyn Future<Output = Option<(Told, watch::Receiver<Told>)>> + Send>>;

async fn next(mut told: watch::Receiver<Told>, first: bool) -> Option<(Told, watch::Receiver<Told>)> {
    if !first {
        told.changed().await.ok()?;
    }
    let message = told.borrow_and_update().clone();
    Some((message, told))
}

/// A stream of messages, which goes on until the agent ends or denies.
struct Stream {
    next: Option<Next>,
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(waiting) = &mut self.next else { return Poll::Ready(None) };
        let Poll::Ready(ready) = waiting.as_mut().poll(cx) else { return Poll::Pending };
        self.next = None;
        Poll::Ready(ready.map(|(told, rest)| match told {
            Told::Identity(message) => {
                self.next = Some(Box::pin(next(rest, false)));
                let mut frame = BytesMut::new();
                frame.put_u8(0);
                frame.put_u32(u32::try_from(message.len()).unwrap());
                frame.put(message);
                Ok(Frame::data(frame.freeze()))
            }
            Told::Denied => {
                let mut trailers = HeaderMap::new();
                // PERMISSION_DENIED
                trailers.insert("grpc-status", "7".parse().unwrap());
                Ok(Frame::trailers(trailers))
            }
        }))
    }
}

/// A field of a message that has a length (protobuf, wire type 2).
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = value.len();
    while length >= 0x80 {
        field.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    field.push(u8::try_from(length).unwrap());
    field.extend_from_slice(value);
    field
}

/// `X509SVIDResponse` with one `X509SVID`, whose own domain has these roots, and a domain that it is federated with.
fn message(certificate: &Certificate, id: &str, roots: &[u8], federated: Option<(&str, &[u8])>) -> Told {
    let svid = [
        field(1, id.as_bytes()),
        field(2, &certificate.chain().concat()),
        field(3, certificate.key()),
        field(4, roots),
    ];
    let mut message = field(1, &svid.concat());
    if let Some((domain, roots)) = federated {
        message.extend(field(3, &[field(1, domain.as_bytes()), field(2, roots)].concat()));
    }
    Told::Identity(message.into())
}

const SERVER: &str = "spiffe://prod.example/server";

#[tokio::test]
async fn an_acceptor_follows_the_agent_from_certificate_to_certificate_and_root_to_root() {
    let world = World::new();
    let partner = CertificateAuthority::new("partner.example");
    let other = partner.spiffe("spiffe://partner.example/caller").issue();
    let first = world.server_certificate();
    let agent = Agent::start(message(&first, SERVER, world.root.der(), None));
    let given = SpiffeAgent::connect(&agent.endpoint, SOON).await.unwrap();
    let tls = TlsAcceptor::builder(given.identity()).require_client_certificates(given.bundles());
    let server = serve(tls.build().unwrap()).await;
    drop(given);
    let gateway = world.client(Some(&world.gateway()));
    let stranger = world.client(Some(&other));

    let facts = ask(server.address, &gateway).await.unwrap();
    assert_eq!(facts["workload"], "spiffe://prod.example/gateway");
    ask(server.address, &stranger).await.expect_err("no roots of its trust domain are there");

    // Federation, and a new certificate.
    let second = world.server_certificate();
    agent.tell.send_replace(message(
        &second,
        SERVER,
        world.root.der(),
        Some(("spiffe://partner.example", partner.der())),
    ));
    until(async || shown(&server.address, &gateway).await.as_deref() == Some(&second.chain()[0])).await;
    let facts = ask(server.address, &stranger).await.unwrap();
    assert_eq!(facts["workload"], "spiffe://partner.example/caller");

    // What cannot be used changes nothing.
    agent.tell.send_replace(Told::Identity(field(1, b"\x0a\x03abc").into()));
    assert_eq!(shown(&server.address, &gateway).await.unwrap(), second.chain()[0]);

    // The partner is dropped.
    agent.tell.send_replace(message(&second, SERVER, world.root.der(), None));
    until(async || ask(server.address, &stranger).await.is_err()).await;
    ask(server.address, &gateway).await.unwrap();

    // An agent that is away takes nothing away.
    drop(agent);
    ask(server.address, &gateway).await.unwrap();
}

#[tokio::test]
async fn a_service_that_has_no_identity_any_more_shows_none_and_believes_nobody() {
    let world = World::new();
    let agent = Agent::start(message(&world.server_certificate(), SERVER, world.root.der(), None));
    let given = SpiffeAgent::connect(&agent.endpoint, SOON).await.unwrap();
    let tls = TlsAcceptor::builder(given.identity()).require_client_certificates(given.bundles());
    let server = serve(tls.build().unwrap()).await;
    let gateway = world.client(Some(&world.gateway()));
    ask(server.address, &gateway).await.unwrap();

    agent.tell.send_replace(Told::Denied);
    until(async || ask(server.address, &gateway).await.is_err()).await;
    let leaf = world.gateway();
    given.bundles().verify_client(leaf.chain(), std::time::SystemTime::now().into()).unwrap_err();

    agent.tell.send_replace(message(&world.server_certificate(), SERVER, world.root.der(), None));
    until(async || ask(server.address, &gateway).await.is_ok()).await;
}

#[tokio::test]
async fn an_agent_that_is_not_there_or_gives_nothing_is_an_error_that_names_it() {
    let short = Duration::from_millis(20);
    let nobody = SpiffeAgent::connect("unix:/nowhere/agent.sock", short).await.unwrap_err().to_string();
    assert_eq!(nobody, "the SPIFFE agent at unix:/nowhere/agent.sock: it has given no identity in time");
    let odd = SpiffeAgent::connect("http://agent", SOON).await.unwrap_err().to_string();
    assert!(odd.starts_with("the SPIFFE agent at http://agent: "), "{odd}");
    let agent = Agent::start(Told::Denied);
    SpiffeAgent::connect(&agent.endpoint, short).await.unwrap_err();
}

/// The leaf that the server shows.
async fn shown(
    address: &std::net::SocketAddr,
    config: &std::sync::Arc<rustls::ClientConfig>,
) -> Option<Vec<u8>> {
    let stream = connect(*address, config).await.ok()?;
    Some(stream.get_ref().1.peer_certificates()?[0].to_vec())
}

/// Asks again and again what is sure to become true.
async fn until(is_so: impl AsyncFn() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, asking).await.expect("it becomes so");
}
