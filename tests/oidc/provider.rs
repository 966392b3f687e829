//! `provider.mjs`, run by Node.js.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use portcullis::fetch::{Fetch, HttpsClient};
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

/// RFC 6749 §4.4, for the resource that the tests have (RFC 8707).
const CLIENT_CREDENTIALS: &str =
    "grant_type=client_credentials&scope=generate%3Ainvoke&resource=https%3A%2F%2Fllm.example.com%2Fmcp";

/// A running provider. It ends with this value, or with the test's process, since its standard input does.
pub(crate) struct Provider {
    issuer: String,
    /// Where clients show their certificates.
    tls: Option<String>,
    client: HttpsClient,
    child: Mutex<Child>,
    /// Counted before and after each, so that an odd number is one under way.
    rotations: AtomicUsize,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        Self::start_with(&Value::Null).await
    }

    /// The same with settings, as `provider.mjs` takes them.
    pub(crate) async fn start_with(settings: &Value) -> Self {
        let packages = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("oidc");
        assert!(
            packages.join("node_modules/oidc-provider").exists(),
            "oidc-provider is missing in {}: run ./scripts/test, which installs it",
            packages.display()
        );
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oidc/provider.mjs");
        let mut child = Command::new("node")
            .arg(script)
            .arg(&packages)
            .args(settings.is_object().then(|| settings.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It warns of being a test; what goes wrong comes with the answers.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("node cannot be started ({error}): run ./scripts/test, which installs it")
            });
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).await.unwrap();
        let said: Value = serde_json::from_str(&line).expect("the provider says where it is");
        let client = HttpsClient::builder().loopback_only().internal_host("127.0.0.1");
        Self {
            issuer: said["issuer"].as_str().unwrap().to_owned(),
            tls: said["tls"].as_str().map(str::to_owned),
            client: client.time_limit(std::time::Duration::from_secs(30)).build().unwrap(),
            child: Mutex::new(child),
            rotations: AtomicUsize::new(0),
        }
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// A credential for the machine `batch`, by RFC 6749 §4.4.
    pub(crate) async fn client_credentials(&self) -> String {
        self.client_credentials_with(None).await
    }

    /// The same, bound to the key of this DPoP proof.
    pub(crate) async fn client_credentials_with(&self, proof: Option<&str>) -> String {
        let form = format!("{CLIENT_CREDENTIALS}&client_id=batch&client_secret=batch-secret");
        let request = Request::post(format!("{}/token", self.issuer));
        let mut request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        let answer = self.ask(request.body(form.into()).unwrap()).await;
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// What the machine `machine` gets, and with which status, when `client` asks, which shows its certificate.
    pub(crate) async fn client_credentials_by_certificate(
        &self,
        client: &HttpsClient,
    ) -> (StatusCode, Value) {
        let tls = self.tls.as_deref().expect("the provider was started with TLS");
        let request = Request::post(format!("{tls}/token"));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request.body(format!("{CLIENT_CREDENTIALS}&client_id=machine").into()).unwrap();
        let answer = client.fetch(request).await.unwrap();
        (answer.status(), serde_json::from_slice(answer.body()).unwrap())
    }

    /// What the user `alice` gets for the application `app`, by RFC 6749 §4.1 with PKCE.
    pub(crate) async fn authorization_code(&self) -> Value {
        self.ask(Request::get(format!("{}/application/code", self.issuer)).body(Bytes::new()).unwrap()).await
    }

    /// `alice` logs out where she logged in last: the answer's status, and what came of telling who must know.
    pub(crate) async fn log_out(&self) -> Value {
        self.ask(Request::get(format!("{}/application/logout", self.issuer)).body(Bytes::new()).unwrap())
            .await
    }

    /// What `alice` gets for a service whose credentials are opaque.
    pub(crate) async fn opaque(&self) -> String {
        let request = Request::get(format!("{}/application/opaque", self.issuer));
        let answer = self.ask(request.body(Bytes::new()).unwrap()).await;
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// The application gives a credential back (RFC 7009).
    pub(crate) async fn revoke(&self, credential: &str) {
        let request = Request::post(format!("{}/token/revocation", self.issuer));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request.body(format!("client_id=app&token={credential}").into()).unwrap();
        let answer = self.client.fetch(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{:?}", answer.body());
    }

    /// Signs by a new key from now on, and publishes no other.
    pub(crate) async fn rotate(&self) {
        self.rotations.fetch_add(1, Ordering::SeqCst);
        self.ask(Request::get(format!("{}/operator/rotate", self.issuer)).body(Bytes::new()).unwrap()).await;
        self.rotations.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn rotations(&self) -> usize {
        self.rotations.load(Ordering::SeqCst)
    }

    /// Nobody answers any more.
    pub(crate) async fn stop(&self) {
        self.child.lock().await.kill().await.unwrap();
    }

    async fn ask(&self, request: Request<Bytes>) -> Value {
        let answer = self.client.fetch(request).await.unwrap();
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        assert_eq!(answer.status(), StatusCode::OK, "{text}");
        serde_json::from_str(&text).unwrap()
    }
}
