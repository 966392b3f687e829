//! Rules about machines: managed devices by their certificates, and zones.

#[path = "../peer/world.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod world;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use portcullis::authorize::rules::{device, workload};
use portcullis::authorize::{Authorized, DeviceRules, HandPermitLayer, Resource, RulePolicy};
use portcullis::gate::config::Config;
use portcullis::payload::PlainGenerate;
use portcullis::read::RequestBody;
use portcullis::route::Route;
use std::convert::Infallible;
use tower::{Layer, ServiceExt, service_fn};
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
async fn what_may_be_called_depends_on_the_machines_that_the_route_lets_in() {
    fn gateway() -> Route {
        let machines = ["spiffe://prod.test/ns/*/sa/gateway".parse().unwrap()];
        Route::post("/gateway").dialect(PlainGenerate).scope("generate:invoke").workloads(machines)
    }
    let world = World::new();
    let gate = world.gate(world.rules());
    for (name, status) in [(GATEWAY, StatusCode::OK), ("spiffe://prod.test/other", StatusCode::FORBIDDEN)] {
        let tls = world.shown(&world.prod.spiffe(name).issue());
        let asking = HandPermitLayer::new().layer(service_fn(
            |(who, _): (Authorized, Request<RequestBody>)| async move {
                let may = who.may(&gateway(), Resource::model("m")).await;
                let mut answer = Response::new(Full::new(Bytes::from(may.to_string())));
                answer.headers_mut().insert("content-type", "application/json".parse().unwrap());
                Ok::<_, Infallible>(answer)
            },
        ));
        let asked = with_credential(request("/generate", &tls), &world.credential());
        let answer = gate.layer(asking).oneshot(asked).await.unwrap();
        let may = answer.into_body().collect().await.unwrap().to_bytes();
        let call = with_credential(request("/gateway", &tls), &world.credential());
        assert_eq!(ask(&gate, call).await.0, status, "{name}");
        assert_eq!(may, (status == StatusCode::OK).to_string(), "{name}");
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
