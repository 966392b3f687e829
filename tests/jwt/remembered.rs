//! What is remembered, and for how long.

use super::*;

#[tokio::test]
async fn a_credential_seen_before_is_remembered_and_still_expires() {
    let (signer, clock) = (ed25519(), clock());
    let layer = builder(&clock).issuer(issuer(keys(&signer))).build().unwrap();
    let credential = signer.sign_jwt("JWT", &claims_with("exp", json!(NOW + 60))).unwrap();
    let remembered = async || bear(&layer, &credential).await.seen.map(|seen| seen.facts.remembered);
    assert_eq!((remembered().await, remembered().await), (Some(false), Some(true)));
    clock.advance(seconds(69));
    assert_eq!(remembered().await, Some(true));
    clock.advance(seconds(1));
    let outcome = bear(&layer, &credential).await;
    unverified(&outcome, "expired");
    assert_eq!(outcome.cause, JwtErrorKind::Expired.to_string());
}

#[tokio::test]
async fn a_remembered_credential_waits_when_the_calendar_steps_back_before_its_beginning() {
    let (signer, clock) = (ed25519(), clock());
    let layer = builder(&clock).issuer(issuer(keys(&signer))).build().unwrap();
    let credential = signer.sign_jwt("JWT", &claims_with("nbf", json!(NOW))).unwrap();
    assert_eq!(bear(&layer, &credential).await.status, StatusCode::OK);
    clock.set(UnixTime::from_secs(NOW - 11));
    unverified(&bear(&layer, &credential).await, "not yet");
}

#[tokio::test]
async fn a_credential_is_remembered_no_longer_than_was_said() {
    let (signer, clock) = (ed25519(), clock());
    let brief = builder(&clock).issuer(issuer(keys(&signer))).remember_for(seconds(5)).build().unwrap();
    let never = builder(&clock).issuer(issuer(keys(&signer))).remember_for(Duration::ZERO).build().unwrap();
    let credential = signer.sign_jwt("JWT", &claims()).unwrap();
    let remembered = async |layer| bear(layer, &credential).await.seen.unwrap().facts.remembered;
    assert_eq!((remembered(&brief).await, remembered(&brief).await), (false, true));
    clock.advance(seconds(5));
    assert_eq!((remembered(&brief).await, remembered(&brief).await), (false, true));
    assert_eq!((remembered(&never).await, remembered(&never).await), (false, false));
}

#[tokio::test]
async fn a_remembered_credential_dies_with_its_key() {
    let (old, new) = (ed25519(), ed25519());
    let source = Rotating::new(&old);
    let layer = layer(issuer(source.clone()));
    let credential = old.sign_jwt("JWT", &claims()).unwrap();
    assert_eq!(bear(&layer, &credential).await.status, StatusCode::OK);
    *source.keys.write().unwrap() = set(&new);
    unverified(&bear(&layer, &credential).await, "key gone");
}

#[tokio::test]
async fn a_remembered_credential_dies_when_its_kid_comes_to_name_another_key() {
    let (old, new) = (ed25519().with_kid("k"), ed25519().with_kid("k"));
    let source = Rotating::new(&old);
    let layer = layer(issuer(source.clone()));
    let credential = old.sign_jwt("JWT", &claims()).unwrap();
    assert_eq!(bear(&layer, &credential).await.status, StatusCode::OK);
    *source.keys.write().unwrap() = set(&new);
    let outcome = bear(&layer, &credential).await;
    unverified(&outcome, "key exchanged");
    assert_eq!(outcome.cause, JoseErrorKind::Signature.to_string());
}

#[tokio::test]
async fn a_credential_that_shares_a_long_prefix_with_a_remembered_one_is_verified_itself() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let credential = signer.sign_jwt("JWT", &claims()).unwrap();
    assert_eq!(bear(&layer, &credential).await.status, StatusCode::OK);
    let mut forged = credential.clone().into_bytes();
    let place = forged.len() - 20;
    forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
    unverified(&bear(&layer, std::str::from_utf8(&forged).unwrap()).await, "forged");
}

#[tokio::test]
async fn what_failed_is_not_remembered() {
    let (signer, clock) = (ed25519(), clock());
    let layer = builder(&clock).issuer(issuer(keys(&signer))).build().unwrap();
    let credential = signer.sign_jwt("JWT", &claims_with("nbf", json!(NOW + 60))).unwrap();
    unverified(&bear(&layer, &credential).await, "not yet");
    clock.advance(seconds(60));
    assert_eq!(bear(&layer, &credential).await.status, StatusCode::OK);
}
