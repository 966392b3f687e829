use super::*;
use crate::jose::{PublicKey, SigningKey, Thumbprint};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn thumbprint() -> Thumbprint {
    let key = SigningKey::generate_ed25519().unwrap();
    *PublicKey::from_jwk(key.public_jwk().as_bytes()).unwrap().thumbprint()
}

/// Two keys that share a shard.
fn neighbours() -> (Thumbprint, Thumbprint) {
    let one = thumbprint();
    let same = |other: &Thumbprint| other.as_bytes()[0] % 16 == one.as_bytes()[0] % 16;
    (one, std::iter::repeat_with(thumbprint).find(same).unwrap())
}

#[test]
fn a_jti_is_a_replay_for_its_own_key_and_until_its_time_is_over() {
    let (replays, (mine, other)) = (Replays::new(10, 160), neighbours());
    assert_eq!(replays.note(&mine, "a", seconds(0), seconds(60)), Ok(()));
    assert_eq!(replays.note(&mine, "a", seconds(59), seconds(119)), Err(DpopErrorKind::Replayed));
    assert_eq!(replays.note(&other, "a", seconds(59), seconds(119)), Ok(()));
    assert_eq!(replays.note(&mine, "a", seconds(60), seconds(120)), Ok(()));
    assert_eq!(replays.len(), 2);
}

#[test]
fn a_key_that_is_full_is_refused_and_takes_no_room_from_another() {
    let (replays, (mine, other)) = (Replays::new(3, 160), neighbours());
    for jti in ["a", "b", "c"] {
        assert_eq!(replays.note(&mine, jti, seconds(0), seconds(60)), Ok(()));
    }
    assert_eq!(replays.note(&mine, "d", seconds(1), seconds(61)), Err(DpopErrorKind::Full("of this key")));
    assert_eq!(replays.note(&mine, "a", seconds(1), seconds(61)), Err(DpopErrorKind::Replayed));
    assert_eq!(replays.note(&other, "d", seconds(1), seconds(61)), Ok(()));
    assert_eq!(replays.note(&mine, "d", seconds(60), seconds(120)), Ok(()), "its time is over");
    assert_eq!(replays.len(), 2, "and the others were forgotten");
}

#[test]
fn a_full_memory_refuses_everybody_until_the_first_are_forgotten() {
    let (replays, (mine, other)) = (Replays::new(2, 16), neighbours());
    assert_eq!(replays.note(&mine, "a", seconds(0), seconds(10)), Ok(()));
    assert_eq!(replays.note(&mine, "b", seconds(0), seconds(60)), Ok(()));
    assert_eq!(replays.note(&other, "a", seconds(1), seconds(61)), Err(DpopErrorKind::Full("of anybody")));
    assert_eq!(replays.note(&other, "a", seconds(10), seconds(70)), Ok(()));
    assert_eq!(replays.len(), 2);
}

#[test]
fn a_nonce_is_good_for_its_period_and_the_next_and_only_under_its_secret() {
    let secret = |text: &str| SecretString::from(text.repeat(32));
    let nonces = Nonces::new(Some(&secret("a"))).unwrap();
    let now = UnixTime::from_secs(1_800_000_000);
    let nonce = nonces.current(now);
    assert!(nonces.is_good(&nonce, now) && nonces.is_good(&nonce, now.saturating_add(seconds(150))));
    assert!(!nonces.is_good(&nonce, now.saturating_add(seconds(300))));
    assert!(!nonces.is_good(&nonces.current(now.saturating_add(seconds(150))), now), "it lies ahead");
    assert!(Nonces::new(Some(&secret("a"))).unwrap().is_good(&nonce, now), "another instance");
    for other in [Some(secret("b")), None] {
        assert!(!Nonces::new(other.as_ref()).unwrap().is_good(&nonce, now));
    }
    let mut forged = nonce.clone().into_bytes();
    forged[0] ^= 1;
    for odd in [String::from_utf8(forged).unwrap().as_str(), "", "A", &nonce[1..], &format!("{nonce}AAAA")] {
        assert!(!nonces.is_good(odd, now), "{odd}");
    }
    assert!(Nonces::new(Some(&SecretString::from("short"))).is_err());
}
