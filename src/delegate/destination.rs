use super::DelegateError;
use super::error::setting;
use http::header::HOST;
use http::{HeaderValue, Uri, request};
use std::fmt;
use std::net::IpAddr;

/// Where a credential may be sent: schemes, hosts and ports, and nothing else.
#[derive(Clone, Debug, Default)]
pub(super) struct Destinations(Vec<Origin>);

/// One of them, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    encrypted: bool,
    /// With its port.
    authority: Box<str>,
    /// As it stands in `Host`, without the port that goes without saying (RFC 9110 §7.2).
    header: HeaderValue,
}

impl Destinations {
    /// Adds `https://host`, with a port where it is another than 443; plain `http` is for loopback.
    pub(super) fn add(&mut self, text: &str) -> Result<(), DelegateError> {
        let refuse = |problem: &str| Err(setting("destination", format!("{text}: {problem}")));
        let Ok(uri) = text.parse::<Uri>() else { return refuse("write https:// and a host") };
        if uri.path_and_query().is_some_and(|rest| rest.as_str() != "/") {
            return refuse("leave out the path; all of them are reached");
        }
        let origin = match Origin::of(&uri) {
            Ok(origin) => origin,
            Err(problem) => return refuse(problem),
        };
        if !self.0.contains(&origin) {
            self.0.push(origin);
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one place, as a URL without a path; `None` when there are several.
    #[cfg(feature = "forward")]
    pub(super) fn only(&self) -> Option<String> {
        let [only] = &self.0[..] else { return None };
        Some(only.to_string())
    }

    /// Addresses a call that may carry the credential to where its URI says, and nowhere else: clients keep a `Host` that is there, and
    /// behind one address many services may answer. An error says why it may not.
    pub(super) fn address(&self, parts: &mut request::Parts) -> Result<(), String> {
        let host = self.find(&parts.uri)?.header.clone();
        parts.headers.insert(HOST, host);
        Ok(())
    }

    fn find(&self, uri: &Uri) -> Result<&Origin, String> {
        let Some(authority) = uri.authority() else { return Err("its URI is not absolute".to_owned()) };
        let encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("its URI is neither of https nor of http".to_owned()),
        };
        // As it is written, with the usual port or without: nothing is read out of it that another could read otherwise.
        let text = authority.as_str().as_bytes();
        let is_it = |origin: &&Origin| {
            origin.encrypted == encrypted
                && (text.eq_ignore_ascii_case(origin.header.as_bytes())
                    || text.eq_ignore_ascii_case(origin.authority.as_bytes()))
        };
        self.0.iter().find(is_it).ok_or_else(|| match text.contains(&b'@') {
            true => "its URI holds a user name or a password".to_owned(),
            false => format!("{authority} is not one of its destinations"),
        })
    }
}

impl Origin {
    fn of(uri: &Uri) -> Result<Self, &'static str> {
        let encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("begin with https://"),
        };
        let authority = uri.authority().ok_or("name a host")?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err("name a host, and no user");
        }
        let host = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
        let loopback = host == "localhost"
            || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
        if !encrypted && !loopback {
            return Err("without encryption only this machine is called; write https://");
        }
        let usual = if encrypted { 443 } else { 80 };
        let port = authority.port_u16().unwrap_or(usual);
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let authority = format!("{host}:{port}");
        let header = HeaderValue::from_str(if port == usual { &host } else { &authority });
        let header = header.map_err(|_| "its host stands in no header")?;
        Ok(Self { encrypted, authority: authority.into(), header })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.encrypted { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

/// For people.
impl fmt::Display for Destinations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, origin) in self.0.iter().enumerate() {
            write!(f, "{}{origin}", if n > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}
