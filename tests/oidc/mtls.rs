//! Credentials that the provider binds to a certificate (RFC 8705), shown to a gate over real TLS connections.

use super::*;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use portcullis::Gate;
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::fetch::HttpsClient;
use portcullis::payload::PlainGenerate;
use portcullis::principal::Subject;
use portcullis::serve::rustls::client_config;
use portcullis::serve::{ClientTls, Server, TlsAcceptor};
use portcullis::testing::{Certificate, CertificateAuthority};
use portcullis::trust::{Identity, Pem, TrustBundles};
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

const MACHINE: &str = "machine.example.com";

/// An authority of machines and servers, the provider, and a gate that believes both.
struct World {
    authority: CertificateAuthority,
    provider: Provider,
    gate: SocketAddr,
    server: JoinHandle<()>,
    records: Receiver<Value>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl World {
    async fn start() -> Self {
        let authority = CertificateAuthority::new("machines.example.com");
        let shown = server_certificate(&authority);
        let tls = json!({ "key": shown.key_pem(), "cert": shown.chain_pem(), "ca": authority.pem() });
        let provider = Provider::start_with(&json!({ "tls": tls })).await;
        let (tell, records) = channel();
        let sink = move |entry: &AuditEntry| drop(tell.send(serde_json::to_value(entry).unwrap()));
        let keys = Jwks::discover(provider.issuer()).internal().build().unwrap();
        let gate = Gate::builder()
            .issuer(TrustedIssuer::new(provider.issuer()).audience(RESOURCE).keys(keys))
            .route(Route::post("/generate").dialect(PlainGenerate).scope("generate:invoke"))
            .danger_without_limits()
            .audit(AuditLog::builder().sink(sink).start().unwrap())
            .build()
            .unwrap();
        // Whether a certificate is needed is said by the credential.
        let acceptor = TlsAcceptor::builder(identity(&server_certificate(&authority)))
            .request_client_certificates(bundles(&authority))
            .build()
            .unwrap();
        let handler = service_fn(async |request: Request<portcullis::read::RequestBody>| {
            let exchange = request.extensions().get::<Exchange>().unwrap();
            let name = exchange.principal().and_then(Principal::subject).map(Subject::id).unwrap();
            let response = Response::builder().header("content-type", "application/json");
            let answer = Bytes::from(json!({ "text": name }).to_string());
            Ok::<_, Infallible>(response.body(Full::new(answer)).unwrap())
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = Server::new(acceptor).serve(listener, gate.layer(handler));
        let server = tokio::spawn(async { serving.await.unwrap() });
        Self { authority, provider, gate: address, server, records }
    }

    fn machine(&self) -> Certificate {
        self.authority.dns(MACHINE).issue()
    }

    /// What the provider gives to the machine that shows this certificate.
    async fn credential(&self, shown: &Certificate) -> (StatusCode, Value) {
        let client = HttpsClient::builder().roots_pem(self.authority.pem()).internal_host("127.0.0.1");
        let client = client.client_certificate_pem(shown.chain_pem(), shown.key_pem().into());
        self.provider.client_credentials_by_certificate(&client.build().unwrap()).await
    }

    /// Asks the gate over a new connection, as often as there are credentials.
    async fn ask(&self, shown: Option<&Certificate>, credentials: &[&str]) -> Vec<(StatusCode, Value)> {
        let tls = ClientTls::builder(bundles(&self.authority)).server_by_name();
        let tls = match shown {
            Some(shown) => tls.identity(identity(shown)),
            None => tls,
        };
        let connector = TlsConnector::from(client_config(&tls.build().unwrap()));
        let stream = TcpStream::connect(self.gate).await.unwrap();
        let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut answers = Vec::new();
        for credential in credentials {
            let request = Request::post("/generate")
                .header("host", "localhost")
                .header("content-type", "application/json")
                .header("authorization", format!("Bearer {credential}"))
                .body(Full::new(Bytes::from_static(br#"{"prompt":"hello","max_tokens":8}"#)))
                .unwrap();
            sender.ready().await.unwrap();
            let response = sender.send_request(request).await.unwrap();
            let status = response.status();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            answers.push((status, serde_json::from_slice(&body).unwrap()));
        }
        answers
    }

    fn record(&self) -> Value {
        self.records.recv_timeout(Duration::from_secs(30)).expect("a record is written")
    }
}

fn server_certificate(authority: &CertificateAuthority) -> Certificate {
    authority.dns("localhost").ip("127.0.0.1".parse().unwrap()).issue()
}

fn identity(certificate: &Certificate) -> Identity {
    Identity::files(Pem::text(certificate.chain_pem()), Pem::text(certificate.key_pem())).unwrap()
}

fn bundles(authority: &CertificateAuthority) -> TrustBundles {
    TrustBundles::builder().roots(Pem::text(authority.pem())).build().unwrap()
}

#[tokio::test]
async fn what_the_provider_binds_to_a_certificate_passes_over_connections_with_that_certificate_alone() {
    let world = World::start().await;
    // Of one authority and one name: only the certificate itself tells them apart.
    let (mine, other) = (world.machine(), world.machine());
    let (status, answer) = world.credential(&mine).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let credential = answer["access_token"].as_str().unwrap();

    // Remembered or not, the proof is looked for on every request.
    for (status, answer) in world.ask(Some(&mine), &[credential, credential]).await {
        assert_eq!((status, &answer["text"]), (StatusCode::OK, &json!("machine")), "{answer}");
        let record = world.record();
        assert_eq!(record["principal"]["bound"], "certificate", "{record}");
        assert_eq!(record["peer"]["workload"], MACHINE, "{record}");
    }
    for (shown, cause) in [(Some(&other), "another client certificate"), (None, "has shown none")] {
        for (status, answer) in world.ask(shown, &[credential, credential]).await {
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{answer}");
            let record = world.record();
            assert!(record["cause"].as_str().unwrap().contains(cause), "{record}");
        }
    }
    let unbound = world.provider.client_credentials().await;
    let answers = world.ask(Some(&other), &[&unbound]).await;
    assert_eq!(
        answers[0].0,
        StatusCode::OK,
        "one that is bound to nothing passes over any: {}",
        answers[0].1
    );
}

#[tokio::test]
async fn the_provider_gives_nothing_to_a_machine_of_another_name() {
    let world = World::start().await;
    let (status, answer) = world.credential(&world.authority.dns("other.example.com").issue()).await;
    assert_eq!((status, &answer["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_client")), "{answer}");
}
