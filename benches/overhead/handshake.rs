//! What our acceptor adds to a handshake, against rustls alone with the same cryptography and the same client.

use crate::measure::Report;
use portcullis::serve::rustls::{client_config, server_config};
use portcullis::serve::{ClientTls, TlsAcceptor};
use portcullis::testing::CertificateAuthority;
use portcullis::trust::{Identity, Pem, TrustBundles};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::DuplexStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

const SERVER: &str = "spiffe://prod.example/server";
/// Short and many, so that both stand under the same noise.
const TURNS: usize = 60;
const HANDSHAKES: usize = 12;

pub(crate) fn handshakes(report: &mut Report) {
    let root = CertificateAuthority::new("prod.example");
    let issuing = root.intermediate("issuing");
    let (server, gateway) =
        (issuing.spiffe(SERVER).issue(), issuing.spiffe("spiffe://prod.example/gateway").issue());
    let identity = |certificate: &portcullis::testing::Certificate| {
        Identity::files(Pem::text(certificate.chain_pem()), Pem::text(certificate.key_pem()))
            .expect("it fits")
    };
    let bundles =
        TrustBundles::builder().spiffe("prod.example", Pem::text(root.pem())).build().expect("roots");
    // Each acceptor knows the clients that it has seen lately; a new one knows nobody.
    let acceptor = || {
        let builder = TlsAcceptor::builder(identity(&server));
        builder.require_client_certificates(bundles.clone()).build().expect("an acceptor")
    };
    let ours = acceptor();
    let client = ClientTls::builder(bundles.clone()).server(SERVER).identity(identity(&gateway)).build();
    let client = client_config(&client.expect("a client"));
    let plain = tokio_rustls::TlsAcceptor::from(Arc::new(plain(&ours, &root, &server)));

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let address = ([192, 0, 2, 7], 443).into();
    let by = |ours: &TlsAcceptor| {
        let ours = ours.clone();
        shake(&runtime, &client, |stream| async move {
            drop(ours.accept(stream, address).await.expect("it is shaken"));
        })
    };
    let by_rustls = || {
        shake(&runtime, &client, |stream| async {
            drop(plain.accept(stream).await.expect("it is shaken"));
        })
    };
    let (mut known, mut first, mut rustls) = (Shaken::WORST, Shaken::WORST, Shaken::WORST);
    for _ in 0..TURNS {
        known = known.min((0..HANDSHAKES).map(|_| by(&ours)).sum());
        rustls = rustls.min((0..HANDSHAKES).map(|_| by_rustls()).sum());
        let new: Vec<TlsAcceptor> = (0..HANDSHAKES).map(|_| acceptor()).collect();
        first = first.min(new.iter().map(by).sum());
    }
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / HANDSHAKES as f64;
    let ratio = |ours: Duration, rustls: Duration| ours.as_secs_f64() / rustls.as_secs_f64();
    report.note("mutual TLS: rustls alone, server's part", micros(rustls.server), "µs");
    report.note("mutual TLS: ours, server's part", micros(known.server), "µs");
    report.note("mutual TLS: ours, both ends on one core", 1e6 / micros(known.whole), "a second");
    let both = ratio(known.whole, rustls.whole);
    report.at_most("mutual TLS: both ends, against rustls alone", both, 1.03, "×");
    let server = ratio(known.server, rustls.server);
    report.note("mutual TLS: server's part, against rustls alone", server, "×");
    let first = ratio(first.server, rustls.server);
    report.note("mutual TLS: server's part, of a client never seen", first, "×");
}

/// rustls with the same roots for all, and, like ours, without resumption.
fn plain(
    ours: &TlsAcceptor,
    root: &CertificateAuthority,
    server: &portcullis::testing::Certificate,
) -> ServerConfig {
    let provider = server_config(ours).crypto_provider().clone();
    let mut roots = RootCertStore::empty();
    roots.add(root.der().to_vec().into()).expect("it is a root");
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let chain = server.chain().iter().map(|der| CertificateDer::from(der.clone())).collect();
    let key = PrivateKeyDer::from_pem_slice(server.key_pem().as_bytes()).expect("it is a key");
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider knows TLS 1.3")
        .with_client_cert_verifier(verifier.build().expect("a verifier"))
        .with_single_cert(chain, key)
        .expect("the key fits");
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// How long handshakes took.
#[derive(Clone, Copy)]
struct Shaken {
    /// Both ends.
    whole: Duration,
    server: Duration,
}

impl Shaken {
    const WORST: Self = Self { whole: Duration::MAX, server: Duration::MAX };

    fn min(self, other: Self) -> Self {
        Self { whole: self.whole.min(other.whole), server: self.server.min(other.server) }
    }
}

impl std::iter::Sum for Shaken {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self { whole: Duration::ZERO, server: Duration::ZERO }, |sum, one| Self {
            whole: sum.whole + one.whole,
            server: sum.server + one.server,
        })
    }
}

fn shake<F: Future<Output = ()>>(
    runtime: &Runtime,
    client: &Arc<ClientConfig>,
    server: impl FnOnce(DuplexStream) -> F,
) -> Shaken {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let connector = TlsConnector::from(client.clone());
    let name = ServerName::try_from("localhost").expect("it is a name");
    let began = Instant::now();
    let server = runtime.block_on(async {
        let connecting = async { connector.connect(name, near).await.expect("it is shaken") };
        let mut accepting = pin!(server(far));
        let mut spent = Duration::ZERO;
        let accepting = poll_fn(|cx| {
            let began = Instant::now();
            let polled = accepting.as_mut().poll(cx);
            spent += began.elapsed();
            polled
        });
        let _ = tokio::join!(connecting, accepting);
        spent
    });
    Shaken { whole: began.elapsed(), server }
}
