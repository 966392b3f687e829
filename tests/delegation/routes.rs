//! Routes for users, for machines, and for both.

use super::world::*;
use http::{StatusCode, request};
use portcullis::exchange::Exchange;
use portcullis::gate::{GateBuilder, GateErrorKind};
use portcullis::jwt::{Authenticate, Authentication};
use portcullis::limit::Plan;
use portcullis::payload::PlainGenerate;
use portcullis::peer::PeerRules;
use portcullis::principal::{AuthenticationMethod, Credential, Principal, ScopeSet, Subject};
use portcullis::route::{Route, RouteErrorKind, RouteTable};
use serde_json::json;

fn both_may(world: &World) -> GateBuilder {
    let route = Route::post("/both").dialect(PlainGenerate).scope("hr:read").subject_optional();
    let rules = PeerRules::new().trust_domain("prod.test".parse().unwrap()).plan("machines");
    world
        .builder()
        .peers(rules)
        .route(route.workloads([ORCHESTRATOR.parse().unwrap()]))
        .plan(Plan::new("machines").danger_unlimited())
        .plan(Plan::new("wide").danger_unlimited())
        .default_plan("wide")
}

#[tokio::test]
async fn a_route_may_be_for_users_and_for_machines_that_ask_for_themselves() {
    let world = World::new();
    let gate = both_may(&world).build().unwrap();
    let alone = |workload: &str| {
        let mut request = request("/both", &world.from(workload), "");
        request.headers_mut().remove("authorization");
        request
    };
    let (status, answer) = ask(&gate, alone(ORCHESTRATOR)).await;
    assert_eq!((status, &answer["is_user"]), (StatusCode::OK, &json!(false)), "{answer}");
    assert_eq!((&answer["who"], &answer["plan"]), (&json!(ORCHESTRATOR), &json!("machines")));
    assert_eq!(world.record()["principal"]["credential"], "certificate");

    let by = |workload: &str, credential: &str| request("/both", &world.from(workload), credential);
    let (status, answer) = ask(&gate, by(ORCHESTRATOR, &world.credential([]))).await;
    assert_eq!((status, &answer["who"]), (StatusCode::OK, &json!("alice")));
    world.record();

    // A user still needs the scope, a machine must be one of the route's, and what is wrong with a credential is not forgiven.
    let narrow = world.credential([("scope", json!("generate:invoke"))]);
    assert_eq!(ask(&gate, by(ORCHESTRATOR, &narrow)).await.0, StatusCode::FORBIDDEN);
    assert_eq!(ask(&gate, by(ORCHESTRATOR, "x.y.z")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&gate, alone(BILLING)).await.0, StatusCode::FORBIDDEN);
    // Elsewhere a machine needs a user.
    let mut elsewhere = request("/hr", &world.from(ORCHESTRATOR), "");
    elsewhere.headers_mut().remove("authorization");
    assert_eq!(ask(&gate, elsewhere).await.0, StatusCode::UNAUTHORIZED);
    assert!(gate.posture().to_string().contains("scope hr:read, or a machine by certificate alone"));
}

#[tokio::test]
async fn a_credential_that_is_not_understood_gives_a_machine_no_rights_of_its_own() {
    let world = World::new();
    let gate = both_may(&world).build().unwrap();
    let shapes = [
        ("authorization", "Basic YWxpY2U6aHVudGVyMg=="),
        ("authorization", "Bearer"),
        ("authorization", "Bearer "),
        ("authorization", ""),
        ("authorization", "DPoP abc"),
        ("authorization", "abc"),
        ("x-api-key", "sk-alice"),
        ("x-api-key", ""),
        ("api-key", "sk-alice"),
        ("x-goog-api-key", "sk-alice"),
        ("dpop", "abc"),
    ];
    for (name, value) in shapes {
        let mut request = request("/both", &world.from(ORCHESTRATOR), "");
        request.headers_mut().remove("authorization");
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(ask(&gate, request).await.0, StatusCode::UNAUTHORIZED, "{name}: {value}");
        let record = world.record();
        assert_eq!((&record["reason"], &record["principal"]), (&json!("missing_credential"), &json!(null)));
    }
}

/// Knows alice by a password. What it does not know, it takes out and says nothing of.
#[derive(Debug)]
struct Passwords;

impl Authenticate for Passwords {
    fn authenticate(&self, parts: &mut request::Parts, _: &Exchange) -> Authentication {
        let Some(password) = parts.headers.get("authorization").cloned() else {
            return Authentication::Absent;
        };
        if password == "Basic YWxpY2U6aHVudGVyMg==" {
            let alice = Subject::new("passwords", "alice");
            let credential = Credential::new(AuthenticationMethod::Host);
            return Authentication::Known(
                Principal::builder(alice, credential).scopes(ScopeSet::parse("hr:read")).build(),
            );
        }
        parts.headers.remove("authorization");
        Authentication::Absent
    }
}

#[tokio::test]
async fn a_login_of_the_host_may_read_another_scheme_and_what_it_takes_out_is_still_no_machine() {
    let world = World::new();
    let gate = both_may(&world).authenticate(Passwords).build().unwrap();
    let with = |value: &str| {
        let mut request = request("/both", &world.from(ORCHESTRATOR), "");
        request.headers_mut().insert("authorization", value.parse().unwrap());
        request
    };
    let (status, answer) = ask(&gate, with("Basic YWxpY2U6aHVudGVyMg==")).await;
    assert_eq!((status, &answer["who"]), (StatusCode::OK, &json!("alice")), "{answer}");
    assert_eq!(ask(&gate, with("Basic bWFsbG9yeTp4")).await.0, StatusCode::UNAUTHORIZED);
    let mut alone = with("");
    alone.headers_mut().remove("authorization");
    let (status, answer) = ask(&gate, alone).await;
    assert_eq!((status, &answer["is_user"]), (StatusCode::OK, &json!(false)), "{answer}");
}

#[test]
fn a_route_that_lets_in_machines_and_users_says_which_users_and_asks_for_certificates() {
    let kind = |route: Route| RouteTable::new([route]).unwrap_err().kind().clone();
    assert_eq!(kind(Route::get("/a").open().subject_optional()), RouteErrorKind::SubjectOfNobody);
    assert_eq!(kind(Route::get("/a").machine_only().subject_optional()), RouteErrorKind::SubjectOfNobody);
    let login = Route::get("/a").scope("s").subject_optional().acr("strong");
    assert_eq!(kind(login), RouteErrorKind::LoginOfNobody);
    let gate = portcullis::Gate::builder()
        .issuer(World::new().issuer.trusted().audience(AUDIENCE))
        .route(Route::get("/a").scope("s").subject_optional())
        .danger_without_limits()
        .danger_without_audit();
    let error = gate.build().unwrap_err();
    assert!(matches!(error.kind(), GateErrorKind::MachinesWithoutPeers(_)), "{error}");
}
