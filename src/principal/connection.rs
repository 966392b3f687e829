use super::PeerCertificate;
use bytes::Bytes;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// The TLS connection that a request came over. A TLS acceptor puts it into the extensions of each request; where there is
/// none, the request came in plaintext. Cheap to clone.
#[derive(Clone, Default)]
pub struct TlsConnection(Arc<Facts>);

#[derive(Clone, Default)]
struct Facts {
    peer: Option<PeerCertificate>,
    version: Option<TlsVersion>,
    alpn: Option<Box<[u8]>>,
    server_name: Option<Box<str>>,
    client_hello: Option<Bytes>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl TlsVersion {
    /// The version as records name it: `1.2`, `1.3`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
}

impl TlsConnection {
    /// A connection of which nothing is known but that it is encrypted: for a host that ends TLS with an acceptor of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// A connection whose other end has shown this certificate, which was verified.
    pub fn with_peer(certificate: PeerCertificate) -> Self {
        Self(Arc::new(Facts { peer: Some(certificate), ..Facts::default() }))
    }

    /// The version that was agreed on.
    pub fn version(self, version: TlsVersion) -> Self {
        self.with(|facts| facts.version = Some(version))
    }

    /// The protocol that was agreed on (ALPN, RFC 7301): `h2`, `http/1.1`.
    pub fn alpn(self, protocol: impl Into<Box<[u8]>>) -> Self {
        self.with(|facts| facts.alpn = Some(protocol.into()))
    }

    /// The host that the client asked for (SNI, RFC 6066 §3).
    pub fn server_name(self, name: impl Into<Box<str>>) -> Self {
        self.with(|facts| facts.server_name = Some(name.into()))
    }

    /// The client's first flight, as it came.
    pub fn client_hello(self, bytes: Bytes) -> Self {
        self.with(|facts| facts.client_hello = Some(bytes))
    }

    /// The certificate of the other end, if it has shown one.
    pub fn peer_certificate(&self) -> Option<&PeerCertificate> {
        self.0.peer.as_ref()
    }

    /// The version, if it is known.
    pub fn protocol_version(&self) -> Option<TlsVersion> {
        self.0.version
    }

    /// The protocol agreed on, if any was.
    pub fn alpn_protocol(&self) -> Option<&[u8]> {
        self.0.alpn.as_deref()
    }

    /// The host asked for, if the client named one.
    pub fn requested_server_name(&self) -> Option<&str> {
        self.0.server_name.as_deref()
    }

    /// The client's first flight, if it was kept.
    pub fn client_hello_bytes(&self) -> Option<&Bytes> {
        self.0.client_hello.as_ref()
    }

    fn with(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl fmt::Debug for TlsConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnection")
            .field("version", &self.0.version)
            .field("peer", &self.0.peer)
            .finish_non_exhaustive()
    }
}

/// Where a connection came from, and its TLS: what an acceptor of this crate tells `axum::serve` of each connection.
#[derive(Clone, Debug)]
pub struct PeerConnection {
    /// The address at the other end of the socket.
    pub address: SocketAddr,
    /// What was agreed on in the handshake; `None` for plaintext.
    pub tls: Option<TlsConnection>,
}
