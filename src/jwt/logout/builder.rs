use super::desk::Desk;
use super::replay::Replays;
use super::service::BackChannelLogout;
use crate::clock::{SharedClock, SystemClock};
use crate::jwt::issuer::setting;
use crate::jwt::{JwtError, TrustedIssuer};
use crate::principal::Revocations;
use std::sync::Arc;
use std::time::Duration;

const PATH: &str = "/backchannel-logout";
const CREDENTIAL_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Builds a [`BackChannelLogout`].
#[derive(Clone, Debug)]
pub struct BackChannelLogoutBuilder {
    pub(super) revocations: Revocations,
    path: Box<str>,
    issuers: Vec<TrustedIssuer>,
    credential_lifetime: Duration,
    plain_type: bool,
    clock: SharedClock,
}

impl BackChannelLogoutBuilder {
    pub(super) fn new(revocations: Revocations) -> Self {
        Self {
            revocations,
            path: PATH.into(),
            issuers: Vec::new(),
            credential_lifetime: CREDENTIAL_LIFETIME,
            plain_type: false,
            clock: SystemClock::shared(),
        }
    }

    /// The path that the issuer is given as `backchannel_logout_uri`; `/backchannel-logout` unless set.
    pub fn path(mut self, path: impl Into<Box<str>>) -> Self {
        self.path = path.into();
        self
    }

    /// Believes this issuer. Its audience is the client that this service is at the issuer (`client_id`); its keys and algorithms
    /// are those of its credentials. At least one is needed.
    pub fn issuer(mut self, issuer: TrustedIssuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// How long the credentials of these issuers live at most; 24 hours unless set, as for [`TrustedIssuer::max_lifetime`]. After
    /// that, what a logout revoked may be forgotten.
    pub fn credential_lifetime(mut self, lifetime: Duration) -> Self {
        self.credential_lifetime = lifetime;
        self
    }

    /// Takes `JWT` and an absent `typ`, too, for issuers that write no other.
    pub fn accept_plain_type(mut self) -> Self {
        self.plain_type = true;
        self
    }

    /// Takes time from `clock`; from the machine's clock unless set.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// The service.
    ///
    /// # Errors
    /// [`Setting`](crate::jwt::JwtErrorKind::Setting), which names the setting that is missing or wrong.
    pub fn build(self) -> Result<BackChannelLogout, JwtError> {
        if !self.path.starts_with('/') || self.path.contains(['{', '}', '?', '#']) {
            return Err(setting("path", "write one exact path, such as /backchannel-logout"));
        }
        if self.issuers.is_empty() {
            return Err(setting("issuer", "trust at least one issuer"));
        }
        for (n, issuer) in self.issuers.iter().enumerate() {
            issuer.check()?;
            if self.issuers[..n].iter().any(|other| other.name == issuer.name) {
                let problem = format!("{} is there twice; add its audiences to one", issuer.name);
                return Err(setting("issuer", &problem));
            }
        }
        if self.credential_lifetime.is_zero() {
            return Err(setting("credential_lifetime", "choose more than zero"));
        }
        Ok(BackChannelLogout::new(Arc::new(Desk {
            path: self.path,
            revocations: self.revocations,
            issuers: self.issuers,
            credential_lifetime: self.credential_lifetime,
            plain_type: self.plain_type,
            replays: Replays::default(),
            clock: self.clock,
        })))
    }
}
