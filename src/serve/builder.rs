use super::acceptor::{Asked, Protocols, TlsAcceptor, TlsSettings};
use super::failure::HandshakeError;
use super::pending::Pending;
use crate::audit::AuditLog;
use crate::clock::{SharedClock, SystemClock};
use crate::exchange::Context;
use crate::refusal::{Refusal, RefusalKind};
use crate::trust::{Identity, TrustBundles, TrustError, TrustErrorKind};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Who is told of handshakes that failed.
pub(super) type Hook = Arc<dyn Fn(&HandshakeError) + Send + Sync>;

/// Builds a [`TlsAcceptor`].
pub struct TlsAcceptorBuilder {
    identity: Identity,
    asked: Option<Asked>,
    tls12: bool,
    record_hello: bool,
    time_limit: Duration,
    most_pending: usize,
    most_pending_of_one: usize,
    hooks: Vec<Hook>,
    log: Option<AuditLog>,
    clock: SharedClock,
}

impl TlsAcceptorBuilder {
    pub(super) fn new(identity: Identity) -> Self {
        Self {
            identity,
            asked: None,
            tls12: false,
            record_hello: false,
            time_limit: Duration::from_secs(10),
            most_pending: 1_024,
            most_pending_of_one: 256,
            hooks: Vec::new(),
            log: None,
            clock: SystemClock::shared(),
        }
    }

    /// Every client must show a certificate that `bundles` believe: without one there is no connection.
    pub fn require_client_certificates(mut self, bundles: TrustBundles) -> Self {
        self.asked = Some(Asked { bundles, mandatory: true });
        self
    }

    /// Clients may show a certificate. One that they show must be believed; who shows none is let in and has no
    /// [`peer_certificate`](crate::principal::TlsConnection::peer_certificate): for a service whose routes differ in whom they let in.
    pub fn request_client_certificates(mut self, bundles: TrustBundles) -> Self {
        self.asked = Some(Asked { bundles, mandatory: false });
        self
    }

    /// Takes clients of TLS 1.2, too. Whoever listens sees their certificates in plain, and those of the server.
    pub fn allow_tls12(mut self) -> Self {
        self.tls12 = true;
        self
    }

    /// Keeps the first flight of each client, up to 8 KiB, as
    /// [`client_hello_bytes`](crate::principal::TlsConnection::client_hello_bytes): for fingerprints.
    pub fn record_client_hello(mut self) -> Self {
        self.record_hello = true;
        self
    }

    /// Within what time a handshake must be done; 10 seconds unless called.
    pub fn handshake_time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// How many handshakes may be under way at once, in all and from one address (IPv6: /64); 1,024 and 256 unless called. When
    /// there are more, the one that has waited longest is closed.
    pub fn max_pending_handshakes(mut self, in_all: usize, from_one_address: usize) -> Self {
        self.most_pending = in_all;
        self.most_pending_of_one = from_one_address;
        self
    }

    /// Calls `hook` for every handshake that fails. It must not block: the handshakes of others wait for it. Called more than
    /// once, each of them is told.
    pub fn on_failure(mut self, hook: impl Fn(&HandshakeError) + Send + Sync + 'static) -> Self {
        self.hooks.push(Arc::new(hook));
        self
    }

    /// Records handshakes that fail, counted by address (IPv6: /64) and kind of failure, as `handshake_failed`: `rule` is the kind and
    /// `cause` says more. They share the lane of requests without an identity, so that they can fill neither queue nor disk.
    pub fn audit(mut self, log: AuditLog) -> Self {
        self.log = Some(log);
        self
    }

    /// The clock of time limits, and of the validity of certificates.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// The acceptor. It offers HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// When a bound is zero, or what was loaded cannot be used for TLS.
    pub fn build(self) -> Result<TlsAcceptor, TrustError> {
        let zero = |what: &str| TrustErrorKind::Build(format!("{what} is zero: nobody could connect"));
        if self.time_limit.is_zero() {
            return Err(zero("the time limit of handshakes").into());
        }
        if self.most_pending == 0 || self.most_pending_of_one == 0 {
            return Err(zero("the number of handshakes at once").into());
        }
        let mut hooks = self.hooks;
        if let Some(log) = self.log {
            let context = Context::new(self.clock.clone());
            hooks.push(Arc::new(move |error: &HandshakeError| {
                let refusal = Refusal::new(RefusalKind::HandshakeFailed, "the TLS handshake failed");
                let refusal = refusal.rule(error.kind.code()).cause(error.kind.to_string());
                log.note_handshake(&context, error.address.ip(), refusal);
            }));
        }
        let settings = TlsSettings {
            identity: self.identity,
            asked: self.asked,
            tls12: self.tls12,
            record_hello: self.record_hello,
            time_limit: self.time_limit,
            hooks: hooks.into(),
            clock: self.clock,
            recent: Arc::default(),
            pending: Arc::new(Pending::new(self.most_pending, self.most_pending_of_one)),
        };
        TlsAcceptor::new(Arc::new(settings), Protocols::Both)
    }
}

impl fmt::Debug for TlsAcceptorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAcceptorBuilder").field("identity", &self.identity).finish_non_exhaustive()
    }
}
