//! Wycheproof: every JWS with the keys of its group.

use portcullis::jose::{Jws, KeySet};
use serde_json::{Value, json};

use crate::vectors::{Report, Vectors};

pub(crate) fn signatures(vectors: &Vectors, report: &mut Report) {
    run(vectors, "jose/json_web_signature_test.json.gz", report);
}

pub(crate) fn keys(vectors: &Vectors, report: &mut Report) {
    run(vectors, "jose/json_web_key_test.json.gz", report);
}

pub(crate) fn crypto(vectors: &Vectors, report: &mut Report) {
    run(vectors, "jose/json_web_crypto_test.json.gz", report);
}

fn run(vectors: &Vectors, name: &str, report: &mut Report) {
    let file = vectors.json(name);
    for group in file["testGroups"].as_array().expect("a file has groups") {
        let keys = group.get("public").unwrap_or(&group["private"]);
        for test in group["tests"].as_array().expect("a group has tests") {
            let which = format!("{} {}", test["tcId"], test["comment"].as_str().unwrap_or_default());
            let Some(jws) = test["jws"].as_str() else {
                report.name("no JWS, and JWE is not offered", which);
                continue;
            };
            let verdict = verify(jws, keys);
            match test["result"].as_str() {
                Some("invalid") => report.check(verdict.is_err(), || format!("accepted: {which}")),
                Some("valid") => match (verdict, reason(jws, keys)) {
                    (Err(_), Some(reason)) => report.name(format!("valid, refused since {reason}"), which),
                    (verdict, _) => {
                        report.check(verdict.is_ok(), || format!("refused: {which}: {verdict:?}"));
                    }
                },
                other => report.check(false, || format!("{which}: a result called {other:?}")),
            }
        }
    }
}

fn verify(jws: &str, keys: &Value) -> Result<(), String> {
    let set = if keys.get("keys").is_some() { keys.clone() } else { json!({ "keys": [keys] }) };
    let set = KeySet::from_jwks(set.to_string()).map_err(|error| error.to_string())?;
    let jws = Jws::parse(jws).map_err(|error| error.to_string())?;
    let skipped = || set.skipped().iter().map(|skipped| skipped.reason.to_string()).collect::<Vec<_>>();
    let key = set.select(jws.kid(), jws.algorithm());
    let key = key.map_err(|error| format!("{error}; skipped keys: {:?}", skipped()))?;
    jws.verify(key).map(|_| ()).map_err(|error| error.to_string())
}

/// Why a JWS is refused though it is valid, read from the vector itself.
fn reason(jws: &str, keys: &Value) -> Option<&'static str> {
    let first = keys.pointer("/keys/0").unwrap_or(keys);
    let used = crate::cookbook::header(jws).and_then(|header| Some(header["alg"].as_str()?.to_owned()));
    match (first["kty"].as_str()?, first["crv"].as_str(), first["alg"].as_str(), used.as_deref()) {
        ("oct", ..) => Some("it is signed with a shared secret (HMAC)"),
        ("EC", Some("P-521"), ..) => Some("its key is on P-521"),
        (_, _, Some(key), Some(used)) if key != used => Some("its key is for another algorithm than it uses"),
        _ => None,
    }
}
