use super::address::{is_loopback, is_public};
use super::{FetchError, FetchErrorKind};
use http::Uri;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// Whom a client may ask.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// In lower case.
    pub(super) internal: BTreeSet<String>,
    /// Addresses of names that are not looked up, by the name in lower case.
    pub(super) known: BTreeMap<String, Vec<IpAddr>>,
    /// Without roots no server can be verified.
    pub(super) loopback_only: bool,
}

/// A host that may be asked if its addresses turn out to be as they must.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// In lower case, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    encrypted: bool,
}

impl Rules {
    /// What of a URL can be judged before anything is resolved.
    pub(super) fn target(&self, uri: &Uri) -> Result<Target, FetchError> {
        let refuse = |problem| Err(FetchErrorKind::Url(problem).into());
        let encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return refuse("it must begin with https://"),
        };
        let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
            return refuse("it names no host");
        };
        if authority.as_str().contains('@') {
            return refuse("it holds a user name or a password");
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if authority.as_str().len() > authority.host().len() && authority.port_u16().is_none() {
            return refuse("its port is none");
        }
        if self.loopback_only && encrypted {
            return refuse("this client is for plain http on loopback only");
        }
        let local = host == "localhost" || host.parse().is_ok_and(is_loopback);
        if !encrypted && !local {
            return Err(FetchErrorKind::NotLoopback { host }.into());
        }
        let port = authority.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        Ok(Target { host, port, encrypted })
    }

    /// The addresses to connect to; an error when one of them is not what it must be, since which one would be used is a matter
    /// of luck.
    pub(super) fn admit(
        &self,
        target: &Target,
        addresses: Vec<SocketAddr>,
    ) -> Result<Vec<SocketAddr>, FetchError> {
        let host = || target.host.clone();
        if addresses.is_empty() {
            let problem = "it has no address".to_owned();
            return Err(FetchErrorKind::Resolve { host: host(), problem }.into());
        }
        if !target.encrypted && !addresses.iter().all(|address| is_loopback(address.ip())) {
            return Err(FetchErrorKind::NotLoopback { host: host() }.into());
        }
        let internal = self.internal.contains(&target.host);
        if !internal && !addresses.iter().all(|address| is_public(address.ip())) {
            return Err(FetchErrorKind::NotPublic { host: host() }.into());
        }
        Ok(addresses)
    }
}
