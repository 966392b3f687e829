use super::reload::{COOL_DOWN, Reloading};
use super::{Pem, TrustError, TrustErrorKind, provider};
use crate::clock::{SharedClock, SystemClock};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, SignatureScheme};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What this service shows of itself in a handshake: its certificate, the chain above it, and the key. Cheap to clone, and
/// the clones are replaced together.
///
/// Files are read again when they change: a handshake looks at them, at most every 30 seconds. A pair that does not fit
/// together, or cannot be read, is reported with `tracing::warn`, and the old one stays. Connections that are open go on.
#[derive(Clone)]
pub struct Identity(Arc<Reloading<Current>>);

/// `None` while an agent gives this service no identity: it shakes no hands then.
type Current = Option<Arc<CertifiedKey>>;

impl Identity {
    /// The certificate with its chain, leaf first, and the key, each as PEM in a file.
    ///
    /// # Errors
    /// When a file cannot be read, does not hold what it should, or the key is not that of the certificate.
    pub fn files(chain: impl Into<Pem>, key: impl Into<Pem>) -> Result<Self, TrustError> {
        Self::builder(chain, key).load()
    }

    /// The same, with more to say.
    pub fn builder(chain: impl Into<Pem>, key: impl Into<Pem>) -> IdentityBuilder {
        let (chain, key) = (chain.into(), key.into());
        IdentityBuilder { chain, key, clock: SystemClock::shared(), look_every: COOL_DOWN }
    }

    /// Reads the files now.
    ///
    /// # Errors
    /// When they do not fit; what was there before stays.
    pub fn reload(&self) -> Result<(), TrustError> {
        self.0.reload()
    }

    /// Takes another chain (DER, leaf first) and key (PKCS #8 in DER), from an agent for example. The next handshake shows it.
    ///
    /// # Errors
    /// When they do not fit; what was there before stays.
    pub fn replace(
        &self,
        chain: impl IntoIterator<Item = Vec<u8>>,
        pkcs8_key: Vec<u8>,
    ) -> Result<(), TrustError> {
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        let key = PrivateKeyDer::Pkcs8(pkcs8_key.into());
        self.0.replace(Some(
            certified(chain, key)
                .map_err(|problem| TrustErrorKind::Load { what: "the new identity".to_owned(), problem })?,
        ));
        Ok(())
    }

    /// The identity of a service that has none yet.
    #[cfg(feature = "spiffe")]
    pub(super) fn none() -> Self {
        Self(Arc::new(Reloading::given("Identity", None, SystemClock::shared())))
    }

    /// Shows nothing from now on: whoever asks for a certificate gets no connection.
    #[cfg(feature = "spiffe")]
    pub(super) fn withdraw(&self) {
        self.0.replace(None);
    }

    /// Whether nobody else uses it.
    #[cfg(feature = "spiffe")]
    pub(super) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    pub(crate) fn is_due(&self) -> bool {
        self.0.is_due()
    }

    pub(crate) fn look(&self) {
        self.0.look();
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Loads an [`Identity`].
#[derive(Clone, Debug)]
pub struct IdentityBuilder {
    chain: Pem,
    key: Pem,
    clock: SharedClock,
    look_every: Duration,
}

impl IdentityBuilder {
    /// The clock by which files are looked at.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// How long files are left alone after a look at them; 30 seconds unless called.
    pub fn look_every(mut self, period: Duration) -> Self {
        self.look_every = period;
        self
    }

    /// Reads the files.
    ///
    /// # Errors
    /// As [`Identity::files`].
    pub fn load(self) -> Result<Identity, TrustError> {
        let (chain, key) = (self.chain.clone(), self.key.clone());
        let load = move || {
            let certified = certified(chain.certificates()?, key.private_key()?);
            certified.map(Some).map_err(|problem| chain.error(problem))
        };
        let sources = [&self.chain, &self.key];
        Reloading::load("Identity", sources, load, self.clock, self.look_every)
            .map(|loaded| Identity(Arc::new(loaded)))
    }
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<CertifiedKey>, String> {
    match CertifiedKey::from_der(chain, key, provider::provider()) {
        Ok(certified) => Ok(Arc::new(certified)),
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err("the key is not that of the certificate".to_owned())
        }
        Err(error) => Err(format!("certificate and key cannot be used: {error}")),
    }
}

/// Shows an identity in handshakes.
#[derive(Debug)]
pub(crate) struct Shown(pub(crate) Identity);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        (*self.0.0.current()).clone()
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // Nobody accepts connections here who could look at the files.
        self.0.look();
        let identity = (*self.0.0.current()).clone()?;
        identity.key.choose_scheme(schemes).is_some().then_some(identity)
    }

    fn has_certs(&self) -> bool {
        true
    }
}
