//! A real nginx in front, with the configuration that docs/behind-a-proxy.md shows.

use super::sockets::acceptor;
use super::world::{GATEWAY, World, handler};
use portcullis::peer::{CertificateHeader, TlsProxies};
use portcullis::serve::Server;
use portcullis::testing::Certificate;
use serde_json::Value;
use std::fs;
use std::future::IntoFuture;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tower::Layer;

const INGRESS: &str = "spiffe://prod.test/ns/ingress/sa/nginx";

/// The block of nginx in the documentation.
fn documented() -> String {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/behind-a-proxy.md")).unwrap();
    let (_, block) = page.split_once("```nginx\n").expect("the page shows a configuration of nginx");
    block.split_once("```").unwrap().0.to_owned()
}

/// nginx, until it is dropped.
struct Nginx {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl Nginx {
    fn start(world: &World, gate: SocketAddr) -> Self {
        let folder = std::env::temp_dir().join(format!("portcullis-nginx-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        let public = world.others.dns("llm.example.com").issue();
        public.write(&folder, "public").unwrap();
        world.prod.spiffe(INGRESS).issue().write(&folder, "ingress").unwrap();
        write("client-roots.pem", &world.prod.pem());
        write("prod-roots.pem", &world.prod.pem());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let shown = format!("{}/", folder.display());
        let server = [
            ("listen 443 ssl", format!("listen 127.0.0.1:{port} ssl")),
            ("https://gate.internal:8443", format!("https://{gate}")),
            ("/etc/nginx/", shown),
        ]
        .into_iter()
        .fold(documented(), |text, (from, to)| {
            assert!(text.contains(from), "the documentation does not hold {from:?}");
            text.replace(from, &to)
        });
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {}/{kind};\n", folder.display()))
            .collect();
        write(
            "nginx.conf",
            &format!(
                "daemon off;\nworker_processes 1;\nerror_log stderr notice;\npid {}/nginx.pid;\nevents {{}}\n\
                 http {{\naccess_log off;\n{temporary}{server}\n}}\n",
                folder.display()
            ),
        );
        let mut process = Command::new("nginx")
            .args(["-e", "stderr", "-p"])
            .arg(&folder)
            .arg("-c")
            .arg(folder.join("nginx.conf"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("nginx is missing: ./scripts/test installs it");
        // It listens before it starts those who answer.
        let mut said = BufReader::new(process.stderr.take().unwrap());
        let mut all = String::new();
        while !all.contains("start worker process ") {
            assert_ne!(said.read_line(&mut all).unwrap(), 0, "nginx does not start:\n{all}");
        }
        // Read on, so that it never waits for us.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self { process, folder, port }
    }

    /// The status and the answer of a request by curl, with a certificate or without one.
    fn ask(&self, client: Option<&Certificate>, headers: &[&str]) -> (String, Value) {
        let mut curl = Command::new("curl");
        curl.args(["-s", "--max-time", "20", "-w", "\n%{http_code}", "-H", "Content-Type: application/json"]);
        curl.args(["-d", r#"{"prompt":"hello","max_tokens":8}"#, "--cacert"])
            .arg(self.folder.join("others.pem"));
        curl.arg("--resolve").arg(format!("llm.example.com:{}:127.0.0.1", self.port));
        if let Some(client) = client {
            let (chain, key) = client.write(&self.folder, "client").unwrap();
            curl.arg("--cert").arg(chain).arg("--key").arg(key);
        }
        headers.iter().for_each(|header| {
            curl.args(["-H", header]);
        });
        let output = curl.arg(format!("https://llm.example.com:{}/internal", self.port)).output();
        let output = output.expect("curl is missing: ./scripts/test installs it");
        let said = String::from_utf8(output.stdout).unwrap();
        let (body, status) = said.rsplit_once('\n').unwrap();
        (status.to_owned(), serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its workers when it is asked to, and leaves them when it is killed.
        let asked = Command::new("kill").arg(self.process.id().to_string()).status();
        if asked.is_ok_and(|status| status.success()) {
            let _ = self.process.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_nginx_as_it_is_documented_the_certificate_of_the_client_counts() {
    let world = World::on_the_machines_clock();
    let header = CertificateHeader::escaped_pem(http::HeaderName::from_static("ssl-client-cert"));
    let proxies = TlsProxies::new(header, world.bundles.clone()).workload(INGRESS.parse().unwrap());
    let rules = world.rules().forwarded(proxies);
    let gate = world
        .builder()
        .trusted_proxies(["127.0.0.1".parse().unwrap()])
        .edge(portcullis::exchange::EdgeRules::default().allowed_hosts(["llm.example.com"]).unwrap())
        .peers(rules)
        .build()
        .unwrap();
    let server = world.prod.spiffe("spiffe://prod.test/gate").dns_name("gate.internal").issue();
    let tls = acceptor(&world, &server);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(Server::new(tls).serve(listener, gate.layer(handler())).into_future());

    let tried = tokio::task::spawn_blocking(move || {
        let nginx = Nginx::start(&world, address);
        fs::write(nginx.folder.join("others.pem"), world.others.pem()).unwrap();
        let client = world.prod.spiffe(GATEWAY).issue();
        let (status, answer) = nginx.ask(Some(&client), &[]);
        assert_eq!((&*status, &answer["who"]), ("200", &GATEWAY.into()), "{answer}");
        assert_eq!(answer["seen"], serde_json::json!([]));
        let record = world.record();
        assert_eq!((&record["peer"]["through"], &record["client"]), (&INGRESS.into(), &"127.0.0.1".into()));

        // What the client writes itself is overwritten, also with a name that some read as the same.
        let other = world.prod.spiffe("spiffe://prod.test/other").issue();
        let forged: String = client.chain_pem().replace('\n', "%0A").replace(' ', "%20");
        let headers = [
            format!("ssl-client-cert: {forged}"),
            format!("ssl_client_cert: {forged}"),
            "client-cert: :MAMCAQE=:".to_owned(),
            format!("x-forwarded-client-cert: Cert={forged}"),
        ];
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let (status, answer) = nginx.ask(Some(&other), &headers);
        assert_eq!((&*status, &answer["who"]), ("200", &"spiffe://prod.test/other".into()), "{answer}");
        let (status, answer) = nginx.ask(None, &headers);
        assert_eq!((&*status, &answer["code"]), ("403", &"missing_certificate".into()), "{answer}");

        // nginx itself keeps out whose chain leads nowhere, and the gate whom nginx would let in.
        let stranger = world.partner.spiffe("spiffe://partner.test/x").issue();
        assert_eq!(nginx.ask(Some(&stranger), &[]).0, "400");
        let host = world.prod.dns("host.test").issue();
        let (status, answer) = nginx.ask(Some(&host), &[]);
        assert_eq!((&*status, &answer["code"]), ("403", &"invalid_certificate".into()), "{answer}");
    });
    tried.await.unwrap();
    serving.abort();
}
