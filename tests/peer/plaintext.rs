use super::world::{SOMEWHERE, World, ask, request, with_credential};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use portcullis::Gate;
use portcullis::principal::{PeerAddress, TlsConnection, UnixSocket};

fn plain(world: &World, peer: Option<&str>) -> Request<Full<Bytes>> {
    let mut request = with_credential(request("/generate", &TlsConnection::new()), &world.credential());
    request.extensions_mut().remove::<TlsConnection>();
    request.extensions_mut().remove::<PeerAddress>();
    if let Some(peer) = peer {
        request.extensions_mut().insert(PeerAddress(peer.parse().unwrap()));
    }
    request
}

fn gate(world: &World) -> Gate {
    let gate = Gate::builder()
        .clock(world.clock.shared())
        .issuer(world.issuer.trusted().audience(super::world::AUDIENCE).plan_claim("/plan"))
        .route(
            portcullis::route::Route::post("/generate")
                .dialect(portcullis::payload::PlainGenerate)
                .scope("generate:invoke"),
        )
        .trusted_proxies(["10.0.0.0/8".parse().unwrap()])
        .danger_without_flood_check()
        .danger_without_inspection()
        .danger_without_limits()
        .audit(world.log.clone());
    gate.build().unwrap()
}

#[tokio::test]
async fn plaintext_from_another_machine_is_refused() {
    let world = World::new();
    let gate = gate(&world);
    for peer in [SOMEWHERE, "[2001:db8::1]:4711", "10.0.0.1:4711", "0.0.0.0:1", "[::ffff:192.0.2.1]:1"] {
        assert_eq!(ask(&gate, plain(&world, Some(peer))).await.0, StatusCode::FORBIDDEN, "{peer}");
        let record = world.record();
        assert_eq!(
            (&record["reason"], &record["ran"]["route"]),
            (&"plaintext_refused".into(), &"refused".into())
        );
    }
    for peer in ["127.0.0.1:4711", "127.9.9.9:1", "[::1]:4711", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(ask(&gate, plain(&world, Some(peer))).await.0, StatusCode::OK, "{peer}");
    }
    let mut encrypted = plain(&world, Some(SOMEWHERE));
    encrypted.extensions_mut().insert(TlsConnection::new());
    assert_eq!(ask(&gate, encrypted).await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_came_from_who_knows_where_is_a_service_put_together_wrongly_but_over_a_unix_socket_it_is_local()
{
    let world = World::new();
    let gate = gate(&world);
    assert_eq!(ask(&gate, plain(&world, None)).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    let record = world.record();
    assert_eq!(record["reason"], "misconfigured");
    assert!(record["cause"].as_str().unwrap().contains("into_make_service_with_connect_info"), "{record}");
    let mut local = plain(&world, None);
    local.extensions_mut().insert(UnixSocket);
    assert_eq!(ask(&gate, local).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_proxy_that_took_the_request_in_plaintext_is_refused() {
    let world = World::new();
    let gate = gate(&world);
    for (peer, proto, expected) in [
        ("127.0.0.1:1", "http", StatusCode::FORBIDDEN),
        ("127.0.0.1:1", "https, http", StatusCode::FORBIDDEN),
        ("127.0.0.1:1", "http,https", StatusCode::FORBIDDEN),
        ("127.0.0.1:1", "", StatusCode::FORBIDDEN),
        ("127.0.0.1:1", "HTTPS", StatusCode::OK),
        ("10.0.0.1:1", "http", StatusCode::FORBIDDEN),
        ("10.0.0.1:1", "https, wss", StatusCode::OK),
        // Who is no proxy has nothing to say about it.
        (SOMEWHERE, "http", StatusCode::OK),
    ] {
        let mut request = plain(&world, Some(peer));
        if !peer.starts_with("127") {
            request.extensions_mut().insert(TlsConnection::new());
        }
        request.headers_mut().insert("x-forwarded-proto", proto.parse().unwrap());
        assert_eq!(ask(&gate, request).await.0, expected, "{peer} {proto:?}");
    }
}

#[tokio::test]
async fn plaintext_passes_where_it_is_said_that_it_may_and_the_posture_says_so_loudly() {
    let world = World::new();
    let strict = world.builder().peers(world.rules()).build().unwrap();
    assert!(strict.posture().to_string().contains("encrypted, but for this machine's own callers"));
    let gate = world.builder().peers(world.rules()).danger_plaintext().build().unwrap();
    assert!(gate.posture().to_string().contains("PLAINTEXT IS TAKEN FROM EVERYWHERE"));
    assert_ne!(strict.posture().generation, gate.posture().generation);
    // On to the next check, which finds no certificate.
    assert_eq!(ask(&gate, plain(&world, Some(SOMEWHERE))).await.0, StatusCode::FORBIDDEN);
    assert_eq!(world.record()["reason"], "missing_certificate");
}
