//! What an acceptor and a client are made of, in the types of rustls 0.23: for hyper-rustls, QUIC, and whatever else takes
//! them. A later major version of rustls changes this module.

use super::{ClientTls, TlsAcceptor};
use crate::clock::SharedClock;
use ::rustls::pki_types::UnixTime;
use ::rustls::time_provider::TimeProvider;
use ::rustls::version::{TLS12, TLS13};
use ::rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};
use std::sync::Arc;
use std::time::Duration;

/// What the next handshake of `acceptor` goes by. Ask for it anew for each connection: it has the names of the roots that
/// clients are told. Identity, roots and revocation lists are in any case those at the time of the handshake.
pub fn server_config(acceptor: &TlsAcceptor) -> Arc<ServerConfig> {
    acceptor.config()
}

/// What every handshake of `client` goes by. It has no protocols (ALPN) yet, as hyper-rustls wants it.
pub fn client_config(client: &ClientTls) -> Arc<ClientConfig> {
    client.config().clone()
}

/// Our clock, for the validity of certificates.
#[derive(Debug)]
pub(super) struct Time(pub(super) SharedClock);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0.now().as_secs())))
    }
}

pub(super) fn versions(with_tls12: bool) -> &'static [&'static SupportedProtocolVersion] {
    static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    if with_tls12 { &BOTH } else { &BOTH[..1] }
}
