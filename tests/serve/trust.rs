//! Whom the acceptor and the client believe.

use crate::world::{SERVER, World, ask, identity, serve};
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::clock::UnixTime;
use portcullis::serve::rustls::client_config;
use portcullis::serve::{ClientTls, HandshakeErrorKind, TlsAcceptor};
use portcullis::testing::{CertificateAuthority, FakeClock};
use portcullis::trust::{Identity, Pem, TrustBundles, TrustErrorKind};
use std::time::Duration;

fn refused(kind: TrustErrorKind) -> HandshakeErrorKind {
    HandshakeErrorKind::Certificate(kind.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spiffe_id_counts_under_the_roots_of_its_own_domain_and_no_others() {
    let world = World::new();
    let (partner, people) =
        (CertificateAuthority::new("partner.example"), CertificateAuthority::new("people"));
    let bundles = TrustBundles::builder()
        .spiffe("prod.example", Pem::text(world.root.pem()))
        .spiffe("partner.example", Pem::text(partner.pem()))
        .roots(Pem::text(people.pem()))
        .build()
        .unwrap();
    let server = serve(world.acceptor().require_client_certificates(bundles).build().unwrap()).await;
    for (id, authority) in [
        ("spiffe://prod.example/gateway", &world.root),
        ("spiffe://partner.example/gateway", &partner.intermediate("issuing")),
    ] {
        let answer = ask(server.address, &world.client(Some(&authority.spiffe(id).issue()))).await.unwrap();
        assert_eq!(answer["workload"], id);
    }
    let host = people.dns("machine.example").issue();
    let answer = ask(server.address, &world.client(Some(&host))).await.unwrap();
    assert_eq!(answer["workload"], "machine.example");

    let imposters = [
        (partner.spiffe("spiffe://prod.example/gateway").issue(), TrustErrorKind::UnknownIssuer),
        (world.root.spiffe("spiffe://partner.example/gateway").issue(), TrustErrorKind::UnknownIssuer),
        (people.spiffe("spiffe://prod.example/gateway").issue(), TrustErrorKind::UnknownIssuer),
        (world.root.dns("machine.example").issue(), TrustErrorKind::UnknownIssuer),
        (
            world.root.spiffe("spiffe://other.example/gateway").issue(),
            TrustErrorKind::UnknownTrustDomain("other.example".parse().unwrap()),
        ),
        (
            world.root.spiffe("spiffe://prod.example/gateway").server_only().issue(),
            TrustErrorKind::Usage("its extended key usage is another"),
        ),
    ];
    let number = imposters.len();
    for ((certificate, kind), number) in imposters.into_iter().zip(1..) {
        ask(server.address, &world.client(Some(&certificate))).await.unwrap_err();
        assert_eq!(world.why_last(number).await, refused(kind));
    }
    let two = world.root.spiffe("spiffe://prod.example/a").uri("spiffe://prod.example/b").issue();
    ask(server.address, &world.client(Some(&two))).await.unwrap_err();
    let why = world.why_last(number + 1).await;
    assert!(
        matches!(&why, HandshakeErrorKind::Certificate(error) if matches!(error.kind, TrustErrorKind::Names(_))),
        "{why:?}"
    );
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_certificate_comes_in_only_where_one_is_not_required() {
    let world = World::new();
    let strict = world.mutual().await;
    ask(strict.address, &world.client(None)).await.unwrap_err();
    assert_eq!(world.why(1).await, [HandshakeErrorKind::NoCertificate]);
    strict.stop().await.unwrap();

    let acceptor = world.acceptor().request_client_certificates(world.bundles()).build().unwrap();
    let lenient = serve(acceptor).await;
    let answer = ask(lenient.address, &world.client(None)).await.unwrap();
    assert!(answer["workload"].is_null(), "{answer}");
    let stranger = CertificateAuthority::new("prod.example").spiffe("spiffe://prod.example/x").issue();
    ask(lenient.address, &world.client(Some(&stranger))).await.unwrap_err();
    // The strange authority has the name of the right one, and so another key under a name that is known.
    let why = world.why(2).await;
    assert!(
        matches!(why.last(), Some(HandshakeErrorKind::Certificate(error)) if matches!(error.kind, TrustErrorKind::Signature | TrustErrorKind::UnknownIssuer)),
        "{why:?}"
    );
    lenient.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_counts_from_its_first_to_its_last_second() {
    let clock = FakeClock::at(UnixTime::from_secs(1_800_000_000));
    let world = World::on(&clock);
    let tls =
        world.acceptor().require_client_certificates(world.bundles()).clock(clock.shared()).build().unwrap();
    let server = serve(tls).await;
    let begins = UnixTime::from_secs(1_800_000_060);
    let gateway = world
        .root
        .spiffe("spiffe://prod.example/gateway")
        .not_before(begins)
        .lifetime(Duration::from_secs(60))
        .issue();
    let client = ClientTls::builder(world.bundles())
        .server(SERVER)
        .identity(identity(&gateway))
        .clock(clock.shared())
        .build()
        .unwrap();
    let client = client_config(&client);
    for (now, expected) in [
        (59, Some((1, TrustErrorKind::NotYetValid))),
        (60, None),
        (120, None),
        (121, Some((2, TrustErrorKind::Expired))),
    ] {
        clock.set(UnixTime::from_secs(1_800_000_000 + now));
        let answer = ask(server.address, &client).await;
        match expected {
            None => assert!(answer.is_ok(), "{now}: {answer:?}"),
            Some((number, kind)) => {
                assert!(answer.is_err(), "{now}");
                assert_eq!(world.why_last(number).await, refused(kind), "{now}");
            }
        }
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn revocation_lists_must_be_there_for_every_issuer_and_up_to_date_unless_danger_is_asked_for() {
    let clock = FakeClock::at(UnixTime::from_secs(1_800_000_000));
    let world = World::on(&clock);
    let issuing = world.root.intermediate("issuing");
    let (good, bad) = (
        issuing.spiffe("spiffe://prod.example/good").lifetime(Duration::from_secs(900_000)).issue(),
        issuing.spiffe("spiffe://prod.example/bad").issue(),
    );
    issuing.revoke(&bad);
    let hour = Duration::from_secs(3_600);
    let root = Pem::text(world.root.pem());
    let lists = Pem::text(world.root.crl_for(hour) + &issuing.crl_for(hour));
    let domain = || TrustBundles::builder().spiffe("prod.example", root.clone());
    let strict = domain().crl(lists.clone()).build().unwrap();
    let unlisted = domain().crl(Pem::text(world.root.crl())).build().unwrap();
    let lenient =
        domain().crl(Pem::text(world.root.crl())).danger_accept_issuers_without_crl().build().unwrap();
    let stale = domain().crl(lists).danger_accept_stale_crls().build().unwrap();
    let now = UnixTime::from_secs(1_800_000_000);
    let later = now.saturating_add(2 * hour);

    let verify = |bundles: &TrustBundles, chain: &[Vec<u8>], now| {
        bundles.verify_client(chain, now).map(drop).map_err(|error| error.kind)
    };
    assert_eq!(verify(&strict, good.chain(), now), Ok(()));
    assert_eq!(verify(&strict, bad.chain(), now), Err(TrustErrorKind::Revoked));
    assert_eq!(verify(&strict, good.chain(), later), Err(TrustErrorKind::RevocationStale));
    assert_eq!(verify(&stale, good.chain(), later), Ok(()));
    assert_eq!(verify(&stale, bad.chain(), now), Err(TrustErrorKind::Revoked));
    assert_eq!(verify(&unlisted, good.chain(), now), Err(TrustErrorKind::RevocationUnknown));
    assert_eq!(verify(&lenient, good.chain(), now), Ok(()));
    // An authority may be revoked, too.
    world.root.revoke_serial(&serial_of_authority(&issuing));
    let revoked = domain().crl(Pem::text(world.root.crl() + &issuing.crl())).build().unwrap();
    assert_eq!(verify(&revoked, good.chain(), now), Err(TrustErrorKind::Revoked));
}

fn serial_of_authority(authority: &CertificateAuthority) -> Vec<u8> {
    // SEQUENCE { SEQUENCE { [0] version, INTEGER serial, … } }: both lengths have two bytes each in a certificate of this size.
    let der = authority.der();
    assert_eq!((der[1], der[5], &der[8..13]), (0x82, 0x82, &[0xa0, 3, 2, 1, 2][..]));
    let length = usize::from(der[14]);
    der[15..15 + length].to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_talks_only_to_the_servers_that_it_named() {
    let world = World::new();
    let server = world.mutual().await;
    let gateway = world.gateway();
    let with = |id: &str| {
        let builder = ClientTls::builder(world.bundles()).identity(identity(&gateway)).server(id);
        client_config(&builder.build().unwrap())
    };
    ask(server.address, &with(SERVER)).await.unwrap();
    let error = ask(server.address, &with("spiffe://prod.example/other")).await.unwrap_err();
    assert!(error.contains(SERVER), "{error}");

    // A certificate of the right authority with the right host name is not the right ID.
    let host =
        serve(TlsAcceptor::builder(identity(&world.root.dns("localhost").issue())).build().unwrap()).await;
    let error = ask(host.address, &with(SERVER)).await.unwrap_err();
    assert!(error.contains("localhost"), "{error}");
    let by_name = client_config(&ClientTls::builder(world.bundles()).server_by_name().build().unwrap());
    ask(host.address, &by_name).await.unwrap();
    let elsewhere = identity(&world.root.dns("elsewhere.example").issue());
    let elsewhere = serve(TlsAcceptor::builder(elsewhere).build().unwrap()).await;
    ask(elsewhere.address, &by_name).await.unwrap_err();
    // Authorities of other domains vouch for nobody here.
    let other = TrustBundles::builder().spiffe("other.example", Pem::text(world.root.pem())).build().unwrap();
    let other = client_config(&ClientTls::builder(other).server(SERVER).build().unwrap());
    ask(server.address, &other).await.unwrap_err();
    for running in [server, host, elsewhere] {
        running.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_handshakes_are_counted_by_address_and_kind_of_failure() {
    let world = World::new();
    let (send, records) = std::sync::mpsc::channel();
    let sink = move |entry: &AuditEntry| send.send(serde_json::to_value(entry).unwrap()).unwrap();
    let log = AuditLog::builder().sink(sink).start().unwrap();
    let tls = world.acceptor().require_client_certificates(world.bundles()).audit(log.clone());
    let server = serve(tls.build().unwrap()).await;
    let (none, stranger) = (world.client(None), CertificateAuthority::new("stranger"));
    let stranger = world.client(Some(&stranger.spiffe("spiffe://prod.example/gateway").issue()));
    for _ in 0..20 {
        ask(server.address, &none).await.unwrap_err();
    }
    ask(server.address, &stranger).await.unwrap_err();
    world.why(21).await;
    server.stop().await.unwrap();
    assert!(log.flush(crate::world::SOON));
    let records: Vec<serde_json::Value> = records.try_iter().collect();
    let of = |rule: &str| records.iter().filter(|record| record["rule"] == rule).collect::<Vec<_>>();
    let (none, strange) = (of("no_client_certificate"), of("client_certificate_refused"));
    assert_eq!((records.len(), none.len(), strange.len()), (10, 9, 1), "{records:#?}");
    for record in &records {
        assert_eq!(record["reason"], "handshake_failed");
        assert_eq!((&record["decision"], &record["client"]), (&"refused".into(), &"127.0.0.1".into()));
        assert!(record["method"].is_null() && record["status"].is_null(), "{record}");
    }
    assert_eq!(none[8]["aggregate"]["count"], 12);
    assert_eq!(none[8]["aggregate"]["prefix"], "127.0.0.1/32");
    assert!(strange[0]["cause"].as_str().unwrap().contains("no root"), "{}", strange[0]);
}

#[tokio::test]
async fn what_is_put_together_wrongly_says_what_to_do() {
    let world = World::new();
    let certificate = world.server_certificate();
    let other = world.server_certificate();
    let (chain, key) = certificate.write(world.folder.path(), "server").unwrap();
    let missing = world.folder.path().join("missing.pem");
    let mixed = Identity::files(chain.as_path(), Pem::text(other.key_pem())).map(drop);
    let domain = |roots: Pem| TrustBundles::builder().spiffe("prod.example", roots).build().map(drop);
    for (error, says) in [
        (mixed, "the key is not that of the certificate"),
        (Identity::files(missing.as_path(), key.as_path()).map(drop), "missing.pem"),
        (Identity::files(key.as_path(), key.as_path()).map(drop), "BEGIN CERTIFICATE"),
        (Identity::files(chain.as_path(), chain.as_path()).map(drop), "BEGIN PRIVATE KEY"),
        (Identity::files(certificate.chain_pem(), key.as_path()).map(drop), "Pem::text"),
        (domain(Pem::text("-----BEGIN CERTIFICATE-----\nAAAA")), "end of a section is missing"),
        (
            domain(Pem::text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
            "can be no root",
        ),
        (domain(Pem::text("")), "BEGIN CERTIFICATE"),
        (TrustBundles::builder().build().map(drop), "roots(…)"),
        (TrustBundles::builder().spiffe("spiffe://prod.example", "x").build().map(drop), "trust domain"),
        (ClientTls::builder(world.bundles()).build().map(drop), "server(…)"),
        (ClientTls::builder(world.bundles()).server(SERVER).server_by_name().build().map(drop), "either"),
        (ClientTls::builder(world.bundles()).server("https://prod.example/").build().map(drop), "spiffe://"),
        (world.acceptor().handshake_time_limit(Duration::ZERO).build().map(drop), "time limit"),
        (world.acceptor().max_pending_handshakes(0, 1).build().map(drop), "zero"),
    ] {
        let error = error.expect_err(says).to_string();
        assert!(error.contains(says), "{error:?} does not say {says:?}");
        assert!(!error.contains("PRIVATE KEY-----\n"), "{error:?}");
    }
    let shown = format!("{:?} {:?}", Pem::text(certificate.key_pem()), identity(&certificate));
    assert!(!shown.contains("BEGIN"), "{shown}");
}
