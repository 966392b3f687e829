use super::*;

fn ed25519() -> SigningKey {
    SigningKey::generate_ed25519().unwrap()
}

fn kind<T: std::fmt::Debug>(result: Result<T, JoseError>) -> JoseErrorKind {
    result.unwrap_err().kind
}

fn parse_header(header: &str) -> Result<(), JoseError> {
    let compact = ed25519().sign_compact(header.as_bytes(), b"{}").unwrap();
    Jws::parse(&compact).map(|_| ())
}

fn skip_reason(jwk: &str) -> JoseErrorKind {
    let set = KeySet::from_jwks(format!(r#"{{"keys":[{jwk}]}}"#)).unwrap();
    assert!(set.keys().is_empty());
    set.skipped()[0].reason.clone()
}

/// RFC 8037 appendix A.2.
const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn ed25519_jwk(members: &str) -> String {
    format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{ED25519_X}"{members}}}"#)
}

#[test]
fn a_signature_made_here_verifies_here_with_either_kind_of_key() {
    for signer in [ed25519(), SigningKey::generate_p256().unwrap()] {
        let compact = signer.sign_jwt("JWT", &serde_json::json!({ "sub": "ada" })).unwrap();
        let set = KeySet::from_jwks(signer.public_jwks()).unwrap();
        let jws = Jws::parse(&compact).unwrap();
        assert_eq!((jws.kid(), jws.typ()), (Some(signer.kid()), JwsType::Jwt));
        let key = set.select(jws.kid(), jws.algorithm()).unwrap();
        assert_eq!(jws.verify(key).unwrap(), r#"{"sub":"ada"}"#);
    }
}

#[test]
fn a_changed_byte_of_header_payload_or_signature_does_not_verify() {
    let signer = ed25519();
    let compact = signer.sign_compact(br#"{"alg":"EdDSA"}"#, br#"{"sub":"ada"}"#).unwrap();
    let key = PublicKey::from_jwk(signer.public_jwk().as_bytes()).unwrap();
    let other = signer.sign_compact(br#"{"alg":"EdDSA"}"#, br#"{"sub":"bob"}"#).unwrap();
    let parts = |jws: &str| jws.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (ours, theirs) = (parts(&compact), parts(&other));
    let spaced = base64url::encode(br#"{"alg": "EdDSA"}"#);
    for (header, payload, signature) in
        [(&spaced, &ours[1], &ours[2]), (&ours[0], &theirs[1], &ours[2]), (&ours[0], &ours[1], &theirs[2])]
    {
        let mixed = format!("{header}.{payload}.{signature}");
        assert_eq!(kind(Jws::parse(&mixed).unwrap().verify(&key)), JoseErrorKind::Signature);
    }
}

#[test]
fn the_thumbprint_of_the_rfc_8037_key_is_the_one_printed_there() {
    let key = PublicKey::from_jwk(ed25519_jwk("").as_bytes()).unwrap();
    assert_eq!(key.thumbprint().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn only_the_nine_algorithms_are_read_and_none_in_no_spelling() {
    for alg in [
        "none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "es256", "ES512", "ES256K", "RSA-OAEP", "",
    ] {
        assert_eq!(kind(parse_header(&format!(r#"{{"alg":"{alg}"}}"#))), JoseErrorKind::Algorithm, "{alg}");
    }
    assert_eq!(kind(parse_header("{}")), JoseErrorKind::Missing("alg"));
    assert_eq!(kind(parse_header(r#"{"alg":["EdDSA"]}"#)), JoseErrorKind::Malformed("alg"));
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
    }
    assert_eq!(Algorithm::from_name("Ed25519"), Some(Algorithm::EdDsa));
}

#[test]
fn header_parameters_that_change_the_meaning_are_refused_whatever_they_hold() {
    for (name, value) in [("crit", "[]"), ("crit", r#"["exp"]"#), ("b64", "true"), ("zip", r#""DEF""#)] {
        let header = format!(r#"{{"alg":"EdDSA","{name}":{value}}}"#);
        assert_eq!(kind(parse_header(&header)), JoseErrorKind::Unsupported(name));
    }
    for cty in ["JWT", "jwt", "application/JWT"] {
        assert_eq!(kind(parse_header(&format!(r#"{{"alg":"EdDSA","cty":"{cty}"}}"#))), JoseErrorKind::Nested);
    }
}

#[test]
fn a_header_is_one_strict_json_object() {
    for header in [
        r#"{"alg":"EdDSA","alg":"none"}"#,
        r#"{"alg":"EdDSA","\u0061lg":"none"}"#,
        "[]",
        "\"EdDSA\"",
        "{",
        "",
    ] {
        assert!(matches!(kind(parse_header(header)), JoseErrorKind::Json { what: "header", .. }), "{header}");
    }
    parse_header(" { \"alg\" : \"EdDSA\" } ").unwrap();
}

#[test]
fn a_jws_has_three_parts_of_canonical_base64url() {
    let compact = ed25519().sign_compact(br#"{"alg":"EdDSA"}"#, b"{}").unwrap();
    let (rest, signature) = compact.rsplit_once('.').unwrap();
    for parts in ["", "e30", "e30.e30", "e30.e30.e30.e30", &format!("{compact}."), rest] {
        assert_eq!(kind(Jws::parse(parts)), JoseErrorKind::Parts, "{parts}");
    }
    // 64 bytes end in a character of which 4 bits must be zero.
    let last = signature.chars().last().unwrap();
    let twin = match last {
        'A' => 'B',
        'Q' => 'R',
        'g' => 'h',
        _ => 'x',
    };
    let trailing = format!("{}{twin}", &compact[..compact.len() - 1]);
    for bad in [format!("{compact}=="), format!("{compact} "), compact.replace('.', ".\n"), trailing] {
        assert!(matches!(kind(Jws::parse(&bad)), JoseErrorKind::Base64 { .. }), "{bad}");
    }
}

#[test]
fn more_than_8_kib_are_not_read() {
    let long = "e".repeat(MAX_JWS + 1);
    assert_eq!(kind(Jws::parse(&long)), JoseErrorKind::TooLong { limit: MAX_JWS });
    assert_eq!(kind(Jws::parse(&long[1..])), JoseErrorKind::Parts);
}

#[test]
fn a_key_checks_the_algorithms_of_its_family_and_if_it_names_one_only_that() {
    let signer = SigningKey::generate_p256().unwrap();
    let key = PublicKey::from_jwk(signer.public_jwk().as_bytes()).unwrap();
    for algorithm in Algorithm::ALL {
        let wrong = kind(key.verify(algorithm, b"", &[0; 64]));
        let expected = if algorithm == Algorithm::Es256 {
            JoseErrorKind::Signature
        } else {
            JoseErrorKind::WrongKey(algorithm)
        };
        assert_eq!(wrong, expected);
    }
    assert_eq!(skip_reason(&ed25519_jwk(r#","alg":"ES256""#)), JoseErrorKind::Algorithm);
    assert_eq!(skip_reason(&ed25519_jwk(r#","alg":"HS256""#)), JoseErrorKind::Algorithm);
}

#[test]
fn keys_that_are_not_for_checking_signatures_are_skipped_with_the_reason() {
    let reasons = [
        (ed25519_jwk(r#","use":"enc""#), JoseErrorKind::Purpose),
        (ed25519_jwk(r#","key_ops":["sign"]"#), JoseErrorKind::Purpose),
        (ed25519_jwk(r#","key_ops":"verify""#), JoseErrorKind::Malformed("key_ops")),
        (ed25519_jwk(r#","d":"AAAA""#), JoseErrorKind::PrivateKey("d")),
        (r#"{"kty":"oct","k":"AAAA"}"#.into(), JoseErrorKind::SymmetricKey),
        (r#"{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}"#.into(), JoseErrorKind::KeyType),
        (r#"{"kty":"OKP","crv":"X25519","x":"AA"}"#.into(), JoseErrorKind::KeyType),
        (r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#.into(), JoseErrorKind::KeyMaterial),
        (r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA="}"#.into(), JoseErrorKind::Base64 { what: "x" }),
        (r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.into(), JoseErrorKind::RsaSize),
        (r#"{"x":"AA"}"#.into(), JoseErrorKind::Missing("kty")),
        ("7".into(), JoseErrorKind::Malformed("keys")),
    ];
    for (jwk, reason) in reasons {
        assert_eq!(skip_reason(&jwk), reason, "{jwk}");
    }
}

#[test]
fn rsa_moduli_are_bounded_below_and_above_and_exponents_are_sound() {
    let jwk = |bytes: usize, e: &str| {
        let mut n = vec![0xc5; bytes];
        n[bytes - 1] |= 1;
        format!(r#"{{"kty":"RSA","n":"{}","e":"{e}"}}"#, base64url::encode(&n))
    };
    for (bytes, e) in
        [(255, "AQAB"), (513, "AQAB"), (256, "AQ"), (256, "Aw"), (256, "AQAC"), (256, "AQAAAAAB")]
    {
        assert_eq!(skip_reason(&jwk(bytes, e)), JoseErrorKind::RsaSize, "{bytes} bytes, e {e}");
    }
    for bytes in [256, 384, 512] {
        let key = PublicKey::from_jwk(jwk(bytes, "AQAB").as_bytes()).unwrap();
        assert_eq!(key.algorithms(), AlgorithmSet::of_family(KeyFamily::Rsa));
    }
}

#[test]
fn one_odd_key_does_not_drop_the_others() {
    let signer = ed25519();
    let jwks = format!(r#"{{"keys":[{{"kty":"LMS","kid":"odd"}},{},5]}}"#, signer.public_jwk());
    let set = KeySet::from_jwks(jwks).unwrap();
    assert_eq!(set.keys()[0].kid(), Some(signer.kid()));
    let skipped: Vec<_> = set.skipped().iter().map(|key| (key.index, key.kid.as_deref())).collect();
    assert_eq!(skipped, [(0, Some("odd")), (2, None)]);
}

#[test]
fn a_kid_shared_by_two_keys_of_one_family_names_neither() {
    let (one, two) = (ed25519().with_kid("k"), ed25519().with_kid("k"));
    let other = SigningKey::generate_p256().unwrap().with_kid("k");
    let jwks = format!(r#"{{"keys":[{},{},{}]}}"#, one.public_jwk(), two.public_jwk(), other.public_jwk());
    let set = KeySet::from_jwks(jwks).unwrap();
    assert_eq!(kind(set.select(Some("k"), Algorithm::EdDsa)), JoseErrorKind::WrongKey(Algorithm::EdDsa));
    assert_eq!(set.select(Some("k"), Algorithm::Es256).unwrap().thumbprint(), other.thumbprint());
    assert_eq!(set.skipped().iter().map(|key| key.index).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn the_same_key_listed_twice_is_used_once() {
    let signer = ed25519();
    let set = KeySet::from_jwks(format!(r#"{{"keys":[{0},{0}]}}"#, signer.public_jwk())).unwrap();
    assert_eq!((set.keys().len(), set.skipped()[0].index), (1, 1));
}

#[test]
fn without_a_kid_the_only_key_of_the_family_counts() {
    let (one, two, p256) = (ed25519(), ed25519(), SigningKey::generate_p256().unwrap());
    let set = |keys: &[&SigningKey]| {
        KeySet::new(keys.iter().map(|key| PublicKey::from_jwk(key.public_jwk().as_bytes()).unwrap()))
    };
    assert!(set(&[&one, &p256]).select(None, Algorithm::EdDsa).is_ok());
    assert_eq!(kind(set(&[&one, &two]).select(None, Algorithm::EdDsa)), JoseErrorKind::AmbiguousKey);
    assert_eq!(kind(set(&[&p256]).select(None, Algorithm::EdDsa)), JoseErrorKind::UnknownKey);
    assert_eq!(kind(set(&[&one]).select(Some("other"), Algorithm::EdDsa)), JoseErrorKind::UnknownKey);
}

#[test]
fn a_set_is_one_strict_object_of_bounded_size() {
    assert_eq!(kind(KeySet::from_jwks("{}")), JoseErrorKind::Missing("keys"));
    assert_eq!(kind(KeySet::from_jwks(r#"{"keys":{}}"#)), JoseErrorKind::Malformed("keys"));
    assert!(matches!(kind(KeySet::from_jwks(r#"{"keys":[],"keys":[]}"#)), JoseErrorKind::Json { .. }));
    let long = format!(r#"{{"keys":[]{}}}"#, " ".repeat(MAX_JWKS));
    assert_eq!(kind(KeySet::from_jwks(long)), JoseErrorKind::TooLong { limit: MAX_JWKS });
}

#[test]
fn debug_of_a_signing_key_or_jws_shows_no_secret() {
    let signer = ed25519();
    let compact = signer.sign_jwt("JWT", &serde_json::json!({ "sub": "ada-lovelace" })).unwrap();
    let jws = Jws::parse(&compact).unwrap();
    let shown = format!("{signer:?} {jws:?}");
    for part in compact.split('.') {
        assert!(!shown.contains(part));
    }
    assert!(!shown.contains("ada-lovelace") && !shown.contains("seed") && !shown.contains("private"));
}

/// RFC 8410 §10.3.
const ED25519_PEM: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";

#[test]
fn a_private_key_is_read_from_pem_as_rfc_8410_has_it_and_others_write_it() {
    let key = SigningKey::from_pkcs8_pem(ED25519_PEM).unwrap();
    assert!(key.public_jwk().contains("Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE"), "{key:?}");
    let between = format!("made today\r\n{}", ED25519_PEM.replace('\n', "\r\n"));
    assert_eq!(SigningKey::from_pkcs8_pem(&between).unwrap().kid(), key.kid());
    let made = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let key = SigningKey::from_pkcs8_pem(&made.serialize_pem()).unwrap();
    assert_eq!(key.kid(), SigningKey::from_pkcs8(made.serialized_der()).unwrap().kid());
}

#[test]
fn what_is_not_one_private_key_in_pem_is_refused() {
    let public = rcgen::KeyPair::generate().unwrap().public_key_pem();
    let sec1 = ED25519_PEM.replace("PRIVATE", "EC PRIVATE");
    let cut = ED25519_PEM.replace("-----END PRIVATE KEY-----", "");
    let odd = ED25519_PEM.replace("MC4C", "MC=C");
    let short = ED25519_PEM.replace("EdVhC", "E");
    for wrong in ["", "no key", &public, &sec1, &cut, &odd, &short, &format!("{ED25519_PEM}{ED25519_PEM}")] {
        assert_eq!(kind(SigningKey::from_pkcs8_pem(wrong)), JoseErrorKind::KeyMaterial, "{wrong}");
    }
}

#[test]
fn what_is_wrong_with_a_document_repeats_none_of_its_keys() {
    for text in [r#"{"a-secret": oops}"#, r#"{"a-secret": {"x": 1, "x": 2}}"#] {
        let error = super::json::object(bytes::Bytes::from(text), "answer").unwrap_err().to_string();
        assert!(!error.contains("secret") && error.contains("(byte "), "{error}");
    }
}
