//! `[trust]`, `[peer]`, and what routes say of machines.

use crate::Folder;
use portcullis::gate::Gate;
use portcullis::gate::config::{Config, ConfigErrorKind};
use portcullis::limit::{Per, Plan};
use portcullis::payload::PlainGenerate;
use portcullis::peer::{CertificateHeader, PeerRules, PersonRule, TlsProxies};
use portcullis::route::Route;
use portcullis::testing::{CertificateAuthority, Issuer};
use portcullis::trust::TrustBundles;
use std::time::Duration;

const PEERS: &str = r#"
[trust]
spiffe = { "prod.example" = "prod.pem" }
roots_file = "others.pem"
crl_files = ["prod.crl"]
danger_accept_stale_crls = true

[peer]
trust_domains = ["prod.example"]
workloads = ["spiffe://other.example/ns/*/sa/gateway", "dns:*.db.example"]
max_lifetime = "24h"
plan = "machines"

[[peer.people]]
authority_file = "others.pem"
subject_issuer = "https://people.example"
name = "upn"
domains = ["example.com"]
scopes = ["generate:invoke"]
plan = "machines"
tenant = "acme"

[peer.proxies]
header = "escaped-pem"
header_name = "ssl-client-cert"
workloads = ["spiffe://prod.example/ingress"]
danger_networks = ["10.0.0.0/8"]
"#;

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    let prod = CertificateAuthority::new("prod");
    folder.write("prod.pem", &prod.pem());
    folder.write("prod.crl", &prod.crl());
    folder.write("others.pem", &CertificateAuthority::new("others").pem());
    folder
}

#[test]
fn certificates_in_the_file_make_the_same_gate_as_the_calls() {
    let folder = folder("peers");
    let jwks = Issuer::new("https://login.example").jwks();
    folder.write("keys.json", &jwks);
    let file = folder.write(
        "gate.toml",
        &format!(
            "audit.danger_off = true\ndefault_plan = \"machines\"\n[edge]\ndanger_plaintext = true\n\
             [[issuers]]\nissuer = \"https://login.example\"\naudiences = [\"llm\"]\njwks_file = \"keys.json\"\n\
             [[routes]]\nmethod = \"POST\"\npath = \"/internal\"\ndialect = \"generate\"\nmachine_only = true\n\
             workloads = [\"spiffe://prod.example/ns/*/sa/gateway\"]\n\
             [[routes]]\nmethod = \"GET\"\npath = \"/models\"\nscopes = [\"models:read\"]\ndanger_without_certificate = true\n\
             [plans.machines]\nrequests = [{{ limit = 5, per = \"minute\", by = \"workload\" }}]\n{PEERS}"
        ),
    );
    let from_file = Gate::from_config_file(&file).unwrap();
    let path = |name: &str| folder.0.join(name);
    let bundles = TrustBundles::builder()
        .spiffe("prod.example", path("prod.pem"))
        .roots(path("others.pem"))
        .crl(path("prod.crl"))
        .danger_accept_stale_crls()
        .build()
        .unwrap();
    let header = CertificateHeader::escaped_pem(http::HeaderName::from_static("ssl-client-cert"));
    let from_calls = Gate::builder()
        .danger_without_audit()
        .default_plan("machines")
        .danger_plaintext()
        .issuer(
            portcullis::jwt::TrustedIssuer::new("https://login.example")
                .audience("llm")
                .keys(portcullis::jwt::JwksFile::open(path("keys.json")).unwrap()),
        )
        .route(
            Route::post("/internal")
                .dialect(PlainGenerate)
                .machine_only()
                .workloads(["spiffe://prod.example/ns/*/sa/gateway".parse().unwrap()]),
        )
        .route(Route::get("/models").scope("models:read").danger_without_certificate())
        .plan(Plan::new("machines").limit(
            portcullis::limit::Limit::requests(5, Per::Minute).per(portcullis::limit::Dimension::Workload),
        ))
        .peers(
            PeerRules::new()
                .trust_domain("prod.example".parse().unwrap())
                .workload("spiffe://other.example/ns/*/sa/gateway".parse().unwrap())
                .workload("dns:*.db.example".parse().unwrap())
                .max_lifetime(Duration::from_secs(24 * 60 * 60))
                .plan("machines")
                .bundles(bundles.clone())
                .person(
                    PersonRule::by_upn("https://people.example", path("others.pem"))
                        .domain("example.com")
                        .scope("generate:invoke")
                        .plan("machines")
                        .tenant("acme"),
                )
                .forwarded(
                    TlsProxies::new(header, bundles)
                        .workload("spiffe://prod.example/ingress".parse().unwrap())
                        .danger_network("10.0.0.0/8".parse().unwrap()),
                ),
        )
        .build()
        .unwrap();
    assert_eq!(from_file.posture().to_string(), from_calls.posture().to_string());
}

#[test]
fn what_is_wrong_about_certificates_is_refused_at_its_place() {
    let peer = "[peer]\ntrust_domains = [\"prod.example\"]\n";
    let trust = "[trust]\nroots_file = \"a\"\n";
    let route = "[[routes]]\nmethod = \"GET\"\npath = \"/a\"\n";
    for (text, message) in [
        (
            "[trust]\n".to_owned(),
            "line 1, column 1: trust: nobody would be believed: add spiffe = { \"prod.example\" = \"prod-roots.pem\" } or roots_file",
        ),
        (
            "[peer]\nplan = \"a\"\n".to_owned(),
            "line 1, column 1: peer: nobody may enter: add trust_domains = [\"prod.example\"], workloads = [\"spiffe://…\"] or people",
        ),
        (
            "[peer]\ntrust_domains = [\"PROD\"]\n".to_owned(),
            "line 2, column 18: peer.trust_domains[0]: \"PROD\": a trust domain holds only lower-case letters, digits, dots, dashes and underscores",
        ),
        (
            "[peer]\nworkloads = [\"spiffe://a\"]\n".to_owned(),
            "line 2, column 14: peer.workloads[0]: \"spiffe://a\": say which workloads: a path, or /** for all of the trust domain",
        ),
        (
            format!("{peer}max_lifetime = \"0s\"\n"),
            "line 3, column 16: peer.max_lifetime: must be greater than zero",
        ),
        (
            format!("{peer}[peer.proxies]\nheader = \"client-cert\"\nworkloads = [\"spiffe://a/b\"]\n"),
            "line 3, column 1: peer.proxies: what proxies hand on is verified against the roots in [trust]: add that section",
        ),
        (
            format!("{trust}{peer}[peer.proxies]\nheader = \"client-cert\"\n"),
            "line 5, column 1: peer.proxies: no proxy is believed: add workloads = [\"spiffe://…\"] with the name of its own certificate",
        ),
        (
            format!("{trust}{peer}[peer.proxies]\nheader = \"pem\"\n"),
            "line 6, column 10: peer.proxies.header: \"pem\" is not a form in which proxies hand on certificates; use \"client-cert\", \"x-forwarded-client-cert\" or \"escaped-pem\"",
        ),
        (
            format!(
                "{trust}{peer}[peer.proxies]\nheader = \"escaped-pem\"\nworkloads = [\"spiffe://a/b\"]\n"
            ),
            "line 5, column 1: peer.proxies: say in which header, as header_name = \"ssl-client-cert\"",
        ),
        (
            format!(
                "{trust}{peer}[peer.proxies]\nheader = \"client-cert\"\nheader_name = \"a\"\nworkloads = [\"spiffe://a/b\"]\n"
            ),
            "line 7, column 15: peer.proxies.header_name: only header = \"escaped-pem\" has a name of your choice",
        ),
        (
            format!("{route}machine_only = true\nscopes = [\"a\"]\n"),
            "line 4, column 16: routes[0].machine_only: only machines enter, by certificate, and scopes or open = true stand beside it; keep one of them",
        ),
        (
            format!("{route}open = true\nworkloads = [\"spiffe://a/b\"]\n"),
            "line 3, column 8: routes[0].path: a route that is open to everybody names workloads: drop them, or say .machine_only()",
        ),
    ] {
        assert_eq!(Config::parse(&text).unwrap_err().to_string(), message);
    }
}

#[test]
fn files_about_certificates_that_cannot_be_used_are_named() {
    let folder = folder("bad-peers");
    let gate = "audit.danger_off = true\ndanger_without_limits = true\n[[routes]]\nmethod = \"GET\"\npath = \"/a\"\nmachine_only = true\n";
    let error =
        |text: &str| Gate::from_config_file(folder.write("gate.toml", &format!("{gate}{text}"))).unwrap_err();
    let missing = error(
        "[trust]\nspiffe = { \"prod.example\" = \"none.pem\" }\n[peer]\ntrust_domains = [\"prod.example\"]\n",
    );
    assert!(matches!(missing.kind(), ConfigErrorKind::File { .. }), "{missing}");
    assert!(missing.to_string().contains("none.pem") && missing.line() == Some(7), "{missing}");
    let person = error(
        "[peer]\n[[peer.people]]\nauthority_file = \"prod.crl\"\nsubject_issuer = \"x\"\nname = \"email\"\n",
    );
    assert!(person.to_string().contains("prod.crl") && person.line() == Some(8), "{person}");
    let nobody = error("");
    assert_eq!(nobody.key(), "peer");
    assert!(nobody.to_string().contains("add [peer]"), "{nobody}");
}
