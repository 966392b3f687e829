use super::world::{GATEWAY, World, ask, request, with_credential};
use http::StatusCode;
use portcullis::peer::{PeerErrorKind, PeerRules, PersonRule, RequirePeerLayer};
use portcullis::testing::Certificate;
use portcullis::trust::Pem;
use std::time::Duration;

fn staff(world: &World) -> PersonRule {
    PersonRule::by_email("https://people.test", Pem::text(world.others.pem()))
        .domain("example.com")
        .scope("generate:invoke")
        .plan("wide")
        .tenant("acme")
}

#[tokio::test]
async fn a_person_signs_in_by_certificate_and_needs_no_other_credential() {
    let world = World::new();
    // What holds for machines does not hold for people.
    let gate = world.gate(world.rules().max_lifetime(Duration::from_secs(60)).person(staff(&world)));
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    let alice = world.others.person("Alice").email("Alice@Example.COM").lifetime(year).issue();
    let (status, answer) = ask(&gate, request("/generate", &world.shown(&alice))).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(
        (&answer["who"], &answer["subject"]),
        (&"Alice@example.com".into(), &"https://people.test".into())
    );
    assert_eq!((&answer["method"], &answer["machine"]), (&"certificate".into(), &serde_json::Value::Null));
    let record = world.record();
    assert_eq!((&record["principal"]["tenant"], &record["plan"]), (&"acme".into(), &"wide".into()));
    assert_eq!(record["peer"]["workload"], serde_json::Value::Null);
    assert_eq!(record["principal"]["credential_id"], record["peer"]["fingerprint"]);
}

#[tokio::test]
async fn a_person_is_known_by_the_user_principal_name_of_a_smart_card() {
    let world = World::new();
    let rule =
        PersonRule::by_upn("https://people.test", Pem::text(world.others.pem())).scope("generate:invoke");
    let gate = world.gate(PeerRules::new().person(rule));
    // Cards have a URI for the security identifier, which makes no machine of a person.
    let card =
        world.others.person("Ava").upn("ava@corp.test").uri("tag:microsoft.com,2022-09-14:sid:S-1").issue();
    let (status, answer) = ask(&gate, request("/generate", &world.shown(&card))).await;
    assert_eq!((status, &answer["who"]), (StatusCode::OK, &"ava@corp.test".into()));
}

#[tokio::test]
async fn a_certificate_that_does_not_name_one_person_of_the_domain_is_refused() {
    let world = World::new();
    let gate = world.gate(world.rules().person(staff(&world)));
    let refused = async |certificate: Certificate| {
        let (status, _) = ask(&gate, request("/generate", &world.shown(&certificate))).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        world.record()["cause"].as_str().unwrap().to_owned()
    };
    let person = || world.others.person("Mallory");
    assert!(refused(person().email("m@example.org").issue()).await.contains("another domain"));
    assert!(refused(person().email("m@example.com.evil.test").issue()).await.contains("another domain"));
    assert!(refused(person().email("m@example.com@evil.test").issue()).await.contains("another domain"));
    assert!(
        refused(person().email("a@example.com").email("b@example.com").issue()).await.contains("one mail")
    );
    assert!(refused(person().upn("m@example.com").issue()).await.contains("one mail"));
    assert!(refused(person().issue()).await.contains("one mail"));
}

#[tokio::test]
async fn a_person_has_no_way_into_routes_for_machines_and_brings_no_second_credential() {
    let world = World::new();
    let gate = world.gate(world.rules().person(staff(&world)));
    let alice = world.shown(&world.others.person("Alice").email("alice@example.com").issue());
    for path in ["/internal", "/gateway"] {
        assert_eq!(ask(&gate, request(path, &alice)).await.0, StatusCode::FORBIDDEN);
        assert_eq!(world.record()["rule"], "peer:route");
    }
    let (status, _) = ask(&gate, with_credential(request("/generate", &alice), &world.credential())).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(world.record()["reason"], "ambiguous_credential");
}

#[tokio::test]
async fn nobody_becomes_a_person_but_by_the_issuer_that_the_rule_names() {
    let world = World::new();
    let elsewhere = portcullis::testing::CertificateAuthority::with_clock("elsewhere", world.clock.shared());
    let rule =
        PersonRule::by_email("https://people.test", Pem::text(elsewhere.pem())).scope("generate:invoke");
    let gate = world.gate(world.rules().person(rule));
    let alice = world.others.person("Alice").email("alice@example.com").issue();
    assert_eq!(ask(&gate, request("/generate", &world.shown(&alice))).await.0, StatusCode::FORBIDDEN);
    // Whoever has a SPIFFE ID is a machine, with whatever else in its certificate, so that it needs a credential here.
    let rule =
        PersonRule::by_email("https://people.test", Pem::text(world.prod.pem())).scope("generate:invoke");
    let gate = world.gate(world.rules().person(rule));
    let machine = world.prod.spiffe(GATEWAY).email("alice@example.com").issue();
    assert_eq!(ask(&gate, request("/generate", &world.shown(&machine))).await.0, StatusCode::UNAUTHORIZED);
}

#[test]
fn rules_about_people_that_cannot_work_are_errors_when_the_layer_is_built() {
    let world = World::new();
    let error = |rule: PersonRule| {
        let layer = RequirePeerLayer::builder(PeerRules::new().person(rule)).build();
        layer.unwrap_err().kind
    };
    assert!(matches!(error(staff(&world).domain("@example.com")), PeerErrorKind::Person(_)));
    assert!(matches!(
        error(PersonRule::by_email("", Pem::text(world.others.pem()))),
        PeerErrorKind::Person(_)
    ));
    assert!(matches!(error(PersonRule::by_email("x", "/no/such/file.pem")), PeerErrorKind::Issuer(_)));
    let leaf = world.others.person("Alice").email("a@b.c").issue();
    let error = error(PersonRule::by_email("x", Pem::text(leaf.chain_pem())));
    assert!(error.to_string().contains("not an authority"), "{error}");
}
