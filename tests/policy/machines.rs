//! Rules about machines: managed devices by their certificates, and zones.

#[path = "../peer/world.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod world;

use http::StatusCode;
use portcullis::authorize::rules::{device, workload};
use portcullis::authorize::{DeviceRules, RulePolicy};
use portcullis::gate::config::Config;
use world::{GATEWAY, World, ask, request, with_credential};

#[tokio::test]
async fn a_device_is_managed_whose_certificate_says_so() {
    let world = World::new();
    let policy = RulePolicy::builder("test").permit("managed", device().managed()).build().unwrap();
    let devices = DeviceRules::new().managed_certificates(["spiffe://prod.test/device/**".parse().unwrap()]);
    let gate = world.builder().peers(world.rules()).policy(policy).devices(devices).build().unwrap();
    for (name, status) in [("spiffe://prod.test/device/7", StatusCode::OK), (GATEWAY, StatusCode::FORBIDDEN)]
    {
        let tls = world.shown(&world.prod.spiffe(name).issue());
        let (found, answer) =
            ask(&gate, with_credential(request("/generate", &tls), &world.credential())).await;
        assert_eq!(found, status, "{name}: {answer}");
        world.record();
    }
}

#[tokio::test]
async fn a_machine_that_asks_for_itself_is_judged_by_the_same_policy() {
    let world = World::new();
    let policy =
        RulePolicy::builder("test").permit("gateway", workload(GATEWAY.parse().unwrap())).build().unwrap();
    let rules = world.rules().plan("machines");
    let gate = world.builder().peers(rules).policy(policy).build().unwrap();
    for (name, status) in [(GATEWAY, StatusCode::OK), ("spiffe://prod.test/other", StatusCode::FORBIDDEN)] {
        let tls = world.shown(&world.prod.spiffe(name).issue());
        let (found, answer) = ask(&gate, request("/internal", &tls)).await;
        assert_eq!(found, status, "{name}: {answer}");
    }
}

#[tokio::test]
async fn a_zone_is_reached_by_its_machines_alone() {
    let world = World::new();
    let keys = world.issuer.jwks();
    let text = format!(
        r#"
        danger_without_limits = true
        [audit]
        danger_off = true
        [inspection]
        danger_off = true
        [[issuers]]
        issuer = "https://issuer.test"
        audiences = ["https://llm.test"]
        keys = '{keys}'
        [[routes]]
        method = "POST"
        path = "/generate"
        dialect = "generate"
        scopes = ["generate:invoke"]
        [[routes]]
        method = "POST"
        path = "/gateway"
        dialect = "generate"
        scopes = ["generate:invoke"]
        [policy.zones.inference]
        paths = ["/generate"]
        workloads = ["spiffe://prod.test/ns/chat/**"]
        "#
    );
    let builder = Config::parse(&text).unwrap().into_builder().unwrap();
    let gate = builder.clock(world.clock.shared()).peers(world.rules()).build().unwrap();
    for (name, path, status) in [
        (GATEWAY, "/generate", StatusCode::OK),
        ("spiffe://prod.test/ns/train/sa/job", "/generate", StatusCode::FORBIDDEN),
        // In no zone at all.
        (GATEWAY, "/gateway", StatusCode::FORBIDDEN),
    ] {
        let tls = world.shown(&world.prod.spiffe(name).issue());
        let (found, answer) = ask(&gate, with_credential(request(path, &tls), &world.credential())).await;
        assert_eq!(found, status, "{name} {path}: {answer}");
    }
    let posture = gate.posture().to_string();
    assert!(
        posture
            .contains("not zone:inference: route /generate and not (workload spiffe://prod.test/ns/chat/**)"),
        "{posture}"
    );
}
