//! How the user logged in, which JWTs are not for access, and what a clock that steps back cannot do.

use super::*;

#[tokio::test]
async fn how_and_when_the_user_logged_in_are_facts_of_the_credential() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let mut claims = claims_with("acr", json!("urn:mfa"));
    (claims["amr"], claims["auth_time"]) = (json!(["pwd", "otp"]), json!(NOW - 60));
    let seen = bear(&layer, &signer.sign_jwt("JWT", &claims).unwrap()).await.seen.unwrap();
    let credential = seen.principal.credential();
    assert_eq!(
        (credential.acr(), credential.auth_time()),
        (Some("urn:mfa"), Some(UnixTime::from_secs(NOW - 60)))
    );
    assert_eq!(credential.amr().collect::<Vec<_>>(), ["pwd", "otp"]);
    for (name, value) in [
        ("acr", json!(7)),
        ("acr", json!("")),
        ("amr", json!({})),
        ("amr", json!([7])),
        ("amr", json!([""])),
        ("auth_time", json!("now")),
        // It would be fresh for as long as it lies ahead.
        ("auth_time", json!(NOW + 11)),
    ] {
        let outcome = bear(&layer, &signer.sign_jwt("JWT", &claims_with(name, value.clone())).unwrap()).await;
        unverified(&outcome, &format!("{name}: {value}"));
        assert_eq!(outcome.cause, JwtErrorKind::MalformedClaim(name).to_string());
    }
}

#[tokio::test]
async fn jwts_that_are_not_for_access_are_told_by_what_is_in_them() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    for (name, value) in [
        ("nonce", json!("n-0S6_WzA2Mj")),
        ("at_hash", json!("MTIzNDU2Nzg5MDEyMzQ1Ng")),
        ("c_hash", json!("LDktKdoQak3Pk0cnXxCltA")),
        ("s_hash", json!("x")),
        ("events", json!({ "http://schemas.openid.net/event/backchannel-logout": {} })),
        ("typ", json!("ID")),
        ("typ", json!("Refresh")),
        ("typ", json!("Logout")),
        ("typ", json!(7)),
        ("token_use", json!("id")),
    ] {
        let claims = claims_with(name, value.clone());
        let outcome = bear(&layer, &signer.sign_jwt("JWT", &claims).unwrap()).await;
        unverified(&outcome, &format!("{name}: {value}"));
        let told = if name == "token_use" { "typ" } else { name };
        assert_eq!(outcome.cause, JwtErrorKind::NotForAccess(told).to_string());
        // RFC 9068 §2.1: what says that it is one is one.
        assert_eq!(
            bear(&layer, &signer.sign_jwt("at+jwt", &claims).unwrap()).await.status,
            StatusCode::OK,
            "{name}"
        );
    }
    for (name, value) in [("typ", "Bearer"), ("token_use", "access"), ("typ", "JWT")] {
        let claims = claims_with(name, json!(value));
        assert_eq!(
            bear(&layer, &signer.sign_jwt("JWT", &claims).unwrap()).await.status,
            StatusCode::OK,
            "{name}"
        );
    }
}

#[tokio::test]
async fn once_a_lifetime_is_set_a_jwt_must_say_when_it_began() {
    let signer = ed25519();
    let credential = signer.sign_jwt("JWT", &claims_without("iat")).unwrap();
    let unset = layer(issuer(keys(&signer)));
    assert_eq!(bear(&unset, &credential).await.status, StatusCode::OK);
    let set = layer(issuer(keys(&signer)).max_lifetime(seconds(24 * 60 * 60)));
    let outcome = bear(&set, &credential).await;
    unverified(&outcome, "without iat");
    assert_eq!(outcome.cause, JwtErrorKind::MissingClaim("iat").to_string());
}

#[tokio::test]
async fn a_clock_that_steps_back_revives_nothing() {
    let (signer, clock) = (ed25519(), clock());
    let layer = builder(&clock).issuer(issuer(keys(&signer))).build().unwrap();
    let sign = |exp: u64| signer.sign_jwt("JWT", &claims_with("exp", json!(exp))).unwrap();
    let (remembered, unseen, lasting) = (sign(NOW + 60), sign(NOW + 61), sign(NOW + 3_600));
    assert_eq!(bear(&layer, &remembered).await.status, StatusCode::OK);
    clock.advance(seconds(100));
    unverified(&bear(&layer, &remembered).await, "expired");
    clock.set(UnixTime::from_secs(NOW));
    for credential in [&remembered, &unseen] {
        let outcome = bear(&layer, credential).await;
        unverified(&outcome, "expired before the clock stepped back");
        assert_eq!(outcome.cause, JwtErrorKind::Expired.to_string());
    }
    assert_eq!(bear(&layer, &lasting).await.status, StatusCode::OK);
    // And time goes on from there: what had 3500 seconds left has no more than that.
    clock.advance(seconds(3_509));
    assert_eq!(bear(&layer, &lasting).await.status, StatusCode::OK);
    clock.advance(seconds(1));
    unverified(&bear(&layer, &lasting).await, "expired meanwhile");
}
