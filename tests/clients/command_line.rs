//! The command line of the example `generate`, and how it stops.

use crate::server::{Server, documented, example, scratch};
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

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
fn an_answer_that_outlasts_ctrl_c_is_cut_and_recorded() {
    let server = Server::start("outlasts");
    let credentials: serde_json::Value = serde_json::from_str(server.credentials()).unwrap();
    // Longer than anybody waits for.
    let body = r#"{"model":"words","stream":true,"n":200,"messages":[{"role":"user","content":"Hello"}]}"#;
    let mut curl = Command::new("curl")
        .args(["-sN", "-H", "Content-Type: application/json", "-d", body])
        .args(["-H", &format!("Authorization: Bearer {}", credentials["enterprise"].as_str().unwrap())])
        .arg(format!("{}/v1/chat/completions", server.url()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut event = String::new();
    let mut answer = BufReader::new(curl.stdout.take().unwrap());
    answer.read_line(&mut event).unwrap();
    assert!(event.starts_with("data: "), "{event}");

    let (ended, records) = server.interrupt();
    assert!(ended.success(), "{ended}");
    assert_eq!(records.len(), 1, "{records:#?}");
    assert_eq!(records[0]["end"], "aborted", "{records:#?}");
    assert!(records[0]["usage"]["settled"].as_u64() > Some(0), "{records:#?}");
    // curl ends only when somebody reads what it writes.
    std::io::copy(&mut answer, &mut std::io::sink()).unwrap();
    assert!(!curl.wait().unwrap().success(), "the stream was cut");
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
