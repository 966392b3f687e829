//! How it is set up, from Rust and from a file.

use crate::site::{Site, seconds};
use portcullis::exchange::StepId;
use portcullis::gate::config::{Config, ConfigError};

#[test]
fn the_posture_says_until_when_answers_may_go_on() {
    let site = Site::new();
    let posture = site.builder().build().unwrap().posture().to_string();
    assert!(posture.contains("watch         expired or revoked credentials end their answers"), "{posture}");
    let gate = site.builder().credential_grace(seconds(30)).build().unwrap();
    assert!(gate.posture().enforces(StepId::Watch));
    assert!(gate.posture().to_string().contains("expired ones 30 s later"), "{}", gate.posture());
    let generation = site.builder().build().unwrap().posture().generation.clone();
    assert_ne!(gate.posture().generation, generation);
}

#[test]
fn a_grace_of_more_than_an_hour_and_a_grace_of_nothing_watched_are_refused_by_name() {
    let site = Site::new();
    let error = site.builder().credential_grace(seconds(3_601)).build().unwrap_err().to_string();
    assert_eq!(error, "credential_grace: grace: 3601 s is too long; choose at most 3600 s");
    let error = site.builder().credential_grace(seconds(1)).danger_without_watch().build().unwrap_err();
    assert!(error.to_string().starts_with("continuous verification: "), "{error}");
}

#[test]
fn a_gate_gives_out_the_list_that_it_was_given() {
    let site = Site::new();
    let gate = site.builder().build().unwrap();
    gate.revocations().revoke_key(&[1; 32]).unwrap();
    assert!(format!("{:?}", site.revocations).contains("credentials: 1"), "the one that it was given");
}

#[cfg(feature = "tls")]
#[test]
fn a_gate_and_its_rules_for_certificates_have_one_list() {
    use portcullis::peer::PeerRules;
    use portcullis::principal::Revocations;
    let site = Site::new();
    let rules = || PeerRules::new().trust_domain("prod.test".parse().unwrap());
    let error = site.builder().peers(rules().revocations(Revocations::new())).build().unwrap_err();
    assert!(error.to_string().starts_with("revocations: "), "{error}");
    site.builder().peers(rules().revocations(site.revocations.clone())).build().unwrap();
    site.builder().peers(rules()).build().unwrap();
}

fn parse(watch: &str) -> Result<Config, ConfigError> {
    Config::parse(&format!(
        r#"
        audit.danger_off = true
        danger_without_limits = true
        {watch}
        [[issuers]]
        issuer = "https://login.test"
        audiences = ["https://llm.test"]
        keys = [{{ kty = "OKP", crv = "Ed25519", x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }}]
        [[routes]]
        method = "GET"
        path = "/v1/models"
        scopes = ["models:read"]
        "#
    ))
}

#[test]
fn a_file_sets_the_grace_or_leaves_the_control_out() {
    let watch = |text: &str| {
        let gate = parse(text).unwrap().build().unwrap();
        let posture = gate.posture().to_string();
        posture.lines().find(|line| line.trim_start().starts_with("watch")).unwrap().to_owned()
    };
    assert!(watch("").contains("expired or revoked"), "{}", watch(""));
    assert!(watch("[watch]\ngrace = \"90s\"").contains("90 s later"));
    assert!(watch("[watch]\ndanger_off = true").contains("NOT ENFORCED"));
    for wrong in ["grace = \"2h\"", "grace = \"1s\"\ndanger_off = true", "grace = 3", "grase = \"1s\""] {
        let error = parse(&format!("[watch]\n{wrong}")).unwrap_err().to_string();
        assert!(error.contains("watch"), "{error}");
    }
}
