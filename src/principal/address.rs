use http::HeaderMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use thiserror::Error;

/// The address at the other end of the socket. A hyper accept loop puts it into each request's extensions;
/// under `axum::serve`, `into_make_service_with_connect_info::<SocketAddr>()` does the same in axum's own type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddress(pub SocketAddr);

/// Put into the extensions of each request by an accept loop on a Unix socket, whose clients have no address. What comes
/// over it has not left the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnixSocket;

/// The address that a request came from, in canonical form: an IPv4-mapped IPv6 address is its IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// The canonical form of `address`.
    pub fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// The address.
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// What one subscriber can choose freely within: a whole IPv4 address, or the /64 of an IPv6 address (RFC 4291 §2.5.1).
    pub fn prefix(self) -> AddressPrefix {
        match self.0 {
            IpAddr::V4(_) => AddressPrefix { base: self.0, bits: 32 },
            IpAddr::V6(ip) => AddressPrefix::of_v6(ip, 64),
        }
    }

    /// What one site is commonly given: the /48 of an IPv6 address (RFC 6177 §2); a whole IPv4 address.
    pub fn site(self) -> AddressPrefix {
        match self.0 {
            IpAddr::V4(_) => self.prefix(),
            IpAddr::V6(ip) => AddressPrefix::of_v6(ip, 48),
        }
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A block of addresses that is counted as one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressPrefix {
    base: IpAddr,
    bits: u8,
}

impl AddressPrefix {
    fn of_v6(ip: Ipv6Addr, bits: u8) -> Self {
        Self { base: IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & mask(bits, 128))), bits }
    }

    /// The first address of the block.
    pub fn base(self) -> IpAddr {
        self.base
    }

    /// How many leading bits all addresses of the block share.
    pub fn bits(self) -> u8 {
        self.bits
    }
}

impl fmt::Display for AddressPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

/// A network in CIDR notation: `10.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    base: u128,
    bits: u8,
    v4: bool,
}

impl Network {
    /// The network of this address, of which so many leading bits count.
    pub(crate) fn of(address: IpAddr, bits: u8) -> Self {
        let (value, v4) = numeric(address);
        let width = if v4 { 32 } else { 128 };
        let bits = bits.min(width);
        Self { base: value & mask(bits, width), bits, v4 }
    }

    pub(crate) fn bits(self) -> u8 {
        self.bits
    }

    pub(crate) fn is_v4(self) -> bool {
        self.v4
    }

    /// Whether `address` lies in this network.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (value, v4) = numeric(address.to_canonical());
        v4 == self.v4 && value & mask(self.bits, if v4 { 32 } else { 128 }) == self.base
    }
}

impl FromStr for Network {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError { text: text.chars().take(64).collect() };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| error())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| error())?;
        if address.to_canonical() != address {
            return Err(error());
        }
        let (value, v4) = numeric(address);
        let width = if v4 { 32 } else { 128 };
        let bits = bits.unwrap_or(width);
        if bits > width || value & mask(bits, width) != value {
            return Err(error());
        }
        Ok(Self { base: value, bits, v4 })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = if self.v4 {
            IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(self.base).expect("an IPv4 network holds 32 bits")))
        } else {
            IpAddr::V6(Ipv6Addr::from_bits(self.base))
        };
        write!(f, "{base}/{}", self.bits)
    }
}

/// Text that is not a network.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{text:?} is not a network: write an address with a prefix whose other bits are zero, such as \"10.0.0.0/8\" or \"2001:db8::/32\""
)]
#[non_exhaustive]
pub struct AddressError {
    text: String,
}

/// The proxies whose `X-Forwarded-For` is believed. With none (the default), the address is always the socket's.
///
/// The header is read from the right: hops that are trusted proxies are passed over, and the first that is not is the
/// client. What stands left of it was written by that client and is never read.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    /// Believes proxies at these networks.
    pub fn new(networks: impl IntoIterator<Item = Network>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// The networks believed.
    pub fn networks(&self) -> &[Network] {
        &self.0
    }

    /// The client's address, given the socket's and the request's headers. An unreadable hop ends the walk at the last
    /// address that could be believed.
    pub fn client_address(&self, peer: SocketAddr, headers: &HeaderMap) -> ClientAddress {
        let mut client = ClientAddress::new(peer.ip());
        if !self.trusts(client) {
            return client;
        }
        let values: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().map(|value| value.to_str().unwrap_or("")).collect();
        for hop in values.iter().rev().flat_map(|value| value.rsplit(',')) {
            let Some(address) = parse_hop(hop.trim()) else { return client };
            client = ClientAddress::new(address);
            if !self.trusts(client) {
                return client;
            }
        }
        client
    }

    /// Whether the other end of a socket is one of these proxies.
    pub fn trusts_peer(&self, peer: SocketAddr) -> bool {
        self.trusts(ClientAddress::new(peer.ip()))
    }

    fn trusts(&self, address: ClientAddress) -> bool {
        self.0.iter().any(|network| network.contains(address.ip()))
    }
}

/// An address, an address with a port, or a bracketed IPv6 address with or without a port.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    hop.parse()
        .ok()
        .or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| hop.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6))
}

fn numeric(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()), true),
        IpAddr::V6(ip) => (ip.to_bits(), false),
    }
}

/// The `bits` leading ones of a number `width` bits wide.
fn mask(bits: u8, width: u8) -> u128 {
    if bits == 0 {
        return 0;
    }
    let all = u128::MAX >> (128 - u32::from(width));
    all & (all << (width - bits))
}
