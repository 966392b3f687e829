use super::world::{GATEWAY, World, ask, request, with_credential};
use http::{Method, StatusCode};
use portcullis::Gate;
use portcullis::gate::GateErrorKind;
use portcullis::payload::PlainGenerate;
use portcullis::peer::{CertificateHeader, PeerErrorKind, PeerRules, RequirePeerLayer, TlsProxies};
use portcullis::route::{Route, RouteErrorKind, RouteTable};
use std::time::Duration;

#[test]
fn rules_that_let_nobody_in_or_believe_no_proxy_are_errors() {
    let world = World::new();
    let error = |rules| RequirePeerLayer::builder(rules).build().unwrap_err().kind;
    assert_eq!(error(PeerRules::new()), PeerErrorKind::Nobody);
    assert_eq!(error(world.rules().max_lifetime(Duration::ZERO)), PeerErrorKind::ZeroLifetime);
    let proxies = TlsProxies::new(CertificateHeader::envoy(), world.bundles.clone());
    assert_eq!(error(world.rules().forwarded(proxies)), PeerErrorKind::NoProxy);
}

#[test]
fn routes_for_machines_need_rules_that_say_which() {
    let world = World::new();
    let error = world.builder().build().unwrap_err();
    assert!(matches!(error.kind(), GateErrorKind::MachinesWithoutPeers(_)));
    let message = error.to_string();
    assert!(message.contains("POST /internal") && message.contains(".peers("), "{message}");
}

#[test]
fn routes_that_name_machines_wrongly_are_errors() {
    let kind = |route| RouteTable::new([route]).unwrap_err().kind().clone();
    let gateway = || ["spiffe://prod.test/ns/*/sa/gateway".parse().unwrap()];
    assert_eq!(kind(Route::get("/a").open().workloads(gateway())), RouteErrorKind::OpenToSome);
    assert_eq!(kind(Route::get("/a").scope("s").workloads([])), RouteErrorKind::NoWorkloads);
    assert_eq!(kind(Route::get("/a").workloads(gateway())), RouteErrorKind::Undecided);
    let both = RouteErrorKind::MachinesWithoutCertificate;
    assert_eq!(kind(Route::get("/a").machine_only().danger_without_certificate()), both);
    assert_eq!(kind(Route::get("/a").scope("s").workloads(gateway()).danger_without_certificate()), both);
    assert!(RouteTable::new([Route::get("/a").machine_only().workloads(gateway())]).is_ok());
}

#[tokio::test]
async fn a_gate_for_machines_alone_needs_no_issuer() {
    let world = World::new();
    let builder = || {
        Gate::builder()
            .clock(world.clock.shared())
            .route(Route::post("/internal").dialect(PlainGenerate).machine_only())
            .open(Method::GET, "/healthz")
            .danger_without_limits()
            .audit(world.log.clone())
            .peers(world.rules())
    };
    let gate = builder().build().unwrap();
    assert!(gate.posture().to_string().contains("certificates alone"), "{}", gate.posture());
    let tls = world.shown(&world.prod.spiffe(GATEWAY).issue());
    assert_eq!(ask(&gate, request("/internal", &tls)).await.0, StatusCode::OK);
    let (status, _) = ask(&gate, with_credential(request("/internal", &tls), &world.credential())).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let with_users = builder().route(Route::get("/models").scope("models:read")).build();
    assert!(matches!(with_users.unwrap_err().kind(), GateErrorKind::Jwt(_)));
}

#[test]
fn the_posture_says_who_may_enter_and_by_which_proxies() {
    let world = World::new();
    let proxies = TlsProxies::new(CertificateHeader::rfc9440(), world.bundles.clone())
        .workload("spiffe://prod.test/ingress".parse().unwrap())
        .danger_network("10.0.0.0/8".parse().unwrap());
    let rules = world.rules().max_lifetime(Duration::from_secs(3_600)).plan("machines");
    let gate = world.gate(rules.forwarded(proxies));
    let posture = gate.posture().to_string();
    for said in [
        "certificates of spiffe://prod.test/**; made for 3600 s at most; machines have the plan machines",
        "or as Client-Cert (RFC 9440) of the proxies spiffe://prod.test/ingress, ANYBODY AT 10.0.0.0/8",
        "machines, by certificate alone",
        "scope generate:invoke; from spiffe://prod.test/ns/*/sa/gateway only",
    ] {
        assert!(posture.contains(said), "{said:?} is not in\n{posture}");
    }
    let without = world.gate(world.rules());
    assert_ne!(without.posture().generation, gate.posture().generation);
}
