use super::rustls::{Time, versions};
use crate::clock::{SharedClock, SystemClock};
use crate::principal::SpiffeId;
use crate::trust::{
    Identity, Pinned, Shown, TrustBundles, TrustError, TrustErrorKind, VerifyServer, provider,
};
use rustls::ClientConfig;
use rustls::client::Resumption;
use std::fmt;
use std::sync::Arc;

/// TLS for calls to other services: shows this service's own certificate, and talks to no server but the ones that were
/// named. Cheap to clone.
///
/// Certificate, key, roots and revocation lists are read again when their files change, as for an acceptor. No session is
/// resumed, so that the server is verified each time.
///
/// ```no_run
/// use portcullis::serve::{ClientTls, rustls::client_config};
/// use portcullis::trust::{Identity, TrustBundles};
///
/// let client = ClientTls::builder(TrustBundles::builder().spiffe("prod.example", "prod-roots.pem").build()?)
///     .identity(Identity::files("gateway.pem", "gateway.key")?)
///     .server("spiffe://prod.example/model")
///     .build()?;
/// let config = client_config(&client); // for hyper_rustls::HttpsConnectorBuilder::with_tls_config
/// # let _ = config;
/// # Ok::<(), portcullis::trust::TrustError>(())
/// ```
#[derive(Clone)]
pub struct ClientTls(Arc<ClientConfig>);

impl ClientTls {
    /// Begins a client that believes servers by `bundles`. Which servers it wants is still to be said.
    pub fn builder(bundles: TrustBundles) -> ClientTlsBuilder {
        ClientTlsBuilder {
            bundles,
            identity: None,
            servers: Vec::new(),
            by_name: false,
            tls12: false,
            problem: None,
            clock: SystemClock::shared(),
        }
    }

    pub(super) fn config(&self) -> &Arc<ClientConfig> {
        &self.0
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientTls")
    }
}

/// Builds a [`ClientTls`].
#[derive(Debug)]
pub struct ClientTlsBuilder {
    bundles: TrustBundles,
    identity: Option<Identity>,
    servers: Vec<SpiffeId>,
    by_name: bool,
    tls12: bool,
    problem: Option<String>,
    clock: SharedClock,
}

impl ClientTlsBuilder {
    /// What is shown to servers that ask for a certificate.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// The server's SPIFFE ID. Called more than once, it may be any of them. The host's name does not matter then: the ID says
    /// who it is, wherever it runs.
    pub fn server(mut self, id: &str) -> Self {
        match SpiffeId::parse(id) {
            Ok(id) => self.servers.push(id),
            Err(error) => self.problem = Some(format!("a server's SPIFFE ID is none: {error}")),
        }
        self
    }

    /// The server is the one whose certificate has the name, or the address, that is connected to (RFC 9525): for servers without
    /// a SPIFFE ID.
    pub fn server_by_name(mut self) -> Self {
        self.by_name = true;
        self
    }

    /// Takes servers of TLS 1.2, too. Whoever listens sees this service's certificate in plain.
    pub fn allow_tls12(mut self) -> Self {
        self.tls12 = true;
        self
    }

    /// The clock of the validity of certificates.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// When no server is named, or both by ID and by name, or an ID is none.
    pub fn build(self) -> Result<ClientTls, TrustError> {
        let refuse = |problem: &str| Err(TrustErrorKind::Build(problem.to_owned()).into());
        if let Some(problem) = &self.problem {
            return refuse(problem);
        }
        let pinned = match (self.servers.is_empty(), self.by_name) {
            (false, false) => Pinned::Ids(self.servers.into()),
            (true, true) => Pinned::ByName,
            (true, false) => return refuse("no server is named: say server(…) or server_by_name()"),
            (false, true) => {
                return refuse("say either server(…) or server_by_name(): one would undo the other");
            }
        };
        let verifier = Arc::new(VerifyServer { bundles: self.bundles, pinned });
        let builder = ClientConfig::builder_with_provider(provider().clone())
            .with_protocol_versions(versions(self.tls12))
            .map_err(|error| TrustErrorKind::Build(format!("TLS cannot be set up: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match self.identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::new(Shown(identity))),
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        config.time_provider = Arc::new(Time(self.clock));
        Ok(ClientTls(Arc::new(config)))
    }
}
