//! The lines of curl that the example prints.

use crate::server::{Server, documented};
use std::process::{Command, Output};

#[test]
fn every_printed_line_of_curl_does_what_it_says() {
    try_what_it_printed(&Server::start("curl"));
}

#[test]
fn the_configuration_that_explains_every_key_opens_the_same_gate() {
    try_what_it_printed(&Server::start_with("config", &["--config", &documented("config")]));
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
