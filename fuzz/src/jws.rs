//! Compact JWS and key sets: one spelling for each value, and nothing verifies but what was signed, bit by bit.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::jose::{Algorithm, Jws, KeySet, SigningKey};

use crate::{choose, seed};

struct Signer {
    key: SigningKey,
    keys: KeySet,
}

fn signers() -> &'static [Signer; 2] {
    static SIGNERS: OnceLock<[Signer; 2]> = OnceLock::new();
    SIGNERS.get_or_init(|| {
        [SigningKey::generate_ed25519(), SigningKey::generate_p256()].map(|key| {
            let key = key.expect("the system gives randomness").with_kid("k");
            let keys = KeySet::from_jwks(key.public_jwks()).expect("a set that was just written can be read");
            assert_eq!((keys.keys().len(), keys.skipped().len()), (1, 0));
            Signer { key, keys }
        })
    })
}

pub fn check(data: &[u8]) {
    match choose(data, 3) {
        Some((0, input)) => check_compact(input),
        Some((1, input)) => check_signed(input),
        Some((_, input)) => check_keys(input),
        None => {}
    }
}

/// Bytes that nobody signed.
fn check_compact(input: &[u8]) {
    let Ok(compact) = std::str::from_utf8(input) else { return };
    let Ok(jws) = Jws::parse(compact) else { return };
    assert_canonical(compact, &jws);
    for signer in signers() {
        if let Ok(key) = signer.keys.select(jws.kid(), jws.algorithm()) {
            assert!(jws.verify(key).is_err(), "a signature that nobody made");
        }
    }
}

fn assert_canonical(compact: &str, jws: &Jws<'_>) {
    let parts: Vec<&str> = compact.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("{} parts", parts.len()) };
    assert_eq!(URL_SAFE_NO_PAD.encode(jws.unverified_payload()), payload);
    for part in [header, signature] {
        let bytes = URL_SAFE_NO_PAD.decode(part).expect("it was read as base64url");
        assert_eq!(URL_SAFE_NO_PAD.encode(bytes), part);
    }
    let header = URL_SAFE_NO_PAD.decode(header).expect("it was read as base64url");
    let header: serde_json::Value = serde_json::from_slice(&header).expect("the header is JSON");
    let name = header["alg"].as_str().expect("a header names its algorithm");
    assert_eq!(Algorithm::from_name(name), Some(jws.algorithm()));
    assert_eq!(header.get("kid").map(|kid| kid.as_str()), jws.kid().map(Some));
    assert!(["crit", "b64", "zip"].iter().all(|refused| header.get(refused).is_none()));
}

/// A header of the fuzzer's, signed, then changed in one place.
fn check_signed(input: &[u8]) {
    let Some((place, input)) = input.split_at_checked(2) else { return };
    let Some((change, header)) = choose(input, 64) else { return };
    let place = usize::from(u16::from_be_bytes([place[0], place[1]]));
    for signer in signers() {
        let compact = signer.key.sign_compact(header, b"{\"sub\":\"ada\"}").expect("a fresh key signs");
        let Ok(jws) = Jws::parse(&compact) else { continue };
        assert_canonical(&compact, &jws);
        let Ok(key) = signer.keys.select(jws.kid(), jws.algorithm()) else { continue };
        assert_eq!(jws.algorithm(), signer.key.algorithm(), "a key checks its own algorithm only");
        assert!(jws.verify(key).is_ok(), "what was signed verifies");

        let mut changed = compact.clone().into_bytes();
        let place = place % changed.len();
        changed[place] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[change];
        let changed = String::from_utf8(changed).expect("base64url is ASCII");
        if changed != compact
            && let Ok(jws) = Jws::parse(&changed)
            && let Ok(key) = signer.keys.select(jws.kid(), jws.algorithm())
        {
            assert!(jws.verify(key).is_err(), "one character at {place} is another");
        }
    }
}

/// Every key of a set is usable or skipped, and is found under its own name only.
fn check_keys(input: &[u8]) {
    let Ok(set) = KeySet::from_jwks(input.to_vec()) else { return };
    let document: serde_json::Value = serde_json::from_slice(input).expect("the set is JSON");
    let listed = document["keys"].as_array().expect("a set has keys").len();
    assert_eq!(set.keys().len() + set.skipped().len(), listed);
    assert!(set.skipped().iter().all(|skipped| skipped.index < listed));
    for key in set.keys() {
        for algorithm in Algorithm::ALL {
            if let Ok(selected) = set.select(key.kid(), algorithm) {
                assert!(selected.permits(algorithm));
                assert!(key.kid().is_none() || selected.kid() == key.kid());
            }
            assert!(!key.permits(algorithm) || key.family() == algorithm.family());
            assert!(key.verify(algorithm, input, &[0; 64]).is_err());
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let header = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let signature = URL_SAFE_NO_PAD.encode([7; 64]);
    let x = URL_SAFE_NO_PAD.encode([9; 32]);
    vec![
        seed(0, format!("{}.e30.{signature}", header(r#"{"alg":"EdDSA","kid":"k"}"#))),
        seed(0, format!("{}.e30.{signature}", header(r#"{"alg":"ES256","typ":"at+jwt"}"#))),
        seed(0, format!("{}.e30.", header(r#"{"alg":"none"}"#))),
        seed(0, format!("{}.e30.{signature}", header(r#"{"alg":"EdDSA","crit":["b64"],"b64":false}"#))),
        seed(0, "e30.e30"),
        seed(1, b"\x00\x10\x05{\"alg\":\"EdDSA\",\"kid\":\"k\",\"typ\":\"JWT\",\"cty\":\"text\"}"),
        seed(1, b"\x00\x70\x21{\"alg\":\"ES256\"}"),
        seed(1, b"\x00\x10\x05{\"alg\":\"Ed25519\",\"alg\":\"ES256\"}"),
        seed(2, format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":"a","use":"sig"}}]}}"#)),
        seed(
            2,
            format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}"}},{{"kty":"oct","k":"AA"}},7]}}"#),
        ),
        seed(2, format!(r#"{{"keys":[{{"kty":"EC","crv":"P-256","x":"{x}","y":"{x}","alg":"ES256"}}]}}"#)),
        seed(2, signers()[1].key.public_jwks()),
        seed(2, r#"{"keys":[{"kty":"RSA","n":"sXch","e":"AQAB","key_ops":["verify"]}]}"#),
    ]
}
