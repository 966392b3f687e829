#[cfg(feature = "forward")]
use super::client::StreamingClient;
use super::connect::Connector;
use super::rules::Rules;
use super::tls::{self, ClientCertificate, Roots, setting};
use super::{FetchError, HttpsClient};
use crate::clock::{SharedClock, SystemClock};
use secrecy::SecretString;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

const TIME_LIMIT: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 256 * 1024;
/// Longer than this no request may wait for somebody else's server.
const LONGEST: Duration = Duration::from_secs(60);

/// Builds an [`HttpsClient`].
#[derive(Debug)]
pub struct HttpsClientBuilder {
    rules: Rules,
    roots: Roots,
    identity: Option<ClientCertificate>,
    time_limit: Duration,
    max_bytes: usize,
    clock: SharedClock,
}

impl HttpsClientBuilder {
    pub(super) fn new() -> Self {
        Self {
            rules: Rules::default(),
            roots: Roots::System,
            identity: None,
            time_limit: TIME_LIMIT,
            max_bytes: MAX_BYTES,
            clock: SystemClock::shared(),
        }
    }

    /// Lets this host, a name or an address without a port, have addresses that are not public. It is one of yours.
    pub fn internal_host(mut self, host: impl AsRef<str>) -> Self {
        self.rules.internal.insert(bare(host.as_ref()));
        self
    }

    /// Takes these addresses for that name, and asks no resolver. They are checked like all others.
    pub fn resolve(mut self, host: impl AsRef<str>, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.rules.known.entry(bare(host.as_ref())).or_default().extend(addresses);
        self
    }

    /// Verifies servers against these roots, in PEM, and no others. Called more than once, they add up.
    pub fn roots_pem(mut self, pem: impl Into<String>) -> Self {
        let pem = pem.into();
        match &mut self.roots {
            Roots::Pem(all) => all.push(pem),
            Roots::System | Roots::None => self.roots = Roots::Pem(vec![pem]),
        }
        self
    }

    /// Needs no roots, and asks nobody but servers on this machine, without encryption. For development, and for issuers
    /// behind a proxy on the same machine. Their hosts are still to be listed as internal.
    pub fn loopback_only(mut self) -> Self {
        self.roots = Roots::None;
        self.rules.loopback_only = true;
        self
    }

    /// Shows this certificate to servers that ask for one (RFC 8705 §2): the chain, leaf first, and its key, in PEM. It stays the same until
    /// the client is built anew; `identity` (feature `tls`) follows files that change. Of the two the last one counts.
    pub fn client_certificate_pem(mut self, chain: impl Into<String>, key: SecretString) -> Self {
        self.identity = Some(ClientCertificate::Fixed { chain: chain.into(), key });
        self
    }

    /// The same, of a certificate that can be replaced.
    #[cfg(feature = "tls")]
    pub(crate) fn client_certificate_of(
        mut self,
        resolver: Arc<dyn rustls::client::ResolvesClientCert>,
    ) -> Self {
        self.identity = Some(ClientCertificate::Current(resolver));
        self
    }

    /// How long a whole fetch may take, at most 60 seconds; 5 seconds when not called.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// The longest body of an answer, in bytes; 256 KiB when not called.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// The clock by which the time is limited; the machine's when not called.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// A client for bodies of another kind, which are neither read here nor bounded: the same connections, to the same addresses. The
    /// time limit is that of connecting.
    #[cfg(feature = "forward")]
    pub(crate) fn build_streaming<B>(self) -> Result<StreamingClient<B>, FetchError>
    where
        B: http_body::Body + Send,
        B::Data: Send,
    {
        self.check()?;
        let config = tls::config(&self.roots, self.identity.as_ref())?;
        let connector = Connector { rules: Arc::new(self.rules), time_limit: self.time_limit };
        Ok(super::client::pooled(connector, config))
    }

    /// The client.
    ///
    /// # Errors
    /// [`Setting`](super::FetchErrorKind::Setting), which names the setting that is missing or wrong.
    pub fn build(self) -> Result<HttpsClient, FetchError> {
        self.check()?;
        let config = tls::config(&self.roots, self.identity.as_ref())?;
        let connector = Connector { rules: Arc::new(self.rules), time_limit: self.time_limit };
        Ok(HttpsClient::new(connector, config, self.max_bytes, self.clock))
    }

    fn check(&self) -> Result<(), FetchError> {
        if self.time_limit.is_zero() || self.time_limit > LONGEST {
            return Err(setting("time_limit", "choose more than zero and at most 60 seconds".to_owned()));
        }
        if self.max_bytes == 0 {
            return Err(setting("max_bytes", "choose more than zero".to_owned()));
        }
        if self.rules.loopback_only && !matches!(self.roots, Roots::None) {
            return Err(setting("loopback_only", "roots are for TLS; keep one or the other".to_owned()));
        }
        Ok(())
    }
}

/// As a host is compared: in lower case, an IPv6 address without its brackets.
fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase()
}
