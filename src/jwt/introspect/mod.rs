//! Opaque credentials: asks the issuer what they are (token introspection, RFC 7662; feature `fetch`).
//!
//! 1. What is shaped like a JWT is checked as one; everything else is asked about. Without a trusted issuer of JWTs,
//!    everything is.
//! 2. The answer is held to the same rules as a JWT's claims: `aud` names this service, `exp` lies ahead, `sub` is there, and
//!    `iss`, if it is there, is the issuer. `cnf` binds it as it binds a JWT.
//! 3. A good answer is remembered for a short time under the full SHA-256 of the credential, never beyond its `exp`. So is a
//!    refusal, for a shorter time, in a small place of its own, so that strangers push nobody out.
//! 4. About one credential one question is under way at a time; in all, 64. One more is refused.
//! 5. An endpoint that is down, or answers otherwise than RFC 7662 says, refuses (503).
//!
//! # Deployment caveat
//! What the issuer revokes is known here when the answer is no longer remembered: a minute later, unless set otherwise.

mod ask;
mod client;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

pub(super) use self::ask::{Asked, Asker};
pub use self::client::ClientAuthentication;
use super::issuer::setting;
use super::{JwtError, StaticKeys, TrustedIssuer};
use crate::clock::SharedClock;
use crate::fetch::Fetch;

const REMEMBER_FOR: Duration = Duration::from_secs(60);
const REMEMBER_REFUSED_FOR: Duration = Duration::from_secs(10);

/// Where an issuer is asked about its opaque credentials. See the [module](self).
///
/// ```no_run
/// use portcullis::fetch::HttpsClient;
/// use portcullis::jwt::{ClientAuthentication, Introspection, TrustedIssuer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = TrustedIssuer::new("https://login.example.com").audience("https://llm.example.com");
/// let client = ClientAuthentication::secret("llm", std::env::var("CLIENT_SECRET")?.into());
/// let introspection = Introspection::new(
///     "https://login.example.com/introspect",
///     issuer,
///     client,
///     HttpsClient::builder().build()?,
/// );
/// # let _ = introspection;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Introspection {
    endpoint: Box<str>,
    issuer: TrustedIssuer,
    client: Arc<ClientAuthentication>,
    fetch: Arc<dyn Fetch>,
    remember_for: Duration,
    remember_refused_for: Duration,
}

impl Introspection {
    /// Asks at `endpoint`, as `client`, by `fetch`. `issuer` says what the answers must hold, its keys and algorithms aside.
    pub fn new(
        endpoint: impl Into<Box<str>>,
        issuer: TrustedIssuer,
        client: ClientAuthentication,
        fetch: impl Fetch,
    ) -> Self {
        Self {
            endpoint: endpoint.into(),
            issuer,
            client: Arc::new(client),
            fetch: Arc::new(fetch),
            remember_for: REMEMBER_FOR,
            remember_refused_for: REMEMBER_REFUSED_FOR,
        }
    }

    /// How long a good answer is remembered at most; a minute unless set, never beyond its `exp`. Revocation at the issuer takes
    /// as long.
    pub fn remember_for(mut self, time: Duration) -> Self {
        self.remember_for = time;
        self
    }

    /// How long it is remembered that a credential is none; 10 seconds unless set, at most a minute.
    pub fn remember_refused_for(mut self, time: Duration) -> Self {
        self.remember_refused_for = time;
        self
    }

    pub(in crate::jwt) fn keep_claim(mut self, pointer: Arc<str>) -> Self {
        self.issuer = self.issuer.keep_claim(pointer);
        self
    }

    /// Everything that was set, without secrets: what tells one configuration from another.
    pub(crate) fn settings(&self) -> impl fmt::Debug {
        (&self.endpoint, self.issuer.settings(), self.remember_for, self.remember_refused_for)
    }

    pub(super) fn build(self, clock: SharedClock) -> Result<Asker, JwtError> {
        // Of an issuer that is asked, no key is needed.
        self.issuer.clone().keys(StaticKeys::new([])).check()?;
        let problem = "write the absolute URL of the issuer's introspection endpoint";
        let endpoint: Uri = self.endpoint.parse().map_err(|_| setting("Introspection::new", problem))?;
        if endpoint.scheme().is_none() || endpoint.authority().is_none() {
            return Err(setting("Introspection::new", problem));
        }
        if self.remember_refused_for > Duration::from_secs(60) {
            return Err(setting("remember_refused_for", "choose a minute at most"));
        }
        Ok(Asker::new(self, endpoint, clock))
    }
}

impl fmt::Display for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "opaque credentials of {}, asked about at {}", self.issuer.name(), self.endpoint)
    }
}
