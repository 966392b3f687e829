//! "Inside the network" is worth nothing: a gateway and a model service in two processes, and only the gateway may call the model.
//!
//! `cargo run --example mtls_gateway --features tls` plays a story and says what was permitted and refused, and why; it ends with 0 only if
//! all went as told. Users show the gateway their credentials, and the gateway shows the model its certificate. Others, on the same
//! machine, try the model themselves: another workload of the same authority, nobody in particular, and the gateway's own name in
//! certificates that no longer hold.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::limit::{Per, Plan};
use portcullis::payload::PlainGenerate;
use portcullis::peer::PeerRules;
use portcullis::principal::Workload;
use portcullis::route::Route;
use portcullis::serve::{ClientTls, Server, TlsAcceptor, rustls::client_config};
use portcullis::testing::{Certificate, CertificateAuthority, Issuer};
use portcullis::trust::{Identity, Pem, TrustBundles};
use portcullis::{Gate, Payload, Principal};
use serde_json::{Value, json};
use std::error::Error;
use std::future::IntoFuture;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tower::Layer;

const GATEWAY: &str = "spiffe://prod.example/ns/chat/sa/gateway";
const MODEL: &str = "spiffe://prod.example/ns/chat/sa/model";
const BILLING: &str = "spiffe://prod.example/ns/money/sa/billing";
const AUDIENCE: &str = "https://llm.example.com";
const HOUR: Duration = Duration::from_secs(60 * 60);

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [role, folder] if role == "model" => model(Path::new(folder)).await.map(|()| ExitCode::SUCCESS),
        _ => story().await,
    }
}

/// The second process: a model that answers the gateway and nobody else, until its standard input ends.
async fn model(folder: &Path) -> Result<()> {
    let log = AuditLog::builder().sink(|entry: &AuditEntry| {
        let name = entry.record.peer.as_ref().and_then(|peer| peer.certificate.workload());
        let name = name.map_or("nobody", |name| name.as_str());
        let cause = entry.refusal.as_ref().and_then(|refusal| refusal.private_cause()).unwrap_or_default();
        println!("  {:<10}{name:<44}{cause}", entry.decision());
    });
    let log = log.start()?;
    let bundles = TrustBundles::builder()
        .spiffe("prod.example", folder.join("roots.pem"))
        .crl(folder.join("revoked.crl"))
        .build()?;
    let gate = Gate::builder()
        .route(Route::post("/generate").dialect(PlainGenerate).machine_only().workloads([GATEWAY.parse()?]))
        .peers(
            PeerRules::new()
                .trust_domain("prod.example".parse()?)
                .max_lifetime(24 * HOUR)
                .bundles(bundles.clone())
                .plan("machines"),
        )
        .plan(Plan::new("machines").requests(600, Per::Minute).usage(1_000_000, Per::Minute))
        .audit(log)
        .build()?;
    let tls = TlsAcceptor::builder(Identity::files(folder.join("model.pem"), folder.join("model.key"))?)
        .require_client_certificates(bundles)
        .on_failure(|error| println!("  {:<10}{:<44}{error}", "refused", "in the handshake"))
        .build()?;
    let app = Router::new().route("/generate", post(generate));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    println!("{}\n", gate.posture());
    let stop = async {
        // It ends with the process that started it.
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        drop(ended.await);
    };
    Server::new(tls).serve(listener, gate.layer(app)).with_graceful_shutdown(stop).await?;
    let shutdown = gate.shutdown(Duration::from_secs(5)).await;
    if shutdown.is_complete() { Ok(()) } else { Err(shutdown.to_string().into()) }
}

async fn generate(who: Workload, Payload(request): Payload<Value>) -> Json<Value> {
    let text = format!("{} asked: {}", who.id(), request["prompt"].as_str().unwrap_or_default());
    Json(json!({ "text": text, "usage": { "input_tokens": 3, "output_tokens": 5 } }))
}

/// The model's process, and how to speak to it.
struct Model {
    process: Child,
    said: BufReader<std::process::ChildStdout>,
    address: SocketAddr,
}

impl Model {
    fn start(folder: &Path) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("model")
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut said = BufReader::new(process.stdout.take().ok_or("the model has no output")?);
        let mut line = String::new();
        said.read_line(&mut line)?;
        let address = line.trim().parse().map_err(|_| "the model did not start")?;
        Ok(Self { process, said, address })
    }

    /// Ends it; whether it ended well, and what it said.
    fn end(mut self) -> Result<(bool, String)> {
        drop(self.process.stdin.take());
        let mut text = String::new();
        self.said.read_to_string(&mut text)?;
        Ok((self.process.wait()?.success(), text))
    }
}

/// Asks the model as whoever `tls` is. An error is a connection that came to nothing.
async fn ask_model(address: SocketAddr, tls: &ClientTls, prompt: &str) -> Result<(StatusCode, Value)> {
    let socket = TcpStream::connect(address).await?;
    let stream = TlsConnector::from(client_config(tls)).connect("model.internal".try_into()?, socket).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let body = json!({ "prompt": prompt, "max_tokens": 16 }).to_string();
    let request = Request::post("/generate")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    Ok((status, serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?))
}

/// What the gateway's handler needs: the model's address, and the gateway's own certificate.
#[derive(Clone)]
struct ToModel(Arc<(SocketAddr, ClientTls)>);

async fn forward(
    State(model): State<ToModel>,
    who: Principal,
    Payload(request): Payload<Value>,
) -> Json<Value> {
    let (address, tls) = &*model.0;
    let answered = ask_model(*address, tls, request["prompt"].as_str().unwrap_or_default()).await;
    match answered {
        Ok((_, answer)) => Json(json!({ "user": who.name(), "answer": answer["text"] })),
        Err(error) => Json(json!({ "user": who.name(), "error": error.to_string() })),
    }
}

/// What shall come of an attempt.
enum Expected {
    Answer,
    /// With this code.
    Refused(&'static str),
    /// For this reason, in the model's words.
    NoConnection(&'static str),
}

/// The first process: certificates, the gateway, and those who try the model.
async fn story() -> Result<ExitCode> {
    let folder = std::env::temp_dir().join(format!("portcullis-mtls-gateway-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let as_told = play(&folder).await;
    std::fs::remove_dir_all(&folder)?;
    let as_told = as_told?;
    println!("\n{}", if as_told { "all went as told" } else { "NOT all went as told" });
    Ok(if as_told { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn play(folder: &Path) -> Result<bool> {
    let authority = CertificateAuthority::new("prod.example");
    let gateway = authority.spiffe(GATEWAY).issue();
    let stolen = authority.spiffe(GATEWAY).issue();
    let long_ago = SystemTime::now() - 2 * HOUR;
    let expired = authority.spiffe(GATEWAY).not_before(long_ago.into()).lifetime(HOUR).issue();
    let elsewhere = CertificateAuthority::new("prod.example").spiffe(GATEWAY).issue();
    authority.revoke(&stolen);
    authority.spiffe(MODEL).issue().write(folder, "model")?;
    std::fs::write(folder.join("roots.pem"), authority.pem())?;
    std::fs::write(folder.join("revoked.crl"), authority.crl())?;

    let model = Model::start(folder)?;
    println!("the model listens on {}, the gateway is process {}\n", model.address, std::process::id());
    let client = |certificate: Option<&Certificate>| -> Result<ClientTls> {
        let roots: PathBuf = folder.join("roots.pem");
        let bundles = TrustBundles::builder().spiffe("prod.example", roots).build()?;
        let builder = ClientTls::builder(bundles).server(MODEL);
        let Some(shown) = certificate else { return Ok(builder.build()?) };
        let identity = Identity::files(Pem::text(shown.chain_pem()), Pem::text(shown.key_pem()))?;
        Ok(builder.identity(identity).build()?)
    };
    let mut as_told = ask_gateway(ToModel(Arc::new((model.address, client(Some(&gateway))?)))).await?;
    let billing = authority.spiffe(BILLING).issue();
    let mut reasons = Vec::new();
    for (title, certificate, expected) in [
        ("the gateway asks the model itself", Some(&gateway), Expected::Answer),
        ("billing, of the same authority, asks", Some(&billing), Expected::Refused("forbidden")),
        ("somebody without a certificate asks", None, Expected::NoConnection("shown no certificate")),
        ("a stolen certificate of the gateway asks", Some(&stolen), Expected::NoConnection("was revoked")),
        ("an old certificate of the gateway asks", Some(&expired), Expected::NoConnection("has expired")),
        (
            "another authority's gateway asks",
            Some(&elsewhere),
            Expected::NoConnection("a signature in the chain does not verify"),
        ),
    ] {
        let answered = ask_model(model.address, &client(certificate)?, "hello").await;
        let good = match (&answered, expected) {
            (Ok((StatusCode::OK, _)), Expected::Answer) => true,
            (Ok((StatusCode::FORBIDDEN, problem)), Expected::Refused(code)) => problem["code"] == code,
            (Err(_), Expected::NoConnection(reason)) => {
                reasons.push(reason);
                true
            }
            _ => false,
        };
        match answered {
            Ok((StatusCode::OK, answer)) => println!("permitted {title}\n          {}", answer["text"]),
            Ok((_, problem)) => println!("refused   {title}\n          {}", problem["code"]),
            Err(error) => println!("refused   {title}\n          no connection: {error}"),
        }
        if !good {
            println!("          NOT as told");
        }
        as_told &= good;
    }
    let (ended_well, said) = model.end()?;
    println!("\nthe model, in its own process, says:\n{said}");
    // Whoever is refused in the handshake learns little. The model knows why.
    let told: Vec<&str> = said.lines().filter(|line| line.contains("in the handshake")).collect();
    let as_expected =
        told.len() == reasons.len() && told.iter().zip(&reasons).all(|(line, why)| line.contains(why));
    Ok(as_told && ended_well && as_expected)
}

/// The gateway's own face: users with their credentials, on loopback.
async fn ask_gateway(model: ToModel) -> Result<bool> {
    let issuer = Issuer::new("https://login.example.com");
    let gate = Gate::builder()
        .issuer(issuer.trusted().audience(AUDIENCE).plan_claim("/plan"))
        .route(Route::post("/generate").dialect(PlainGenerate).scope("generate:invoke"))
        .plan(Plan::new("free").requests(20, Per::Minute).usage(10_000, Per::Minute))
        .audit(AuditLog::builder().sink(|_: &AuditEntry| ()).start()?)
        .build()?;
    let app = Router::new().route("/generate", post(forward)).with_state(model);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = gate.protect(app).into_make_service_with_connect_info();
    let serving = tokio::spawn(axum::serve(listener, service).into_future());
    let credential = issuer.credential("alice").audience(AUDIENCE).scope("generate:invoke");
    let credential = credential.claim("plan", "free").sign();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
    tokio::spawn(connection);
    let request = Request::post("/generate")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {credential}"))
        .body(Full::new(Bytes::from_static(br#"{"prompt":"hello","max_tokens":16}"#)))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let answer: Value = serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?;
    serving.abort();
    println!(
        "{:<10}alice asks the gateway\n          {answer}",
        if status.is_success() { "permitted" } else { "refused" }
    );
    Ok(status == StatusCode::OK && answer["answer"].as_str().is_some_and(|text| text.starts_with(GATEWAY)))
}
