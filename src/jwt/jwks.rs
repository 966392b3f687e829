use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

use super::issuer::setting;
use super::keys::{KeySource, Refresh};
use super::place::Place;
use super::remote::{Pace, Remote};
use super::{JwtError, KeysStatus};
use crate::clock::{SharedClock, SystemClock};
use crate::fetch::{Fetch, HttpsClient};
use crate::jose::KeySet;

const REFRESH_EVERY: Duration = Duration::from_secs(5 * 60);
const COOL_DOWN: Duration = Duration::from_secs(10);
const KEEP_FOR: Duration = Duration::from_secs(60 * 60);
/// Above this, a key that the issuer takes back counts for longer than anybody expects.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The keys of an issuer over HTTPS (feature `fetch`): from a URL, or found through the issuer's metadata. Cheap to clone.
///
/// 1. Requests read a snapshot, without a lock. Nothing is fetched until the first one comes, or [`load`](Self::load) is called.
/// 2. The set is fetched again in the background, before it is as old as its `Cache-Control: max-age` or
///    [`refresh_every`](JwksBuilder::refresh_every) says, by the request that finds it due. No request waits for that.
/// 3. A credential whose key is not in the set makes the source look at once, and waits for it: once per
///    [`cool_down`](JwksBuilder::cool_down), whoever sends how many of them. All who come meanwhile wait for the same look. Scheduled
///    fetches come beside, and use up no cool-down.
/// 4. While the issuer cannot be asked, its old keys stay, for [`keep_for`](JwksBuilder::keep_for) from the last good answer. Then every
///    credential of it is refused with 503.
/// 5. A key that cannot be used is skipped and reported with `tracing::warn` and in [`status`](Self::status); the others stand. A
///    set without one usable key is the issuer's word all the same: nobody gets in by it.
///
/// ```
/// use portcullis::jwt::{Jwks, TrustedIssuer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # // The roots of the machine that runs this are not the example's matter.
/// # let pem = portcullis::testing::CertificateAuthority::new("example").pem();
/// # let https = portcullis::fetch::HttpsClient::builder().roots_pem(pem).build()?;
/// let keys = Jwks::discover("https://login.example.com")
/// #   .client(https)
///     .build()?;
/// let issuer = TrustedIssuer::new("https://login.example.com").audience("https://llm.example.com").keys(keys.clone());
/// // At start, to find out early: keys.load().await?
/// # let _ = issuer;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Jwks(Arc<Remote>);

impl Jwks {
    /// The JWK set (RFC 7517 §5) at this URL.
    pub fn url(url: impl Into<String>) -> JwksBuilder {
        JwksBuilder::new(Source::Url(url.into()))
    }

    /// The JWK set that the metadata of this issuer names, found by OpenID Connect Discovery 1.0 §4: at
    /// `/.well-known/openid-configuration`, appended to the issuer's URL. The metadata must name exactly this issuer.
    pub fn discover(issuer: impl Into<Arc<str>>) -> JwksBuilder {
        JwksBuilder::new(Source::OpenId(issuer.into()))
    }

    /// The same by RFC 8414 §3, for an issuer without OpenID Connect: at `/.well-known/oauth-authorization-server`, put before the
    /// path of the issuer's URL.
    pub fn discover_oauth(issuer: impl Into<Arc<str>>) -> JwksBuilder {
        JwksBuilder::new(Source::OAuth(issuer.into()))
    }

    /// Fetches the set now, whatever the pace, and waits for it: to find out at start whether the issuer can be asked.
    ///
    /// # Errors
    /// [`KeysNotFetched`](super::JwtErrorKind::KeysNotFetched), with the reason. The keys that were there before stay.
    pub async fn load(&self) -> Result<(), JwtError> {
        self.0.load().await
    }

    /// How it stands with the keys.
    pub fn status(&self) -> KeysStatus {
        self.0.status()
    }
}

impl KeySource for Jwks {
    fn snapshot(&self) -> Arc<KeySet> {
        self.0.snapshot()
    }

    fn refresh(&self) -> Refresh {
        self.0.refresh()
    }

    fn is_available(&self) -> bool {
        self.0.is_available()
    }

    fn issuer(&self) -> Option<&str> {
        self.0.place().issuer()
    }

    fn describe(&self) -> String {
        self.0.describe()
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks").field("place", self.0.place()).field("status", &self.status()).finish()
    }
}

#[derive(Clone, Debug)]
enum Source {
    Url(String),
    OpenId(Arc<str>),
    OAuth(Arc<str>),
}

/// Builds a [`Jwks`].
#[derive(Clone, Debug)]
pub struct JwksBuilder {
    source: Source,
    client: Option<Arc<dyn Fetch>>,
    is_internal: bool,
    internal_hosts: Vec<String>,
    key_hosts: Vec<String>,
    roots: Vec<String>,
    pace: Pace,
    clock: SharedClock,
}

impl JwksBuilder {
    fn new(source: Source) -> Self {
        Self {
            source,
            client: None,
            is_internal: false,
            internal_hosts: Vec::new(),
            key_hosts: Vec::new(),
            roots: Vec::new(),
            pace: Pace { refresh_every: REFRESH_EVERY, cool_down: COOL_DOWN, keep_for: KEEP_FOR },
            clock: SystemClock::shared(),
        }
    }

    /// Fetches by this client instead of an [`HttpsClient`] of its own.
    pub fn client(mut self, client: impl Fetch) -> Self {
        self.client = Some(Arc::new(client));
        self
    }

    /// Lets the host of the URL that was named have addresses that are not public: the issuer is one of yours.
    pub fn internal(mut self) -> Self {
        self.is_internal = true;
        self
    }

    /// Lets this host have addresses that are not public: for keys that stand on another host than the issuer.
    pub fn internal_host(mut self, host: impl Into<String>) -> Self {
        self.internal_hosts.push(host.into());
        self
    }

    /// Lets the metadata name a key set on this host, a name without a port, beside the issuer's own.
    pub fn key_host(mut self, host: impl Into<String>) -> Self {
        self.key_hosts.push(host.into().to_ascii_lowercase());
        self
    }

    /// Verifies servers against these roots, in PEM; the system's when not called.
    pub fn roots_pem(mut self, pem: impl Into<String>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// How old the set may become before it is fetched again, at most; 5 minutes unless set. The issuer's `max-age` shortens it, down
    /// to the cool-down. The fetch begins when four fifths of the time are over.
    pub fn refresh_every(mut self, time: Duration) -> Self {
        self.pace.refresh_every = time;
        self
    }

    /// How long nothing is fetched for a key that is not known after this was done once, and how long after a failure nothing is
    /// tried; 10 seconds unless set.
    pub fn cool_down(mut self, time: Duration) -> Self {
        self.pace.cool_down = time;
        self
    }

    /// How long old keys count while the issuer cannot be asked; 1 hour unless set.
    pub fn keep_for(mut self, time: Duration) -> Self {
        self.pace.keep_for = time;
        self
    }

    /// The clock by which keys age; the machine's when not called.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// The source. Nothing is fetched yet.
    ///
    /// # Errors
    /// [`Setting`](super::JwtErrorKind::Setting), which names the setting that is missing or wrong.
    pub fn build(self) -> Result<Jwks, JwtError> {
        let place = self.place()?;
        let client = match self.client.clone() {
            Some(client) => client,
            None => Arc::new(self.own_client(place.first())?),
        };
        Ok(Jwks(Arc::new(Remote::new(place, client, self.clock, self.pace))))
    }

    /// Whether the settings can be used. Reads no roots.
    #[cfg(feature = "config")]
    pub(crate) fn check(&self) -> Result<(), JwtError> {
        self.place().map(drop)
    }

    /// Where the keys are, once the settings are found good.
    fn place(&self) -> Result<Place, JwtError> {
        let Pace { refresh_every, cool_down, keep_for } = self.pace;
        if cool_down < Duration::from_secs(1) {
            return Err(setting("cool_down", "choose at least 1 second: anybody can make it look"));
        }
        if refresh_every < cool_down || refresh_every > LONGEST {
            return Err(setting("refresh_every", "choose at least the cool-down and at most 24 hours"));
        }
        if keep_for < refresh_every {
            return Err(setting(
                "keep_for",
                "choose at least refresh_every, or keys end before they are fetched again",
            ));
        }
        let place = match &self.source {
            Source::Url(url) => Place::url(url)?,
            Source::OpenId(issuer) => Place::openid(issuer, self.key_hosts.clone())?,
            Source::OAuth(issuer) => Place::oauth(issuer, self.key_hosts.clone())?,
        };
        if matches!(self.source, Source::Url(_)) && !self.key_hosts.is_empty() {
            return Err(setting("key_host", "leave it out: the URL says already where the keys are"));
        }
        Ok(place)
    }

    fn own_client(&self, first: &Uri) -> Result<HttpsClient, JwtError> {
        let mut client = HttpsClient::builder().clock(self.clock.clone());
        if first.scheme_str() == Some("http") && !is_this_machine(first.host().unwrap_or_default()) {
            return Err(setting(
                "Jwks::url",
                "begin it with https://; without encryption only this machine is asked",
            ));
        }
        if self.is_internal {
            client = client.internal_host(first.host().unwrap_or_default());
        }
        for host in &self.internal_hosts {
            client = client.internal_host(host);
        }
        if first.scheme_str() == Some("http") && self.roots.is_empty() {
            client = client.loopback_only();
        }
        for pem in &self.roots {
            client = client.roots_pem(pem.as_str());
        }
        client.build().map_err(|error| match error.kind {
            crate::fetch::FetchErrorKind::Setting { field, problem } => setting(field, &problem),
            kind => setting("client", &kind.to_string()),
        })
    }
}

fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
