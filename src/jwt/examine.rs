//! Credentials that are shown to be exchanged, checked as those of requests are.

use std::sync::Arc;

use super::confirmation::Confirmation;
use super::shared::Shared;
use super::verify::{Outcome, Verified, Verifier};
use super::{JwtError, KeySource, TrustedIssuer};
use crate::clock::{HighWater, SharedClock, UnixTime};
use crate::jose::seen::SeenCredentials;
use crate::principal::Principal;

/// Checks credentials of some issuers that are addressed to some names. Remembers none: an exchange is rare.
#[derive(Debug)]
pub(crate) struct Examiner(Verifier);

/// A credential that holds now.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) principal: Principal,
    /// Its `exp`, without leeway.
    pub(crate) expires: UnixTime,
    /// The SHA-256 of the certificate that it is bound to.
    pub(crate) certificate: Option<[u8; 32]>,
    /// The thumbprint of the DPoP key that it is bound to.
    pub(crate) key: Option<[u8; 32]>,
}

impl Examiner {
    /// The builders of issuers have checked them.
    pub(crate) fn new(issuers: Vec<TrustedIssuer>, clock: SharedClock) -> Result<Self, JwtError> {
        issuers.iter().try_for_each(TrustedIssuer::check)?;
        Ok(Self(Verifier {
            issuers,
            seen: SeenCredentials::new(0, 0),
            remember_for: std::time::Duration::ZERO,
            clock,
            latest: HighWater::default(),
            shared: Shared::default(),
        }))
    }

    pub(crate) async fn examine(&self, credential: &str) -> Result<Examined, JwtError> {
        let held = match self.0.check(credential) {
            Outcome::Decided(held) => held,
            Outcome::AwaitKeys(pending) => {
                pending.await;
                self.0.check_again(credential)
            }
        };
        let verified: Arc<Verified> = held?.verified;
        let Confirmation { certificate, key } = verified.confirmation();
        let (principal, expires) = (verified.principal.clone(), self.0.expires(&verified));
        Ok(Examined { principal, expires, certificate, key })
    }
}

impl TrustedIssuer {
    /// The same issuer, whose credentials must be addressed to one of these names.
    pub(crate) fn addressed_to<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.audiences = names.into_iter().map(Into::into).collect();
        self
    }

    /// The same issuer, whose credentials must be addressed to nobody else.
    pub(crate) fn addressed_to_one(mut self) -> Self {
        self.one_audience = true;
        self
    }

    /// The names that its credentials may be addressed to.
    pub(crate) fn audiences(&self) -> impl Iterator<Item = &str> {
        self.audiences.iter().map(|name| &**name)
    }

    /// The source of its keys.
    pub(crate) fn shared_keys(mut self, keys: Arc<dyn KeySource>) -> Self {
        self.keys = Some(keys);
        self
    }
}
