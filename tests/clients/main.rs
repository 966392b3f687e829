//! What clients see of the example `generate`: the clients of OpenAI and Anthropic in Python, and curl. `hyper_only` is its
//! own client.
//!
//! Every server has a port and budgets of its own. The Python clients stand in `python` under the target directory, where
//! `./scripts/test` puts them.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking, as tests do")]

mod command_line;
mod curl;
mod python;
mod server;

use server::program;
use std::process::Output;

#[test]
fn the_story_of_hyper_only_goes_as_told() {
    assert_goes_as_told("hyper_only");
}

#[cfg(feature = "fetch")]
#[test]
fn the_story_of_oidc_goes_as_told() {
    assert_goes_as_told("oidc");
}

#[cfg(feature = "tls")]
#[test]
fn the_story_of_mtls_gateway_goes_as_told() {
    assert_goes_as_told("mtls_gateway");
}

#[cfg(all(feature = "forward", feature = "tls"))]
#[test]
fn the_story_of_sidecar_goes_as_told() {
    assert_goes_as_told("sidecar");
}

#[cfg(all(feature = "delegate", feature = "fetch", feature = "sts", feature = "tls"))]
#[test]
fn the_story_of_on_behalf_of_goes_as_told() {
    assert_goes_as_told("on_behalf_of");
}

fn assert_goes_as_told(example: &str) {
    let Output { status, stdout, stderr } = program(example).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success() && stdout.trim_end().ends_with("all went as told"), "{stdout}{stderr}");
    assert!(!stdout.contains("NOT"), "{stdout}");
}
