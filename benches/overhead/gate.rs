//! The whole gate against the handler it protects.

use crate::measure::Report;
use crate::world::{AUDIENCE, bearer, chat_body, drive, request};
use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use axum::serve::IncomingStream;
use axum::{Json, Router, routing::post};
use bytes::Bytes;
use http_body_util::BodyExt;
use portcullis::audit::{AuditLog, JsonLines};
use portcullis::limit::{FloodQuota, Per, Plan};
use portcullis::payload::OpenAiChat;
use portcullis::route::Route;
use portcullis::testing::Issuer;
use portcullis::{Gate, Payload, Principal};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tokio::net::TcpListener;
use tower::{Service, ServiceExt};

/// A gate with every control, whose limits never refuse the bench.
pub(crate) fn everything_on(issuer: &Issuer) -> (Gate, AuditLog) {
    let file = std::env::temp_dir().join(format!("portcullis-bench-{}.jsonl", std::process::id()));
    let sink = JsonLines::append(file).expect("the temporary folder can be written");
    let audit = AuditLog::builder().sink(sink).capacity(1 << 24).start().expect("a thread");
    let gate = Gate::builder()
        .issuer(issuer.trusted().audience(AUDIENCE).plan_claim("/plan"))
        .route(Route::post("/v1/chat/completions").dialect(OpenAiChat).scope("generate:invoke"))
        .open(Method::GET, "/healthz")
        .plan(
            Plan::new("paid")
                .requests(1 << 40, Per::Second)
                .requests(1 << 40, Per::Minute)
                .usage(1 << 40, Per::Minute)
                .usage(1 << 40, Per::Day),
        )
        .flood(FloodQuota::new(u32::MAX, Per::Second))
        .audit(audit.clone())
        .build();
    (gate.expect("the gate is complete"), audit)
}

fn remove_records() {
    let file = std::env::temp_dir().join(format!("portcullis-bench-{}.jsonl", std::process::id()));
    // Nothing depends on it.
    let _ = std::fs::remove_file(file);
}

fn answer(request: &Value) -> Json<Value> {
    Json(json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": request["model"],
        "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "Of course." } }],
        "usage": { "prompt_tokens": 900, "completion_tokens": 3, "total_tokens": 903 },
    }))
}

fn bare() -> Router {
    Router::new().route("/v1/chat/completions", post(async |Json(request): Json<Value>| answer(&request)))
}

fn guarded() -> Router {
    let handler = async |_principal: Principal, Payload(request): Payload<Value>| answer(&request);
    Router::new().route("/v1/chat/completions", post(handler))
}

/// The gate against the handler it protects, in the process and behind a socket.
///
/// The budget of 14 µs was set where bare axum costs 14 µs behind a socket. Machines differ, so what the gate adds is held
/// against what bare axum costs in the same run.
pub(crate) fn whole(report: &mut Report) {
    let (added, seen, unseen) = in_the_process();
    let (bare, gated) = behind_a_socket();
    remove_records();
    report.note("gate: bare handler in the process, 4 KB prompt", seen - added, "µs");
    report.note("gate: over bare, warm, everything on", added, "µs");
    report.note("gate: over bare, a credential never seen", unseen - (seen - added), "µs");
    report.note("gate: bare axum behind a socket", bare, "µs");
    report.note("gate: behind a socket, warm, everything on", gated, "µs");
    report.at_most("gate: what it adds in the process, over bare axum's cost", added / bare, 1.0, "×");
    report.at_most("gate: behind a socket, over bare axum", gated / bare, 2.0, "×");
}

/// What the gate adds to the handler's cost, what both cost together, and what they cost with a credential never seen.
fn in_the_process() -> (f64, f64, f64) {
    let issuer = Issuer::new("https://issuer.test");
    let body = Bytes::from(chat_body());
    let credential = bearer(&issuer, "alice");
    let mut bare = bare();
    let (gate, audit) = everything_on(&issuer);
    let mut gated = gate.protect(guarded());
    let (alone, warm) = best_of_both(
        || cpu(REQUESTS, &[], &audit, || ask(&mut bare, request(&body, None))),
        || cpu(REQUESTS, &[], &audit, || ask(&mut gated, request(&body, Some(&credential)))),
    );
    let fresh: Vec<String> = (0..COLD_ROUNDS * COLD).map(|n| bearer(&issuer, &format!("user-{n}"))).collect();
    let mut fresh = fresh.iter();
    let mut never_seen = || fresh.next().expect("one for each call").as_str();
    let rounds = (0..COLD_ROUNDS)
        .map(|_| cpu(COLD, &[], &audit, || ask(&mut gated, request(&body, Some(never_seen())))));
    (warm - alone, warm, rounds.fold(f64::INFINITY, f64::min))
}

/// Where a request costs what it costs in a server that is busy: CPU time of the server's threads, bare and behind the gate.
fn behind_a_socket() -> (f64, f64) {
    let issuer = Issuer::new("https://issuer.test");
    let credential = bearer(&issuer, "alice");
    let (gate, audit) = everything_on(&issuer);
    let bare = serve("bare", bare().into_make_service());
    let gated = serve("gated", gate.protect(guarded()).into_make_service_with_connect_info());
    let (mut bare, mut gated) = (Clients::of(bare, None), Clients::of(gated, Some(&credential)));
    let (bare, gated) = best_of_both(
        || cpu(ROUNDS, &["bare"], &audit, || bare.ask()),
        || cpu(ROUNDS, &["gated", "portcullis-audi"], &audit, || gated.ask()),
    );
    (bare / CONNECTIONS as f64, gated / CONNECTIONS as f64)
}

/// The best of two figures, taken in turn, so that both are taken under the same noise.
fn best_of_both(mut one: impl FnMut() -> f64, mut other: impl FnMut() -> f64) -> (f64, f64) {
    (0..TURNS).fold((f64::INFINITY, f64::INFINITY), |best, _| (best.0.min(one()), best.1.min(other())))
}

fn serve<M, S>(name: &str, service: M) -> SocketAddr
where
    M: for<'a> Service<IncomingStream<'a, TcpListener>, Error = Infallible, Response = S> + Send + 'static,
    for<'a> <M as Service<IncomingStream<'a, TcpListener>>>::Future: Send,
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let (tell, address) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                tell.send(listener.local_addr().expect("bound")).expect("the bench waits");
                axum::serve(listener, service).await.expect("serves until the process ends");
            });
        })
        .expect("a thread");
    address.recv().expect("the server starts")
}

/// Ask on several connections at once, again and again, as the budget was set: a server that waits for each request has
/// forgotten by then where everything is.
struct Clients {
    streams: Vec<TcpStream>,
    request: String,
    answer: Vec<u8>,
}

const CONNECTIONS: usize = 16;

impl Clients {
    fn of(address: SocketAddr, credential: Option<&str>) -> Self {
        let body = chat_body();
        let authorization = credential.map(|value| format!("authorization: {value}\r\n")).unwrap_or_default();
        let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: */*\r\n";
        let request = format!("{head}{authorization}content-length: {}\r\n\r\n{body}", body.len());
        let connect = || {
            let stream = TcpStream::connect(address).expect("the server listens");
            stream.set_nodelay(true).expect("a TCP stream");
            stream
        };
        let streams = (0..CONNECTIONS).map(|_| connect()).collect();
        Self { streams, request, answer: vec![0; 64 * 1024] }
    }

    /// One round: everybody asks, then the one is waited for who asked last, by when the others have their answers. The
    /// kernel wakes the client once a round and not for each answer, which a server pays for who is slower than its client,
    /// and the other does not.
    fn ask(&mut self) {
        for stream in &mut self.streams {
            stream.write_all(self.request.as_bytes()).expect("the server reads");
        }
        for stream in self.streams.iter_mut().rev() {
            let read = stream.read(&mut self.answer).expect("the server answers");
            let answer = &self.answer[..read];
            assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(b"}"));
        }
    }
}

fn ask<S: Service<Request, Response = Response, Error = Infallible>>(service: &mut S, request: Request) {
    let response =
        drive(async { service.ready().await.expect("ready").call(request).await.expect("answers") });
    assert_eq!(response.status(), 200);
    drive(response.into_body().collect()).expect("the body is whole");
}

const TURNS: usize = 25;
const REQUESTS: usize = 1_000;
const ROUNDS: usize = 64;
const COLD_ROUNDS: usize = 5;
const COLD: usize = 4_000;

/// The mean CPU time of one call in microseconds, of the threads of these names or of all, until all records are written.
fn cpu(calls: usize, names: &[&str], audit: &AuditLog, mut work: impl FnMut()) -> f64 {
    let before = cpu_time(names);
    (0..calls).for_each(|_| work());
    assert!(audit.flush(Duration::from_secs(60)), "the records are written");
    (cpu_time(names) - before).as_secs_f64() * 1e6 / calls as f64
}

/// The CPU time that threads have had, as the scheduler counts it (Linux).
fn cpu_time(names: &[&str]) -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").expect("this bench needs Linux's /proc");
    let of = |thread: std::fs::DirEntry| {
        let read = |file| std::fs::read_to_string(thread.path().join(file)).unwrap_or_default();
        let wanted = names.is_empty() || names.contains(&read("comm").trim_end());
        if !wanted {
            return 0;
        }
        read("schedstat").split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0u64)
    };
    Duration::from_nanos(threads.filter_map(Result::ok).map(of).sum())
}
