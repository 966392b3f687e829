//! Routes for users, for machines, and for both.

use super::world::*;
use http::StatusCode;
use portcullis::gate::{GateBuilder, GateErrorKind};
use portcullis::limit::Plan;
use portcullis::payload::PlainGenerate;
use portcullis::peer::PeerRules;
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
