//! On whose behalf: a user asks a web application, which asks an orchestrator, which asks a vector database and a model. Each hop acts with
//! the user's rights, and never with its own.
//!
//! `cargo run --example on_behalf_of --features delegate,sts,tls` starts the four hops and the exchange of credentials as processes of their own, with
//! mutual TLS between them, plays a story, and says what was permitted and refused, and why. It ends with 0 only if all went as told.
//!
//! 1. Carol may read the collection `hr`, and asks for it through the web application. She gets it.
//! 2. Alice may not. The web application, the orchestrator and the exchange all have the right; the vector database refuses her all the same.
//! 3. Alice asks for the collection `docs`. A document in it says to quote `hr` as well; the model falls for it, and the orchestrator does as the
//!    model says. The vector database refuses it: a prompt widens nobody's rights.
//!
//! In the end the records of all hops are printed as one chain for each request.

mod chain;
mod hops;
mod wire;

use chain::Chain;
use portcullis::testing::{CertificateAuthority, Issuer};
use serde_json::{Value, json};
use std::error::Error;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [role, folder, ref others @ ..] => {
            let others =
                others.iter().map(|address| address.parse()).collect::<std::result::Result<Vec<_>, _>>()?;
            hops::run(role, Path::new(folder), &others).await?;
            Ok(ExitCode::SUCCESS)
        }
        _ => story().await,
    }
}

/// One hop: a process that ends when its standard input does.
struct Hop {
    process: Child,
    said: BufReader<std::process::ChildStdout>,
    address: SocketAddr,
}

impl Hop {
    fn start(role: &str, folder: &Path, others: &[SocketAddr]) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(role)
            .arg(folder)
            .args(others.iter().map(ToString::to_string))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut said = BufReader::new(process.stdout.take().ok_or("a hop has no output")?);
        let mut line = String::new();
        said.read_line(&mut line)?;
        let address = line.trim().parse().map_err(|_| format!("{role} did not start: {line}"))?;
        println!("{role:<13}process {:<8}{address}", process.id());
        Ok(Self { process, said, address })
    }

    /// Ends it; whether it ended well, and its records, a line each.
    fn end(mut self) -> Result<(bool, String)> {
        drop(self.process.stdin.take());
        let mut text = String::new();
        self.said.read_to_string(&mut text)?;
        Ok((self.process.wait()?.success(), text))
    }
}

/// A folder of this run alone.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("portcullis-on-behalf-of-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn story() -> Result<ExitCode> {
    let folder = Folder::new()?;
    let authority = CertificateAuthority::new("prod.example");
    for role in hops::ROLES {
        let certificate = authority.spiffe(&hops::spiffe(role)).dns_name("localhost").issue();
        certificate.write(&folder.0, role)?;
    }
    std::fs::write(folder.0.join("roots.pem"), authority.pem())?;
    let login = Issuer::new(hops::LOGIN);
    std::fs::write(folder.0.join("login.json"), login.jwks())?;

    let sts = Hop::start("sts", &folder.0, &[])?;
    let vectors = Hop::start("vectors", &folder.0, &[])?;
    let model = Hop::start("model", &folder.0, &[])?;
    let orchestrator = Hop::start("orchestrator", &folder.0, &[sts.address, vectors.address, model.address])?;
    let web = Hop::start("web", &folder.0, &[sts.address, orchestrator.address])?;
    println!();

    let mut as_told = true;
    for (request, (who, scopes, prompt, expected)) in [
        ("carol", "chat docs:read hr:read", "hr: what does bob earn?", Expected::Says("93,000")),
        ("alice", "chat docs:read", "hr: what does bob earn?", Expected::Refused),
        ("alice", "chat docs:read", "docs: when is the office open?", Expected::Says("nine to five")),
    ]
    .into_iter()
    .enumerate()
    {
        let credential = login.credential(who).audience(hops::audience("web")).scope(scopes);
        let credential =
            credential.claim("jti", format!("login-{request}")).claim("sid", format!("session-of-{who}"));
        let (status, answer) =
            wire::ask_web(web.address, &credential.sign(), &format!("story-{request}"), prompt).await?;
        let text = answer["text"].as_str().or(answer["detail"].as_str()).unwrap_or_default().to_owned();
        let good = match expected {
            Expected::Says(words) => status == 200 && text.contains(words),
            Expected::Refused => status == 403 && text.contains("vector database"),
        } && (who == "carol" || !text.contains("93,000"));
        let decision = if status == 200 { "permitted" } else { "refused" };
        println!("{decision:<10}{who}, who may {scopes}, asks: {prompt}\n          {text}");
        if !good {
            println!("          NOT as told: {status} {answer}");
        }
        as_told &= good;
    }

    let mut records: Vec<Value> = Vec::new();
    let mut exchanges: Vec<Value> = Vec::new();
    for (role, hop) in
        [("web", web), ("orchestrator", orchestrator), ("model", model), ("vectors", vectors), ("sts", sts)]
    {
        let (ended_well, said) = hop.end()?;
        as_told &= ended_well;
        for line in said.lines() {
            let mut record: Value = serde_json::from_str(line)?;
            record["hop"] = json!(role);
            if role == "sts" { &mut exchanges } else { &mut records }.push(record);
        }
    }
    println!("\nthe records of all hops, one chain for each request");
    let chain = Chain::new(records, exchanges);
    for request in 0..3 {
        chain.print(&format!("story-{request}"));
    }
    as_told &= chain.is_as_told();
    println!("{}", if as_told { "\nall went as told" } else { "\nNOT all went as told" });
    Ok(if as_told { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How a request ends.
enum Expected {
    Says(&'static str),
    Refused,
}
