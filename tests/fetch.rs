//! The promise of `fetch`: it asks only whom it may, waits and reads only so much, and follows nobody.
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

use bytes::Bytes;
use http::{Request, Response};
use portcullis::clock::UnixTime;
use portcullis::fetch::{Fetch, FetchError, FetchErrorKind, HttpsClient, HttpsClientBuilder};
use portcullis::testing::{Certificate, CertificateAuthority, FakeClock};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use secrecy::SecretString;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

const LOCAL: std::net::IpAddr = std::net::IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A server that gives everybody the same bytes, and counts who comes.
struct Canned {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Canned {
    async fn plain(answer: impl Into<Vec<u8>>) -> Self {
        Self::start(answer.into(), None, Arc::default()).await
    }

    async fn tls(answer: impl Into<Vec<u8>>, config: ServerConfig) -> Self {
        Self::start(answer.into(), Some(TlsAcceptor::from(Arc::new(config))), Arc::default()).await
    }

    async fn start(answer: Vec<u8>, tls: Option<TlsAcceptor>, asked: Arc<Notify>) -> Self {
        let listener = TcpListener::bind((LOCAL, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (answer, tls, asked) = (answer.clone(), tls.clone(), asked.clone());
                tokio::spawn(async move {
                    match tls {
                        None => answer_all(stream, &answer, &asked).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                answer_all(stream, &answer, &asked).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, connections, task }
    }

    fn url(&self) -> String {
        format!("http://{}/keys", self.address)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers every request on the connection; an empty answer is silence.
async fn answer_all(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8], asked: &Notify) {
    let mut seen = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let Ok(read @ 1..) = stream.read(&mut buffer).await else { return };
        seen.extend_from_slice(&buffer[..read]);
        if seen.ends_with(b"\r\n\r\n") {
            seen.clear();
            asked.notify_one();
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn plain() -> HttpsClientBuilder {
    HttpsClient::builder().loopback_only().internal_host("127.0.0.1").internal_host("localhost")
}

async fn fetch(client: &HttpsClient, url: &str) -> Result<Response<Bytes>, FetchError> {
    client.fetch(Request::get(url).body(Bytes::new()).unwrap()).await
}

async fn refused(client: &HttpsClient, url: &str) -> FetchErrorKind {
    fetch(client, url).await.unwrap_err().kind
}

fn server_config(certificate: &Certificate, clients: Option<&CertificateAuthority>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(CertificateDer::from(authority.der().to_vec())).unwrap();
            let verifier =
                rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = certificate.chain().iter().map(|der| CertificateDer::from(der.clone())).collect();
    let key = PrivatePkcs8KeyDer::from(certificate.key().to_vec());
    builder.with_single_cert(chain, key.into()).unwrap()
}

#[tokio::test]
async fn an_answer_comes_whole_and_its_connection_is_used_again() {
    let server = Canned::plain(ok("hello")).await;
    let client = plain().build().unwrap();
    for _ in 0..3 {
        let answer = fetch(&client, &server.url()).await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"hello"[..]));
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn addresses_that_are_not_public_are_not_even_connected_to() {
    let server = Canned::plain(ok("secret")).await;
    let client = HttpsClient::builder().loopback_only().build().unwrap();
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let url = format!("http://{host}:{}/", server.address.port());
        assert!(matches!(refused(&client, &url).await, FetchErrorKind::NotPublic { .. }), "{url}");
    }
    let authority = CertificateAuthority::new("roots");
    let client = HttpsClient::builder().roots_pem(authority.pem()).resolve("keys.example", [LOCAL]);
    let client = client.build().unwrap();
    let url = format!("https://keys.example:{}/", server.address.port());
    assert_eq!(refused(&client, &url).await, FetchErrorKind::NotPublic { host: "keys.example".into() });
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let elsewhere = Canned::plain(ok("elsewhere")).await;
    let redirect =
        format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url());
    let server = Canned::plain(redirect).await;
    let answer = fetch(&plain().build().unwrap(), &server.url()).await.unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn an_answer_is_read_up_to_the_bound_and_no_further() {
    let client = plain().max_bytes(1000).build().unwrap();
    let chunked = |bytes: usize| {
        let chunk = format!("{bytes:x}\r\n{}\r\n", "x".repeat(bytes));
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n")
    };
    for (bytes, answer) in [(1000, ok(&"x".repeat(1000))), (1000, chunked(1000))] {
        let server = Canned::plain(answer).await;
        assert_eq!(fetch(&client, &server.url()).await.unwrap().body().len(), bytes);
    }
    let endless = "HTTP/1.1 200 OK\r\nContent-Length: 4000000000000\r\n\r\n".to_owned();
    for answer in [ok(&"x".repeat(1001)), chunked(1001), endless] {
        let server = Canned::plain(answer).await;
        assert_eq!(refused(&client, &server.url()).await, FetchErrorKind::TooLarge { limit: 1000 });
    }
}

#[tokio::test]
async fn a_silent_server_is_given_up_after_the_time_that_was_set() {
    let (clock, asked) = (FakeClock::at(UnixTime::from_secs(1_800_000_000)), Arc::new(Notify::new()));
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"] {
        let server = Canned::start(answer.as_bytes().to_vec(), None, asked.clone()).await;
        let client = plain().clock(clock.shared()).build().unwrap();
        let url = server.url();
        let waiting = tokio::spawn(async move { refused(&client, &url).await });
        asked.notified().await;
        clock.advance(Duration::from_millis(4_999));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        clock.advance(Duration::from_millis(1));
        assert_eq!(waiting.await.unwrap(), FetchErrorKind::Timeout(Duration::from_secs(5)));
    }
}

#[tokio::test]
async fn an_answer_that_is_encoded_or_no_http_is_none() {
    let client = plain().build().unwrap();
    let encoded = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x1f";
    let server = Canned::plain(encoded).await;
    assert_eq!(refused(&client, &server.url()).await, FetchErrorKind::Encoded);
    let server = Canned::plain("SSH-2.0-OpenSSH\r\n\r\n").await;
    assert!(matches!(refused(&client, &server.url()).await, FetchErrorKind::Protocol(_)));
    let gone = Canned::plain("").await.url();
    assert!(matches!(
        refused(&client, &gone).await,
        FetchErrorKind::Connect(_) | FetchErrorKind::Protocol(_)
    ));
}

#[tokio::test]
async fn a_server_must_have_the_name_that_was_asked_and_a_certificate_below_the_roots() {
    let (ours, theirs) = (CertificateAuthority::new("ours"), CertificateAuthority::new("theirs"));
    let good = Canned::tls(ok("keys"), server_config(&ours.dns("keys.example").issue(), None)).await;
    let other_name = Canned::tls(ok("keys"), server_config(&ours.dns("evil.example").issue(), None)).await;
    let other_root = Canned::tls(ok("keys"), server_config(&theirs.dns("keys.example").issue(), None)).await;
    let client = HttpsClient::builder()
        .roots_pem(ours.pem())
        .resolve("keys.example", [LOCAL])
        .internal_host("KEYS.example")
        .build()
        .unwrap();
    let url = |server: &Canned| format!("https://keys.example:{}/", server.address.port());
    assert_eq!(&fetch(&client, &url(&good)).await.unwrap().body()[..], b"keys");
    for bad in [&other_name, &other_root] {
        let kind = refused(&client, &url(bad)).await;
        assert!(matches!(&kind, FetchErrorKind::Connect(why) if why.contains("certificate")), "{kind}");
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_the_one_that_was_set() {
    let authority = CertificateAuthority::new("ours");
    let config = server_config(&authority.dns("keys.example").issue(), Some(&authority));
    let server = Canned::tls(ok("keys"), config).await;
    let url = format!("https://keys.example:{}/", server.address.port());
    let builder = || {
        let client = HttpsClient::builder().roots_pem(authority.pem()).internal_host("keys.example");
        client.resolve("keys.example", [LOCAL])
    };
    assert!(fetch(&builder().build().unwrap(), &url).await.is_err());
    let mine = authority.dns("gate.example").issue();
    let client = builder().client_certificate_pem(mine.chain_pem(), SecretString::from(mine.key_pem()));
    let client = client.build().unwrap();
    assert_eq!(&fetch(&client, &url).await.unwrap().body()[..], b"keys");
    assert!(!format!("{client:?}").contains("PRIVATE"));
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_certificate_that_was_renewed_is_shown_by_a_client_that_was_built_before() {
    use portcullis::trust::{Identity, Pem};
    let (authority, other) = (CertificateAuthority::new("ours"), CertificateAuthority::new("theirs"));
    let config = server_config(&authority.dns("keys.example").issue(), Some(&authority));
    let server = Canned::tls(ok("keys"), config).await;
    let url = format!("https://keys.example:{}/", server.address.port());
    let (old, renewed) = (other.dns("gate.example").issue(), authority.dns("gate.example").issue());
    let folder = std::env::temp_dir().join(format!("portcullis-identity-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
    let write = |certificate: &Certificate| {
        std::fs::write(&chain, certificate.chain_pem()).unwrap();
        std::fs::write(&key, certificate.key_pem()).unwrap();
    };
    write(&old);
    let identity = Identity::files(Pem::file(&chain), Pem::file(&key)).unwrap();
    let client = HttpsClient::builder().roots_pem(authority.pem()).internal_host("keys.example");
    let client = client.resolve("keys.example", [LOCAL]).identity(identity.clone()).build().unwrap();
    assert!(fetch(&client, &url).await.is_err(), "the server does not know who vouches for it");
    write(&renewed);
    identity.reload().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(&fetch(&client, &url).await.unwrap().body()[..], b"keys");
}

#[test]
fn what_cannot_be_used_is_refused_by_name_when_the_client_is_built() {
    let authority = CertificateAuthority::new("ours");
    let (mine, other) = (authority.dns("a.example").issue(), authority.dns("b.example").issue());
    let key = |certificate: &Certificate| SecretString::from(certificate.key_pem());
    let with_roots = || HttpsClient::builder().roots_pem(authority.pem());
    let wrong = [
        (HttpsClient::builder().roots_pem("no PEM"), "roots_pem"),
        (HttpsClient::builder().roots_pem(mine.key_pem()), "roots_pem"),
        (with_roots().loopback_only().roots_pem(authority.pem()), "loopback_only"),
        (with_roots().time_limit(Duration::ZERO), "time_limit"),
        (with_roots().time_limit(Duration::from_secs(61)), "time_limit"),
        (with_roots().max_bytes(0), "max_bytes"),
        (with_roots().client_certificate_pem("", key(&mine)), "client_certificate_pem"),
        (with_roots().client_certificate_pem(mine.chain_pem(), key(&other)), "client_certificate_pem"),
        (with_roots().client_certificate_pem(mine.chain_pem(), "x".into()), "client_certificate_pem"),
    ];
    for (builder, field) in wrong {
        let error = builder.build().unwrap_err();
        assert!(
            matches!(error.kind, FetchErrorKind::Setting { field: named, .. } if named == field),
            "{error}"
        );
        assert!(!format!("{error}{error:?}").contains("PRIVATE"));
    }
}
