//! What is written, by which configuration, and that all of it is before the end.

use super::*;

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

fn speech() -> Route {
    Route::post("/speech").dialect(PlainGenerate).scope("generate:invoke")
}

#[test]
fn a_generation_depends_on_every_setting_and_on_no_key() {
    let generation = |change: fn(GateBuilder) -> GateBuilder| {
        World::with(log().0, change).gate.posture().generation.clone()
    };
    let plain = generation(|gate| gate);
    // Every world has an issuer with a key of its own.
    assert_eq!(plain, generation(|gate| gate), "the same settings, other keys");
    let changes: [fn(GateBuilder) -> GateBuilder; 15] = [
        |gate| gate.max_body_bytes(7),
        |gate| gate.max_body_time(Duration::from_secs(7)),
        |gate| gate.plan(Plan::new("other").requests(1, Per::Minute)),
        |gate| gate.default_plan("free"),
        |gate| gate.open(Method::GET, "/readyz"),
        |gate| gate.danger_without_inspection(),
        |gate| gate.accept_api_key_header(),
        |gate| gate.trusted_proxies(["10.0.0.0/8".parse().unwrap()]),
        |gate| gate.output_cap(7),
        |gate| gate.danger_observe(UnixTime::from_secs(1)),
        |gate| gate.route(speech().danger_opaque_answer(["audio/mpeg"], 1)),
        |gate| gate.route(speech().danger_opaque_answer(["audio/mpeg"], 2)),
        |gate| gate.route(speech().danger_opaque_answer(["audio/wav"], 1)),
        |gate| gate.route(speech().danger_opaque_body(["audio/wav"], 1)),
        |gate| gate.route(speech().unknown_fields(UnknownFields::Pass)),
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
