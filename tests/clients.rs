//! What clients see of the example `generate`: the clients of OpenAI and Anthropic in Python, and curl. `hyper_only` is its
//! own client.
//!
//! Each test starts the example on a port of its own, with budgets of its own. The Python clients stand in `python` under
//! the target directory, where `./scripts/test` puts them.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking, as tests do")]

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;

/// The example, until it is dropped.
struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What it printed before it was ready.
    said: Vec<String>,
    /// Where its records and its events go.
    folder: PathBuf,
}

impl Server {
    /// Starts the example for the test called `name`.
    fn start(name: &str) -> Self {
        Self::start_with(name, &[])
    }

    fn start_with(name: &str, arguments: &[&str]) -> Self {
        let folder = scratch(name);
        let events = File::create(folder.join("events.txt")).unwrap();
        let mut child = example()
            .args(["--listen", "127.0.0.1:0", "--credentials", "--audit"])
            .arg(folder.join("audit.jsonl"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(events)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut said: Vec<String> = Vec::new();
        while said.last().is_none_or(|line| line != "Ctrl-C stops it") {
            let mut line = String::new();
            let read = stdout.read_line(&mut line).unwrap();
            let events = || std::fs::read_to_string(folder.join("events.txt")).unwrap();
            assert!(read > 0, "the example ended before it was ready: {}", events());
            said.push(line.trim_end().to_owned());
        }
        Self { child, stdout, said, folder }
    }

    /// What follows `prefix` on the line that begins with it.
    fn line(&self, prefix: &str) -> &str {
        let found = self.said.iter().find_map(|line| line.strip_prefix(prefix));
        found.unwrap_or_else(|| panic!("no line begins with {prefix:?}: {:#?}", self.said))
    }

    fn url(&self) -> &str {
        self.line("listening on ")
    }

    fn credentials(&self) -> &str {
        self.said.iter().find(|line| line.starts_with('{')).expect("--credentials prints them as JSON")
    }

    /// Asks it to stop, as Ctrl-C does, and waits until it has.
    fn interrupt(mut self) -> (ExitStatus, Vec<serde_json::Value>) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("every record is in the audit file"), "{rest:?}");
        let records = std::fs::read_to_string(self.folder.join("audit.jsonl")).unwrap();
        (status, records.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails when it has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn example() -> Command {
    program("generate")
}

/// An example's program, next to the folder that this test's program is in.
fn program(name: &str) -> Command {
    let this = std::env::current_exe().unwrap();
    let folder = this.ancestors().nth(2).expect("tests are built into …/deps").join("examples");
    let program = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(program.exists(), "{} is missing: run cargo build --examples", program.display());
    Command::new(program)
}

/// An empty folder for the test called `name`.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

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

#[test]
fn every_printed_line_of_curl_does_what_it_says() {
    try_what_it_printed(&Server::start("curl"));
}

#[test]
fn the_configuration_that_explains_every_key_opens_the_same_gate() {
    try_what_it_printed(&Server::start_with("config", &["--config", &documented("config")]));
}

/// A copy of `examples/generate.toml` with an audit file in the folder for the test called `name`.
fn documented(name: &str) -> String {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/generate.toml"))
        .unwrap();
    assert!(text.contains("\"../audit.jsonl\""));
    let folder = scratch(&format!("{name}-copy"));
    let copy = folder.join("gate.toml");
    std::fs::write(&copy, text.replace("\"../audit.jsonl\"", "\"records.jsonl\"")).unwrap();
    copy.to_str().unwrap().to_owned()
}

fn try_what_it_printed(server: &Server) {
    let exports: Vec<&str> =
        server.said.iter().filter(|line| line.starts_with("export ")).map(String::as_str).collect();
    assert_eq!(exports.len(), 4, "{exports:#?}");
    let mut tried = Vec::new();
    for pair in server.said.windows(2) {
        let [title, line] = pair else { unreachable!("windows are as long as asked for") };
        if !line.starts_with("  curl ") && !line.starts_with("  for ") {
            continue;
        }
        let script = format!("{}\n{line}", exports.join("\n"));
        let Output { stdout, stderr, .. } = Command::new("sh").args(["-c", &script]).output().unwrap();
        let (shown, noise) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        let statuses: Vec<&str> = shown.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")).collect();
        let (expected, _) = title.split_once(' ').expect("a title begins with a status");
        let last = statuses.last().unwrap_or_else(|| panic!("{title}: no answer: {shown}{noise}"));
        assert!(last.starts_with(expected), "{title}: {last}\n{shown}");
        match expected {
            "200" => assert!(shown.contains("usage"), "{title}: {shown}"),
            "400" => assert!(shown.contains("content_blocked"), "{title}: {shown}"),
            "401" => assert!(shown.contains("missing_credential"), "{title}: {shown}"),
            "403" => assert!(shown.contains("insufficient_scope"), "{title}: {shown}"),
            "429" => {
                assert!(statuses[0].starts_with("200"), "{shown}");
                assert!(shown.to_lowercase().contains("retry-after: "), "{shown}");
            }
            other => panic!("{title}: nobody expects {other}"),
        }
        tried.push(expected.to_owned());
    }
    assert_eq!(tried, ["200", "200", "200", "401", "403", "400", "429"]);
}

#[test]
fn ctrl_c_stops_it_with_every_record_in_the_file() {
    let server = Server::start("ctrl-c");
    let status = |path: &str, credential: &str| {
        let mut curl = Command::new("curl");
        curl.args(["-s", "-o", "-", "-w", "\n%{http_code}", "-H", "Content-Type: application/json"]);
        curl.args([
            "-H",
            &format!("Authorization: Bearer {credential}"),
            "-d",
            r#"{"prompt":"A secret garden"}"#,
        ]);
        let output = curl.arg(format!("{}{path}", server.url())).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().last().unwrap().to_owned()
    };
    let credentials: serde_json::Value = serde_json::from_str(server.credentials()).unwrap();
    let free = credentials["free"].as_str().unwrap();
    assert_eq!(status("/generate", free), "200");
    assert_eq!(status("/generate", "nonsense"), "401");
    assert_eq!(status("/elsewhere", free), "404");

    let (ended, records) = server.interrupt();
    assert!(ended.success(), "{ended}");
    let decisions: Vec<_> = records.iter().map(|record| (&record["decision"], &record["reason"])).collect();
    let null = &serde_json::Value::Null;
    assert_eq!(decisions.len(), 3, "{records:#?}");
    assert_eq!(decisions[0], (&"permitted".into(), null));
    assert_eq!(decisions[1], (&"refused".into(), &"invalid_credential".into()));
    assert_eq!(decisions[2], (&"refused".into(), &"unknown_route".into()));
    assert_eq!(records[0]["principal"]["subject"], "alice");
    let text = serde_json::to_string(&records).unwrap();
    assert!(
        !text.contains("secret garden") && !text.contains(free),
        "neither prompts nor credentials are kept"
    );
}

#[test]
fn arguments_that_make_no_sense_end_it_with_two_and_a_sentence() {
    for (arguments, told) in [
        (&["--frobnicate"][..], "unknown argument \"--frobnicate\""),
        (&["--config"], "--config needs a file after it"),
        (&["--listen"], "--listen needs an address after it"),
        (&["--listen", "localhost"], "write an IP address and a port, such as 127.0.0.1:8080"),
        (&["--credentials=yes"], "unknown argument \"--credentials=yes\""),
        (&["stray"], "unknown argument \"stray\""),
    ] {
        let Output { status, stdout, stderr } = example().args(arguments).output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stdout.is_empty() && stderr.contains(told), "{arguments:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn help_names_every_option() {
    let Output { status, stdout, .. } = example().arg("--help").output().unwrap();
    let stdout = String::from_utf8(stdout).unwrap();
    assert!(status.success());
    for option in ["--listen", "--config", "--audit", "--credentials", "--help"] {
        assert!(stdout.contains(option), "{stdout}");
    }
}

#[test]
fn a_configuration_that_names_issuers_is_not_given_another() {
    let config = documented("issuers");
    let key = r#"{ kty = "OKP", crv = "Ed25519", x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }"#;
    let issuer = format!(
        "\n[[issuers]]\nissuer = \"https://login.example.com\"\naudiences = [\"llm\"]\nkeys = [{key}]\n"
    );
    std::fs::write(&config, std::fs::read_to_string(&config).unwrap() + &issuer).unwrap();
    let stderr = fails(&["--listen", "127.0.0.1:0", "--credentials", "--config", &config]);
    assert!(stderr.contains("issuers that the configuration names"), "{stderr}");
}

#[test]
fn a_mistake_in_the_configuration_is_told_with_its_place() {
    let config = documented("mistake");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("surprise = 1\n{text}")).unwrap();
    let stderr = fails(&["--listen", "127.0.0.1:0", "--config", &config]);
    assert!(stderr.contains("gate.toml: line 1,") && stderr.contains("surprise"), "{stderr}");
}

/// Runs the example, which must end with 1 and say why.
fn fails(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = example().args(arguments).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{stderr}");
    stderr
}

#[test]
fn an_address_in_use_ends_it_with_one_and_a_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let audit = scratch("in-use").join("audit.jsonl");
    let stderr = fails(&["--listen", &address, "--audit", audit.to_str().unwrap()]);
    assert!(stderr.contains(&address) && stderr.contains("--listen 127.0.0.1:0"), "{stderr}");
}

#[test]
fn an_address_that_others_can_reach_is_warned_of() {
    let server = Server::start_with("reachable", &["--listen", "0.0.0.0:0"]);
    let events = std::fs::read_to_string(server.folder.join("events.txt")).unwrap();
    assert!(events.contains("WARNING") && events.contains("can be reached from other machines"), "{events}");
    drop(server);
    let server = Server::start("unreachable");
    let events = std::fs::read_to_string(server.folder.join("events.txt")).unwrap();
    assert!(!events.contains("WARNING"), "{events}");
}

#[test]
fn the_story_of_hyper_only_goes_as_told() {
    let Output { status, stdout, stderr } = program("hyper_only").output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success() && stdout.trim_end().ends_with("all went as told"), "{stdout}{stderr}");
    assert!(!stdout.contains("NOT"), "{stdout}");
}
