//! Over real sockets: connections that outlive what their certificate promised.

use super::world::{GATEWAY, World};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis::Gate;
use portcullis::principal::{PeerConnection, Revocations};
use portcullis::serve::{ClientTls, Server, TlsAcceptor, TlsListener, rustls::client_config};
use portcullis::testing::Certificate;
use portcullis::trust::{Identity, Pem};
use serde_json::Value;
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tower::Layer;

const MODEL: &str = "spiffe://prod.test/ns/chat/sa/model";

pub(crate) fn identity(certificate: &Certificate) -> Identity {
    Identity::files(Pem::text(certificate.chain_pem()), Pem::text(certificate.key_pem())).unwrap()
}

/// An acceptor that requires certificates, on the clock of the world.
pub(crate) fn acceptor(world: &World, server: &Certificate) -> TlsAcceptor {
    TlsAcceptor::builder(identity(server))
        .require_client_certificates(world.bundles.clone())
        .clock(world.clock.shared())
        .build()
        .unwrap()
}

/// A connection of HTTP/2 that shows this certificate.
async fn connect(world: &World, address: SocketAddr, certificate: &Certificate) -> SendRequest<Full<Bytes>> {
    let client = ClientTls::builder(world.bundles.clone())
        .identity(identity(certificate))
        .server(MODEL)
        .clock(world.clock.shared())
        .build()
        .unwrap();
    let mut config = (*client_config(&client)).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let socket = TcpStream::connect(address).await.unwrap();
    let stream = TlsConnector::from(std::sync::Arc::new(config));
    let stream = stream.connect("model.test".try_into().unwrap(), socket).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(sender: &mut SendRequest<Full<Bytes>>) -> (StatusCode, Value) {
    let request = Request::post("https://localhost/internal")
        .header("content-type", "application/json")
        .body(Full::from(r#"{"prompt":"hello","max_tokens":8}"#))
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}

/// The gate behind our server, until what comes back is dropped.
async fn serve(world: &World, gate: &Gate) -> (SocketAddr, oneshot::Sender<()>) {
    let tls = acceptor(world, &world.prod.spiffe(MODEL).issue());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    let service = gate.layer(super::world::handler());
    tokio::spawn(Server::new(tls).serve(listener, service).with_graceful_shutdown(stopped).into_future());
    (address, stop)
}

#[tokio::test]
async fn a_certificate_that_ends_during_a_connection_of_http2_is_refused_on_its_next_request() {
    let world = World::new();
    let (address, _stop) = serve(&world, &world.gate(world.rules())).await;
    let brief = world.prod.spiffe(GATEWAY).lifetime(Duration::from_secs(30)).issue();
    let mut connection = connect(&world, address, &brief).await;
    let (status, answer) = ask(&mut connection).await;
    assert_eq!((status, &answer["who"]), (StatusCode::OK, &GATEWAY.into()));
    world.clock.advance(Duration::from_secs(31));
    for _ in 0..2 {
        let (status, answer) = ask(&mut connection).await;
        assert_eq!((status, &answer["code"]), (StatusCode::FORBIDDEN, &"invalid_certificate".into()));
    }
}

#[tokio::test]
async fn a_machine_that_is_revoked_during_a_connection_of_http2_is_refused_on_its_next_request() {
    let world = World::new();
    let revocations = Revocations::new();
    let (address, _stop) = serve(&world, &world.gate(world.rules().revocations(revocations.clone()))).await;
    let mut connection = connect(&world, address, &world.prod.spiffe(GATEWAY).issue()).await;
    let other = world.prod.spiffe("spiffe://prod.test/other").issue();
    let mut other = connect(&world, address, &other).await;
    assert_eq!(ask(&mut connection).await.0, StatusCode::OK);
    revocations.revoke_workload(&GATEWAY.parse().unwrap());
    assert_eq!(ask(&mut connection).await.1["code"], "invalid_certificate");
    assert_eq!(ask(&mut other).await.0, StatusCode::OK, "others are served meanwhile");
}

#[tokio::test]
async fn on_axum_the_certificate_reaches_the_gate_and_forgetting_to_hand_it_on_is_told_by_name() {
    let world = World::new();
    let gate = world.gate(world.rules());
    let tls = acceptor(&world, &world.prod.spiffe(MODEL).issue());
    let app = || {
        let told = async |workload: portcullis::principal::Workload| axum::Json(workload.id().to_string());
        axum::Router::new().route("/internal", axum::routing::post(told))
    };
    let listen = async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (TlsListener::new(&tls, listener).unwrap(), address)
    };
    let curl = async |address: SocketAddr| curl(&world, address).await;
    let (listener, address) = listen().await;
    let service = gate.protect(app()).into_make_service_with_tls();
    let serving = tokio::spawn(axum::serve(listener, service).into_future());
    assert_eq!(curl(address).await, (StatusCode::OK, Value::from(GATEWAY)));
    serving.abort();
    let (listener, address) = listen().await;
    let serving = tokio::spawn(axum::serve(listener, gate.protect(app()).into_make_service()).into_future());
    assert_eq!(curl(address).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    world.record();
    let cause = world.record()["cause"].as_str().unwrap().to_owned();
    assert!(cause.contains("into_make_service_with_connect_info"), "{cause}");
    serving.abort();
    // The type that our listener tells connections in.
    let _: fn(&PeerConnection) -> SocketAddr = |connection| connection.address;
}

/// One request of HTTP/1.1 with the gateway's certificate.
async fn curl(world: &World, address: SocketAddr) -> (StatusCode, Value) {
    let client = ClientTls::builder(world.bundles.clone())
        .identity(identity(&world.prod.spiffe(GATEWAY).issue()))
        .server(MODEL)
        .clock(world.clock.shared())
        .build()
        .unwrap();
    let socket = TcpStream::connect(address).await.unwrap();
    let stream = TlsConnector::from(client_config(&client));
    let stream = stream.connect("model.test".try_into().unwrap(), socket).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("/internal")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::<Bytes>::from(r#"{"prompt":"hello","max_tokens":8}"#))
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}
