//! What a builder of reqwest would add to each request by itself.
//!
//! reqwest says so in its `Debug` and nowhere else, and takes nothing back that was put in. So that is read, and a builder that is not
//! understood is refused.

use super::error::{ReqwestError, setting};
use reqwest::ClientBuilder;

/// Headers that say the same of every request. One that says of each what it is, as `idempotency-key` does, is none of them.
const HARMLESS: [&str; 7] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "anthropic-beta",
    "anthropic-version",
    "openai-beta",
    "user-agent",
];

/// Refuses a builder that has a store of cookies, or default headers that say more than what a request is.
pub(super) fn check(builder: &ClientBuilder) -> Result<(), ReqwestError> {
    let told = format!("{builder:?}");
    for field in ["unix_socket", "windows_named_pipe"] {
        if told.contains(field) {
            let problem = "every call would go there, whatever its URI says, and without TLS in reqwest in the clear; leave it out";
            return Err(setting(field, problem));
        }
    }
    if told.contains("cookie_store") {
        let problem = "cookies of one caller's answers would go along with another's calls; leave them out";
        return Err(setting("cookie_store", problem));
    }
    let names = told.split_once("default_headers: {").and_then(|(_, map)| names(map));
    let Some(names) = names else {
        let problem = "what headers it adds by itself cannot be told: none may hold a quotation mark or a backslash, and this version of \
                       reqwest must be one that is known here";
        return Err(setting("default_headers", problem));
    };
    match names.into_iter().find(|name| !HARMLESS.contains(name)) {
        None => Ok(()),
        Some(name) => {
            let problem = format!(
                "{name} would go along with every call, past the layers; put it into the requests that need it"
            );
            Err(setting("default_headers", problem))
        }
    }
}

/// The names in a map of headers as `Debug` writes it, after its opening brace; `None` for what is not written so.
fn names(mut map: &str) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    loop {
        let (name, rest) = quoted(map)?;
        names.push(name);
        let value = rest.strip_prefix(": ")?;
        let rest = match value.strip_prefix("Sensitive") {
            Some(rest) => rest,
            None => quoted(value)?.1,
        };
        match rest.strip_prefix(", ") {
            Some(next) => map = next,
            None => return rest.starts_with('}').then_some(names),
        }
    }
}

/// What stands between two quotation marks, and what comes after it. A quotation mark inside has a backslash before it, and a
/// backslash has nothing: with one, where the text ends is anybody's guess.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let (inside, rest) = text.strip_prefix('"')?.split_once('"')?;
    (!inside.contains('\\')).then_some((inside, rest))
}
