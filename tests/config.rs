//! The gate from TOML: the same gate as from Rust, and errors that say where and what to do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

#[cfg(feature = "tls")]
#[path = "config/certificates.rs"]
mod certificates;
#[path = "config/errors.rs"]
mod errors;

use http::Method;
use portcullis::Gate;
use portcullis::audit::{AuditEntry, AuditLog, JsonLines, WhenFull};
use portcullis::clock::UnixTime;
use portcullis::gate::GateBuilder;
use portcullis::gate::config::{Config, ConfigErrorKind};
use portcullis::inspect::Inspection;
use portcullis::jose::Algorithm;
use portcullis::jwt::JwksFile;
use portcullis::limit::{Dimension, FloodQuota, Limit, Per, Plan};
use portcullis::payload::{
    AnthropicMessages, Category, OpenAiChat, OpenAiResponses, PlainGenerate, Severity, UnknownFields,
    UrlPolicy,
};
use portcullis::route::Route;
use portcullis::testing::Issuer;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A folder of one test's own, gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("portcullis-config-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const ISSUER: &str = "[[issuers]]\nissuer = \"https://login.test\"\naudiences = [\"https://llm.test\"]\n";

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/generate.toml")
}

fn log() -> AuditLog {
    AuditLog::builder().sink(|_: &AuditEntry| {}).start().unwrap()
}

#[test]
fn the_example_builds_what_the_same_calls_build() {
    let text = std::fs::read_to_string(example()).unwrap().replace("../audit.jsonl", "audit.jsonl");
    let folder = Folder::new("example");
    let issuer = Issuer::new("https://issuer.test").trusted().audience("https://llm.test");

    let config = Config::parse(&text).unwrap().relative_to(&folder.0);
    assert_eq!(config.issuers().count(), 0, "the example's program brings an issuer of its own");
    let from_text = config.into_builder().unwrap().issuer(issuer.clone()).build().unwrap();

    let generate = |path: &str| Route::post(path).scope("generate:invoke");
    let from_calls = Gate::builder()
        .audit(log())
        .issuer(issuer)
        .accept_api_key_header()
        .credential_grace(std::time::Duration::from_secs(30))
        .route(generate("/generate").dialect(PlainGenerate))
        .route(generate("/v1/chat/completions").dialect(OpenAiChat))
        .route(generate("/v1/messages").dialect(AnthropicMessages))
        .open(Method::GET, "/healthz")
        .plan(Plan::new("free").requests(20, Per::Minute).usage(10_000, Per::Minute))
        .plan(
            Plan::new("enterprise")
                .requests(600, Per::Minute)
                .limit(Limit::requests(2_000, Per::Minute).per(Dimension::Tenant))
                .usage(500_000, Per::Minute),
        )
        .build()
        .unwrap();
    assert_eq!(from_text.posture().to_string(), from_calls.posture().to_string());
}

/// Everything that differs from the defaults, in both ways.
fn unusual(folder: &Folder) -> (PathBuf, GateBuilder) {
    let jwks = Issuer::new("https://a.test").jwks();
    let keys = folder.write("keys.json", &jwks);
    let text = r#"
default_plan = "free"
output_cap = 77
danger_observe = "2027-01-31T12:00:00Z"

[audit]
file = "records.jsonl"
when_full = "count_and_drop"
capacity = 12

[[issuers]]
issuer = "https://a.test"
audiences = ["https://llm.test", "llm"]
jwks_file = "keys.json"
algorithms = ["EdDSA", "ES256"]
scope_claim = "/scopes"
application_claim = "/app"
plan_claim = "/plan"
tenant_claim = "/tid"
roles_claim = "/realm_access/roles"
max_lifetime = "1h"
leeway = "5s"
require_access_token_type = true

[authentication]
accept_api_key_header = true
keep_credential = true

[[routes]]
method = "PUT"
path = "/v1/{name}"
dialect = "openai-chat"
action = "ask"
scopes = ["a", "b"]
acr = ["urn:mfa", "urn:key"]
max_age = "15m"
default_output_cap = 9
allow_encoded_slashes = true
unknown_fields = "pass"
urls = ["images.example.com", "*.cdn.example.net"]
danger_credentials_in_body = true
danger_opaque_answer = { types = ["audio/mpeg", "Audio/WAV"], max_bytes = "3 KiB" }
danger_observe = 2027-01-31T13:00:00.5+01:00

[[routes]]
method = "POST"
path = "/v1/speech"
scopes = ["a"]
danger_opaque_body = { types = ["audio/mpeg"], max_bytes = 7 }

[[routes]]
method = "POST"
path = "/v1/responses"
dialect = "openai-responses"
scopes = ["a"]
unknown_fields = "strip"
danger_urls_of_any_public_name = true

[plans.paid]
usage = [{ limit = 9, per = "day", by = "tenant" }, { limit = 8, per = "second", by = "application" }]
requests = [{ limit = 7, per = "hour", by = "address" }, { limit = 6, per = "minute", by = "plan" }]
output_cap = 3

[plans.free]
danger_unlimited = true

[flood]
requests = 3
per = "minute"
burst = 2
addresses = 128

[inspection]
injection.override = "block_from_medium"
injection.persona = "flag"
injection.marker = "danger_off"

[body]
max_bytes = "2 KiB"
max_time = "1500ms"
min_bytes_per_second = 99
max_bytes_of_one_caller = "4 KiB"
max_bytes_of_all = "8 KiB"

[answer]
event = 4096
whole = "1 MiB"

[edge]
allowed_hosts = ["llm.example.com"]
allowed_origins = ["https://app.example.com"]
max_header_bytes = "8 KiB"

[proxies]
trusted = ["10.0.0.0/8", "::1"]
"#;
    let issuer = portcullis::jwt::TrustedIssuer::new("https://a.test")
        .audience("https://llm.test")
        .audience("llm")
        .keys(JwksFile::open(keys).unwrap())
        .algorithms([Algorithm::EdDsa, Algorithm::Es256])
        .scope_claim("/scopes")
        .application_claim("/app")
        .plan_claim("/plan")
        .tenant_claim("/tid")
        .roles_claim("/realm_access/roles")
        .max_lifetime(Duration::from_secs(3_600))
        .leeway(Duration::from_secs(5))
        .require_access_token_type();
    let paid = Plan::new("paid")
        .limit(Limit::requests(7, Per::Hour).per(Dimension::Address))
        .limit(Limit::requests(6, Per::Minute).per(Dimension::Plan))
        .limit(Limit::usage(9, Per::Day).per(Dimension::Tenant))
        .limit(Limit::usage(8, Per::Second).per(Dimension::Application))
        .output_cap(3);
    let log = AuditLog::builder()
        .sink(JsonLines::append(folder.0.join("records.jsonl")).unwrap())
        .when_full(WhenFull::CountAndDrop)
        .capacity(12);
    let noon = UnixTime::from_secs(1_801_396_800);
    let urls = UrlPolicy::none().host("images.example.com").unwrap().hosts_under("cdn.example.net").unwrap();
    let route = Route::new(Method::PUT, "/v1/{name}")
        .acr("urn:mfa")
        .acr("urn:key")
        .max_age(Duration::from_secs(900))
        .dialect(OpenAiChat)
        .action("ask")
        .allow_encoded_slashes()
        .unknown_fields(UnknownFields::Pass)
        .urls(urls)
        .danger_credentials_in_body()
        .danger_opaque_answer(["audio/mpeg", "audio/wav"], 3_072)
        .danger_observe(noon.saturating_add(Duration::from_millis(500)));
    let speech = Route::post("/v1/speech").scope("a").danger_opaque_body(["audio/mpeg"], 7);
    let responses = Route::post("/v1/responses")
        .dialect(OpenAiResponses)
        .scope("a")
        .unknown_fields(UnknownFields::Strip)
        .urls(UrlPolicy::none().danger_any_public_name());
    let inspection = Inspection::builder()
        .block(Category::Override, Severity::Medium)
        .flag(Category::Persona)
        .danger_off(Category::Marker)
        .build();
    let edge = portcullis::exchange::EdgeRules::default()
        .allowed_hosts(["llm.example.com"])
        .and_then(|rules| rules.allowed_origins(["https://app.example.com"]))
        .unwrap();
    let builder = Gate::builder()
        .edge(edge.max_header_bytes(8_192))
        .default_plan("free")
        .output_cap(77)
        .audit(log.start().unwrap())
        .issuer(issuer)
        .accept_api_key_header()
        .keep_credential()
        .danger_observe(noon)
        .route(route.scope("a").scope("b").default_output_cap(9))
        .route(speech)
        .route(responses)
        .plan(paid)
        .plan(Plan::new("free").danger_unlimited())
        .flood(FloodQuota::new(3, Per::Minute).burst(2).addresses(128))
        .inspection(inspection)
        .max_body_bytes(2_048)
        .max_body_time(Duration::from_millis(1_500))
        .min_body_bytes_per_second(99)
        .max_body_bytes_at_once(4_096, 8_192)
        .answer_limits(portcullis::payload::EventLimits::default().with_event(4_096).with_whole(1_048_576))
        .trusted_proxies(["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()]);
    (folder.write("gate.toml", text), builder)
}

/// A builder as `Debug` shows it, without what differs from one process or moment to the next.
fn shown(builder: &GateBuilder) -> String {
    let text = format!("{builder:#?}");
    let moving = ["clock", "elapsed", "next_look", "modified", "origin", "tv_"];
    text.lines().filter(|line| !moving.iter().any(|word| line.contains(word))).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_setting_reaches_the_builder() {
    let folder = Folder::new("every");
    let (file, from_calls) = unusual(&folder);
    let from_file = Config::read(file).unwrap().into_builder().unwrap();
    assert_eq!(shown(&from_file), shown(&from_calls));
    let (from_file, from_calls) = (from_file.build().unwrap(), from_calls.build().unwrap());
    assert_eq!(from_file.posture().to_string(), from_calls.posture().to_string());
    assert_eq!(from_file.posture().generation, from_calls.posture().generation);
    let posture = from_file.posture().to_string();
    for line in [
        "OBSERVES ONLY: NOTHING IS REFUSED UNTIL 2027-01-31T12:00:00Z",
        "scope a b; acr urn:mfa or urn:key; login at most 900 s old; ANSWERS UNREAD: audio/mpeg, audio/wav, at most 3072 bytes; unknown fields: pass; \
         URLs: images.example.com, *.cdn.example.net; CREDENTIALS IN BODIES; OBSERVED ONLY, NOTHING IS REFUSED UNTIL",
        "scope a; BODIES UNREAD: audio/mpeg, at most 7 bytes",
        "scope a; unknown fields: strip; URLs: any public name",
    ] {
        assert!(posture.contains(line), "{line}: {posture}");
    }
}

#[test]
fn what_shall_be_missing_is_missing() {
    let jwks = Issuer::new("https://login.test").jwks();
    let gate = Gate::from_config(&format!(
        "danger_without_limits = true\naudit.danger_off = true\nflood.danger_off = true
inspection.danger_off = true\n{ISSUER}keys = '{jwks}'
[[routes]]\nmethod = \"GET\"\npath = \"/\"\nscopes = [\"read\"]\n"
    ))
    .unwrap();
    let off: Vec<&str> = gate
        .posture()
        .controls
        .iter()
        .filter(|control| !control.is_enforced())
        .map(|control| control.step.as_str())
        .collect();
    assert_eq!(
        off,
        ["audit", "flood", "peer", "requests", "models", "protect", "inspect", "policy", "usage"]
    );
}

#[test]
fn a_danger_that_is_false_changes_nothing() {
    let text = "danger_without_limits = false\n[flood]\nrequests = 1\nper = \"hour\"\ndanger_off = false\n";
    assert!(Config::parse(text).is_ok());
}

#[test]
fn keys_in_the_file_are_a_string_a_table_or_a_list() {
    let (x, other) = ("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kty = \"OKP\", crv = \"Ed25519\"");
    for keys in [
        format!("keys = '{{\"keys\":[{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"{x}\"}}]}}'"),
        format!("keys = {{ keys = [{{ {other}, x = \"{x}\" }}] }}"),
        format!("keys = [{{ {other}, x = \"{x}\" }}]"),
        format!("[[issuers.keys]]\nkty = \"OKP\"\ncrv = \"Ed25519\"\nx = \"{x}\""),
    ] {
        let config = Config::parse(&format!("{ISSUER}{keys}\n")).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.issuers().collect::<Vec<_>>(), ["https://login.test"]);
        assert!(format!("{:?}", config.into_builder().unwrap()).contains("Ed25519"), "{keys}");
    }
}

#[test]
fn parsing_opens_no_file_and_a_missing_one_is_named_with_its_folder() {
    let folder = Folder::new("missing");
    let text = format!("[audit]\nfile = \"records.jsonl\"\n{ISSUER}jwks_file = \"keys/none.json\"\n");
    let file = folder.write("gate.toml", &text);
    assert!(Config::parse(&text).is_ok());

    let error = Config::read(&file).unwrap().into_builder().unwrap_err();
    let keys = folder.0.join("keys/none.json");
    let expected = format!(
        "{}: line 6, column 13: issuers[0].jwks_file: the key file {} cannot be used: No such file or directory (os error 2)",
        file.display(),
        keys.display()
    );
    assert_eq!(error.to_string(), expected);
    assert!(matches!(error.kind(), ConfigErrorKind::File { path, .. } if *path == keys));
    assert!(!folder.0.join("records.jsonl").exists(), "nothing is made when the configuration fails");
}

#[test]
fn an_audit_file_that_cannot_be_opened_is_named() {
    let folder = Folder::new("audit");
    let file = folder.write("gate.toml", "[audit]\nfile = \"no/such/folder/records.jsonl\"\n");
    let error = Config::read(&file).unwrap().into_builder().unwrap_err();
    assert_eq!((error.line(), error.column(), error.key()), (Some(2), Some(8), "audit.file"));
    assert!(
        error.to_string().contains(&*folder.0.join("no/such/folder/records.jsonl").to_string_lossy()),
        "{error}"
    );
}

#[test]
fn a_configuration_that_cannot_be_read_is_named() {
    let folder = Folder::new("unreadable");
    let error = Gate::from_config_file(folder.0.join("none.toml")).unwrap_err();
    assert!(matches!(error.kind(), ConfigErrorKind::Unreadable(_)));
    assert!(
        error.to_string().starts_with(&format!("{}: cannot be read: ", folder.0.join("none.toml").display())),
        "{error}"
    );
    let long = folder.write("long.toml", &"#".repeat(1024 * 1024 + 1));
    assert!(Config::read(long).unwrap_err().to_string().ends_with("cannot be read: longer than 1 MiB"));
}

#[test]
fn what_a_gate_misses_is_said_in_the_words_of_the_file() {
    let missing = |text: &str| Gate::from_config(text).unwrap_err().to_string();
    assert_eq!(
        missing(""),
        "routes: add [[routes]] with method, path and scopes; what no route names is refused"
    );
    let route = "[[routes]]\nmethod = \"GET\"\npath = \"/\"\nopen = true\n";
    assert_eq!(
        missing(&format!("danger_without_limits = true\n{route}")),
        "audit: add [audit] with file = \"audit.jsonl\", or danger_off = true to keep no records"
    );
    assert_eq!(
        missing(&format!("audit.danger_off = true\n{route}")),
        "plans: add [plans.free] with requests and usage, or danger_without_limits = true"
    );
    assert_eq!(
        missing(&format!("audit.danger_off = true\ndanger_without_limits = true\n{route}")),
        "issuers: add [[issuers]] with issuer, audiences and discovery, jwks_url, jwks_file or keys"
    );
}
