//! Keys that follow one another, and who verifies by them.

use super::world::*;
use http::StatusCode;
use portcullis::jose::{Algorithm, Jws, KeySet, SigningKey};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn is_signed_by_the_published(credential: &str, sts: &portcullis::sts::Sts) -> bool {
    let keys = KeySet::from_jwks(sts.jwks()).unwrap();
    let jws = Jws::parse(credential).unwrap();
    keys.select(jws.kid(), jws.algorithm()).and_then(|key| jws.verify(key).map(drop)).is_ok()
}

#[tokio::test]
async fn what_a_key_signed_is_verified_until_it_has_ended_though_another_key_signs_by_then() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let world = World::new();
        let sts = world.builder().algorithm(algorithm).rotate_every(HOUR).build().unwrap();
        let kid = |answer: &Answer| Jws::parse(answer.credential()).unwrap().kid().unwrap().to_owned();
        world.clock.advance(HOUR - Duration::from_secs(1));
        let before = sts.jwks();
        let last = world
            .login
            .credential("alice")
            .audience(WEB)
            .scope("chat docs:read")
            .claim("iat", NOW + 3599)
            .claim("exp", NOW + 3899);
        let last = Asking::new(&last.sign(), ORCHESTRATOR).by_web().send(&sts).await;
        world.clock.advance(Duration::from_secs(1));
        let first = world
            .login
            .credential("alice")
            .audience(WEB)
            .scope("chat docs:read")
            .claim("iat", NOW + 3600)
            .claim("exp", NOW + 4000);
        let first = Asking::new(&first.sign(), ORCHESTRATOR).by_web().send(&sts).await;
        assert_ne!(kid(&last), kid(&first));
        assert!(String::from_utf8_lossy(&before).contains(&kid(&first)), "published before it signs");
        assert!(
            is_signed_by_the_published(last.credential(), &sts)
                && is_signed_by_the_published(first.credential(), &sts)
        );
        // What the key before has signed can still be exchanged.
        let second =
            Asking::new(last.credential(), VECTORS).by_orchestrator(&world.from(WORKLOAD)).send(&sts).await;
        assert_eq!(second.status, StatusCode::OK, "{second:?}");
        world.clock.advance(Duration::from_secs(600));
        assert!(!is_signed_by_the_published(last.credential(), &sts), "its key is gone, and so is it");
    }
}

#[tokio::test]
async fn instances_that_share_a_key_issue_what_the_others_take() {
    let world = World::new();
    let der = world.authority.spiffe(WORKLOAD).issue();
    let key = || SigningKey::from_pkcs8(&pem_to_der(der.key_pem())).unwrap();
    let (one, other) = (
        world.builder().signing_key(key()).build().unwrap(),
        world.builder().signing_key(key()).build().unwrap(),
    );
    assert_eq!(one.jwks(), other.jwks());
    let first = Asking::new(&world.credential(WEB, []), ORCHESTRATOR).by_web().send(&one).await;
    let second =
        Asking::new(first.credential(), VECTORS).by_orchestrator(&world.from(WORKLOAD)).send(&other).await;
    assert_eq!(second.status, StatusCode::OK);
    let stranger = Asking::new(first.credential(), VECTORS)
        .by_orchestrator(&world.from(WORKLOAD))
        .send(&world.sts())
        .await;
    stranger.assert_refused(400, "invalid_request");
}

fn pem_to_der(pem: &str) -> Vec<u8> {
    use base64::Engine as _;
    let lines: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::engine::general_purpose::STANDARD.decode(lines).unwrap()
}
