//! Files change while the server runs.

use crate::world::{Http1, Http2, SERVER, World, ask, connect, identity, serve};
use portcullis::clock::UnixTime;
use portcullis::serve::rustls::client_config;
use portcullis::serve::{ClientTls, HandshakeErrorKind, TlsAcceptor};
use portcullis::testing::FakeClock;
use portcullis::trust::{Identity, Pem, TrustBundles, TrustErrorKind};
use rustls::client::Resumption;
use rustls::{ClientConfig, HandshakeKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_certificates_roots_and_revocation_lists_are_replaced() {
    let world = World::new();
    let (chain, key) = world.server_certificate().write(world.folder.path(), "server").unwrap();
    let roots = world.folder.write("roots.pem", &world.root.pem());
    let lists = world.folder.write("revoked.crl", &world.root.crl());
    let bundles = TrustBundles::builder().spiffe("prod.example", &roots).crl(&lists).build().unwrap();
    let tls = TlsAcceptor::builder(Identity::files(&chain, &key).unwrap())
        .require_client_certificates(bundles)
        .build()
        .unwrap();
    let server = serve(tls).await;
    let config = world.client(Some(&world.gateway()));
    let (done, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));

    let mut clients = Vec::new();
    for kind in 0..3 {
        let (config, done, asked, address) = (config.clone(), done.clone(), asked.clone(), server.address);
        clients.push(tokio::spawn(async move {
            let mut kept = match kind {
                0 => None,
                _ => Some(Http1::over(connect(address, &config).await.unwrap()).await.unwrap()),
            };
            let mut second = Http2::connect(address, &config).await;
            while !done.load(Ordering::Relaxed) {
                match &mut kept {
                    Some(kept) => drop(kept.get("/").await.unwrap()),
                    None => drop(ask(address, &config).await.unwrap()),
                }
                second.get("/").await.unwrap();
                asked.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    let mut shown = Vec::new();
    for _ in 0..20 {
        let next = world.server_certificate();
        next.write(world.folder.path(), "server").unwrap();
        world.folder.write("revoked.crl", &world.root.crl());
        server.tls.reload().unwrap();
        let stream = connect(server.address, &config).await.unwrap();
        let leaf = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
        assert_eq!(leaf, next.chain()[0], "the next handshake shows the new certificate");
        shown.push(leaf);
        // Somebody is served between each two.
        let before = asked.load(Ordering::Relaxed);
        while asked.load(Ordering::Relaxed) == before {
            tokio::task::yield_now().await;
        }
    }
    done.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    shown.sort();
    shown.dedup();
    assert_eq!(shown.len(), 20);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_files_are_found_by_the_next_handshake_and_bad_ones_change_nothing() {
    let clock = FakeClock::at(UnixTime::from_secs(1_800_000_000));
    let world = World::on(&clock);
    let first = world.server_certificate();
    let (chain, key) = first.write(world.folder.path(), "server").unwrap();
    let lists = world.folder.write("revoked.crl", &world.root.crl());
    let bundles = TrustBundles::builder()
        .spiffe("prod.example", Pem::text(world.root.pem()))
        .crl(&lists)
        .clock(clock.shared())
        .build()
        .unwrap();
    let tls = TlsAcceptor::builder(Identity::builder(&chain, &key).clock(clock.shared()).load().unwrap())
        .require_client_certificates(bundles)
        .clock(clock.shared())
        .build()
        .unwrap();
    let server = serve(tls).await;
    let gateway = world.gateway();
    let client = ClientTls::builder(world.bundles()).server(SERVER).identity(identity(&gateway));
    let config = client_config(&client.clock(clock.shared()).build().unwrap());
    let shown = async || {
        let stream = connect(server.address, &config).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let later = Duration::from_secs(30);

    let second = world.server_certificate();
    second.write(world.folder.path(), "server").unwrap();
    assert_eq!(shown().await, first.chain()[0], "nobody looks before it is time to");
    clock.advance(later);
    assert_eq!(shown().await, second.chain()[0]);

    // A certificate without its key, then neither, then both again.
    let third = world.server_certificate();
    world.folder.write("server.pem", third.chain_pem());
    clock.advance(later);
    assert_eq!(shown().await, second.chain()[0], "a pair that does not fit is not taken over");
    std::fs::remove_file(&key).unwrap();
    world.folder.write("server.pem", "not PEM at all");
    clock.advance(later);
    assert_eq!(shown().await, second.chain()[0]);
    assert!(server.tls.reload().is_err());
    third.write(world.folder.path(), "server").unwrap();
    clock.advance(later);
    assert_eq!(shown().await, third.chain()[0]);

    // What was revoked is refused from then on.
    ask(server.address, &config).await.unwrap();
    world.root.revoke(&gateway);
    world.folder.write("revoked.crl", &world.root.crl());
    clock.advance(later);
    ask(server.address, &config).await.unwrap_err();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_shows_its_new_certificate_and_believes_the_new_root() {
    let world = World::new();
    let new_root = World::new();
    let server = world.mutual().await;
    let first = world.root.spiffe("spiffe://prod.example/first").issue();
    let (chain, key) = first.write(world.folder.path(), "client").unwrap();
    let roots = world.folder.write("roots.pem", &world.root.pem());
    let (mine, bundles) =
        (Identity::files(&chain, &key).unwrap(), TrustBundles::builder().spiffe("prod.example", &roots));
    let bundles = bundles.build().unwrap();
    let client = ClientTls::builder(bundles.clone()).server(SERVER).identity(mine.clone()).build().unwrap();
    let config = client_config(&client);
    assert_eq!(ask(server.address, &config).await.unwrap()["workload"], "spiffe://prod.example/first");
    let second = world.root.spiffe("spiffe://prod.example/second").issue();
    second.write(world.folder.path(), "client").unwrap();
    mine.reload().unwrap();
    assert_eq!(ask(server.address, &config).await.unwrap()["workload"], "spiffe://prod.example/second");
    // From an agent, without files.
    let third = world.root.spiffe("spiffe://prod.example/third").issue();
    mine.replace(third.chain().to_vec(), third.key().to_vec()).unwrap();
    assert_eq!(ask(server.address, &config).await.unwrap()["workload"], "spiffe://prod.example/third");
    assert!(mine.replace(first.chain().to_vec(), third.key().to_vec()).is_err());
    assert_eq!(ask(server.address, &config).await.unwrap()["workload"], "spiffe://prod.example/third");

    world.folder.write("roots.pem", &new_root.root.pem());
    bundles.reload().unwrap();
    ask(server.address, &config).await.unwrap_err();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_is_resumed_so_that_a_revocation_counts_for_who_was_here_before() {
    for tls12 in [false, true] {
        let world = World::new();
        let gateway = world.gateway();
        let lists = world.folder.write("revoked.crl", &world.root.crl());
        let bundles = TrustBundles::builder().spiffe("prod.example", Pem::text(world.root.pem())).crl(&lists);
        let mut acceptor = world.acceptor().require_client_certificates(bundles.build().unwrap());
        let mut client = ClientTls::builder(world.bundles()).server(SERVER).identity(identity(&gateway));
        if tls12 {
            (acceptor, client) = (acceptor.allow_tls12(), client.allow_tls12());
        }
        let server = serve(acceptor.build().unwrap()).await;
        let mut config = ClientConfig::clone(&client_config(&client.build().unwrap()));
        // A client that would like to resume.
        config.resumption = Resumption::in_memory_sessions(16);
        let config = Arc::new(config);
        for _ in 0..3 {
            let stream = connect(server.address, &config).await.unwrap();
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
            // Whatever tickets there are have been read with the answer.
            Http1::over(stream).await.unwrap().get("/").await.unwrap();
        }
        world.root.revoke(&gateway);
        world.folder.write("revoked.crl", &world.root.crl());
        server.tls.reload().unwrap();
        ask(server.address, &config).await.unwrap_err();
        let revoked = HandshakeErrorKind::Certificate(TrustErrorKind::Revoked.into());
        assert_eq!(world.why(1).await, [revoked]);
        server.stop().await.unwrap();
    }
}
