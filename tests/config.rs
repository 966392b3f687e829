//! The gate from TOML: the same gate as from Rust, and errors that say where and what to do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use http::Method;
use portcullis::Gate;
use portcullis::audit::{AuditEntry, AuditLog, JsonLines, WhenFull};
use portcullis::gate::GateBuilder;
use portcullis::gate::config::{Config, ConfigErrorKind};
use portcullis::inspect::Inspection;
use portcullis::jose::Algorithm;
use portcullis::jwt::JwksFile;
use portcullis::limit::{Dimension, FloodQuota, Limit, Per, Plan};
use portcullis::payload::{AnthropicMessages, Category, OpenAiChat, PlainGenerate, Severity};
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

fn refusal(text: &str) -> String {
    Config::parse(text).unwrap_err().to_string()
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

[[routes]]
method = "PUT"
path = "/v1/{name}"
dialect = "openai-chat"
action = "ask"
scopes = ["a", "b"]
default_output_cap = 9

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

[answer]
event = 4096
whole = "1 MiB"

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
    let route = Route::new(Method::PUT, "/v1/{name}").dialect(OpenAiChat).action("ask");
    let inspection = Inspection::builder()
        .block(Category::Override, Severity::Medium)
        .flag(Category::Persona)
        .danger_off(Category::Marker)
        .build();
    let builder = Gate::builder()
        .default_plan("free")
        .output_cap(77)
        .audit(log.start().unwrap())
        .issuer(issuer)
        .accept_api_key_header()
        .route(route.scope("a").scope("b").default_output_cap(9))
        .plan(paid)
        .plan(Plan::new("free").danger_unlimited())
        .flood(FloodQuota::new(3, Per::Minute).burst(2).addresses(128))
        .inspection(inspection)
        .max_body_bytes(2_048)
        .max_body_time(Duration::from_millis(1_500))
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
    assert_eq!(off, ["audit", "flood", "requests", "inspect", "usage"]);
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
fn what_is_no_toml_is_refused_at_its_place() {
    assert_eq!(
        refusal("[audit]\nfile = \"records\n"),
        "line 2, column 16: audit.file: invalid basic string, expected `\"`"
    );
    assert_eq!(
        refusal("[flood]\nburst = 1\nper = \"day\"\nburst = 2\n"),
        "line 4, column 1: flood.burst: `burst` stands here twice; keep one of them"
    );
    assert_eq!(
        refusal("[plans.free]\n[plans.paid]\n[plans.free]\n"),
        "line 3, column 8: plans.free: `free` stands here twice; keep one of them"
    );
}

#[test]
fn an_unknown_key_is_refused_with_those_there_are() {
    assert_eq!(
        refusal("[audit]\nfile = \"a\"\nwhenfull = \"refuse\"\n"),
        "line 3, column 1: audit.whenfull: unknown key `whenfull`, expected one of `file`, `when_full`, `capacity`, `danger_off`"
    );
    assert_eq!(
        refusal("[plans.free]\nrequests = [{ limit = 1, per = \"day\", subject = 1 }]\n"),
        "line 2, column 39: plans.free.requests[0].subject: unknown key `subject`, expected one of `limit`, `per`, `by`"
    );
    assert_eq!(
        refusal("[body]\nmax_time = \"1s\"\ndefault_plan = \"free\"\n"),
        "line 3, column 1: body.default_plan: unknown key `default_plan`, expected `max_bytes` or `max_time`; as a key of the whole file it stands above the first [section]"
    );
    assert!(
        refusal("\n[adit]\n").starts_with("line 2, column 2: adit: unknown key `adit`, expected one of ")
    );
}

#[test]
fn a_missing_key_is_named_at_its_section() {
    assert_eq!(
        refusal("\n[[routes]]\npath = \"/\"\n"),
        "line 2, column 1: routes[0]: add the key `method`, which is needed"
    );
    assert_eq!(
        refusal("[plans.free]\nusage = [\n  { limit = 5, per = \"hour\" },\n  { limit = 5 },\n]\n"),
        "line 4, column 3: plans.free.usage[1]: add the key `per`, which is needed"
    );
}

#[test]
fn a_value_of_another_type_is_refused() {
    for (text, message) in [
        ("audit = 3", "line 1, column 9: audit: invalid type: integer `3`, expected a table"),
        (
            "[audit]\ncapacity = \"much\"",
            "line 2, column 12: audit.capacity: invalid type: string \"much\", expected a whole number, at least 1",
        ),
        ("[audit]\ncapacity = -1", "line 2, column 12: audit.capacity: must be at least 1"),
        (
            "[flood]\nrequests = 5_000_000_000",
            "line 2, column 12: flood.requests: 5000000000 is too large; choose less",
        ),
        (
            "[flood]\nper = 60",
            "line 2, column 7: flood.per: invalid type: integer `60`, expected a period, as a string",
        ),
        (
            "[[routes]]\nmethod = \"GET\"\npath = \"/\"\nopen = \"yes\"",
            "line 4, column 8: routes[0].open: invalid type: string \"yes\", expected a boolean",
        ),
        ("plans = [1]", "line 1, column 9: plans: invalid type: sequence, expected a map"),
        (
            "[body]\nmax_bytes = 1.5",
            "line 2, column 13: body.max_bytes: invalid type: floating point `1.5`, expected a number of bytes, such as 1048576 or \"1 MiB\"",
        ),
    ] {
        assert_eq!(refusal(text), message);
    }
}

#[test]
fn a_word_that_is_not_one_is_refused_with_those_there_are() {
    for (text, message) in [
        (
            "[plans.free]\nrequests = [{ limit = 20, per = \"minit\" }]",
            "line 2, column 33: plans.free.requests[0].per: \"minit\" is not a period; use \"second\", \"minute\", \"hour\" or \"day\"",
        ),
        (
            "[plans.\"a b\"]\nusage = [{ limit = 20, per = \"day\", by = \"user\" }]",
            "line 2, column 42: plans.\"a b\".usage[0].by: \"user\" is not what a limit adds up over; use \"subject\", \"tenant\", \"application\", \"address\" or \"plan\"",
        ),
        (
            "[audit]\nwhen_full = \"drop\"",
            "line 2, column 13: audit.when_full: \"drop\" is not what happens when the log is full; use \"refuse\" or \"count_and_drop\"",
        ),
        (
            "[[issuers]]\nalgorithms = [\"EdDSA\", \"HS256\"]",
            "line 2, column 24: issuers[0].algorithms[1]: \"HS256\" is not an algorithm for signatures that is accepted here; use \"EdDSA\", \"ES256\", \"ES384\", \"PS256\", \"PS384\", \"PS512\", \"RS256\", \"RS384\" or \"RS512\"",
        ),
        (
            "[[routes]]\nmethod = \"post\"",
            "line 2, column 10: routes[0].method: \"post\" is not a method of HTTP that a route can have; use \"GET\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\", \"HEAD\" or \"OPTIONS\"",
        ),
        (
            "[[routes]]\ndialect = \"openai\"",
            "line 2, column 11: routes[0].dialect: \"openai\" is not a dialect; use \"openai-chat\", \"openai-responses\", \"anthropic-messages\", \"ollama-generate\", \"ollama-chat\", \"generate\" or \"json\"",
        ),
        (
            "[inspection]\ninjection.overide = \"flag\"",
            "line 2, column 11: inspection.injection.overide: \"overide\" is not a category of injection; use \"override\", \"extraction\", \"persona\", \"indirect\", \"marker\" or \"optimised\"",
        ),
        (
            "[inspection]\ninjection.persona = \"off\"",
            "line 2, column 21: inspection.injection.persona: \"off\" is not what a finding leads to; use \"block\", \"block_from_medium\", \"flag\" or \"danger_off\"",
        ),
        (
            "[proxies]\ntrusted = [\"10.0.0.0/8\", \"10.0.0.1/8\"]",
            "line 2, column 26: proxies.trusted[1]: \"10.0.0.1/8\" is not a network: write an address with a prefix whose other bits are zero, such as \"10.0.0.0/8\" or \"2001:db8::/32\"",
        ),
        (
            "[body]\nmax_time = \"30\"",
            "line 2, column 12: body.max_time: \"30\" is not a duration; write a whole number and its unit, such as \"500ms\", \"30s\", \"15m\", \"24h\" or \"1d\"",
        ),
        (
            "[body]\nmax_time = \"400d\"",
            "line 2, column 12: body.max_time: longer than 366 days; choose less",
        ),
        ("[body]\nmax_time = \"0s\"", "line 2, column 12: body.max_time: must be greater than zero"),
        (
            "[body]\nmax_bytes = \"1 MB\"",
            "line 2, column 13: body.max_bytes: \"1 MB\" is not a size; write bytes, such as 1048576, or a whole number with B, KiB, MiB or GiB, such as \"1 MiB\"",
        ),
        ("[answer]\nwhole = 0", "line 2, column 9: answer.whole: must be at least 1 byte"),
    ] {
        assert_eq!(refusal(text), message);
    }
}

#[test]
fn settings_that_cannot_be_used_together_are_refused_at_their_place() {
    let route = "[[routes]]\nmethod = \"POST\"\npath = \"/a\"\n";
    let limited = "requests = [{ limit = 1, per = \"day\" }]\n";
    for (text, message) in [
        ("[audit]\ncapacity = 5\n".to_owned(), "line 1, column 1: audit: say where records go with file = \"audit.jsonl\", or danger_off = true to keep none"),
        ("[audit]\nfile = \"a\"\ndanger_off = true\n".to_owned(), "line 3, column 14: audit.danger_off: the keys beside it set up what shall be missing; keep one or the other"),
        ("[inspection]\ndanger_off = true\ninjection.persona = \"flag\"\n".to_owned(), "line 2, column 14: inspection.danger_off: the keys beside it set up what shall be missing; keep one or the other"),
        ("[flood]\nburst = 5\n".to_owned(), "line 1, column 1: flood: say how often with requests = 100 and per = \"second\", or danger_off = true"),
        ("[flood]\nrequests = 1\nper = \"hour\"\nburst = 100_000\n".to_owned(), "line 1, column 1: flood: the flood check would take more than a day to forgive a burst: raise the rate or lower the burst"),
        ("[flood]\nrequests = 1\nper = \"hour\"\naddresses = 1_000_000_000\n".to_owned(), "line 4, column 13: flood.addresses: choose at most 16777216"),
        (route.to_owned(), "line 1, column 1: routes[0]: says not who may enter: add scopes = [\"…\"], or open = true for everybody"),
        (format!("{route}scopes = []\n"), "line 1, column 1: routes[0]: says not who may enter: add scopes = [\"…\"], or open = true for everybody"),
        (format!("{route}scopes = [\"a\", \"b c\"]\n"), "line 4, column 16: routes[0].scopes[1]: a scope is one name without spaces; write each as a string of its own"),
        (format!("{route}open = true\nscopes = [\"a\"]\n"), "line 4, column 8: routes[0].open: it is open to everybody, and scopes are required; keep one of them"),
        (format!("{route}open = true\ndialect = \"json\"\n"), "line 5, column 11: routes[0].dialect: an open route takes no body: drop the dialect, or require a scope"),
        (format!("{route}open = true\n{route}scopes = [\"a\"]\n"), "line 7, column 8: routes[1].path: stands in the table twice"),
        ("[[routes]]\nmethod = \"GET\"\npath = \"a\"\nopen = true\n".to_owned(), "line 3, column 8: routes[0].path: a pattern begins with /"),
        ("[plans.free]\n".to_owned(), "line 1, column 8: plans.free: plan \"free\" has no limits: add some, or say `danger_unlimited`"),
        (format!("[plans.free]\n{limited}usage = [{{ limit = 0, per = \"day\" }}]\n"), "line 3, column 20: plans.free.usage[0].limit: must be at least 1"),
        (format!("[plans.free]\n{limited}danger_unlimited = true\n"), "line 3, column 20: plans.free.danger_unlimited: plan \"free\" has limits and says `danger_unlimited`: choose one"),
        ("[plans.free]\nrequests = [\n  { limit = 1, per = \"day\" },\n  { limit = 2, per = \"day\" },\n]\n".to_owned(), "line 4, column 3: plans.free.requests[1]: plan \"free\" has limit requests-per-day twice: keep the tighter one"),
        (format!("[plans.\"\"]\n{limited}"), "line 1, column 8: plans.\"\": plan name \"\" is empty, longer than 128 bytes or has control characters"),
        (format!("default_plan = \"fre\"\n[plans.free]\n{limited}"), "line 1, column 16: default_plan: the default plan \"fre\" is not among the plans"),
        (format!("danger_without_limits = true\n[plans.free]\n{limited}"), "line 1, column 25: danger_without_limits: there are plans, which limit; keep one or the other"),
    ] {
        assert_eq!(refusal(&text), message);
    }
}

#[test]
fn an_issuer_that_cannot_be_used_is_refused_at_its_place() {
    let whole = format!("{ISSUER}jwks_file = \"k.json\"\n");
    for (text, message) in [
        (
            ISSUER.to_owned(),
            "line 1, column 1: issuers[0]: say where its public keys are: jwks_file = \"keys.json\", or keys = […] in this file",
        ),
        (
            format!("{whole}keys = []\n"),
            "line 5, column 8: issuers[0].keys: its keys are here and in jwks_file; keep one of them",
        ),
        (
            format!("{ISSUER}keys = []\n"),
            "line 4, column 8: issuers[0].keys: holds no key; add the issuer's public keys",
        ),
        (
            format!("{whole}{whole}"),
            "line 6, column 10: issuers[1].issuer: this issuer stands here twice; add its audiences to one of them",
        ),
        (
            format!("{whole}leeway = \"2m\"\n"),
            "line 5, column 10: issuers[0].leeway: choose 60 seconds at most (issuer https://login.test)",
        ),
        (
            format!("{whole}max_lifetime = \"0s\"\n"),
            "line 5, column 16: issuers[0].max_lifetime: choose more than zero (issuer https://login.test)",
        ),
        (
            format!("{whole}algorithms = []\n"),
            "line 5, column 14: issuers[0].algorithms: allow at least one algorithm (issuer https://login.test)",
        ),
        (
            format!("{whole}plan_claim = \"plan\"\n"),
            "line 5, column 14: issuers[0].plan_claim: write an RFC 6901 pointer such as /plan (issuer https://login.test)",
        ),
        (
            whole.replace("[\"https://llm.test\"]", "[]"),
            "line 3, column 13: issuers[0].audiences: name at least one audience, none of them empty (issuer https://login.test)",
        ),
        (
            whole.replace("https://login.test", ""),
            "line 2, column 10: issuers[0].issuer: give the issuer's exact `iss`",
        ),
    ] {
        assert_eq!(refusal(&text), message);
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
        "issuers: add [[issuers]] with issuer, audiences and jwks_file or keys"
    );
}

#[test]
fn no_error_repeats_a_key_that_should_not_be_there() {
    let secret = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    let key = format!(
        "{{ kty = \"OKP\", crv = \"Ed25519\", x = \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\", d = \"{secret}\" }}"
    );
    let cases = [
        format!("{ISSUER}keys = [{key}]\n"),
        format!("{ISSUER}keys = [{key}\n"),
        format!("{ISSUER}keys = \"{secret}\n"),
        format!("{ISSUER}keys = \"{secret}\"\n"),
        format!("{ISSUER}keys = [\"{secret}\"]\n"),
        format!("{ISSUER}keys = [[\"{secret}\"]]\nkeys = 1\n"),
        format!("{ISSUER}keys = {{ keys = \"{secret}\" }}\n"),
        format!("{ISSUER}keys = [\n[{{ d = \"{secret}\", d = 1 }}]]\n"),
    ];
    for text in cases {
        let error = Config::parse(&text).unwrap_err();
        let shown = format!("{error} {error:?} {error:#?}");
        assert!(!shown.contains(secret), "{shown}");
        assert!(error.key().starts_with("issuers[0].keys"), "{error}");
    }
    let public = Config::parse(&format!("# {secret}\n{ISSUER}jwks_file = \"k\"\n")).unwrap();
    assert!(!format!("{public:?}").contains(secret));
}

#[test]
fn depth_ends_in_an_error() {
    for depth in [50, 500, 100_000] {
        let dotted = "a.".repeat(depth);
        for text in [
            format!("{dotted}a = 1\n"),
            format!("[{dotted}a]\n"),
            format!("{ISSUER}keys.{dotted}a = 1\n"),
            format!("[issuers.{dotted}a]\n"),
            format!("{ISSUER}keys = {}1{}\n", "[".repeat(depth), "]".repeat(depth)),
            format!("{ISSUER}keys = {}1{}\n", "{ a = ".repeat(depth), " }".repeat(depth)),
            format!("[[issuers]]\n[[issuers.{dotted}a]]\n"),
        ] {
            assert!(Config::parse(&text).is_err());
        }
    }
}
