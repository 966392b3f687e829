//! Those who are many and unknown can fill neither queue nor disk.

use super::*;

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
    let records: Vec<Value> = (0..9).map(|_| records.recv_timeout(SOON).unwrap()).collect();
    let (alone, counted): (Vec<_>, Vec<_>) = records.iter().partition(|record| record["aggregate"].is_null());
    assert_eq!((alone.len(), counted.len()), (8, 1));
    assert_eq!(counted[0]["aggregate"]["count"], 2);
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
async fn strangers_who_are_only_observed_cannot_fill_the_disk_and_the_first_say_what_would_be_refused() {
    let (log, records) = log();
    let until = UnixTime::from_secs(1_800_000_000 + 24 * 60 * 60);
    let world = World::with(log, |gate| gate.danger_observe(until));
    let nowhere = || Request::get("/nowhere").body(Body::empty()).unwrap();
    for _ in 0..1_000 {
        body(world.ask("192.0.2.7", None).await).await;
        body(world.send("192.0.2.7", nowhere()).await).await;
    }
    for n in 0..1_000 {
        let address = format!("2001:db8:{n:x}::1");
        body(world.send(&address, nowhere()).await).await;
    }
    let alice = world.credential("alice");
    for _ in 0..20 {
        body(world.ask("192.0.2.9", Some(&alice)).await).await;
    }
    assert!(world.log.flush(SOON));
    let records: Vec<Value> = records.try_iter().collect();
    let of_alice = records.iter().filter(|record| record["principal"]["subject"] == "alice").count();
    assert_eq!(of_alice, 20, "who has an identity has records of her own");
    let strangers: Vec<&Value> = records.iter().filter(|record| record["principal"].is_null()).collect();
    assert!(strangers.len() < 600, "{} records of 3,000 strangers", strangers.len());
    assert!(strangers.iter().all(|record| record["decision"] == "permitted"));
    let of = |route: &Value, steps: &[&str]| -> Vec<&Value> {
        let is_alike = |record: &Value| {
            let rows = record["would_refuse"].as_array().unwrap().iter();
            record["route"] == *route
                && rows.map(|row| row["step"].as_str().unwrap()).eq(steps.iter().copied())
        };
        strangers.iter().copied().filter(|record| is_alike(record)).collect()
    };
    let without_credential = of(&json!("/generate"), &["authenticate"]);
    assert_eq!(without_credential.len(), 9, "the first eight, and the number of the others");
    assert!(without_credential[..8].iter().all(|record| record["aggregate"].is_null()));
    assert_eq!(without_credential[0]["would_refuse"][0]["reason"], "missing_credential");
    assert_eq!(without_credential[8]["aggregate"]["count"], 992);
    let elsewhere = of(&Value::Null, &["route", "authenticate"]);
    let counted = |record: &Value| record["aggregate"]["count"].as_u64().unwrap_or(1);
    assert_eq!(elsewhere.iter().map(|record| counted(record)).sum::<u64>(), 2_000, "each is counted once");
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
