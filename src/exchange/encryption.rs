use crate::principal::{TlsConnection, TrustedProxies};
use crate::refusal::{Refusal, RefusalKind};
use http::HeaderMap;
use std::net::SocketAddr;

/// How the other end of a connection is reached.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reached {
    /// Over a network, or loopback.
    At(SocketAddr),
    /// Within this machine, by a path.
    OverUnixSocket,
    /// Nobody said.
    Unknown,
}

impl Reached {
    /// Whether nobody but this machine can read what goes by.
    fn is_local(self) -> bool {
        match self {
            Self::At(peer) => peer.ip().to_canonical().is_loopback(),
            Self::OverUnixSocket => true,
            Self::Unknown => false,
        }
    }
}

/// Encrypted or not at all: on every hop that is known of, a request came over TLS or did not leave the machine.
pub(super) fn check(
    reached: Reached,
    tls: Option<&TlsConnection>,
    proxies: &TrustedProxies,
    headers: &HeaderMap,
) -> Result<(), Refusal> {
    let is_proxy = match reached {
        Reached::At(peer) => proxies.trusts_peer(peer),
        Reached::OverUnixSocket | Reached::Unknown => false,
    };
    // A proxy on this machine is often not listed. The header can only refuse, so that it may be believed there, too.
    if (is_proxy || reached.is_local()) && says_plaintext(headers) {
        return Err(refuse("the proxy says in X-Forwarded-Proto that the client came to it in plaintext"));
    }
    match (tls, reached) {
        (Some(_), _) => Ok(()),
        (None, reached) if reached.is_local() => Ok(()),
        (None, Reached::Unknown) => Err(Refusal::misconfigured(
            "neither TlsConnection nor PeerAddress is in the request's extensions, so that it could have come in plaintext \
             from anywhere: serve with into_make_service_with_connect_info() or, over TLS, into_make_service_with_tls(), put PeerAddress into each request's \
             extensions, or UnixSocket for those from a Unix socket",
        )),
        (None, _) => Err(refuse(
            "the request came in plaintext from another machine: serve with a TLS acceptor, or say danger_plaintext()",
        )),
    }
}

/// Whether one hop did not come over TLS. A scheme that is not known is none.
fn says_plaintext(headers: &HeaderMap) -> bool {
    let values = headers.get_all("x-forwarded-proto").iter();
    values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).any(|scheme| {
        let scheme = scheme.trim_ascii();
        !scheme.eq_ignore_ascii_case(b"https") && !scheme.eq_ignore_ascii_case(b"wss")
    })
}

fn refuse(cause: &'static str) -> Refusal {
    Refusal::new(RefusalKind::Plaintext, "this service answers only over an encrypted connection")
        .cause(cause)
}
