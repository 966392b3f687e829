//! What of a caller's request never goes further on.

use http::header::{CONNECTION, HeaderMap, HeaderName};

/// Headers that carry a credential or its proof, at one provider or another.
const CREDENTIALS: [&str; 19] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "dpop",
    "x-api-key",
    "api-key",
    "apikey",
    "x-goog-api-key",
    "x-goog-iam-authorization-token",
    "x-auth-token",
    "x-access-token",
    "x-id-token",
    "x-amz-security-token",
    "x-serverless-authorization",
    "x-forwarded-access-token",
    "x-forwarded-authorization",
    "x-original-authorization",
    "ocp-apim-subscription-key",
    "x-functions-key",
];

/// Beginnings of names by which proxies that sign users in hand on what they were shown.
const FAMILIES: [&str; 6] = [
    "x-amzn-oidc-",
    "x-ms-token-",
    "x-goog-iap-",
    "cf-access-",
    "x-auth-request-access-token",
    "x-auth-request-id-token",
];

/// Headers that say what a request is, and nothing of who asks. Those that describe its content are beside them.
const NEUTRAL: [&str; 8] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "anthropic-beta",
    "anthropic-version",
    "idempotency-key",
    "openai-beta",
    "user-agent",
];

/// Takes out whatever is not known to say nothing of who asks, and is not allowed beside it.
pub(super) fn keep_neutral(headers: &mut HeaderMap, allowed: &[HeaderName]) {
    let of_connection = of_connection(headers);
    let stays = |name: &HeaderName| {
        (is_neutral(name.as_str()) || allowed.contains(name))
            && !is_credential(name)
            && !of_connection.contains(name)
    };
    let names: Vec<HeaderName> = headers.keys().filter(|name| !stays(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Takes out whatever is a credential.
pub(super) fn strip_credentials(headers: &mut HeaderMap) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| is_credential(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Whether it carries a credential, however it is written: some servers read `_` as `-`.
pub(crate) fn is_credential(name: &HeaderName) -> bool {
    let name = name.as_str().as_bytes();
    let is_same = |known: &&str| name.len() == known.len() && begins(name, known);
    CREDENTIALS.iter().any(is_same) || FAMILIES.iter().any(|family| begins(name, family))
}

fn begins(name: &[u8], known: &str) -> bool {
    let is_same = |(byte, known): (&u8, u8)| *byte == known || (*byte == b'_' && known == b'-');
    name.len() >= known.len() && name.iter().zip(known.bytes()).all(is_same)
}

/// What belongs to one connection alone: what RFC 9110 §7.6.1 names, and what `Connection` names.
pub(crate) fn of_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let own =
        ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];
    let listed =
        headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let listed = listed.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok());
    own.map(HeaderName::from_static).into_iter().chain(listed).collect()
}

/// Whether it says what a request is, and nothing of who asks.
fn is_neutral(name: &str) -> bool {
    name.starts_with("content-") || NEUTRAL.contains(&name)
}
