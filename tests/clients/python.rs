//! The clients of OpenAI and Anthropic in Python, as `tests/python` plays them.

use crate::server::Server;
use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

/// How each scenario of a Python client failed, if it did.
type Verdicts = HashMap<String, Option<String>>;

/// Runs scenarios of a Python client against one example; all of them when none is named.
fn python(client: &str, scenarios: &[&str]) -> Verdicts {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let python = target.join("python/bin/python");
    assert!(python.exists(), "{} is missing: run ./scripts/test, which installs it", python.display());
    let server = Server::start(&[client, scenarios.first().unwrap_or(&"all")].join("-"));
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(format!("{client}_client.py"));
    let Output { status, stdout, stderr } = Command::new(python)
        .arg("-B")
        .arg(script)
        .args(scenarios)
        .env("GATE", server.url())
        .env("CREDENTIALS", server.credentials())
        // The clients would take these for settings.
        .env_remove("OPENAI_API_KEY")
        .env_remove("OPENAI_BASE_URL")
        .env_remove("ANTHROPIC_API_KEY")
        .env_remove("ANTHROPIC_AUTH_TOKEN")
        .env_remove("ANTHROPIC_BASE_URL")
        // A proxy would come between.
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    #[derive(serde::Deserialize)]
    struct Verdict {
        scenario: String,
        failure: Option<String>,
    }
    let verdicts = serde_json::Deserializer::from_slice(&stdout).into_iter().map(Result::unwrap);
    verdicts.map(|Verdict { scenario, failure }| (scenario, failure)).collect()
}

/// Fails when the scenario did. They all run in one process, since a client takes longer to load than to ask.
fn scenario(all: &OnceLock<Verdicts>, client: &str, scenario: &str) {
    // nextest runs each test in a process of its own, where nothing is shared.
    let alone = std::env::var_os("NEXTEST").is_some();
    let verdicts =
        all.get_or_init(|| python(client, if alone { std::slice::from_ref(&scenario) } else { &[] }));
    let failure =
        verdicts.get(scenario).unwrap_or_else(|| panic!("{client}_client.py has no scenario {scenario}"));
    assert!(failure.is_none(), "{}", failure.as_deref().unwrap_or_default());
}

/// A test for each scenario, so that each has a name and a verdict.
macro_rules! scenarios {
    ($client:ident: $($scenario:ident)+) => {
        mod $client {
            static ALL: std::sync::OnceLock<super::Verdicts> = std::sync::OnceLock::new();

            $(#[test]
            fn $scenario() {
                super::scenario(&ALL, stringify!($client), stringify!($scenario));
            })+

            #[test]
            fn every_scenario_of_the_script_is_a_test() {
                super::every_scenario(stringify!($client), &[$(stringify!($scenario)),+]);
            }
        }
    };
}

fn every_scenario(client: &str, tested: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let script = std::fs::read_to_string(folder.join(format!("{client}_client.py"))).unwrap();
    let mut lines = script.lines();
    let mut written = Vec::new();
    while lines.any(|line| line == "@scenario(SCENARIOS)") {
        written.push(lines.next().unwrap().trim_start_matches("def ").trim_end_matches("():"));
    }
    assert_eq!(written, tested);
}

scenarios! { openai:
    answer
    answer_within_a_cap
    several_candidates
    limits_are_told
    stream_with_usage
    stream_without_usage
    authentication_error
    permission_denied_error
    usage_that_never_fits
    blocked_injection
    bad_request_error
    not_found_error
    rate_limit_error
    rate_limit_waits_as_told
}

scenarios! { anthropic:
    answer_by_api_key_and_by_bearer
    answer_within_a_cap
    stream_with_usage
    stream_of_events
    authentication_error
    two_credentials_at_once
    permission_denied_error
    blocked_injection
    bad_request_error
    rate_limit_error
    rate_limit_waits_as_told
}
