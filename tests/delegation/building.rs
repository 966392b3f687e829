//! Rules that cannot be used, from Rust and from a file.

use super::world::*;
use portcullis::Gate;
use portcullis::gate::GateErrorKind;
use portcullis::gate::config::Config;
use portcullis::principal::{ActorRule, Delegation};

#[test]
fn rules_that_cannot_work_are_errors_that_say_what_to_do() {
    let world = World::new();
    let bare = || ActorRule::new(ISSUER, "bare");
    for (delegation, words) in [
        (Delegation::new(), "nobody may act: add an actor"),
        (Delegation::new().actor(bare()), "the actor bare of https://sts.test has no right"),
        (delegation().actor(web()), "the actor web of https://sts.test stands there twice"),
        (delegation().max_actors(0), "choose 1 to 8"),
        (delegation().max_actors(9), "choose 1 to 8"),
        (Delegation::new().actor(ActorRule::new("", "x").scopes(["a"])), "an issuer and an identifier"),
    ] {
        let error = world.builder().danger_without_limits().delegation(delegation).build().unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let without_peers = Gate::builder()
        .issuer(world.issuer.trusted().audience(AUDIENCE))
        .route(portcullis::route::Route::get("/a").scope("a"))
        .danger_without_limits()
        .danger_without_audit()
        .delegation(delegation());
    assert!(matches!(without_peers.build().unwrap_err().kind(), GateErrorKind::ActorsWithoutPeers));
}

const FILE: &str = r#"
danger_without_limits = true
[audit]
danger_off = true
[[api_keys]]
sha256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
owner = "ada"
expires = "2099-01-31T12:00:00Z"
[[routes]]
method = "GET"
path = "/collections"
scopes = ["collections:read"]
subject_optional = true
[peer]
trust_domains = ["prod.test"]
[delegation]
max_actors = 2
[[delegation.actors]]
issuer = "https://sts.test"
id = "orchestrator"
workloads = ["spiffe://prod.test/ns/*/sa/orchestrator"]
scopes = ["collections:read"]
roles = ["reader"]
claims = ["/department"]
[[delegation.actors]]
issuer = "https://sts.test"
id = "web"
danger_every_right = true
"#;

#[test]
fn the_file_says_the_same() {
    let gate = Gate::from_config(FILE).unwrap();
    let posture = gate.posture().to_string();
    for words in [
        "orchestrator of https://sts.test, from spiffe://prod.test/ns/*/sa/orchestrator",
        "web of https://sts.test, behind another actor only, WITH EVERY RIGHT OF ITS SUBJECT",
        "scope collections:read, or a machine by certificate alone",
    ] {
        assert!(posture.contains(words), "{posture}");
    }
}

#[test]
fn errors_of_the_file_name_the_line() {
    for (from, to, line, words) in [
        (
            "scopes = [\"collections:read\"]\nroles = [\"reader\"]\nclaims = [\"/department\"]\n",
            "",
            18,
            "has no right",
        ),
        ("claims = [\"/department\"]", "claims = [\"department\"]", 18, "write /department"),
        ("id = \"web\"", "id = \"orchestrator\"", 24, "stands there twice"),
        ("max_actors = 2", "max_actors = 9", 18, "choose 1 to 8"),
        (
            "workloads = [\"spiffe://prod.test/ns/*/sa/orchestrator\"]",
            "workloads = [\"x\"]",
            21,
            "a pattern begins with",
        ),
        (
            "scopes = [\"collections:read\"]\nsubject_optional",
            "open = true\nsubject_optional",
            13,
            "require a scope",
        ),
    ] {
        let text = FILE.replacen(from, to, 1);
        assert_ne!(text, FILE, "{from}");
        let error = Config::parse(&text).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.line().is_some_and(|found| found.abs_diff(line) <= 1), "{line}: {error}");
    }
    let without = FILE
        .replace("[peer]\ntrust_domains = [\"prod.test\"]\n", "")
        .replace("subject_optional = true\n", "");
    let error = Gate::from_config(&without).unwrap_err();
    assert!(error.to_string().contains("actors are known by their certificates: add [peer]"), "{error}");
}
