//! What is built, and what it shows.

use super::*;

#[test]
fn building_fails_early_and_names_the_setting() {
    let signer = ed25519();
    let fails = |issuers: Vec<TrustedIssuer>| {
        let builder = issuers.into_iter().fold(VerifyJwtLayer::builder(), VerifyJwtLayerBuilder::issuer);
        match builder.build().unwrap_err().kind {
            JwtErrorKind::Setting { field, .. } => field,
            other => panic!("{other}"),
        }
    };
    let sound = || issuer(keys(&signer));
    assert_eq!(fails(vec![]), "issuer");
    assert_eq!(fails(vec![sound(), sound()]), "issuer");
    assert_eq!(
        fails(vec![TrustedIssuer::new("").audience(AUDIENCE).keys(keys(&signer))]),
        "TrustedIssuer::new"
    );
    assert_eq!(fails(vec![TrustedIssuer::new(ISSUER).keys(keys(&signer))]), "audience");
    assert_eq!(fails(vec![sound().audience("")]), "audience");
    assert_eq!(fails(vec![TrustedIssuer::new(ISSUER).audience(AUDIENCE)]), "keys");
    assert_eq!(fails(vec![sound().algorithms([])]), "algorithms");
    assert_eq!(fails(vec![sound().leeway(seconds(61))]), "leeway");
    assert_eq!(fails(vec![sound().max_lifetime(Duration::ZERO)]), "max_lifetime");
    assert_eq!(fails(vec![sound().plan_claim("plan")]), "plan_claim");
    assert_eq!(fails(vec![sound().tenant_claim("")]), "tenant_claim");
    assert_eq!(fails(vec![sound().roles_claim("/a~2")]), "roles_claim");
    let realm = VerifyJwtLayer::builder().issuer(sound()).realm("a\"b").build().unwrap_err();
    assert!(realm.to_string().contains("realm"));
}

#[tokio::test]
async fn debug_shows_neither_credential_nor_private_key() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let credential = signer.sign_jwt("JWT", &claims()).unwrap();
    let seen = bear(&layer, &credential).await.seen.unwrap();
    let shown = format!("{layer:?} {signer:?} {:?} {:?} {:?}", seen.principal, seen.facts, seen.headers);
    for part in credential.split('.') {
        assert!(!shown.contains(part));
    }
}
