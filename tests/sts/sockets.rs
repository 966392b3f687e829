//! Over real sockets with mutual TLS: an exchange, and a gate that takes what it issues.

use super::world::*;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use portcullis::Gate;
use portcullis::payload::PlainGenerate;
use portcullis::peer::PeerRules;
use portcullis::principal::{ActorRule, Delegation};
use portcullis::route::Route;
use portcullis::serve::{ClientTls, Server, TlsAcceptor, rustls::client_config};
use portcullis::testing::Certificate;
use portcullis::trust::{Identity, Pem};
use serde_json::{Value, json};
use std::future::IntoFuture;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tower::Layer;

const SERVER: &str = "spiffe://prod.test/ns/chat/sa/server";

fn identity(certificate: &Certificate) -> Identity {
    Identity::files(Pem::text(certificate.chain_pem()), Pem::text(certificate.key_pem())).unwrap()
}

fn acceptor(world: &World) -> TlsAcceptor {
    TlsAcceptor::builder(identity(&world.authority.spiffe(SERVER).issue()))
        .require_client_certificates(world.bundles.clone())
        .clock(portcullis::testing::FakeClock::shared(&world.clock))
        .build()
        .unwrap()
}

async fn send(
    world: &World,
    address: SocketAddr,
    certificate: &Certificate,
    request: Request<Full<Bytes>>,
) -> (StatusCode, Value) {
    let client = ClientTls::builder(world.bundles.clone())
        .identity(identity(certificate))
        .server(SERVER)
        .clock(portcullis::testing::FakeClock::shared(&world.clock))
        .build()
        .unwrap();
    let socket = TcpStream::connect(address).await.unwrap();
    let connector = TlsConnector::from(client_config(&client));
    let stream = connector.connect("server.test".try_into().unwrap(), socket).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(request).await.unwrap();
    let status = response.status();
    (status, serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap())
}

fn exchange(login: &str) -> Request<Full<Bytes>> {
    let asking = Asking::new(login, VECTORS).with("client_id", "orchestrator");
    Request::post("/token")
        .header("host", "localhost")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(asking.body())))
        .unwrap()
}

fn search(credential: &str) -> Request<Full<Bytes>> {
    Request::post("/search")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {credential}"))
        .body(Full::new(Bytes::from_static(br#"{"prompt":"hello","max_tokens":8}"#)))
        .unwrap()
}

#[tokio::test]
async fn what_is_exchanged_over_mutual_tls_is_good_for_the_actors_machine_alone_until_its_root_is_revoked() {
    let world = World::new();
    let sts = world.sts();
    let orchestrator = ActorRule::new(STS, "orchestrator").workload(WORKLOAD.parse().unwrap());
    let gate = Gate::builder()
        .clock(portcullis::testing::FakeClock::shared(&world.clock))
        .issuer(sts.trusted().audience(VECTORS))
        .peers(PeerRules::new().trust_domain("prod.test".parse().unwrap()))
        .delegation(Delegation::new().actor(orchestrator.scopes(["docs:read"])))
        .route(Route::post("/search").dialect(PlainGenerate).scope("docs:read"))
        .danger_without_limits()
        .danger_without_inspection()
        .danger_without_audit()
        .build()
        .unwrap();
    let handler = axum::Router::new().fallback(|who: portcullis::Principal| async move {
        let scopes: Vec<String> = who.scopes().iter().map(str::to_owned).collect();
        axum::Json(json!({ "who": who.name(), "scopes": scopes }))
    });
    let (exchange_at, vectors_at) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (exchange_address, vectors_address) =
        (exchange_at.local_addr().unwrap(), vectors_at.local_addr().unwrap());
    tokio::spawn(Server::new(acceptor(&world)).serve(exchange_at, sts.router()).into_future());
    tokio::spawn(Server::new(acceptor(&world)).serve(vectors_at, gate.layer(handler)).into_future());

    let (own, same, other) = (
        world.authority.spiffe(WORKLOAD).issue(),
        world.authority.spiffe(WORKLOAD).issue(),
        world.authority.spiffe("spiffe://prod.test/ns/money/sa/billing").issue(),
    );
    let login = world.credential(ORCHESTRATOR, []);
    let (status, refused) = send(&world, exchange_address, &other, exchange(&login)).await;
    assert_eq!((status, &refused["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_client")));
    let (status, issued) = send(&world, exchange_address, &own, exchange(&login)).await;
    assert_eq!(status, StatusCode::OK, "{issued}");
    let credential = issued["access_token"].as_str().unwrap();

    let (status, answer) = send(&world, vectors_address, &own, search(credential)).await;
    assert_eq!((status, &answer), (StatusCode::OK, &json!({ "who": "alice", "scopes": ["docs:read"] })));
    for thief in [&other, &same] {
        let (status, _) = send(&world, vectors_address, thief, search(credential)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "it is bound to the certificate that was shown");
    }
    gate.revocations()
        .revoke_session(LOGIN, "session", portcullis::clock::UnixTime::from_secs(NOW + 9_000))
        .unwrap();
    let (status, _) = send(&world, vectors_address, &own, search(credential)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "the login that it descends from has ended");
    assert_eq!(world.records().len(), 1);
}

/// As the gate of another process finds the keys.
#[cfg(feature = "fetch")]
#[tokio::test]
async fn a_gate_elsewhere_finds_the_keys_by_the_metadata() {
    use portcullis::jwt::{Jwks, KeySource};
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let sts = portcullis::sts::Sts::builder(issuer.clone())
        .subjects_of(world.login.trusted())
        .danger_without_audit()
        .actor(portcullis::sts::ActorClient::by_secret("web", SECRET.into()))
        .build()
        .unwrap();
    let router = sts.router();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let keys = Jwks::discover_oauth(issuer.as_str()).internal().build().unwrap();
    keys.load().await.unwrap();
    assert_eq!(keys.snapshot().keys().len(), 2, "the one that signs, and the next");
}
