//! The audit log cannot be used against the service: not by those who are refused, not by what they write.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking, as tests do")]

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_body_util::BodyExt;
use portcullis::audit::{AuditEntry, AuditLog, AuditLogBuilder, AuditSink, JsonLines, WhenFull};
use portcullis::clock::UnixTime;
use portcullis::gate::GateBuilder;
use portcullis::limit::{FloodQuota, Per, Plan};
use portcullis::payload::PlainGenerate;
use portcullis::principal::{PeerAddress, TlsConnection};
use portcullis::route::Route;
use portcullis::testing::{FakeClock, Issuer};
use portcullis::{Gate, Payload};
use serde_json::{Value, json};
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::mpsc::{self, Receiver};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tower::ServiceExt;

const AUDIENCE: &str = "https://llm.test";
const SOON: Duration = Duration::from_secs(10);

struct World {
    clock: FakeClock,
    issuer: Issuer,
    log: AuditLog,
    gate: Gate,
}

impl World {
    fn new(log: AuditLogBuilder) -> Self {
        Self::with(log, |gate| gate)
    }

    fn with(log: AuditLogBuilder, change: impl FnOnce(GateBuilder) -> GateBuilder) -> Self {
        let clock = FakeClock::at(UnixTime::from_secs(1_800_000_000));
        let issuer = Issuer::with_clock("https://issuer.test", clock.shared());
        let log = log.start().unwrap();
        let gate = change(
            Gate::builder()
                .clock(clock.shared())
                .issuer(issuer.trusted().audience(AUDIENCE).plan_claim("/plan"))
                .route(Route::post("/generate").dialect(PlainGenerate).scope("generate:invoke"))
                .open(Method::GET, "/healthz")
                .plan(Plan::new("free").requests(1_000, Per::Minute))
                .flood(FloodQuota::new(1_000_000, Per::Second).burst(1_000_000))
                .audit(log.clone()),
        );
        Self { gate: gate.build().unwrap(), clock, issuer, log }
    }

    async fn ask(&self, from: &str, credential: Option<&str>) -> Response<Body> {
        let mut request = Request::post("/generate").header("content-type", "application/json");
        if let Some(credential) = credential {
            request = request.header("authorization", format!("Bearer {credential}"));
        }
        let request = request.body(Body::from(r#"{"prompt":"hello"}"#)).unwrap();
        self.send(from, request).await
    }

    async fn send(&self, from: &str, mut request: Request<Body>) -> Response<Body> {
        let address: IpAddr = from.parse().unwrap();
        request.extensions_mut().insert(PeerAddress((address, 4711).into()));
        request.extensions_mut().insert(TlsConnection::new());
        self.gate.protect(app()).oneshot(request).await.unwrap()
    }

    fn credential(&self, subject: &str) -> String {
        let credential = self.issuer.credential(subject).audience(AUDIENCE);
        credential.scope("generate:invoke").claim("plan", "free").sign()
    }
}

fn app() -> Router {
    async fn generate(Payload(request): Payload<Value>) -> Json<Value> {
        Json(json!({ "text": request["prompt"] }))
    }
    Router::new().route("/generate", post(generate)).route("/healthz", get(|| async { "fine" }))
}

/// A log whose records come out here, as they are written.
fn log() -> (AuditLogBuilder, Receiver<Value>) {
    let (send, records) = mpsc::channel();
    let sink = move |entry: &AuditEntry| drop(send.send(serde_json::to_value(entry).unwrap()));
    (AuditLog::builder().sink(sink), records)
}

/// A sink that takes nothing until it is told to.
struct Stuck(Receiver<()>, bool);

impl AuditSink for Stuck {
    fn write(&mut self, _: &AuditEntry) -> io::Result<()> {
        if !self.1 {
            let _ = self.0.recv();
            self.1 = true;
        }
        Ok(())
    }
}

async fn body(response: Response<Body>) {
    response.into_body().collect().await.unwrap();
}

#[tokio::test]
async fn a_hundred_thousand_strangers_fill_neither_queue_nor_disk_while_alice_is_served_and_recorded() {
    let (log, records) = log();
    let world = World::new(log.capacity(10));
    let alice = world.credential("alice");
    let mut app = world.gate.protect(app());
    for i in 0..100_000_u32 {
        let address = IpAddr::from((0xc000_0000 + i % 5_000).to_be_bytes());
        let mut request = Request::post("/generate").body(Body::empty()).unwrap();
        request.extensions_mut().insert(PeerAddress((address, 4711).into()));
        request.extensions_mut().insert(TlsConnection::new());
        let response = (&mut app).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        if i % 10_000 == 0 {
            let response = world.ask("192.0.2.7", Some(&alice)).await;
            assert_eq!(response.status(), StatusCode::OK, "after {i} strangers");
            body(response).await;
        }
    }
    assert!(world.log.flush(SOON));
    let (known, strangers): (Vec<Value>, Vec<Value>) =
        records.try_iter().partition(|record| record["principal"]["subject"] == "alice");
    assert_eq!(known.len(), 10);
    assert!(known.iter().all(|record| record["aggregate"].is_null() && record["decision"] == "permitted"));
    assert!(strangers.len() < 1_000, "{} records", strangers.len());
    let counted: u64 =
        strangers.iter().map(|record| record["aggregate"]["count"].as_u64().unwrap_or(1)).sum();
    assert_eq!(counted, 100_000, "none of them is lost");
    assert!(strangers.iter().all(|record| record["reason"] == "missing_credential"));
    assert_eq!(world.log.open(), 0);
}

#[tokio::test]
async fn the_first_of_a_sort_are_recorded_at_once_and_the_others_as_a_number_after_ten_seconds() {
    let (log, records) = log();
    let world = World::new(log);
    let mut ids = Vec::new();
    for _ in 0..8 {
        world.ask("2001:db8:1:2::7", None).await;
        world.ask("2001:db8:1:2::7", Some("a.b.c")).await;
    }
    for second in 0..5 {
        world.clock.advance(Duration::from_secs(1));
        let response = world.ask(&format!("2001:db8:1:2::{second}"), None).await;
        ids.push(response.headers()["x-request-id"].to_str().unwrap().to_owned());
    }
    let first: Vec<Value> = (0..16).map(|_| records.recv_timeout(SOON).unwrap()).collect();
    assert!(first.iter().all(|record| record["aggregate"].is_null() && record["status"] == 401));
    assert_eq!(first.iter().filter(|record| record["reason"] == "missing_credential").count(), 8);
    assert!(records.try_recv().is_err(), "the others are being counted");

    world.clock.advance(Duration::from_secs(5));
    // Whoever comes next brings what is due with it, and a new window begins with records of their own.
    world.ask("2001:db8:1:2::7", None).await;
    let mut later: Vec<Value> = (0..2).map(|_| records.recv_timeout(SOON).unwrap()).collect();
    later.sort_by_key(|record| record["aggregate"].is_null());
    let missing = &later[0];
    assert_eq!(missing["aggregate"]["count"], 5);
    assert_eq!(missing["aggregate"]["prefix"], "2001:db8:1:2::/64");
    assert_eq!(missing["aggregate"]["first"], "2027-01-15T08:00:01.000000Z");
    assert_eq!(missing["aggregate"]["last"], "2027-01-15T08:00:05.000000Z");
    assert_eq!(missing["request_id"], *ids[0], "the id of one of them, as an example");
    assert_eq!((&missing["route"], &missing["reason"]), (&json!("/generate"), &json!("missing_credential")));
    assert!(later[1]["aggregate"].is_null());
    world.log.flush(SOON);
    assert!(records.try_recv().is_err(), "of invalid credentials there were no more than eight");
}

#[tokio::test]
async fn what_has_been_counted_is_written_though_nobody_comes_any_more() {
    let (log, records) = log();
    let world = World::new(log);
    for _ in 0..10 {
        world.ask("192.0.2.7", None).await;
    }
    world.clock.advance(Duration::from_secs(10));
    for _ in 0..8 {
        assert!(records.recv_timeout(SOON).unwrap()["aggregate"].is_null());
    }
    assert_eq!(records.recv_timeout(SOON).unwrap()["aggregate"]["count"], 2);
}

#[tokio::test]
async fn requests_that_carry_an_identity_are_never_counted_together() {
    let (log, records) = log();
    let world = World::new(log);
    let reader =
        world.issuer.credential("dave").audience(AUDIENCE).claim("plan", "free").scope("read").sign();
    for _ in 0..20 {
        assert_eq!(world.ask("192.0.2.7", Some(&reader)).await.status(), StatusCode::FORBIDDEN);
    }
    assert!(world.log.flush(SOON));
    let records: Vec<Value> = records.try_iter().collect();
    assert_eq!(records.len(), 20);
    assert!(
        records
            .iter()
            .all(|record| { record["aggregate"].is_null() && record["principal"]["subject"] == "dave" })
    );
}

#[tokio::test]
async fn an_open_route_cannot_be_used_to_fill_the_disk_either() {
    let (log, records) = log();
    let world = World::new(log);
    for _ in 0..100 {
        let request = Request::get("/healthz").body(Body::empty()).unwrap();
        let response = world.send("192.0.2.7", request).await;
        assert_eq!(response.status(), StatusCode::OK);
        body(response).await;
    }
    assert!(world.log.flush(SOON));
    let records: Vec<Value> = records.try_iter().collect();
    assert_eq!(records.len(), 9, "the first eight, and the number of the others");
    assert_eq!(records[8]["aggregate"]["count"], 92);
    assert_eq!(records[8]["decision"], "permitted");
}

#[tokio::test]
async fn strangers_take_no_slot_of_callers_who_are_known_though_nothing_can_be_written() {
    let (go_on, wait) = mpsc::channel();
    let world = World::new(AuditLog::builder().sink(Stuck(wait, false)).capacity(2));
    for _ in 0..1_000 {
        assert_eq!(world.ask("192.0.2.8", None).await.status(), StatusCode::UNAUTHORIZED);
    }
    let alice = world.credential("alice");
    for _ in 0..2 {
        let response = world.ask("192.0.2.7", Some(&alice)).await;
        assert_eq!(response.status(), StatusCode::OK);
        body(response).await;
    }
    let refused = world.ask("192.0.2.7", Some(&alice)).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "nothing happens unrecorded");
    go_on.send(()).unwrap();
    assert!(world.log.flush(SOON));
    assert_eq!(world.log.open(), 0);
    assert_eq!(world.ask("192.0.2.7", Some(&alice)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn requests_that_were_refused_because_the_log_was_full_are_counted_once_it_is_written_again() {
    let (send, records) = mpsc::channel();
    let (go_on, wait) = mpsc::channel::<()>();
    let sink = move |entry: &AuditEntry| {
        let _ = wait.recv();
        let _ = send.send(serde_json::to_value(entry).unwrap());
    };
    let world = World::new(AuditLog::builder().sink(sink).capacity(1));
    let alice = world.credential("alice");
    body(world.ask("192.0.2.7", Some(&alice)).await).await;
    for _ in 0..10 {
        let refused = world.ask("192.0.2.7", Some(&alice)).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    drop(go_on);
    assert!(world.log.flush(SOON));
    let refused: Vec<Value> = records.try_iter().filter(|record| record["reason"] == "unavailable").collect();
    assert_eq!(refused.len(), 9);
    assert_eq!(refused[8]["aggregate"]["count"], 2);
    assert_eq!(refused[0]["cause"], "the audit log takes no more records");
}

#[tokio::test]
async fn strangers_who_found_the_log_full_are_counted_and_so_not_dropped() {
    let (go_on, wait) = mpsc::channel();
    let log = AuditLog::builder().sink(Stuck(wait, false)).capacity(1).when_full(WhenFull::CountAndDrop);
    let world = World::new(log);
    let alice = world.credential("alice");
    for _ in 0..3 {
        body(world.ask("192.0.2.7", Some(&alice)).await).await;
        assert_eq!(world.ask("192.0.2.8", None).await.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(world.log.dropped(), 2, "two of alice's, and nobody else's");
    go_on.send(()).unwrap();
}

#[tokio::test]
async fn text_that_could_forge_a_line_or_turn_it_around_is_escaped_in_the_file() {
    let path = std::env::temp_dir().join(format!("portcullis-text-{}.jsonl", std::process::id()));
    let world = World::new(AuditLog::builder().sink(JsonLines::append(&path).unwrap()));
    let evil =
        "model\u{202e}\u{2066}\u{200f}\u{61c}\u{2028}\u{2029}\u{85}\u{7f}\n{\"decision\":\"permitted\"}";
    let request = Request::post("/generate")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {}", world.credential("alice")))
        .body(Body::from(json!({ "prompt": "hello", "model": evil }).to_string()))
        .unwrap();
    body(world.send("192.0.2.7", request).await).await;
    assert!(world.log.flush(SOON));
    let written = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(written.lines().count(), 1);
    assert!(written.trim_end_matches('\n').chars().all(|c| (' '..='~').contains(&c)), "{written:?}");
    let record: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(record["model"], evil, "a program reads the text as it was");
}

#[tokio::test]
async fn every_record_names_the_configuration_that_the_posture_shows() {
    let (log, records) = log();
    let world = World::new(log);
    body(world.ask("192.0.2.7", Some(&world.credential("alice"))).await).await;
    let generation = world.gate.posture().generation.clone();
    assert_eq!(records.recv_timeout(SOON).unwrap()["config"], *generation);
    assert!(world.gate.posture().to_string().contains(&*generation));
    assert!(generation.len() == 16 && generation.bytes().all(|b| b.is_ascii_hexdigit()), "{generation}");
}

#[test]
fn a_generation_depends_on_every_setting_and_on_no_key() {
    let generation = |change: fn(GateBuilder) -> GateBuilder| {
        World::with(log().0, change).gate.posture().generation.clone()
    };
    let plain = generation(|gate| gate);
    // Every world has an issuer with a key of its own.
    assert_eq!(plain, generation(|gate| gate), "the same settings, other keys");
    let changes: [fn(GateBuilder) -> GateBuilder; 9] = [
        |gate| gate.max_body_bytes(7),
        |gate| gate.max_body_time(Duration::from_secs(7)),
        |gate| gate.plan(Plan::new("other").requests(1, Per::Minute)),
        |gate| gate.default_plan("free"),
        |gate| gate.open(Method::GET, "/readyz"),
        |gate| gate.danger_without_inspection(),
        |gate| gate.accept_api_key_header(),
        |gate| gate.trusted_proxies(["10.0.0.0/8".parse().unwrap()]),
        |gate| gate.output_cap(7),
    ];
    let mut seen = vec![plain];
    for (i, change) in changes.into_iter().enumerate() {
        let changed = generation(change);
        assert!(!seen.contains(&changed), "change {i} makes no difference");
        seen.push(changed);
    }
}

#[tokio::test]
async fn a_shutdown_waits_for_every_record_and_says_so() {
    let (log, records) = log();
    let world = World::new(log);
    for _ in 0..3 {
        body(world.ask("192.0.2.7", Some(&world.credential("alice"))).await).await;
    }
    for _ in 0..10 {
        world.ask("192.0.2.7", None).await;
    }
    let shutdown = world.gate.shutdown(SOON).await;
    assert!(shutdown.is_complete() && shutdown.open == 0, "{shutdown}");
    assert_eq!(records.try_iter().count(), 3 + 8 + 1, "the last is the number of the other strangers");
    assert!(world.gate.shutdown(Duration::ZERO).await.is_complete(), "there is nothing left to wait for");
}

#[tokio::test]
async fn a_shutdown_waits_for_answers_that_are_on_their_way_and_no_longer_than_it_was_told() {
    let (log, _records) = log();
    let world = World::new(log);
    let answer = world.ask("192.0.2.7", Some(&world.credential("alice"))).await;
    let mut shutdown = pin!(world.gate.shutdown(Duration::from_secs(5)));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(shutdown.as_mut().poll(&mut cx).is_pending(), "alice has not read her answer");
    world.clock.advance(Duration::from_secs(5));
    let Poll::Ready(late) = shutdown.as_mut().poll(&mut cx) else { panic!("the deadline has passed") };
    assert!(!late.is_complete() && late.settled && late.open == 1, "{late:?}");
    assert_eq!(late.to_string(), "records not written: 1");

    drop(answer);
    assert!(world.gate.shutdown(SOON).await.is_complete(), "she left, which is settled and recorded");
}
