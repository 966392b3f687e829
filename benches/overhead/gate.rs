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
pub(crate) fn everything_on(issuer: &Issuer) -> Gate {
    let file = std::env::temp_dir().join(format!("portcullis-bench-{}.jsonl", std::process::id()));
    let sink = JsonLines::append(file).expect("the temporary folder can be written");
    Gate::builder()
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
        .audit(AuditLog::builder().sink(sink).capacity(1 << 24).start().expect("a thread"))
        .build()
        .expect("the gate is complete")
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

/// In the process, without sockets. Time of the calling thread and of the thread that writes records together.
pub(crate) fn whole(report: &mut Report) {
    let issuer = Issuer::new("https://issuer.test");
    let body = Bytes::from(chat_body());
    let credential = bearer(&issuer, "alice");
    let mut bare = bare();
    let mut gated = everything_on(&issuer).protect(guarded());
    let alone = cpu(20_000, || ask(&mut bare, request(&body, None)));
    let warm = cpu(20_000, || ask(&mut gated, request(&body, Some(&credential))));
    let fresh: Vec<String> = (0..ROUNDS * COLD).map(|n| bearer(&issuer, &format!("user-{n}"))).collect();
    let mut fresh = fresh.iter();
    let cold = cpu(COLD, || ask(&mut gated, request(&body, Some(fresh.next().expect("one for each call")))));
    remove_records();
    report.note("gate: bare handler, 4 KB prompt", alone, "µs");
    report.at_most("gate: over bare, warm, everything on", warm - alone, 14.0, "µs");
    report.note("gate: over bare, a credential never seen", cold - alone, "µs");
}

/// Behind a real socket, where a request costs what it costs in a server. CPU time of the server's threads.
pub(crate) fn behind_a_socket(report: &mut Report) {
    let issuer = Issuer::new("https://issuer.test");
    let credential = bearer(&issuer, "alice");
    let gate = everything_on(&issuer);
    let bare = serve(bare().into_make_service());
    let gated = serve(gate.protect(guarded()).into_make_service_with_connect_info());
    let alone = cpu_of_server(bare, None);
    let warm = cpu_of_server(gated, Some(&credential));
    remove_records();
    report.note("socket: bare axum, CPU for each request", alone, "µs");
    report.note("socket: behind the gate", warm, "µs");
    report.at_most("socket: the gate against bare axum", warm / alone, 2.0, "×");
}

fn serve<M, S>(service: M) -> SocketAddr
where
    M: for<'a> Service<IncomingStream<'a, TcpListener>, Error = Infallible, Response = S> + Send + 'static,
    for<'a> <M as Service<IncomingStream<'a, TcpListener>>>::Future: Send,
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let (tell, address) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name("server".to_owned())
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

/// Asks again and again on one connection.
fn cpu_of_server(address: SocketAddr, credential: Option<&str>) -> f64 {
    let body = chat_body();
    let authorization = credential.map(|value| format!("authorization: {value}\r\n")).unwrap_or_default();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: */*\r\n";
    let request = format!("{head}{authorization}content-length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_nodelay(true).expect("a TCP stream");
    let mut answer = vec![0; 64 * 1024];
    cpu_of(5_000, &["server", "portcullis-audi"], || {
        stream.write_all(request.as_bytes()).expect("the server reads");
        let read = stream.read(&mut answer).expect("the server answers");
        assert!(answer[..read].starts_with(b"HTTP/1.1 200 OK\r\n") && answer[..read].ends_with(b"}"));
    })
}

fn ask<S: Service<Request, Response = Response, Error = Infallible>>(service: &mut S, request: Request) {
    let response =
        drive(async { service.ready().await.expect("ready").call(request).await.expect("answers") });
    assert_eq!(response.status(), 200);
    drive(response.into_body().collect()).expect("the body is whole");
}

const ROUNDS: usize = 5;
const COLD: usize = 4_000;

/// The best CPU time of one call in microseconds, of all threads of this process.
fn cpu(calls: usize, work: impl FnMut()) -> f64 {
    cpu_of(calls, &[], work)
}

/// The same, of the threads of these names.
fn cpu_of(calls: usize, names: &[&str], mut work: impl FnMut()) -> f64 {
    let round = || {
        let before = cpu_time(names);
        (0..calls).for_each(|_| work());
        (cpu_time(names) - before).as_secs_f64() * 1e6 / calls as f64
    };
    std::iter::repeat_with(round).take(ROUNDS).fold(f64::INFINITY, f64::min)
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
