//! The examples of RFC 7520, RFC 8037 and RFC 7797.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::jose::{JoseErrorKind, Jws, PublicKey};
use serde_json::Value;

use crate::vectors::{Report, Vectors};

/// Members of private keys.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

pub(crate) fn examples(vectors: &Vectors, report: &mut Report) {
    for (path, bytes) in vectors.archive("jose/rfc7520_8037_7797_cookbook.tar.gz") {
        let Some(path) = path.strip_prefix("cookbook/").filter(|path| path.ends_with(".json")) else {
            continue;
        };
        let Ok(example) = serde_json::from_slice::<Value>(&bytes) else {
            report.name("not JSON", path);
            continue;
        };
        match path.split('/').next() {
            Some("jwk") => key(path, &example, report),
            Some("jws" | "curve25519" | "rfc7797") if example.get("signing").is_some() => {
                signature(path, &example, report);
            }
            _ => report.name("no signature (JWE and package files)", path),
        }
    }
}

/// The header of a compact JWS.
pub(crate) fn header(jws: &str) -> Option<Value> {
    let header = URL_SAFE_NO_PAD.decode(jws.split('.').next()?).ok()?;
    serde_json::from_slice(&header).ok()
}

fn key(path: &str, jwk: &Value, report: &mut Report) {
    let read = PublicKey::from_jwk(jwk.to_string().as_bytes());
    if PRIVATE.iter().any(|name| jwk.get(name).is_some()) {
        report.check(read.is_err(), || format!("{path}: a secret was read as a public key"));
    } else if jwk["crv"] == "P-521" {
        report.check(read.is_err(), || format!("{path}: P-521 was read"));
    } else {
        report.check(read.is_ok(), || format!("{path}: {read:?}"));
    }
}

fn signature(path: &str, example: &Value, report: &mut Report) {
    let Some(compact) = example.pointer("/output/compact").and_then(Value::as_str) else {
        return report.name("in the JSON serialization only", path);
    };
    let jws = match Jws::parse(compact) {
        Ok(jws) => jws,
        Err(error) => {
            let alg = example.pointer("/input/alg").and_then(Value::as_str).unwrap_or_default();
            let expected = match (&error.kind, header(compact)) {
                (JoseErrorKind::Algorithm, _) => ["HS256", "ES512"].contains(&alg),
                (JoseErrorKind::Unsupported(_), Some(header)) => header.get("b64").is_some(),
                _ => false,
            };
            return report.check(expected, || format!("{path}: {error}"));
        }
    };
    let mut jwk = example["input"]["key"].clone();
    if let Some(members) = jwk.as_object_mut() {
        members.retain(|name, _| !PRIVATE.contains(&name.as_str()));
    }
    let payload = PublicKey::from_jwk(jwk.to_string().as_bytes()).and_then(|key| jws.verify(&key).cloned());
    let expected = example["input"]["payload"].as_str().unwrap_or_default().as_bytes();
    report.check(payload.as_deref() == Ok(expected), || format!("{path}: {payload:?}"));
}
