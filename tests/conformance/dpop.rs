//! The proofs of RFC 9449's own examples.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::jose::{Jws, JwsType};
use serde_json::Value;

use crate::vectors::{Report, Vectors};

pub(crate) fn proofs(vectors: &Vectors, report: &mut Report) {
    let document = vectors.json("jose/rfc9449_rfc8705_vectors.json.gz");
    let rfc = &document["rfc9449"];
    for (index, vector) in rfc["proofs"].as_array().into_iter().flatten().enumerate() {
        let which = || format!("proof {index}");
        let compact = vector["token"].as_str().unwrap_or_default();
        let Some(thumbprint) = vector["jkt"].as_str() else {
            let read = Jws::parse_proof(compact);
            report.check(read.is_err(), || format!("credential {index} was read as a proof"));
            continue;
        };
        let Ok((jws, key)) = Jws::parse_proof(compact) else {
            report.check(false, which);
            continue;
        };
        let payload = jws.verify(&key).ok().and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        let sound = jws.typ() == JwsType::DpopProof
            && key.thumbprint().to_string() == thumbprint
            && payload.as_ref() == Some(&vector["payload"]);
        report.check(sound, which);
        report.check(Jws::parse(compact).is_ok_and(|jws| jws.typ() == JwsType::DpopProof), which);
        let other = tampered(compact);
        let holds = Jws::parse_proof(&other).is_ok_and(|(jws, key)| jws.verify(&key).is_ok());
        report.check(!holds, || format!("proof {index} holds with another payload"));
    }
    let hash = digest(&SHA256, rfc["access_token"].as_str().unwrap_or_default().as_bytes());
    let ath = rfc["proofs"].pointer("/3/payload/ath").and_then(Value::as_str);
    report.check(ath == Some(&URL_SAFE_NO_PAD.encode(hash)), || "the hash of the credential".to_owned());
    report.name("a certificate that no authority has signed is believed nowhere", "RFC 8705 appendix A");
}

/// The same JWS with one bit of its payload changed.
fn tampered(compact: &str) -> String {
    let parts: Vec<&str> = compact.split('.').collect();
    let mut payload = URL_SAFE_NO_PAD.decode(parts[1]).unwrap_or_default();
    if let Some(byte) = payload.get_mut(9) {
        *byte ^= 1;
    }
    format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(payload), parts[2])
}
