//! What a request is asked about, and how much.

use super::*;
use portcullis::authorize::{
    AccessRequest, Decided, Effect, Environment, PayloadSummary, Policy, Resource, Verdict,
};
use portcullis::principal::{AuthenticationMethod, Credential, Principal, Subject};
use std::num::NonZeroUsize;

fn subject(issuer: &str, name: &str) -> Principal {
    Principal::builder(Subject::new(issuer, name), Credential::new(AuthenticationMethod::Asserted)).build()
}

fn circumstances(bytes: u64) -> Environment<'static> {
    Environment::at(UnixTime::from_secs(1_800_000_000)).payload(PayloadSummary::of_bytes(bytes))
}

async fn verdict(policy: &AuthZenPolicy, who: &Principal, things: &[Resource<'_>], bytes: u64) -> Verdict {
    let request = AccessRequest::new(who, "generate", "/generate", circumstances(bytes)).touching(things);
    match policy.decide(&request) {
        Decided::Now(verdict) => verdict,
        Decided::Later(verdict) => verdict.await,
    }
}

fn asked_about(point: &DecisionPoint) -> Vec<String> {
    let mut all: Vec<String> = point
        .asked()
        .iter()
        .map(|(_, body)| {
            let of = |name: &str| body["resource"][name].as_str().unwrap().to_owned();
            format!("{}:{}", of("type"), of("id"))
        })
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn the_route_is_asked_about_beside_the_things_where_its_kind_is() {
    let point = DecisionPoint::start().await;
    let alice = subject("https://issuer.test", "alice");
    let things = [Resource::model("m")];
    point.permit(&["m"]);
    let all = point.policy();
    assert_eq!(verdict(&all, &alice, &things, 1).await.effect(), Effect::NoMatch);
    point.asked();
    point.permit(&["m", "/generate"]);
    assert!(verdict(&all, &alice, &things, 1).await.permits());
    assert_eq!(asked_about(&point), ["model:m", "route:/generate"]);
    let models = point.policy().kinds([ResourceKind::Model]);
    assert!(verdict(&models, &alice, &things, 1).await.permits());
    assert_eq!(asked_about(&point), ["model:m"]);
    // Something is always asked about.
    assert!(verdict(&models, &alice, &[Resource::tool("look")], 1).await.permits());
    assert_eq!(asked_about(&point), ["route:/generate"]);
}

#[tokio::test]
async fn one_request_takes_a_share_of_the_room_and_no_more() {
    let point = DecisionPoint::start().await;
    let alice = subject("https://issuer.test", "alice");
    let names: Vec<String> = (0..1_000).map(|n| format!("tool-{n}")).collect();
    let things: Vec<Resource<'_>> = names.iter().map(|name| Resource::tool(name.as_str())).collect();
    point.permit(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let policy = point.policy().kinds([ResourceKind::Tool]);
    assert!(verdict(&policy, &alice, &things[..32], 1).await.permits());
    assert_eq!(point.asked().len(), 32);
    for many in [33, 1_000] {
        let refused = verdict(&policy, &alice, &things[..many], 1).await;
        assert_eq!(refused.effect(), Effect::NoMatch);
        assert!(refused.cause().unwrap().contains("32 at most"), "{refused:?}");
        assert!(point.asked().is_empty());
    }
    let more = policy.questions_per_request(NonZeroUsize::new(33).unwrap());
    assert!(verdict(&more, &alice, &things[..33], 1).await.permits());
}

#[tokio::test]
async fn several_things_are_one_request_where_the_decision_point_takes_them_at_once() {
    let point = DecisionPoint::start().await;
    let alice = subject("https://issuer.test", "alice");
    let names = ["a", "b", "c"];
    let things = names.map(Resource::tool);
    point.permit(&names);
    let at_once =
        || point.policy().kinds([ResourceKind::Tool]).evaluations_endpoint(&format!("{}s", point.url));
    let policy = at_once().unwrap().remember_for(Duration::from_secs(60));
    assert!(policy.describe().contains("about several at once at http"), "{}", policy.describe());
    // One is a question as any other; what is remembered is not asked again.
    assert!(verdict(&policy, &alice, &things[..1], 1).await.permits());
    assert_eq!(asked_about(&point), ["tool:a"]);
    assert!(verdict(&policy, &alice, &things, 1).await.permits());
    let asked = point.asked();
    assert_eq!(asked.len(), 1);
    // §7.1: what they share stands once, and each has its resource.
    let (_, body) = &asked[0];
    assert_eq!(body["subject"]["id"], "https://issuer.test|alice");
    assert_eq!((&body["action"]["name"], &body["context"]["bytes"]), (&json!("generate"), &json!(1_024)));
    assert_eq!(
        body["evaluations"],
        json!([{ "resource": { "type": "tool", "id": "b" } }, { "resource": { "type": "tool", "id": "c" } }])
    );
    assert!(verdict(&policy, &alice, &things, 1).await.permits());
    assert!(point.asked().is_empty(), "all of it is remembered");
    point.permit(&["a", "c"]);
    let refused = verdict(&at_once().unwrap(), &alice, &things, 1).await;
    assert_eq!(refused.cause().map(|cause| &**cause), Some("the decision point refuses tool:b"));
    for answer in [
        r#"{"evaluations":[{"decision":true},{"decision":true}]}"#,
        r#"{"evaluations":[{"decision":true},{"decision":true},{"decision":true},{"decision":true}]}"#,
        r#"{"evaluations":[{"decision":true},{"decision":true},{"decision":"true"}]}"#,
        r#"{"evaluations":[{"decision":true},{"decision":true},{}]}"#,
        r#"{"evaluations":{"0":{"decision":true}}}"#,
        r#"{"decision":true}"#,
    ] {
        point.answer(Some((200, answer)));
        assert_eq!(
            verdict(&at_once().unwrap(), &alice, &things, 1).await.effect(),
            Effect::Error,
            "{answer}"
        );
    }
}

#[tokio::test]
async fn users_of_two_issuers_are_two_users_unless_said_otherwise() {
    let point = DecisionPoint::start().await;
    point.permit(&["m"]);
    let ids = async |policy: AuthZenPolicy| {
        let policy = policy.kinds([ResourceKind::Model]);
        for issuer in ["https://one.test", "https://two.test"] {
            assert!(verdict(&policy, &subject(issuer, "alice"), &[Resource::model("m")], 1).await.permits());
        }
        let asked = point.asked();
        asked.iter().map(|(_, body)| body["subject"]["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(point.policy()).await, ["https://one.test|alice", "https://two.test|alice"]);
    let alone = point.policy().danger_subject_without_issuer();
    assert!(alone.describe().contains("WITHOUT THE ISSUER"), "{}", alone.describe());
    assert_eq!(ids(alone).await, ["alice", "alice"]);
}

#[tokio::test]
async fn a_remembered_decision_holds_for_bodies_of_about_the_size_and_for_no_larger_one() {
    let point = DecisionPoint::start().await;
    let alice = subject("https://issuer.test", "alice");
    point.permit(&["m"]);
    let exact = point.policy().kinds([ResourceKind::Model]);
    let policy = exact.clone().remember_for(Duration::from_secs(60));
    let sizes = async |policy: &AuthZenPolicy, bytes: &[u64]| {
        for bytes in bytes {
            assert!(verdict(policy, &alice, &[Resource::model("m")], *bytes).await.permits());
        }
        let asked = point.asked();
        asked.iter().map(|(_, body)| body["context"]["bytes"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let bytes = [0, 1, 700, 1_024, 1_025, 2_048, 1_500, 1 << 20, (1 << 20) + 1, 900_000];
    assert_eq!(sizes(&policy, &bytes).await, [0, 1_024, 2_048, 1 << 20, 1 << 21]);
    assert_eq!(sizes(&exact, &bytes).await, bytes);
}
