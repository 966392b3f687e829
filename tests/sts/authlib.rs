//! A client from elsewhere: authlib, in Python, asks for exchanges and verifies what it is given. `scripts/test` installs it.

use super::world::{SECRET, World};
use portcullis::jose::{KeySet, SigningKey};
use portcullis::sts::{ActorClient, Grant, Sts};
use portcullis::testing::Issuer;
use std::path::Path;
use std::process::Stdio;
use tokio::net::TcpListener;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authlib_asks_for_exchanges_and_verifies_what_it_is_given() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let python = target.join("python/bin/python");
    assert!(python.exists(), "{} is missing: run ./scripts/test, which installs it", python.display());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let login = Issuer::new("https://login.test");
    // Authlib signs its assertions by a key of its own, which it is given in PKCS #8.
    let certificate = World::new().authority.spiffe("spiffe://prod.test/batch").issue();
    let key = SigningKey::from_pkcs8(&der(certificate.key_pem())).unwrap();
    let grant = || Grant::to("https://vectors.test").scopes(["docs:read", "hr:read"]).for_everybody();
    let sts = Sts::builder(issuer.clone())
        .subjects_of(login.trusted())
        .danger_without_audit()
        .actor(ActorClient::by_secret("web", SECRET.into()).audience("https://web.test").grant(grant()))
        .actor(
            ActorClient::by_jwks("batch", KeySet::from_jwks(key.public_jwks()).unwrap())
                .audience("https://web.test")
                .grant(grant()),
        )
        .build()
        .unwrap();
    let router = sts.router();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let subject = login.credential("alice").audience("https://web.test").scope("docs:read chat");
    let output = Command::new(python)
        .arg("-B")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/authlib_exchange.py"))
        .env("ISSUER", &issuer)
        .env("SUBJECT", subject.claim("jti", "root").sign())
        .env("SECRET", SECRET)
        .env("KEY", certificate.key_pem())
        .env("KID", key.kid())
        .env("AUTHLIB_INSECURE_TRANSPORT", "1")
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("all went as told"), "{said}");
}

fn der(pem: &str) -> Vec<u8> {
    use base64::Engine as _;
    let lines: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::engine::general_purpose::STANDARD.decode(lines).unwrap()
}
