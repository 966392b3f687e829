use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};

use crate::clock::UnixTime;
use crate::jose::base64url;
use crate::jwt::JwtError;
use crate::jwt::issuer::setting;

/// For how many seconds a nonce is the newest. It is good for as long again.
const PERIOD: u64 = 150;
/// The number of the period and half of the MAC over it.
const LENGTH: usize = 8 + 16;
/// The shortest secret, in bytes.
const MIN_SECRET: usize = 32;

/// Makes and checks nonces (RFC 9449 §9). None is stored: each says when it was made, under a MAC.
pub(super) struct Nonces(hmac::Key);

impl Nonces {
    /// With a secret that several instances share, else with one of this process.
    pub(super) fn new(secret: Option<&SecretString>) -> Result<Self, JwtError> {
        let key = |bytes: &[u8]| Self(hmac::Key::new(hmac::HMAC_SHA256, bytes));
        if let Some(secret) = secret {
            let secret = secret.expose_secret().as_bytes();
            if secret.len() < MIN_SECRET {
                return Err(setting("nonce_secret", "choose 32 bytes at least, at random"));
            }
            return Ok(key(secret));
        }
        let mut bytes = [0; MIN_SECRET];
        let filled = SystemRandom::new().fill(&mut bytes);
        filled.map_err(|_| setting("require_nonces", "the system gave no random numbers; start again"))?;
        Ok(key(&bytes))
    }

    /// The newest.
    pub(super) fn current(&self, now: UnixTime) -> String {
        base64url::encode(&self.of_period(now.as_secs() / PERIOD))
    }

    pub(super) fn is_good(&self, nonce: &str, now: UnixTime) -> bool {
        let mut bytes = [0; LENGTH];
        let read = base64url::decode_slice(nonce.as_bytes(), &mut bytes).map(<[u8]>::len);
        if read != Some(LENGTH) {
            return false;
        }
        let period = u64::from_be_bytes(*bytes.first_chunk().expect("24 bytes hold 8"));
        let current = now.as_secs() / PERIOD;
        (period == current || period.checked_add(1) == Some(current))
            && verify_slices_are_equal(&self.of_period(period), &bytes).is_ok()
    }

    fn of_period(&self, period: u64) -> [u8; LENGTH] {
        let period = period.to_be_bytes();
        let mut nonce = [0; LENGTH];
        nonce[..8].copy_from_slice(&period);
        nonce[8..].copy_from_slice(&hmac::sign(&self.0, &period).as_ref()[..16]);
        nonce
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonces")
    }
}
