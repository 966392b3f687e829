//! Who does not pass: the claims.

use super::*;

#[tokio::test]
async fn missing_mistyped_and_wrong_claims_are_refused() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)).plan_claim("/plan").tenant_claim("/tid").roles_claim("/roles"));
    let long = "x".repeat(256);
    let mut cases: Vec<Value> = ["iss", "aud", "exp", "sub"].map(claims_without).to_vec();
    let wrong: &[(&str, Vec<Value>)] = &[
        (
            "iss",
            vec![
                json!(null),
                json!([ISSUER]),
                json!(""),
                json!("https://login.example/"),
                json!("HTTPS://login.example"),
            ],
        ),
        (
            "aud",
            vec![
                json!(null),
                json!(5),
                json!([]),
                json!([5]),
                json!([AUDIENCE, 5]),
                json!("https://llm.example/"),
                json!({}),
            ],
        ),
        (
            "exp",
            vec![
                json!(null),
                json!("1800003600"),
                json!("x"),
                json!(true),
                json!([NOW + 60]),
                json!(-1),
                json!(0),
            ],
        ),
        (
            "exp",
            vec![
                json!(NOW - 10),
                json!(NOW as f64 - 10.5),
                json!((NOW + 60) * 1000),
                json!(1e300),
                json!(NOW + 86_401),
            ],
        ),
        ("nbf", vec![json!(null), json!("1800000000"), json!(false), json!(-1), json!(NOW + 11)]),
        ("iat", vec![json!(null), json!("1800000000"), json!({}), json!(NOW + 11), json!(NOW - 90_000)]),
        ("sub", vec![json!(null), json!(7), json!(""), json!(["ada"]), json!(long)]),
        ("sub", vec![json!("ada\n"), json!("\u{0}"), json!("ada\u{7f}")]),
        ("jti", vec![json!(7), json!(null), json!(long)]),
        ("sid", vec![json!(7)]),
        ("azp", vec![json!(7), json!("")]),
        ("client_id", vec![json!(["app"])]),
        ("plan", vec![json!(7), json!(""), json!(["free"]), json!(null)]),
        ("tid", vec![json!(7)]),
        ("roles", vec![json!(7), json!(["admin", 7]), json!({ "admin": true })]),
        ("cnf", vec![json!({ "jkt": "x" }), json!({}), json!(null)]),
    ];
    cases.extend(
        wrong.iter().flat_map(|(name, values)| values.iter().map(|value| claims_with(name, value.clone()))),
    );
    let mut differing = claims_with("azp", json!("a"));
    differing["client_id"] = json!("b");
    cases.push(differing);
    for claims in cases {
        let outcome = bear(&layer, &signer.sign_jwt("JWT", &claims).unwrap()).await;
        unverified(&outcome, &claims.to_string());
        assert!(!outcome.cause.contains(&long), "the record must not repeat what was sent");
    }
}

#[tokio::test]
async fn times_are_taken_with_the_leeway_and_not_beyond() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)).leeway(seconds(30)).max_lifetime(seconds(7200)));
    for (name, value, passes) in [
        ("exp", NOW - 29, true),
        ("exp", NOW - 30, false),
        ("nbf", NOW + 30, true),
        ("nbf", NOW + 31, false),
        ("iat", NOW + 30, true),
        ("iat", NOW + 31, false),
        ("exp", NOW + 7200, true),
        ("exp", NOW + 7201, false),
    ] {
        let outcome = bear(&layer, &signer.sign_jwt("JWT", &claims_with(name, json!(value))).unwrap()).await;
        assert_eq!(outcome.status == StatusCode::OK, passes, "{name} {value}: {}", outcome.cause);
    }
}

#[tokio::test]
async fn only_an_expired_credential_of_a_trusted_issuer_is_told_that_it_expired() {
    let (signer, attacker) = (ed25519(), ed25519().with_kid("k"));
    let signer = signer.with_kid("k");
    let layer = layer(issuer(keys(&signer)));
    let expired = claims_with("exp", json!(NOW - 100));
    let ours = bear(&layer, &signer.sign_jwt("JWT", &expired).unwrap()).await;
    assert!(ours.challenge.unwrap().contains("expired") && ours.body.contains("expired"));
    let forged = bear(&layer, &attacker.sign_jwt("JWT", &expired).unwrap()).await;
    assert!(!forged.challenge.unwrap().contains("expired") && !forged.body.contains("expired"));
}
