//! Who does not pass: the form.

use super::*;

#[tokio::test]
async fn headers_with_critical_or_meaning_changing_parameters_are_refused() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("typ", json!("dpop+jwt")),
        ("typ", json!("logout+jwt")),
        ("typ", json!(7)),
        ("kid", json!(["k"])),
    ] {
        let header = json!({ "alg": "EdDSA", name: value }).to_string();
        unverified(
            &bear(&layer, &signer.sign_compact(header.as_bytes(), &claims_bytes()).unwrap()).await,
            &header,
        );
    }
}

#[tokio::test]
async fn the_access_type_can_be_demanded() {
    let signer = ed25519();
    let demanding = layer(issuer(keys(&signer)).require_access_token_type());
    for (typ, passes) in
        [("at+jwt", true), ("AT+JWT", true), ("application/at+jwt", true), ("JWT", false), ("", false)]
    {
        let outcome = bear(&demanding, &signer.sign_jwt(typ, &claims()).unwrap()).await;
        assert_eq!(outcome.status == StatusCode::OK, passes, "{typ}");
    }
    let absent = signer.sign_compact(br#"{"alg":"EdDSA"}"#, &claims_bytes()).unwrap();
    unverified(&bear(&demanding, &absent).await, "no typ");
    assert_eq!(bear(&layer(issuer(keys(&signer))), &absent).await.status, StatusCode::OK);
}

#[tokio::test]
async fn duplicate_members_of_header_and_claims_are_refused() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let claims = claims().to_string();
    let (header, body) = (r#"{"alg":"EdDSA"}"#, &claims[1..]);
    for (header, claims) in [
        (r#"{"alg":"EdDSA","alg":"EdDSA"}"#.to_owned(), claims.clone()),
        (r#"{"alg":"none","alg":"EdDSA"}"#.to_owned(), claims.clone()),
        (format!(r#"{{"alg":"EdDSA","kid":"{0}","kid":"{0}"}}"#, signer.kid()), claims.clone()),
        (header.to_owned(), format!(r#"{{"sub":"root",{body}"#)),
        (header.to_owned(), format!(r#"{{"s\u0075b":"root",{body}"#)),
        (header.to_owned(), format!(r#"{{"x":{{"a":1,"a":2}},{body}"#)),
        (header.to_owned(), format!("[{claims}]")),
        (header.to_owned(), format!("{claims} ,")),
        (header.to_owned(), String::new()),
    ] {
        let credential = signer.sign_compact(header.as_bytes(), claims.as_bytes()).unwrap();
        unverified(&bear(&layer, &credential).await, &format!("{header} {claims}"));
    }
}

#[tokio::test]
async fn base64url_has_one_spelling() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let sound = signer.sign_jwt("JWT", &claims()).unwrap();
    // 64 bytes of signature: the last character carries 2 bits of value and 4 that must be zero.
    let last = sound.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let twin = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    let trailing = format!("{}{twin}", &sound[..sound.len() - 1]);
    let padded = format!("{sound}==");
    let standard = sound.replace('-', "+").replace('_', "/") + "+";
    for odd in [trailing, padded, standard, format!("{sound}."), sound.replace('.', "..")] {
        unverified(&bear(&layer, &odd).await, &odd);
    }
}

#[tokio::test]
async fn more_than_8_kib_are_refused_though_the_signature_holds() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let sized = |bytes: usize| signer.sign_jwt("JWT", &claims_with("x", json!("x".repeat(bytes)))).unwrap();
    let (fits, exceeds) = (sized(5700), sized(6200));
    assert!(fits.len() <= 8192 && exceeds.len() > 8192);
    assert_eq!(bear(&layer, &fits).await.status, StatusCode::OK);
    unverified(&bear(&layer, &exceeds).await, "too long");
}
