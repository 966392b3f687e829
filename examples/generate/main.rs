//! An LLM endpoint behind a gate, in one command: `cargo run --example generate`.
//!
//! Everything is inside: an issuer of credentials whose key is made at start, a model that writes words, limits in memory
//! and an audit file. It prints what it enforces, and lines of curl to try it with. `--help` lists the options.
//!
//! A service of your own needs what `gate.rs` does, with an issuer that you trust in place of this one, and
//! `gate.protect(router)` as below.

mod anthropic;
mod arguments;
mod conversation;
mod events;
mod gate;
mod model;
mod openai;
mod plain;
mod tour;

use arguments::{Arguments, Command};
use axum::Router;
use axum::routing::{get, post};
use portcullis::Gate;
use portcullis::testing::Issuer;
use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::sleep;
use tour::{Credentials, Tour};

/// How long answers that are on their way may take once the server is asked to stop.
const PATIENCE: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let arguments = match Command::parse(std::env::args_os().skip(1)) {
        Ok(Command::Serve(arguments)) => arguments,
        Ok(Command::Help) => {
            print!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("generate: {error}; --help lists what there is");
            return ExitCode::from(2);
        }
    };
    // Each record of the audit log is an event, too, so that this terminal shows every decision.
    tracing_subscriber::fmt().with_writer(io::stderr).with_target(false).compact().init();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let (gate, issuer) = gate::build(arguments)?;
    let runtime = Runtime::new()?;
    let served = runtime.block_on(serve(arguments, &gate, issuer));
    // Ends the answers that took too long, whose records are written only then.
    runtime.shutdown_timeout(PATIENCE);
    served?;
    if gate.audit_log().is_some_and(|log| !log.flush(PATIENCE)) {
        return Err("not every record could be written to the audit file".into());
    }
    println!("stopped; every record is in the audit file");
    Ok(())
}

async fn serve(arguments: &Arguments, gate: &Gate, issuer: Option<Issuer>) -> Result<(), Box<dyn Error>> {
    let app = Router::new()
        .route("/generate", post(plain::generate))
        .route("/v1/chat/completions", post(openai::complete))
        .route("/v1/messages", post(anthropic::messages))
        .route("/healthz", get(|| async { "ok" }));

    let listener = TcpListener::bind(arguments.listen).await.map_err(|error| {
        format!("cannot listen on {}: {error}; --listen 127.0.0.1:0 takes a free port", arguments.listen)
    })?;
    let address = listener.local_addr()?;
    warn_of_strangers(address);
    let credentials = issuer.map(|issuer| Credentials::made_by(&issuer, gate::AUDIENCE));
    if arguments.credentials && credentials.is_none() {
        return Err(
            "--credentials: they come from the issuers that the configuration names, not from here".into()
        );
    }
    announce(arguments, gate, &Tour { address, credentials: credentials.as_ref() })?;

    let (stopping, stopped) = oneshot::channel();
    let server = axum::serve(listener, gate.protect(app).into_make_service_with_connect_info())
        .with_graceful_shutdown(async {
            wait_for_signal().await;
            let _ = stopping.send(());
        });
    let out_of_patience = async {
        let _ = stopped.await;
        sleep(PATIENCE).await;
    };
    tokio::select! {
        served = server.into_future() => served?,
        () = out_of_patience => {}
    }
    Ok(())
}

fn announce(arguments: &Arguments, gate: &Gate, tour: &Tour<'_>) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on http://{}", tour.address)?;
    if let Some(credentials) = tour.credentials.filter(|_| arguments.credentials) {
        writeln!(out, "{}", serde_json::to_string(credentials)?)?;
    }
    writeln!(out, "\n{}\n\n{tour}\nCtrl-C stops it", gate.posture())?;
    out.flush()?;
    Ok(())
}

fn warn_of_strangers(address: SocketAddr) {
    if !address.ip().is_loopback() {
        eprintln!(
            "WARNING: {address} can be reached from other machines, over plain HTTP, so that credentials can be read on\n\
             WARNING: the way. The issuer inside this process is for trying things out: whoever can read this terminal,\n\
             WARNING: or a log of it, has credentials for every plan. Do not put anything of value behind it."
        );
    }
}

/// Until Ctrl-C, or until the system asks the process to end.
async fn wait_for_signal() {
    let interrupted = async { tokio::signal::ctrl_c().await.expect("a handler for Ctrl-C can be set") };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate()).expect("a handler for SIGTERM can be set");
        tokio::select! {
            () = interrupted => {}
            _ = terminated.recv() => {}
        }
    }
    #[cfg(not(unix))]
    interrupted.await;
}
