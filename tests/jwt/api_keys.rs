//! Static keys: found by their SHA-256, good until they expire.

use super::*;
use portcullis::jwt::{ApiKey, NewApiKey};
use portcullis::principal::{AuthenticationMethod, Revocations, RevokedBy, Subject};
use secrecy::ExposeSecret;

fn key(made: &NewApiKey) -> ApiKey {
    let until = UnixTime::from_secs(NOW + 100);
    ApiKey::of_sha256(&made.sha256, Subject::new("api-keys", "ada"), until).unwrap()
}

fn secret(made: &NewApiKey) -> &str {
    made.key.expose_secret()
}

#[tokio::test]
async fn a_key_says_who_asks_and_the_handler_does_not_see_it() {
    let made = ApiKey::generate().unwrap();
    let key = key(&made)
        .name("notebook")
        .plan("free")
        .tenant("acme")
        .scopes(["generate:invoke"].into_iter().collect());
    let layer = builder(&clock()).api_key(key).accept_api_key_header().build().unwrap();
    let bearer = format!("Bearer {}", secret(&made));
    for headers in [[("authorization", &*bearer)], [("x-api-key", secret(&made))]] {
        let Seen { principal, headers, .. } = send(&layer, request(&headers)).await.seen.unwrap();
        assert_eq!((principal.subject().unwrap().issuer(), principal.name()), ("api-keys", "ada"));
        assert_eq!(principal.credential().method(), AuthenticationMethod::ApiKey);
        assert_eq!(principal.credential().identifier(), Some("notebook"));
        assert_eq!(principal.credential().expires_at(), Some(UnixTime::from_secs(NOW + 100)));
        assert_eq!(
            (principal.plan().unwrap().as_str(), principal.tenant().unwrap().as_str()),
            ("free", "acme")
        );
        assert!(principal.scopes().contains("generate:invoke"));
        assert!(!headers.contains_key("authorization") && !headers.contains_key("x-api-key"));
    }
}

#[tokio::test]
async fn a_key_is_good_whole_and_until_it_expires() {
    let (made, other, clock) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap(), clock());
    let layer = builder(&clock).api_key(key(&made)).build().unwrap();
    let whole = secret(&made);
    for wrong in [secret(&other), &whole[..whole.len() - 1], &format!("{whole}x"), &made.sha256, "key_"] {
        unverified(&bear(&layer, wrong).await, wrong);
    }
    clock.advance(seconds(99));
    assert_eq!(bear(&layer, whole).await.status, StatusCode::OK);
    clock.advance(seconds(1));
    let outcome = bear(&layer, whole).await;
    unverified(&outcome, "expired");
    assert!(outcome.challenge.unwrap().contains("expired"));
}

#[tokio::test]
async fn keys_and_jwts_live_beside_one_another() {
    let (made, signer) = (ApiKey::generate().unwrap(), ed25519());
    let layer = builder(&clock()).api_key(key(&made)).issuer(issuer(keys(&signer))).build().unwrap();
    assert_eq!(bear(&layer, secret(&made)).await.status, StatusCode::OK);
    let jwt = signer.sign_jwt("JWT", &claims()).unwrap();
    assert_eq!(bear(&layer, &jwt).await.status, StatusCode::OK);
    let both = [("authorization", &*format!("Bearer {jwt}")), ("x-api-key", secret(&made))];
    // The header counts for nothing where it is not accepted, and its secret goes no further.
    let seen = send(&layer, request(&both)).await.seen.unwrap();
    assert!(!seen.headers.contains_key("x-api-key"));
    let unbound = builder(&clock())
        .api_key(key(&made))
        .require_binding(portcullis::jwt::RequireBinding::Always)
        .build()
        .unwrap();
    unverified(&bear(&unbound, secret(&made)).await, "a key is bound to nobody");
}

#[tokio::test]
async fn a_key_that_was_revoked_or_whose_owner_was_is_refused_from_the_next_request_on() {
    let (made, other, clock) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap(), clock());
    let list = Revocations::with_clock(clock.shared());
    let layer = builder(&clock).revocations(list.clone());
    let layer =
        layer.api_key(key(&made).name("notebook")).api_key(key(&other).name("server")).build().unwrap();
    assert_eq!(bear(&layer, secret(&made)).await.status, StatusCode::OK);
    list.revoke_credential("api-keys", "notebook", UnixTime::from_secs(NOW + 100)).unwrap();
    let outcome = bear(&layer, secret(&made)).await;
    unverified(&outcome, "revoked by name");
    assert_eq!(outcome.cause, JwtErrorKind::Revoked(RevokedBy::Identifier).to_string());
    assert_eq!(
        bear(&layer, secret(&other)).await.status,
        StatusCode::OK,
        "the owner's other key still holds"
    );
    list.revoke_subject(&Subject::new("api-keys", "ada")).unwrap();
    let outcome = bear(&layer, secret(&other)).await;
    unverified(&outcome, "its owner is revoked");
    assert_eq!(outcome.cause, JwtErrorKind::Revoked(RevokedBy::Subject).to_string());
}

#[test]
fn a_key_that_cannot_be_used_is_named_and_nothing_shows_it() {
    let made = ApiKey::generate().unwrap();
    assert!(!format!("{made:?}").contains(secret(&made)));
    assert_eq!(made.sha256.len(), 64);
    let owner = || Subject::new("api-keys", "ada");
    for odd in ["", secret(&made), &made.sha256[1..], &"g".repeat(64), &"é".repeat(32)] {
        let error = ApiKey::of_sha256(odd, owner(), UnixTime::from_secs(NOW)).unwrap_err();
        assert!(error.to_string().contains("sha256sum") && !error.to_string().contains(secret(&made)));
    }
    let upper = ApiKey::of_sha256(&made.sha256.to_uppercase(), owner(), UnixTime::from_secs(NOW)).unwrap();
    let error = builder(&clock()).api_key(key(&made)).api_key(upper).build().unwrap_err();
    assert!(error.to_string().contains("same SHA-256"), "{error}");
}
