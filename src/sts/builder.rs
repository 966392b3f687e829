use super::actor::Proof;
use super::error::setting;
use super::keys::Keys;
use super::record::{Recorder, Sink};
use super::replay::Replays;
use super::service::{Client, Desk, jwks_url, metadata_path, own_issuer, path};
use super::{ActorClient, ExchangeRecord, Sts, StsError};
use crate::clock::{SharedClock, SystemClock};
use crate::exchange::Context;
use crate::jose::{Algorithm, SigningKey};
use crate::jwt::examine::Examiner;
use crate::jwt::{DpopRules, TrustedIssuer};
use crate::principal::Revocations;
#[cfg(feature = "tls")]
use crate::trust::{TrustBundles, Verified};
use http::Uri;
use std::io;
use std::sync::Arc;
use std::time::Duration;

const LIFETIME: Duration = Duration::from_secs(5 * 60);
const LONGEST_LIFETIME: Duration = Duration::from_secs(60 * 60);
const PERIOD: Duration = Duration::from_secs(24 * 60 * 60);
/// How long an assertion of a client may live.
const ASSERTION: Duration = Duration::from_secs(60 * 60);
/// The clocks of gates may be off by as much, and what they remember is not older.
const KEEP_AFTER: Duration = Duration::from_secs(2 * 60);

/// Builds an [`Sts`].
#[derive(Debug)]
pub struct StsBuilder {
    issuer: Arc<str>,
    endpoint: Option<Box<str>>,
    issuers: Vec<(Box<str>, TrustedIssuer)>,
    clients: Vec<ActorClient>,
    lifetime: Duration,
    algorithm: Algorithm,
    period: Duration,
    key: Option<SigningKey>,
    revocations: Option<Revocations>,
    sink: Option<Sink>,
    without_audit: bool,
    #[cfg(feature = "tls")]
    bundles: Option<TrustBundles>,
    clock: SharedClock,
}

impl StsBuilder {
    pub(super) fn new(issuer: Arc<str>) -> Self {
        Self {
            issuer,
            endpoint: None,
            issuers: Vec::new(),
            clients: Vec::new(),
            lifetime: LIFETIME,
            algorithm: Algorithm::Es256,
            period: PERIOD,
            key: None,
            revocations: None,
            sink: None,
            without_audit: false,
            #[cfg(feature = "tls")]
            bundles: None,
            clock: SystemClock::shared(),
        }
    }

    /// The public URL of the endpoint; `/token` below the issuer unless set. Assertions of clients may be made for it, and DPoP proofs
    /// must be.
    pub fn endpoint(mut self, url: impl Into<Box<str>>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// Exchanges credentials of this issuer. Those that are addressed to the exchange, or to the actor that shows them: audiences that the issuer
    /// has are further names of the exchange.
    pub fn subjects_of(self, issuer: TrustedIssuer) -> Self {
        self.subjects_under("", issuer)
    }

    /// The same, with `prefix` before the names of its subjects in what is issued: with more than one issuer, each has one, so that
    /// nobody is taken for another who is called alike. The actors' `CredentialExchange` must be told so (`danger_subjects_renamed`).
    pub fn subjects_under(mut self, prefix: impl Into<Box<str>>, issuer: TrustedIssuer) -> Self {
        self.issuers.push((prefix.into(), issuer));
        self
    }

    /// Lets this service act for users, as its grants say.
    pub fn actor(mut self, client: ActorClient) -> Self {
        self.clients.push(client);
        self
    }

    /// How long what is issued lives at most; 5 minutes unless set, an hour at most.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Signs by `ES256` or `EdDSA`; by `ES256` unless set.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// How long a key signs; a day unless set.
    pub fn rotate_every(mut self, period: Duration) -> Self {
        self.period = period;
        self
    }

    /// Signs by this key alone, for good: for several instances that share it. Who rotates it starts anew.
    pub fn signing_key(mut self, key: SigningKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Exchanges nothing that is on this list, and lets nobody act who is. None unless set.
    pub fn revocations(mut self, list: Revocations) -> Self {
        self.revocations = Some(list);
        self
    }

    /// Verifies the certificates of actors again, by these bundles as they are when they ask: roots and revocation lists that were reloaded since
    /// the handshake. Without this, a connection is believed for as long as its certificate is valid and on no list of
    /// [`revocations`](Self::revocations).
    #[cfg(feature = "tls")]
    pub fn bundles(mut self, bundles: TrustBundles) -> Self {
        self.bundles = Some(bundles);
        self
    }

    /// Has each exchange recorded before anything is handed out. It must not wait for long, and what it cannot keep is an error: then
    /// nothing is issued. Needed, unless [`danger_without_audit`](Self::danger_without_audit) is called.
    pub fn audit(
        mut self,
        record: impl Fn(&ExchangeRecord) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.sink = Some(Sink(Box::new(record)));
        self
    }

    /// Keeps no record of exchanges: they are only events of `tracing`, which nobody need read.
    pub fn danger_without_audit(mut self) -> Self {
        self.without_audit = true;
        self
    }

    /// Takes time from `clock`; from the machine's clock unless set.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// The exchange.
    ///
    /// # Errors
    /// Names the setting that is missing or wrong, and says what to do.
    pub fn build(self) -> Result<Sts, StsError> {
        let endpoint = self.endpoint.clone().unwrap_or_else(|| format!("{}/token", self.issuer).into());
        self.check(&endpoint)?;
        let keep = self.lifetime.saturating_add(KEEP_AFTER);
        let keys = Arc::new(match self.key {
            Some(key) => Keys::fixed(key, keep, self.clock.clone())?,
            None => Keys::rotating(self.algorithm, self.period, keep, self.clock.clone())?,
        });
        let context = Context::new(self.clock.clone());
        let names: [&str; 2] = [&self.issuer, &endpoint];
        let client = |rules: ActorClient| {
            let identity = rules.identity(&self.issuer);
            let examiner = |own: &[Box<str>]| {
                let own: Vec<&str> = own.iter().map(|name| &**name).collect();
                let addressed = |issuer: &TrustedIssuer| {
                    let further: Vec<&str> = issuer.audiences().collect();
                    issuer.clone().addressed_to(names.iter().chain(&own).chain(&further).copied())
                };
                let mut issuers: Vec<TrustedIssuer> =
                    self.issuers.iter().map(|(_, issuer)| addressed(issuer)).collect();
                issuers.push(addressed(&own_issuer(&self.issuer, &keys)));
                Examiner::new(issuers, self.clock.clone())
            };
            let assertions = match &rules.proof {
                Proof::Key(source) => {
                    let issuer = TrustedIssuer::new(Arc::clone(&rules.id))
                        .shared_keys(source.clone())
                        .addressed_to(names)
                        .addressed_to_one()
                        .max_lifetime(ASSERTION);
                    Some(Examiner::new(vec![issuer], self.clock.clone())?)
                }
                Proof::Certificate(_) | Proof::Secret(_) => None,
            };
            let (subjects, actors) = (examiner(&rules.audiences)?, examiner(&[])?);
            Ok::<_, StsError>(Client { rules, identity, subjects, actors, assertions })
        };
        let clients = self.clients.iter().cloned().map(client).collect::<Result<Vec<_>, _>>()?;
        let dpop = DpopRules::at(endpoint.clone()).build(self.clock.clone())?;
        let prefixes = self.issuers.iter().map(|(prefix, issuer)| (issuer.name().into(), prefix.clone()));
        Ok(Sts(Arc::new(Desk {
            prefixes: prefixes.collect(),
            clients,
            keys,
            dpop,
            endpoint,
            lifetime: self.lifetime,
            revocations: self.revocations.unwrap_or_else(|| Revocations::with_clock(self.clock.clone())),
            replays: Replays::default(),
            recorder: Recorder::new(self.sink),
            #[cfg(feature = "tls")]
            again: self.bundles.map(Verified::new),
            issuer: self.issuer,
            context,
        })))
    }

    fn check(&self, endpoint: &str) -> Result<(), StsError> {
        let problem = "write its public URL: https, without a query, a fragment and a slash at its end";
        if !is_address(&self.issuer) {
            return Err(setting("Sts::builder", problem));
        }
        if !is_address(endpoint) {
            return Err(setting("endpoint", problem));
        }
        if self.lifetime < Duration::from_secs(1) || self.lifetime > LONGEST_LIFETIME {
            return Err(setting("lifetime", "choose a second at least and an hour at most"));
        }
        if self.period < self.lifetime {
            return Err(setting(
                "rotate_every",
                "a key signs no shorter than what it signs lives; choose more",
            ));
        }
        if !matches!(self.algorithm, Algorithm::Es256 | Algorithm::EdDsa) {
            return Err(setting("algorithm", "choose ES256 or EdDSA"));
        }
        if self.clients.is_empty() {
            return Err(setting("actor", "nobody may act; add an ActorClient"));
        }
        self.check_paths(endpoint)?;
        self.check_issuers()?;
        self.check_clients()?;
        match (&self.sink, self.without_audit) {
            (None, false) => {
                Err(setting("audit", "say where exchanges are recorded: call audit, or danger_without_audit"))
            }
            (Some(_), true) => {
                Err(setting("audit", "danger_without_audit was called, too; keep one of them"))
            }
            _ => Ok(()),
        }
    }

    /// The endpoint and both documents are served at paths of their own.
    fn check_paths(&self, endpoint: &str) -> Result<(), StsError> {
        let at = path(endpoint);
        if at.is_empty() {
            return Err(setting("endpoint", "give it a path, as in https://sts.example.com/token"));
        }
        if at == path(&jwks_url(&self.issuer)) || at == metadata_path(&self.issuer) {
            return Err(setting(
                "endpoint",
                "its path is that of the keys or the metadata; choose another one",
            ));
        }
        match [endpoint, &*self.issuer].iter().any(|url| path(url).contains("/:")) {
            true => {
                Err(setting("endpoint and issuer", "no part of a path begins with `:`; choose another path"))
            }
            false => Ok(()),
        }
    }

    fn check_issuers(&self) -> Result<(), StsError> {
        if self.issuers.is_empty() {
            return Err(setting("subjects_of", "trust at least one issuer of users' credentials"));
        }
        for (n, (prefix, issuer)) in self.issuers.iter().enumerate() {
            let field = format!("issuer {}", issuer.name());
            if issuer.name() == &*self.issuer {
                return Err(setting(field, "it is the exchange itself, which believes its own credentials"));
            }
            for (other, of) in &self.issuers[..n] {
                if of.name() == issuer.name() {
                    return Err(setting(field, "it is there twice; keep one"));
                }
                if prefix.starts_with(&**other) || other.starts_with(&**prefix) {
                    let problem = "with more than one issuer, each needs a prefix, of which none begins another: call subjects_under";
                    return Err(setting(field, problem));
                }
            }
        }
        Ok(())
    }

    fn check_clients(&self) -> Result<(), StsError> {
        for (n, client) in self.clients.iter().enumerate() {
            client.check()?;
            if self.clients[..n].iter().any(|other| other.id == client.id) {
                return Err(setting(format!("actor {}", client.id), "it is there twice; keep one"));
            }
            let identity = client.identity(&self.issuer);
            let same = |other: &&ActorClient| other.identity(&self.issuer) == identity;
            if let Some(other) = self.clients[..n].iter().find(same) {
                let problem = format!("it and {} are known as one party; make one of them", other.id);
                return Err(setting(format!("actor {}", client.id), problem));
            }
        }
        Ok(())
    }
}

/// A URL as issuers have it (RFC 8414 §2): https, and http on loopback.
fn is_address(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let local = uri.host().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
    let scheme = uri.scheme_str();
    (scheme == Some("https") || (scheme == Some("http") && local))
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        && !text.ends_with('/')
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !br#"?#"\{}*"#.contains(&byte))
}
