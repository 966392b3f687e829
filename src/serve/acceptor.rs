use super::builder::{Hook, TlsAcceptorBuilder};
use super::failure::{HandshakeError, HandshakeErrorKind};
use super::hello::Recorded;
use super::pending::Pending;
use super::rustls::{Time, versions};
use super::stream::TlsStream;
use crate::clock::SharedClock;
use crate::principal::{TlsConnection, TlsVersion};
use crate::trust::provider;
use crate::trust::{
    Bundles, Identity, Recent, Shown, TrustBundles, TrustError, TrustErrorKind, VerifyClient,
};
use arc_swap::ArcSwap;
use rustls::server::NoServerSessionStorage;
use rustls::{ProtocolVersion, ServerConfig, ServerConnection};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// Shakes hands with clients. Cheap to clone, and the clones share their bounds.
#[derive(Clone)]
pub struct TlsAcceptor {
    settings: Arc<TlsSettings>,
    protocols: Protocols,
    made: Arc<ArcSwap<Made>>,
}

/// What rustls is given, and the bundles that it was made of.
struct Made {
    bundles: Option<Arc<Bundles>>,
    config: Arc<ServerConfig>,
}

pub(super) struct TlsSettings {
    pub(super) identity: Identity,
    pub(super) asked: Option<Asked>,
    pub(super) tls12: bool,
    pub(super) record_hello: bool,
    pub(super) time_limit: Duration,
    pub(super) hooks: Box<[Hook]>,
    pub(super) clock: SharedClock,
    pub(super) pending: Arc<Pending>,
    pub(super) recent: Arc<Recent>,
}

/// Whose certificates are asked for.
pub(super) struct Asked {
    pub(super) bundles: TrustBundles,
    pub(super) mandatory: bool,
}

/// What is offered in the handshake (ALPN, RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocols {
    Both,
    #[cfg_attr(not(feature = "axum"), expect(dead_code, reason = "for axum::serve"))]
    Http1,
}

impl TlsAcceptor {
    /// Begins an acceptor that shows `identity` to its clients. It asks them for no certificate yet.
    pub fn builder(identity: Identity) -> TlsAcceptorBuilder {
        TlsAcceptorBuilder::new(identity)
    }

    /// Shakes hands with the client at `address` at the other end of `io`. Run it beside other handshakes, in a task of its own.
    ///
    /// # Errors
    /// Why there is no connection. Whoever is told of failures has been told.
    pub async fn accept<IO>(&self, io: IO, address: SocketAddr) -> Result<TlsStream<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.shake_hands(io, address).await.map_err(|kind| {
            let error = HandshakeError { address, kind };
            tracing::debug!(%error, "no connection");
            self.settings.hooks.iter().for_each(|hook| hook(&error));
            error
        })
    }

    /// Reads the files of the identity, the roots and the revocation lists now. Connections that are open go on.
    ///
    /// # Errors
    /// When one of them is bad; what it was before stays, and so do those after it.
    pub fn reload(&self) -> Result<(), TrustError> {
        self.settings.identity.reload()?;
        self.settings.asked.as_ref().map_or(Ok(()), |asked| asked.bundles.reload())
    }

    /// How many handshakes are under way.
    pub fn pending_handshakes(&self) -> usize {
        self.settings.pending.count()
    }

    pub(super) fn new(settings: Arc<TlsSettings>, protocols: Protocols) -> Result<Self, TrustError> {
        let bundles = settings.asked.as_ref().map(|asked| asked.bundles.current());
        let config = Arc::new(settings.configure(bundles.as_deref(), protocols)?);
        let made = Arc::new(ArcSwap::from_pointee(Made { bundles, config }));
        Ok(Self { settings, protocols, made })
    }

    /// The same, offering other protocols.
    #[cfg(feature = "axum")]
    pub(super) fn offering(&self, protocols: Protocols) -> Result<Self, TrustError> {
        Self::new(self.settings.clone(), protocols)
    }

    pub(super) fn clock(&self) -> &SharedClock {
        &self.settings.clock
    }

    async fn shake_hands<IO>(&self, io: IO, address: SocketAddr) -> Result<TlsStream<IO>, HandshakeErrorKind>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let settings = &*self.settings;
        let mut place = settings.pending.enter(address.ip());
        let limit = settings.clock.sleep(settings.time_limit);
        let shaken = async {
            self.look().await;
            let io = Recorded::new(io, settings.record_hello);
            let accepted = tokio_rustls::TlsAcceptor::from(self.config()).accept(io).await;
            accepted.map_err(|error| HandshakeErrorKind::of(&error))
        };
        let mut stream = tokio::select! {
            biased;
            shaken = shaken => shaken?,
            () = place.displaced() => return Err(HandshakeErrorKind::Displaced),
            () = limit => return Err(HandshakeErrorKind::TimedOut),
        };
        let (io, connection) = stream.get_mut();
        let mut facts = settings.facts(connection)?;
        if let Some(hello) = io.take_hello() {
            facts = facts.client_hello(hello);
        }
        Ok(TlsStream::new(stream, facts))
    }

    /// Looks whether files have changed, when it is time to. Reading them may take a while, so it is done elsewhere, and only the
    /// client that came at that time waits for it.
    async fn look(&self) {
        let settings = &self.settings;
        let bundles = settings.asked.as_ref().map(|asked| &asked.bundles);
        if !settings.identity.is_due() && !bundles.is_some_and(TrustBundles::is_due) {
            return;
        }
        let (identity, bundles) = (settings.identity.clone(), bundles.cloned());
        let looked = tokio::task::spawn_blocking(move || {
            identity.look();
            if let Some(bundles) = bundles {
                bundles.look();
            }
        });
        if looked.await.is_err() {
            tracing::error!("the look at the files of TLS panicked; what was read before stays");
        }
    }

    /// What rustls is given, with the names of the roots that are believed now.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        let made = self.made.load();
        let Some(asked) = &self.settings.asked else { return made.config.clone() };
        let current = asked.bundles.current();
        if made.bundles.as_ref().is_some_and(|bundles| Arc::ptr_eq(bundles, &current)) {
            return made.config.clone();
        }
        match self.settings.configure(Some(&current), self.protocols) {
            Ok(config) => {
                let config = Arc::new(config);
                self.made.store(Arc::new(Made { bundles: Some(current), config: config.clone() }));
                config
            }
            // Its verifier goes by the new bundles all the same; only the names that clients are told are the old ones.
            Err(error) => {
                tracing::error!(%error, "clients are told the old names of roots");
                made.config.clone()
            }
        }
    }
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAcceptor")
            .field("identity", &self.settings.identity)
            .field("bundles", &self.settings.asked.as_ref().map(|asked| &asked.bundles))
            .field("protocols", &self.protocols)
            .finish_non_exhaustive()
    }
}

impl TlsSettings {
    fn configure(&self, current: Option<&Bundles>, protocols: Protocols) -> Result<ServerConfig, TrustError> {
        let unusable = |error: rustls::Error| TrustErrorKind::Build(format!("TLS cannot be set up: {error}"));
        let versions = versions(self.tls12);
        let builder = ServerConfig::builder_with_provider(provider().clone())
            .with_protocol_versions(versions)
            .map_err(unusable)?;
        let builder =
            match (&self.asked, current) {
                (Some(asked), Some(current)) => builder.with_client_cert_verifier(Arc::new(
                    VerifyClient::new(asked.bundles.clone(), current, asked.mandatory, self.recent.clone()),
                )),
                _ => builder.with_no_client_auth(),
            };
        let mut config = builder.with_cert_resolver(Arc::new(Shown(self.identity.clone())));
        config.time_provider = Arc::new(Time(self.clock.clone()));
        config.alpn_protocols = match protocols {
            Protocols::Both => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Protocols::Http1 => vec![b"http/1.1".to_vec()],
        };
        if self.asked.is_some() {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }

    fn facts(&self, connection: &ServerConnection) -> Result<TlsConnection, HandshakeErrorKind> {
        let mut facts = match connection.peer_certificates() {
            Some(chain) => TlsConnection::with_peer(
                self.recent.verified_peer(chain).map_err(HandshakeErrorKind::Certificate)?,
            ),
            None => TlsConnection::new(),
        };
        facts = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => facts.version(TlsVersion::Tls13),
            Some(ProtocolVersion::TLSv1_2) => facts.version(TlsVersion::Tls12),
            _ => facts,
        };
        if let Some(protocol) = connection.alpn_protocol() {
            facts = facts.alpn(protocol);
        }
        if let Some(name) = connection.server_name() {
            facts = facts.server_name(name);
        }
        Ok(facts)
    }
}
