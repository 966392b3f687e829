use super::world::{GATEWAY, World, ask, request, with_credential};
use http::StatusCode;
use portcullis::clock::{Clock, UnixTime};
use portcullis::limit::{Dimension, Limit, Per, Plan};
use portcullis::peer::PeerRules;
use portcullis::principal::{Revocations, TlsConnection};
use portcullis::route::Route;
use portcullis::trust::{Pem, TrustBundles};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test]
async fn a_user_comes_through_a_machine_and_both_are_known() {
    let world = World::new();
    let gate = world.gate(world.rules());
    let gateway = world.prod.spiffe(GATEWAY).issue();
    let asked = with_credential(request("/generate", &world.shown(&gateway)), &world.credential());
    let (status, answer) = ask(&gate, asked).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!((&answer["who"], &answer["machine"]), (&"alice".into(), &GATEWAY.into()));
    assert_eq!(answer["method"], "jwt");
    let record = world.record();
    assert_eq!(record["principal"]["subject"], "alice");
    assert_eq!(record["peer"]["workload"], GATEWAY);
    assert_eq!(record["peer"]["fingerprint"].as_str().map(str::len), Some(64));
    assert_eq!(record["peer"]["through"], serde_json::Value::Null);
    assert_eq!(record["ran"]["peer"], "passed");
}

#[tokio::test]
async fn a_credential_that_is_remembered_goes_with_the_machine_of_each_connection() {
    let world = World::new();
    let gate = world.gate(world.rules());
    let credential = world.credential();
    for name in ["spiffe://prod.test/a", "spiffe://prod.test/b", "spiffe://prod.test/a"] {
        let tls = world.shown(&world.prod.spiffe(name).issue());
        let (_, answer) = ask(&gate, with_credential(request("/generate", &tls), &credential)).await;
        assert_eq!((&answer["who"], &answer["machine"]), (&"alice".into(), &name.into()));
    }
    let remembered: Vec<_> =
        (0..3).map(|_| world.record()["principal"]["remembered"].as_bool().unwrap()).collect();
    assert_eq!(remembered, [false, true, true]);
}

#[tokio::test]
async fn both_must_hold_the_certificate_and_the_credential() {
    let world = World::new();
    let gate = world.gate(world.rules());
    let tls = world.shown(&world.prod.spiffe(GATEWAY).issue());
    let (status, answer) = ask(&gate, request("/generate", &tls)).await;
    assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &"missing_credential".into()));
    assert_eq!(world.record()["reason"], "missing_credential");
    let (status, _) =
        ask(&gate, with_credential(request("/generate", &TlsConnection::new()), &world.credential())).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let record = world.record();
    assert_eq!(record["reason"], "missing_certificate");
    assert_eq!(
        (&record["ran"]["peer"], &record["ran"]["authenticate"]),
        (&"refused".into(), &"not_reached".into())
    );
}

#[tokio::test]
async fn a_machine_alone_is_the_principal_on_a_route_for_machines() {
    let world = World::new();
    let gate = world.gate(world.rules().plan("machines"));
    let tls = world.shown(&world.prod.spiffe(GATEWAY).issue());
    let (status, answer) = ask(&gate, request("/internal", &tls)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!((&answer["who"], &answer["subject"]), (&GATEWAY.into(), &serde_json::Value::Null));
    assert_eq!(answer["method"], "certificate");
    let record = world.record();
    assert_eq!(
        (&record["plan"], &record["principal"]["credential"]),
        (&"machines".into(), &"certificate".into())
    );
    assert_eq!(record["principal"]["credential_id"], record["peer"]["fingerprint"]);
    assert_eq!(
        (&record["ran"]["peer"], &record["ran"]["authenticate"]),
        (&"passed".into(), &"skipped".into())
    );
}

#[tokio::test]
async fn a_credential_beside_a_machine_that_needs_none_is_refused() {
    let world = World::new();
    let gate = world.gate(world.rules());
    let tls = world.shown(&world.prod.spiffe(GATEWAY).issue());
    for credential in [world.credential(), "rubbish".to_owned()] {
        let (status, _) = ask(&gate, with_credential(request("/internal", &tls), &credential)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(world.record()["reason"], "ambiguous_credential");
    }
}

#[tokio::test]
async fn each_machine_has_limits_of_its_own() {
    let world = World::new();
    let gate = world.gate(world.rules().plan("machines"));
    let (a, b) = (
        world.prod.spiffe("spiffe://prod.test/a").issue(),
        world.prod.spiffe("spiffe://prod.test/b").issue(),
    );
    for machine in [&a, &b] {
        for expected in [StatusCode::OK, StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
            assert_eq!(ask(&gate, request("/internal", &world.shown(machine))).await.0, expected);
        }
    }
    // Another certificate of the same machine is the same machine.
    let renewed = world.prod.spiffe("spiffe://prod.test/a").issue();
    let (status, _) = ask(&gate, request("/internal", &world.shown(&renewed))).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_limit_for_each_workload_adds_up_what_users_do_through_it() {
    let world = World::new();
    let plan = Plan::new("shared").limit(Limit::requests(1, Per::Minute).per(Dimension::Workload));
    let gate = world.builder().plan(plan).peers(world.rules()).build().unwrap();
    let asks = async |machine: &str, user: &str| {
        let credential = world.issuer.credential(user).audience(super::world::AUDIENCE);
        let credential = credential.scope("generate:invoke").claim("plan", "shared").sign();
        let tls = world.shown(&world.prod.spiffe(machine).issue());
        ask(&gate, with_credential(request("/generate", &tls), &credential)).await.0
    };
    assert_eq!(asks("spiffe://prod.test/a", "alice").await, StatusCode::OK);
    assert_eq!(asks("spiffe://prod.test/a", "bob").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(asks("spiffe://prod.test/b", "bob").await, StatusCode::OK);
}

#[tokio::test]
async fn a_route_lets_in_only_the_machines_that_it_names() {
    let world = World::new();
    let gate = world.gate(world.rules());
    let enters = async |name: &str| {
        let tls = world.shown(&world.prod.spiffe(name).issue());
        ask(&gate, with_credential(request("/gateway", &tls), &world.credential())).await.0
    };
    assert_eq!(enters(GATEWAY).await, StatusCode::OK);
    assert_eq!(world.record()["decision"], "permitted");
    for name in ["spiffe://prod.test/ns/chat/sa/other", "spiffe://prod.test/ns/a/b/sa/gateway"] {
        assert_eq!(enters(name).await, StatusCode::FORBIDDEN, "{name}");
        let record = world.record();
        assert_eq!((&record["rule"], &record["peer"]["workload"]), (&"peer:route".into(), &name.into()));
        assert_eq!(record["cause"], format!("{name} is not one of the workloads of this route"));
    }
}

#[tokio::test]
async fn only_machines_that_the_rules_name_enter() {
    let world = World::new();
    let rules = PeerRules::new()
        .workload("spiffe://partner.test/agents/**".parse().unwrap())
        .workload("dns:*.db.test".parse().unwrap())
        .workload("uri:urn:machine:7".parse().unwrap());
    let gate = world.gate(rules);
    let enters = async |certificate: &portcullis::testing::Certificate| {
        ask(&gate, request("/internal", &world.shown(certificate))).await.0 == StatusCode::OK
    };
    assert!(enters(&world.partner.spiffe("spiffe://partner.test/agents/x/y").issue()).await);
    assert!(!enters(&world.partner.spiffe("spiffe://partner.test/agents").issue()).await);
    assert!(!enters(&world.partner.spiffe("spiffe://partner.test/other/x").issue()).await);
    assert!(!enters(&world.prod.spiffe("spiffe://prod.test/agents/x").issue()).await);
    assert!(enters(&world.others.dns("one.db.test").issue()).await);
    assert!(enters(&world.others.dns("cn.test").dns_name("two.db.test").issue()).await);
    assert!(!enters(&world.others.dns("one.two.db.test").issue()).await);
    assert!(!enters(&world.others.dns("db.test").issue()).await);
    assert!(enters(&world.others.person("cn").uri("urn:machine:7").issue()).await);
    assert!(!enters(&world.others.person("urn:machine:7").uri("urn:machine:8").issue()).await);
    // A common name is never looked at, and a SPIFFE ID leaves no room for another identity.
    assert!(!enters(&world.others.person("one.db.test").email("x@db.test").issue()).await);
    assert!(!enters(&world.prod.spiffe("spiffe://prod.test/x").dns_name("one.db.test").issue()).await);
}

#[tokio::test]
async fn what_one_gate_has_found_good_another_looks_at_itself() {
    let world = World::new();
    let tls = world.shown(&world.prod.spiffe(GATEWAY).issue());
    let open = world.gate(world.rules());
    let strict = world.gate(PeerRules::new().workload("spiffe://prod.test/other".parse().unwrap()));
    for _ in 0..2 {
        let asked = with_credential(request("/generate", &tls), &world.credential());
        assert_eq!(ask(&open, asked).await.0, StatusCode::OK);
        let asked = with_credential(request("/generate", &tls), &world.credential());
        assert_eq!(ask(&strict, asked).await.0, StatusCode::FORBIDDEN);
    }
}

#[test]
fn an_id_is_good_only_under_the_roots_of_its_own_trust_domain() {
    let world = World::new();
    for (authority, name) in [
        (&world.partner, "spiffe://prod.test/ns/chat/sa/gateway"),
        (&world.prod, "spiffe://partner.test/x"),
        (&world.others, "spiffe://prod.test/x"),
        (&world.prod, "spiffe://unknown.test/x"),
    ] {
        let forged = authority.spiffe(name).issue();
        assert!(world.bundles.verify_client(forged.chain(), world.clock.now()).is_err(), "{name}");
    }
    let host = world.prod.dns("one.db.test").issue();
    assert!(world.bundles.verify_client(host.chain(), world.clock.now()).is_err());
}

#[tokio::test]
async fn a_certificate_that_ends_is_refused_on_the_next_request_of_its_connection() {
    let world = World::new();
    let gate = world.gate(world.rules());
    let tls = world.shown(&world.prod.spiffe(GATEWAY).lifetime(HOUR).issue());
    assert_eq!(ask(&gate, request("/internal", &tls)).await.0, StatusCode::OK);
    world.record();
    world.clock.advance(HOUR);
    assert_eq!(
        ask(&gate, request("/internal", &tls)).await.0,
        StatusCode::OK,
        "the last second is part of it"
    );
    world.record();
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(ask(&gate, request("/internal", &tls)).await.0, StatusCode::FORBIDDEN);
    let record = world.record();
    assert_eq!(
        (&record["reason"], &record["rule"]),
        (&"invalid_certificate".into(), &"peer:validity".into())
    );
    assert_eq!(record["peer"]["workload"], GATEWAY, "the record says whose it was");
    // A clock that was set back: it does not hold yet.
    world.clock.set(UnixTime::from_secs(1_700_000_000));
    assert_eq!(ask(&gate, request("/internal", &tls)).await.0, StatusCode::FORBIDDEN);
    assert_eq!(world.record()["cause"], "the certificate does not hold yet");
}

#[tokio::test]
async fn what_is_revoked_is_refused_on_the_next_request_of_its_connection() {
    let world = World::new();
    let certificate = || world.prod.spiffe(GATEWAY).issue();
    let revoke: [fn(&Revocations, &TlsConnection); 3] = [
        |list, tls| list.revoke_fingerprint(*tls.peer_certificate().unwrap().fingerprint()),
        |list, tls| {
            let certificate = tls.peer_certificate().unwrap();
            list.revoke_serial(certificate.issuer(), certificate.serial());
        },
        |list, _| list.revoke_workload(&GATEWAY.parse().unwrap()),
    ];
    for (number, revoke) in revoke.into_iter().enumerate() {
        let revocations = Revocations::new();
        let gate = world.gate(world.rules().revocations(revocations.clone()));
        let (tls, other) = (world.shown(&certificate()), world.shown(&certificate()));
        assert_eq!(ask(&gate, request("/internal", &tls)).await.0, StatusCode::OK);
        revoke(&revocations, &tls);
        assert_eq!(ask(&gate, request("/internal", &tls)).await.0, StatusCode::FORBIDDEN);
        world.record();
        let record = world.record();
        assert_eq!(
            (&record["reason"], &record["rule"]),
            (&"invalid_certificate".into(), &"peer:revoked".into())
        );
        // Only a revoked name takes every certificate with it.
        let left = if number == 2 { StatusCode::FORBIDDEN } else { StatusCode::OK };
        assert_eq!(ask(&gate, request("/internal", &other)).await.0, left);
        world.record();
        revocations.restore_workload(&GATEWAY.parse().unwrap());
        assert_eq!(ask(&gate, request("/internal", &other)).await.0, StatusCode::OK);
        world.record();
    }
}

#[tokio::test]
async fn a_new_revocation_list_counts_on_connections_that_are_open() {
    let world = World::new();
    let folder = tempfile("crl");
    let list = folder.join("prod.crl");
    std::fs::write(&list, world.prod.crl()).unwrap();
    let bundles = TrustBundles::builder()
        .spiffe("prod.test", Pem::text(world.prod.pem()))
        .crl(&list)
        .clock(world.clock.shared())
        .build()
        .unwrap();
    let gate = world.gate(world.rules().bundles(bundles.clone()));
    let certificate = world.prod.spiffe(GATEWAY).issue();
    let tls = world.shown(&certificate);
    assert_eq!(ask(&gate, request("/internal", &tls)).await.0, StatusCode::OK);
    world.record();
    world.prod.revoke(&certificate);
    std::fs::write(&list, world.prod.crl()).unwrap();
    bundles.reload().unwrap();
    assert_eq!(ask(&gate, request("/internal", &tls)).await.0, StatusCode::FORBIDDEN);
    let cause = world.record()["cause"].as_str().unwrap().to_owned();
    assert!(cause.contains("revoked"), "{cause}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn certificates_that_live_too_long_are_refused() {
    let world = World::new();
    let gate = world.gate(world.rules().max_lifetime(HOUR));
    let enters = async |lifetime| {
        let tls = world.shown(&world.prod.spiffe(GATEWAY).lifetime(lifetime).issue());
        ask(&gate, request("/internal", &tls)).await.0
    };
    assert_eq!(enters(HOUR).await, StatusCode::OK);
    world.record();
    assert_eq!(enters(HOUR + Duration::from_secs(1)).await, StatusCode::FORBIDDEN);
    assert_eq!(world.record()["rule"], "peer:lifetime");
}

#[tokio::test]
async fn an_open_route_asks_for_no_certificate() {
    let world = World::new();
    let gate = world.gate(world.rules());
    let (status, answer) = ask(&gate, request("/healthz", &TlsConnection::new())).await;
    assert_eq!((status, &answer["who"]), (StatusCode::OK, &serde_json::Value::Null));
    assert_eq!(world.record()["ran"]["peer"], "skipped");
}

#[tokio::test]
async fn a_route_that_goes_without_certificates_still_holds_those_that_are_shown_to_account() {
    let world = World::new();
    let route = Route::get("/models").scope("generate:invoke").danger_without_certificate();
    let gate = world.builder().route(route).peers(world.rules()).build().unwrap();
    assert!(gate.posture().to_string().contains("WITHOUT A CERTIFICATE, TOO"));
    let asks = async |tls: &TlsConnection| {
        let mut asked = with_credential(request("/healthz", tls), &world.credential());
        *asked.uri_mut() = "/models".parse().unwrap();
        ask(&gate, asked).await
    };
    let (status, answer) = asks(&TlsConnection::new()).await;
    assert_eq!((status, &answer["machine"]), (StatusCode::OK, &serde_json::Value::Null));
    assert_eq!(world.record()["ran"]["peer"], "skipped");
    let gateway = world.shown(&world.prod.spiffe(GATEWAY).issue());
    assert_eq!(asks(&gateway).await.1["machine"], GATEWAY);
    let stranger = world.shown(&world.partner.spiffe("spiffe://partner.test/x").issue());
    assert_eq!(asks(&stranger).await.0, StatusCode::FORBIDDEN);
}

fn tempfile(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("portcullis-peer-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
