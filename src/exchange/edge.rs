use super::Exchange;
use super::encryption::{self, Reached};
use super::forwarded::{ForwardedCertificates, tells_of_certificate};
use crate::principal::{ClientAddress, TlsConnection, TrustedProxies};
use crate::refusal::{Refusal, RefusalKind};
use http::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use http::uri::Authority;
use http::{HeaderValue, Uri, request};
use std::net::IpAddr;
use thiserror::Error;

/// What the head of a request must be before anything else looks at it: how large, for which host, from which origin.
///
/// Nothing about a caller is taken from these headers; they only refuse.
#[derive(Clone, Debug)]
pub struct EdgeRules {
    hosts: Option<Box<[Box<str>]>>,
    origins: Box<[Box<str>]>,
    max_header_bytes: usize,
    danger_plaintext: bool,
    /// Names, beside the usual ones, in which proxies hand on certificates.
    certificate_headers: Box<[HeaderName]>,
}

impl Default for EdgeRules {
    /// Encrypted, headers up to 16 KiB, no foreign origins, and from loopback only the names of loopback.
    fn default() -> Self {
        Self {
            hosts: None,
            origins: Box::default(),
            max_header_bytes: 16 * 1024,
            danger_plaintext: false,
            certificate_headers: Box::default(),
        }
    }
}

/// A host or an origin that no request can have.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{text:?} is not {expected}")]
#[non_exhaustive]
pub struct EdgeError {
    text: String,
    expected: &'static str,
}

impl EdgeRules {
    /// Answers only requests for these hosts, named without a port: `llm.example.com`. When not called, every host is
    /// answered, but for requests from loopback, which must name loopback: a web page that had its own name point there
    /// could send them otherwise.
    ///
    /// # Errors
    /// When one is not a host.
    pub fn allowed_hosts<H: AsRef<str>>(
        mut self,
        hosts: impl IntoIterator<Item = H>,
    ) -> Result<Self, EdgeError> {
        let host = |host: H| {
            let text = host.as_ref();
            match text.parse::<Authority>() {
                Ok(authority) if authority.host() == text => Ok(text.to_ascii_lowercase().into()),
                _ => Err(EdgeError {
                    text: text.to_owned(),
                    expected: "a host without a port, such as \"llm.example.com\"",
                }),
            }
        };
        self.hosts = Some(hosts.into_iter().map(host).collect::<Result<_, _>>()?);
        Ok(self)
    }

    /// Takes requests that a browser sends for pages of these origins, as `https://app.example.com`. A page of the host
    /// that is asked needs no mention; any other is refused.
    ///
    /// # Errors
    /// When one is not an origin.
    pub fn allowed_origins<O: AsRef<str>>(
        mut self,
        origins: impl IntoIterator<Item = O>,
    ) -> Result<Self, EdgeError> {
        let origin = |origin: O| {
            let text = origin.as_ref();
            let parsed = text.parse::<Uri>().ok();
            let is_origin = parsed.is_some_and(|uri| {
                uri.scheme().is_some()
                    && uri.authority().is_some()
                    && uri.path() == "/"
                    && !text.ends_with('/')
            });
            let expected = "an origin, such as \"https://app.example.com\"";
            if is_origin {
                Ok(text.to_ascii_lowercase().into())
            } else {
                Err(EdgeError { text: text.to_owned(), expected })
            }
        };
        self.origins = origins.into_iter().map(origin).collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// The largest head, in bytes of all names and values together.
    pub fn max_header_bytes(mut self, bytes: usize) -> Self {
        self.max_header_bytes = bytes;
        self
    }

    /// Takes requests that came unencrypted from other machines: whoever is on the way reads and changes them. For a mesh
    /// that encrypts below, and for tests.
    pub fn danger_plaintext(mut self) -> Self {
        self.danger_plaintext = true;
        self
    }

    #[cfg(feature = "tls")]
    /// Takes these headers out of every request, beside the usual ones, and keeps them for the layer that believes a proxy.
    pub(crate) fn certificate_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.certificate_headers = names.into_iter().collect();
        self
    }

    /// Whether requests are taken that came unencrypted from other machines.
    pub fn takes_plaintext(&self) -> bool {
        self.danger_plaintext
    }

    /// The hosts that are answered, if they are listed.
    pub fn hosts(&self) -> Option<impl Iterator<Item = &str>> {
        self.hosts.as_ref().map(|hosts| hosts.iter().map(|host| &**host))
    }

    pub(super) fn check(&self, parts: &request::Parts, client: Option<ClientAddress>) -> Result<(), Refusal> {
        let size: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if size > self.max_header_bytes {
            let public = format!("the headers may be {} bytes long at most", self.max_header_bytes);
            return Err(Refusal::new(RefusalKind::HeadersTooLarge, public));
        }
        let host = host(parts)?;
        self.check_host(host.as_ref(), client)?;
        self.check_origin(&parts.headers, host.as_ref())
    }

    pub(super) fn check_encryption(
        &self,
        reached: Reached,
        tls: Option<&TlsConnection>,
        proxies: &TrustedProxies,
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        if self.danger_plaintext { Ok(()) } else { encryption::check(reached, tls, proxies, headers) }
    }

    /// Takes away names that others obey, and puts aside what is said of certificates.
    pub(super) fn strip(&self, parts: &mut request::Parts, exchange: &Exchange) {
        let of_certificate = |name: &HeaderName| {
            tells_of_certificate(name.as_str()) || self.certificate_headers.contains(name)
        };
        let unwanted = |name: &HeaderName| is_unwanted(name.as_str()) || of_certificate(name);
        let names: Vec<HeaderName> = parts.headers.keys().filter(|name| unwanted(name)).cloned().collect();
        let mut forwarded = ForwardedCertificates::default();
        for name in names {
            if of_certificate(&name) {
                forwarded.take(&name, &mut parts.headers);
            } else {
                parts.headers.remove(name);
            }
        }
        if !forwarded.0.is_empty() {
            exchange.put_aside(forwarded);
        }
    }

    fn check_host(&self, host: Option<&Authority>, client: Option<ClientAddress>) -> Result<(), Refusal> {
        let allowed = match (&self.hosts, host) {
            (Some(hosts), Some(host)) => {
                hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host.host()))
            }
            (Some(_), None) => false,
            (None, Some(host)) => {
                !client.is_some_and(|client| client.ip().is_loopback()) || is_loopback(host.host())
            }
            (None, None) => true,
        };
        if allowed {
            return Ok(());
        }
        let cause = match self.hosts {
            Some(_) => "the host is not one of allowed_hosts",
            None => {
                "a request from loopback names another host: if a proxy on this machine sends it, list the proxy in \
                     trusted_proxies, or the host in allowed_hosts"
            }
        };
        Err(Refusal::new(RefusalKind::UnknownHost, "this service does not answer for that host").cause(cause))
    }

    /// A browser tells where the page comes from that sends a request; only pages of this host, or of listed origins, may.
    fn check_origin(&self, headers: &HeaderMap, host: Option<&Authority>) -> Result<(), Refusal> {
        for origin in headers.get_all(ORIGIN) {
            let text = origin.to_str().unwrap_or("null").to_ascii_lowercase();
            let own = text.split_once("://").is_some_and(|(_, authority)| {
                host.is_some_and(|host| host.as_str().eq_ignore_ascii_case(authority))
            });
            if !own && !self.origins.iter().any(|allowed| **allowed == *text) {
                return Err(Refusal::new(
                    RefusalKind::ForeignOrigin,
                    "pages of that origin may not use this service",
                )
                .cause("the origin is not one of allowed_origins"));
            }
        }
        Ok(())
    }
}

/// The host that the request names: one, and the same everywhere (RFC 9112 §3.2, RFC 9113 §8.3.1).
fn host(parts: &request::Parts) -> Result<Option<Authority>, Refusal> {
    let malformed = |what: &'static str| Refusal::new(RefusalKind::MalformedRequest, what);
    let mut values = parts.headers.get_all(HOST).iter();
    let header = values.next().map(HeaderValue::as_bytes).map(Authority::try_from).transpose();
    let header = header.map_err(|_| malformed("the header host holds no host"))?;
    if values.next().is_some() {
        return Err(malformed("the header host came more than once"));
    }
    let target = parts.uri.authority();
    for authority in header.iter().chain(target) {
        if authority.as_str().contains('@') {
            return Err(malformed("the host holds a user name"));
        }
    }
    match (header, target) {
        (Some(header), Some(target)) if !header.as_str().eq_ignore_ascii_case(target.as_str()) => {
            Err(malformed("the host of the request line and of the header host differ"))
        }
        (header, target) => Ok(header.or_else(|| target.cloned())),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Names that some servers and frameworks obey and that would let a caller say what only we may: another method, another
/// path, an identity.
const STRIPPED: [&str; 22] = [
    "baggage",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-original-uri",
    "x-original-method",
    "x-rewrite-url",
    "x-forwarded-uri",
    "x-forwarded-method",
    "x-forwarded-path",
    "x-forwarded-prefix",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-access-token",
    "x-remote-user",
    "remote-user",
    "x-authenticated-user",
    "x-user-id",
    "x-tenant-id",
];

/// Beginnings of names by which proxies that sign users in tell who they are.
const FAMILIES: [&str; 5] = [
    "x-auth-request-",
    "x-goog-authenticated-user-",
    "x-ms-client-principal",
    "cf-access-",
    "tailscale-user-",
];

/// Whether a name is one that others obey, or holds `_`, which some servers read as `-`.
fn is_unwanted(name: &str) -> bool {
    name.contains('_') || FAMILIES.iter().any(|family| name.starts_with(family)) || STRIPPED.contains(&name)
}
