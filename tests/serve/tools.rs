//! openssl and curl as clients.

use crate::world::{Running, World, serve};
use portcullis::serve::HandshakeErrorKind;
use portcullis::testing::{Certificate, CertificateAuthority};
use portcullis::trust::{Pem, TrustErrorKind};
use std::process::{Output, Stdio};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Files of a client: its certificate, its key, the root that it believes.
struct Files {
    arguments: Vec<String>,
}

impl Files {
    fn of(world: &World, name: &str, certificate: &Certificate) -> Self {
        let (chain, key) = certificate.write(world.folder.path(), name).unwrap();
        let arguments = [chain, key].map(|path| path.display().to_string()).to_vec();
        Self { arguments }
    }
}

fn root(world: &World) -> String {
    world.folder.write("root.pem", &world.root.pem()).display().to_string()
}

async fn curl(world: &World, server: &Running, files: Option<&Files>, more: &[&str]) -> Output {
    let (root, url) = (root(world), format!("https://localhost:{}/", server.address.port()));
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20", "--cacert", &root]);
    command.args(["--resolve", &format!("localhost:{}:127.0.0.1", server.address.port())]);
    if let Some(Files { arguments }) = files {
        command.args(["--cert", &arguments[0], "--key", &arguments[1]]);
    }
    command.args(more).arg(url).output().await.expect("curl is missing: ./scripts/test installs it")
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_comes_in_with_its_certificate_by_http_1_and_http_2_and_not_without() {
    let world = World::new();
    let server = world.mutual().await;
    let gateway = Files::of(&world, "gateway", &world.gateway());
    for (option, http2) in [("--http1.1", false), ("--http2", true)] {
        let output = curl(&world, &server, Some(&gateway), &[option]).await;
        let noise = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{option}: {noise}");
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["workload"], "spiffe://prod.example/gateway");
        assert_eq!((&answer["http2"], &answer["version"]), (&http2.into(), &"1.3".into()));
    }
    let without = curl(&world, &server, None, &[]).await;
    assert!(!without.status.success());
    let stranger = CertificateAuthority::new("stranger").spiffe("spiffe://prod.example/gateway").issue();
    let stranger = curl(&world, &server, Some(&Files::of(&world, "stranger", &stranger)), &[]).await;
    assert!(!stranger.status.success());
    assert_eq!(
        world.why(2).await,
        [
            HandshakeErrorKind::NoCertificate,
            HandshakeErrorKind::Certificate(TrustErrorKind::UnknownIssuer.into())
        ]
    );
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_1_2_is_spoken_only_where_it_was_allowed() {
    let world = World::new();
    let gateway = Files::of(&world, "gateway", &world.gateway());
    let acceptor = || world.acceptor().require_client_certificates(world.bundles());
    let strict = serve(acceptor().build().unwrap()).await;
    let output = curl(&world, &strict, Some(&gateway), &["--tls-max", "1.2"]).await;
    assert!(!output.status.success());
    let why = world.why(1).await;
    assert!(matches!(why[..], [HandshakeErrorKind::Incompatible(_)]), "{why:?}");
    strict.stop().await.unwrap();

    let lenient = serve(acceptor().allow_tls12().build().unwrap()).await;
    for (most, version) in [("1.2", "1.2"), ("1.3", "1.3")] {
        let output = curl(&world, &lenient, Some(&gateway), &["--tls-max", most]).await;
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["version"], version);
        assert_eq!(answer["workload"], "spiffe://prod.example/gateway");
    }
    lenient.stop().await.unwrap();
}

/// What `openssl s_client` says, asked for one page.
async fn s_client(world: &World, server: &Running, more: &[&str]) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &server.address.to_string(), "-servername", "localhost"]);
    command
        .args(["-CAfile", &root(world), "-verify_return_error", "-alpn", "http/1.1", "-ign_eof"])
        .args(more);
    let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = streams.spawn().expect("openssl is missing: ./scripts/test installs it");
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    // It may have been refused already.
    let _ = child.stdin.as_mut().unwrap().write_all(request).await;
    let Output { stdout, stderr, .. } = child.wait_with_output().await.unwrap();
    format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_is_told_which_roots_count_and_gets_no_ticket() {
    let world = World::new();
    let tls = world.acceptor().require_client_certificates(world.bundles()).allow_tls12().build().unwrap();
    let server = serve(tls).await;
    let Files { arguments } = Files::of(&world, "gateway", &world.gateway());
    let (certificate, key) = (arguments[0].as_str(), arguments[1].as_str());
    let session = world.folder.path().join("session").display().to_string();
    for (version, number) in [("-tls1_3", 1), ("-tls1_2", 2)] {
        let mine = ["-cert", certificate, "-key", key, version];
        let said = s_client(&world, &server, &[&mine[..], &["-sess_out", &session]].concat()).await;
        assert!(said.contains("HTTP/1.1 200 OK"), "{version}: {said}");
        assert!(said.contains("spiffe://prod.example/gateway"), "{version}: {said}");
        assert!(
            said.contains("Acceptable client certificate CA names\nCN = prod.example")
                || said.contains("Acceptable client certificate CA names\nCN=prod.example"),
            "{version}: {said}"
        );
        assert!(!said.contains("New Session Ticket arrived"), "{version}: {said}");
        // A session that was kept all the same is not taken up again.
        if std::fs::exists(&session).unwrap() {
            let said = s_client(&world, &server, &[&mine[..], &["-sess_in", &session]].concat()).await;
            assert!(!said.contains("\nReused, "), "{version}: {said}");
            std::fs::remove_file(&session).unwrap();
        }
        let said = s_client(&world, &server, &[version]).await;
        assert!(!said.contains("200 OK"), "{version}: {said}");
        assert_eq!(world.why_last(number).await, HandshakeErrorKind::NoCertificate);
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_is_refused_with_the_alert_that_fits() {
    let world = World::new();
    let revoked = world.gateway();
    world.root.revoke(&revoked);
    let bundles = portcullis::trust::TrustBundles::builder()
        .spiffe("prod.example", Pem::text(world.root.pem()))
        .crl(Pem::text(world.root.crl()));
    let server =
        serve(world.acceptor().require_client_certificates(bundles.build().unwrap()).build().unwrap()).await;
    let expired = world
        .root
        .spiffe("spiffe://prod.example/gateway")
        .not_before(portcullis::clock::UnixTime::from_secs(1_700_000_000))
        .issue();
    for (name, certificate, alert) in [
        ("revoked", &revoked, "certificate revoked"),
        ("expired", &expired, "certificate expired"),
        ("other", &world.root.spiffe("spiffe://other.example/gateway").issue(), "certificate unknown"),
    ] {
        let Files { arguments } = Files::of(&world, name, certificate);
        let said = s_client(&world, &server, &["-cert", &arguments[0], "-key", &arguments[1]]).await;
        assert!(said.contains(alert), "{name}: {said}");
        assert!(!said.contains("200 OK"), "{name}: {said}");
    }
    server.stop().await.unwrap();
}
