//! What reaches a service.

use crate::world::{Http1, Http2, World, ask, connect, serve};
use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use portcullis::principal::PeerConnection;
use portcullis::serve::TlsListener;
use rustls::ClientConfig;
use std::sync::Arc;
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_http_1_and_of_http_2_carries_address_and_certificate() {
    let world = World::new();
    let server = world.mutual().await;
    let config = world.client(Some(&world.gateway()));

    let stream = connect(server.address, &config).await.unwrap();
    let local = stream.get_ref().0.local_addr().unwrap().to_string();
    let mut client = Http1::over(stream).await.unwrap();
    for _ in 0..3 {
        let answer = client.get("/").await.unwrap();
        assert_eq!(answer["workload"], "spiffe://prod.example/gateway");
        assert_eq!((&answer["address"], &answer["http2"]), (&local.as_str().into(), &false.into()));
        assert_eq!((&answer["version"], &answer["server_name"]), (&"1.3".into(), &"localhost".into()));
        assert!(answer["hello"].is_null(), "{answer}");
    }
    let client = Http2::connect(server.address, &config).await;
    let asked = (0..20).map(|_| {
        let mut client = client.clone();
        tokio::spawn(async move { client.get("/").await })
    });
    for answer in asked.collect::<Vec<_>>() {
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer["workload"], "spiffe://prod.example/gateway");
        assert_eq!((&answer["alpn"], &answer["http2"]), (&"h2".into(), &true.into()));
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn axum_serve_is_given_address_and_certificate_of_each_connection() {
    let world = World::new();
    let tls = world.acceptor().require_client_certificates(world.bundles()).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route(
        "/",
        get(|ConnectInfo(peer): ConnectInfo<PeerConnection>| async move {
            let tls = peer.tls.unwrap();
            let workload = tls.peer_certificate().unwrap().workload().unwrap().to_string();
            axum::Json(serde_json::json!({ "workload": workload, "address": peer.address.to_string() }))
        }),
    );
    let listener = TlsListener::new(&tls, listener).unwrap();
    let app = app.into_make_service_with_connect_info::<PeerConnection>();
    let serving = tokio::spawn(axum::serve(listener, app).into_future());
    let mut config = ClientConfig::clone(&world.client(Some(&world.gateway())));
    // Axum is built without HTTP/2 here, so it must not be agreed on.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = connect(address, &Arc::new(config)).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let local = stream.get_ref().0.local_addr().unwrap().to_string();
    let answer = Http1::over(stream).await.unwrap().get("/").await.unwrap();
    assert_eq!(answer["workload"], "spiffe://prod.example/gateway");
    assert_eq!(answer["address"], local);
    ask(address, &world.client(None)).await.unwrap_err();
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_flight_is_kept_where_it_was_asked_for() {
    let world = World::new();
    let tls = world.acceptor().record_client_hello().build().unwrap();
    let server = serve(tls.clone()).await;
    let config = world.client(None);
    let answer = ask(server.address, &config).await.unwrap();
    assert!(answer["hello"].as_u64().unwrap() > 200, "{answer}");
    server.stop().await.unwrap();

    // The bare use of the acceptor, where the bytes that the client sent can be seen.
    let (client, acceptor) = tokio::io::duplex(64 * 1024);
    let name = rustls::pki_types::ServerName::try_from("kept.example").unwrap();
    let connecting = tokio_rustls::TlsConnector::from(config).connect(name, client);
    let accepting = tls.accept(acceptor, "192.0.2.7:1234".parse().unwrap());
    let (connected, accepted) = tokio::join!(connecting, accepting);
    connected.unwrap();
    let accepted = accepted.unwrap();
    let hello = accepted.connection().client_hello_bytes().unwrap();
    let length = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
    assert_eq!((hello[0], hello[5], hello.len()), (22, 1, 5 + length));
    assert!(hello.windows(12).any(|bytes| bytes == b"kept.example"));
}
