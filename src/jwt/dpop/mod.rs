//! Proof of possession by DPoP (RFC 9449): a credential that names a key is good only beside a proof by that key.
//!
//! 1. The proof is looked at only after the credential itself holds. It stands in exactly one `DPoP` header, and the
//!    credential beside it under the scheme `DPoP`.
//! 2. It is a `dpop+jwt` of at most 8 KiB with its public key in `jwk`, whose thumbprint must be the credential's `jkt`.
//! 3. It was made for this credential (`ath`), this method (`htm`) and this address (`htu`): the public one that was
//!    configured, never `Host`. Query and fragment are left aside, and both sides normalised (RFC 3986 §6.2.2, §6.2.3).
//! 4. It was made within the last minute, and its `jti` did not come before. A clock that is set back is not believed.
//! 5. By choice it holds a nonce of this service, which proves that it was not made in advance (§9).
//!
//! # Deployment caveat
//! The proofs that came are remembered in this process. Behind several instances a proof could come once to each of them;
//! [nonces](DpopRules::require_nonces) bound how old such a proof is, and do not prevent that.

mod address;
mod error;
mod nonce;
mod proof;
mod replay;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use secrecy::SecretString;

use self::address::Address;
pub use self::error::DpopErrorKind;
use self::nonce::Nonces;
use self::proof::{Proof, Purpose};
use self::replay::Replays;
use super::JwtError;
use super::issuer::setting;
use crate::clock::{HighWater, SharedClock, UnixTime};
use crate::jose::Algorithm;

/// The header of the proof (RFC 9449 §4.1).
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");
/// The header in which a nonce is given (RFC 9449 §8.1).
pub(super) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

const MAX_AGE: Duration = Duration::from_secs(60);
const LONGEST_AGE: Duration = Duration::from_secs(10 * 60);
/// How far ahead the client's clock may be.
const LEEWAY: Duration = Duration::from_secs(5);
const OF_ONE_KEY: usize = 16 * 1024;
const OF_ALL: usize = 256 * 1024;

/// How DPoP proofs are checked. See the [module](self).
///
/// ```
/// use portcullis::jwt::DpopRules;
///
/// let rules = DpopRules::at("https://llm.example.com").require_nonces();
/// # let _ = rules;
/// ```
#[derive(Clone, Debug)]
pub struct DpopRules {
    addresses: Vec<Box<str>>,
    max_age: Duration,
    nonces: bool,
    nonce_secret: Option<SecretString>,
    remember: (usize, usize),
}

impl DpopRules {
    /// Proofs are made for this service at this public address: an origin, `https://llm.example.com`, and before the path
    /// whatever a proxy takes away, `https://example.com/llm`.
    pub fn at(address: impl Into<Box<str>>) -> Self {
        Self {
            addresses: vec![address.into()],
            max_age: MAX_AGE,
            nonces: false,
            nonce_secret: None,
            remember: (OF_ONE_KEY, OF_ALL),
        }
    }

    /// The service is reached at this address, too.
    pub fn also_at(mut self, address: impl Into<Box<str>>) -> Self {
        self.addresses.push(address.into());
        self
    }

    /// How old a proof may be; 60 seconds unless set, 10 minutes at most. It may lie 5 seconds ahead.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// Asks for a nonce of this service in each proof (RFC 9449 §9). A client without one is answered `use_dpop_nonce` and
    /// learns it; each one is good for two and a half to five minutes.
    pub fn require_nonces(mut self) -> Self {
        self.nonces = true;
        self
    }

    /// As [`require_nonces`](Self::require_nonces), with nonces that every instance with this secret gives and takes. At
    /// least 32 bytes, at random.
    pub fn nonce_secret(mut self, secret: SecretString) -> Self {
        self.nonce_secret = Some(secret);
        self.require_nonces()
    }

    /// How many proofs are remembered at once; 16,384 of one key and 262,144 in all unless set, at about 60 bytes each. One
    /// more is refused: it could not be told from a replay.
    pub fn remember_at_most(mut self, of_one_key: usize, of_all: usize) -> Self {
        self.remember = (of_one_key, of_all);
        self
    }

    /// Everything that was set, secrets left out: what tells one configuration from another.
    pub(crate) fn settings(&self) -> impl fmt::Debug {
        (&self.addresses, self.max_age, self.nonces, self.nonce_secret.is_some(), self.remember)
    }

    pub(crate) fn build(&self, clock: SharedClock) -> Result<Dpop, JwtError> {
        let mut bases = Vec::new();
        for text in &self.addresses {
            let base = Address::parse(text).filter(|_| !text.contains(['?', '#']));
            let example =
                "write the address at which clients reach this service, such as https://llm.example.com";
            bases.push(base.ok_or_else(|| setting("DpopRules::at", example))?);
        }
        if self.max_age.is_zero() || self.max_age > LONGEST_AGE {
            return Err(setting("DpopRules::max_age", "choose more than zero and at most 10 minutes"));
        }
        if self.remember.0 == 0 || self.remember.1 < self.remember.0 {
            return Err(setting(
                "DpopRules::remember_at_most",
                "choose at least one, and no fewer in all than of one key",
            ));
        }
        let nonces = if self.nonces { Some(Nonces::new(self.nonce_secret.as_ref())?) } else { None };
        Ok(Dpop {
            bases,
            max_age: self.max_age,
            nonces,
            replays: Replays::new(self.remember.0, self.remember.1),
            latest: HighWater::default(),
            clock,
        })
    }
}

impl fmt::Display for DpopRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nonces = if self.nonces { ", with nonces" } else { "" };
        write!(f, "DPoP at {}{nonces}", self.addresses.join(", "))
    }
}

/// Checks proofs.
#[derive(Debug)]
pub(crate) struct Dpop {
    bases: Vec<Address>,
    max_age: Duration,
    nonces: Option<Nonces>,
    replays: Replays,
    latest: HighWater,
    clock: SharedClock,
}

/// What a request shows beside its credential.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) credential: &'a str,
}

impl Dpop {
    /// Whether the proof is one by the key with this thumbprint, for this request.
    pub(super) fn check(
        &self,
        proof: &str,
        key: &[u8; 32],
        request: &Request<'_>,
    ) -> Result<(), DpopErrorKind> {
        let addresses = self.addresses(request.path);
        let bound = Some((request.credential, key));
        let proof = Proof::read(proof, &Purpose { method: request.method, addresses: &addresses, bound })?;
        self.hold(&proof)
    }

    /// The thumbprint of the key that made the proof, for a `POST` to the first address itself, where credentials are asked for
    /// (RFC 9449 §5).
    #[cfg(feature = "sts")]
    pub(crate) fn check_key(&self, proof: &str) -> Result<[u8; 32], DpopErrorKind> {
        let addresses = self.addresses("");
        let proof = Proof::read(proof, &Purpose { method: "POST", addresses: &addresses, bound: None })?;
        self.hold(&proof)?;
        Ok(*proof.key.thumbprint().as_bytes())
    }

    /// Whether the proof is one now, and comes for the first time.
    fn hold(&self, proof: &Proof<'_>) -> Result<(), DpopErrorKind> {
        let now = self.now();
        if proof.issued_at > now.saturating_add(LEEWAY) {
            return Err(DpopErrorKind::InFuture);
        }
        if now >= proof.issued_at.saturating_add(self.max_age) {
            return Err(DpopErrorKind::Old);
        }
        proof.verify()?;
        if let Some(nonces) = &self.nonces
            && !proof.nonce.as_deref().is_some_and(|nonce| nonces.is_good(nonce, now))
        {
            return Err(DpopErrorKind::Nonce);
        }
        // Last, since only what holds may take room.
        let elapsed = self.clock.elapsed();
        let left = proof.issued_at.saturating_add(self.max_age).saturating_since(now);
        self.replays.note(proof.key.thumbprint(), &proof.jti, elapsed, elapsed.saturating_add(left))
    }

    /// The nonce to give to clients, where they are asked for.
    pub(super) fn nonce(&self) -> Option<HeaderValue> {
        let nonce = self.nonces.as_ref()?.current(self.now());
        Some(HeaderValue::try_from(nonce).expect("base64url stands in any header"))
    }

    /// The public addresses of a path. Empty when it has no normal form, so that no proof is for it.
    fn addresses(&self, path: &str) -> Vec<Address> {
        let public = |base: &Address| {
            let path = address::normal_path(&format!("{}{path}", base.path.trim_end_matches('/')))?;
            Some(Address { origin: base.origin.clone(), path })
        };
        self.bases.iter().filter_map(public).collect()
    }

    /// The latest moment that there was: a proof that has been forgotten because its time was over would come again.
    fn now(&self) -> UnixTime {
        self.latest.now(&*self.clock)
    }
}

/// The algorithms of proofs, as challenges name them (RFC 9449 §7.1).
pub(super) fn algorithms() -> String {
    Algorithm::ALL.map(Algorithm::name).join(" ")
}
