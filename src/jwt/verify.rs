//! From the text of a credential to a principal: remembered, or worked out and remembered.

use std::sync::Arc;
use std::time::Duration;

use super::claims::{Accepted, Claims, Times};
use super::confirmation::Confirmation;
use super::keys::{KeySource, PendingRefresh, Refresh};
use super::shared::Shared;
use super::{JwtError, JwtErrorKind, TrustedIssuer};
use crate::clock::{HighWater, Reading, SharedClock, UnixTime};
use crate::jose::seen::{Fingerprint, SeenCredentials};
use crate::jose::{Algorithm, JoseErrorKind, Jws, JwsType, KeySet, json};
use crate::principal::Principal;

/// What one remembered credential takes beside the names of its own: structures, counters and the table.
const OVERHEAD: usize = 520;

/// Checks credentials of the trusted issuers.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) issuers: Vec<TrustedIssuer>,
    pub(super) seen: SeenCredentials<Verified>,
    pub(super) remember_for: Duration,
    pub(super) clock: SharedClock,
    pub(super) latest: HighWater,
    pub(super) shared: Shared,
}

/// A credential that held, and by what.
#[derive(Debug)]
pub(super) struct Verified {
    /// Its credential names the key that signed it.
    pub(super) principal: Principal,
    /// Kept with it, so that the proof is asked for each time. Most are bound to nothing.
    confirmation: Option<Box<Confirmation>>,
    pub(super) algorithm: Algorithm,
    issuer: u32,
    good_from: UnixTime,
    good_until: UnixTime,
}

/// A credential that holds now.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) verified: Arc<Verified>,
    /// Of the credential.
    pub(super) sha256: [u8; 32],
    /// Whether it had been verified before.
    pub(super) remembered: bool,
}

/// What a first check came to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It holds or it does not.
    Decided(Result<Held, JwtError>),
    /// Its key is not known, and the source looks for newer ones: check once more afterwards.
    AwaitKeys(PendingRefresh),
}

/// Why a first check failed.
enum Failure {
    /// This issuer's keys do not hold the one named. Newer ones may.
    UnknownKey {
        issuer: usize,
        keys: Arc<KeySet>,
        error: JwtError,
    },
    Final(JwtError),
}

impl<E: Into<JwtError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Final(error.into())
    }
}

impl Verified {
    /// To which keys it is bound.
    pub(super) fn confirmation(&self) -> Confirmation {
        self.confirmation.as_deref().copied().unwrap_or_default()
    }

    /// About how much memory it takes. What it has in common with others is counted where only it has it.
    fn bytes(&self) -> usize {
        OVERHEAD + self.principal.own_text()
    }
}

impl Verifier {
    /// Checks a credential; looks for newer keys if its key is unknown.
    pub(super) fn check(&self, credential: &str) -> Outcome {
        let fingerprint = Fingerprint::of(credential);
        if let Some(decided) = self.recall(&fingerprint) {
            return Outcome::Decided(decided);
        }
        Outcome::Decided(match self.verify(credential) {
            Ok(verified) => Ok(self.hold(fingerprint, verified)),
            Err(Failure::Final(error)) => Err(error),
            Err(Failure::UnknownKey { issuer, keys, error }) => {
                let source = self.source(issuer);
                match source.refresh() {
                    Refresh::Later(pending) => return Outcome::AwaitKeys(pending),
                    Refresh::Ready if !source.is_available() => Err(JwtErrorKind::KeysUnavailable.into()),
                    Refresh::Ready if Arc::ptr_eq(&keys, &source.snapshot()) => Err(error),
                    Refresh::Ready => self.check_again(credential),
                }
            }
        })
    }

    /// Checks a credential with the keys there are now.
    pub(super) fn check_again(&self, credential: &str) -> Result<Held, JwtError> {
        match self.verify(credential) {
            Ok(verified) => Ok(self.hold(Fingerprint::of(credential), verified)),
            Err(Failure::UnknownKey { issuer, .. }) if !self.source(issuer).is_available() => {
                Err(JwtErrorKind::KeysUnavailable.into())
            }
            Err(Failure::Final(error) | Failure::UnknownKey { error, .. }) => Err(error),
        }
    }

    /// What is remembered still has to hold now: its time, and its key.
    fn recall(&self, fingerprint: &Fingerprint) -> Option<Result<Held, JwtError>> {
        let reading = self.clock.read();
        let verified = self.seen.find(fingerprint, reading.elapsed)?;
        let Times { now, latest } = self.times(reading);
        if latest >= verified.good_until {
            self.seen.forget(fingerprint);
            return Some(Err(JwtErrorKind::Expired.into()));
        }
        if now < verified.good_from {
            return Some(Err(JwtErrorKind::NotYetValid.into()));
        }
        let keys = self.source(verified.issuer as usize).snapshot();
        let credential = verified.principal.credential();
        match keys.select(credential.key_id(), verified.algorithm) {
            Ok(key) if credential.key_thumbprint() == Some(key.thumbprint().as_bytes()) => {
                Some(Ok(Held { verified, sha256: fingerprint.bytes(), remembered: true }))
            }
            // Its key is gone: from now on it is a credential like any other, checked from the start.
            _ => {
                self.seen.forget(fingerprint);
                None
            }
        }
    }

    fn hold(&self, fingerprint: Fingerprint, verified: Verified) -> Held {
        let (verified, sha256) = (Arc::new(verified), fingerprint.bytes());
        let reading = self.clock.read();
        let now = reading.elapsed;
        let left = verified.good_until.saturating_since(self.times(reading).latest);
        let forget_at = now.saturating_add(left.min(self.remember_for));
        self.seen.remember(fingerprint, Arc::clone(&verified), verified.bytes(), now, forget_at);
        Held { verified, sha256, remembered: false }
    }

    fn verify(&self, credential: &str) -> Result<Verified, Failure> {
        let jws = Jws::parse(credential)?;
        let document = json::object(jws.unverified_payload().clone(), "claims")?;
        let claims = Claims::find(&document);
        let (index, issuer) = self.issuer(claims.issuer()?)?;
        let sound_type = match jws.typ() {
            JwsType::AccessJwt => true,
            JwsType::Jwt | JwsType::Absent => !issuer.access_type_required,
            JwsType::LogoutJwt | JwsType::DpopProof | JwsType::Other => false,
        };
        if !sound_type {
            return Err(JwtErrorKind::Type.into());
        }
        if !issuer.algorithms.contains(jws.algorithm()) {
            return Err(JwtErrorKind::AlgorithmNotAllowed.into());
        }
        let keys = self.source(index).snapshot();
        let key = match keys.select(jws.kid(), jws.algorithm()) {
            Ok(key) => key,
            Err(error) if error.kind == JoseErrorKind::UnknownKey => {
                return Err(Failure::UnknownKey {
                    issuer: index,
                    keys: Arc::clone(&keys),
                    error: error.into(),
                });
            }
            Err(error) => return Err(error.into()),
        };
        jws.verify(key)?;
        let Accepted { principal, confirmation, good_from, good_until } = claims.check(
            &document,
            issuer,
            self.times(self.clock.read()),
            jws.typ() == JwsType::AccessJwt,
            &self.shared,
        )?;
        let kid = jws.kid().map(|kid| self.shared.text(kid));
        Ok(Verified {
            principal: principal.signed_by(kid, key.shared_thumbprint().clone()),
            confirmation: confirmation.is_bound().then(|| Box::new(confirmation)),
            algorithm: jws.algorithm(),
            issuer: u32::try_from(index).expect("fewer issuers than that are configured"),
            good_from,
            good_until,
        })
    }

    /// The `exp` of a credential that was verified.
    #[cfg(feature = "sts")]
    pub(super) fn expires(&self, verified: &Verified) -> UnixTime {
        let leeway = self.issuers[verified.issuer as usize].leeway.as_nanos();
        let leeway = u64::try_from(leeway).unwrap_or(u64::MAX);
        UnixTime::from_nanos(verified.good_until.as_nanos().saturating_sub(leeway))
    }

    fn times(&self, reading: Reading) -> Times {
        Times { now: reading.now, latest: self.latest.at(reading) }
    }

    fn issuer(&self, name: &str) -> Result<(usize, &TrustedIssuer), JwtErrorKind> {
        let mut issuers = self.issuers.iter().enumerate();
        issuers.find(|(_, issuer)| *issuer.name == *name).ok_or(JwtErrorKind::UnknownIssuer)
    }

    fn source(&self, issuer: usize) -> &dyn KeySource {
        self.issuers[issuer].keys.as_deref().expect("the builder refuses an issuer without keys")
    }
}
