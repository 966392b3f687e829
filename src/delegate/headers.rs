//! What of a caller's request never goes further on.

use crate::exchange::is_unwanted;
use http::header::{AUTHORIZATION, CONNECTION, COOKIE, HeaderMap, HeaderName, PROXY_AUTHORIZATION};

/// Headers that carry a credential or its proof, at one provider or another.
const CREDENTIALS: [&str; 13] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "dpop",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-goog-iam-authorization-token",
    "x-auth-token",
    "x-access-token",
    "x-amz-security-token",
    "ocp-apim-subscription-key",
    "x-functions-key",
];

/// Headers that say who asks, or for which account, beside those that the edge of a gate takes away.
const IDENTITY: [&str; 14] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-real-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "client-cert",
    "client-cert-chain",
    "x-forwarded-client-cert",
    "openai-organization",
    "openai-project",
    "x-goog-user-project",
];

/// Takes out whatever is a credential or says who asks.
pub(super) fn strip(headers: &mut HeaderMap) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| is_of_caller(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Takes out whatever is a credential.
pub(super) fn strip_credentials(headers: &mut HeaderMap) {
    for name in [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE] {
        headers.remove(name);
    }
    for name in &CREDENTIALS[3..] {
        headers.remove(*name);
    }
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

fn is_of_caller(name: &HeaderName) -> bool {
    let name = name.as_str();
    CREDENTIALS.contains(&name) || IDENTITY.contains(&name) || is_unwanted(name)
}
