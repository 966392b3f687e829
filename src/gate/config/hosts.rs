//! Hosts, origins and networks, written as text.

use super::value::FromText;
use crate::exchange::EdgeRules;
use crate::payload::{UrlPolicy, UrlPolicyError};
use crate::principal::Network;

impl FromText for Network {
    const WHAT: &'static str = "a network";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: crate::principal::AddressError| error.to_string())
    }
}

/// A host that a request may name.
#[derive(Clone, Debug)]
pub(super) struct Host(pub(super) String);

impl FromText for Host {
    const WHAT: &'static str = "a host";

    fn from_text(text: &str) -> Result<Self, String> {
        let rules = EdgeRules::default().allowed_hosts([text]);
        rules.map(|_| Self(text.to_owned())).map_err(|error| error.to_string())
    }
}

/// An origin whose pages may send requests.
#[derive(Clone, Debug)]
pub(super) struct Origin(pub(super) String);

impl FromText for Origin {
    const WHAT: &'static str = "an origin";

    fn from_text(text: &str) -> Result<Self, String> {
        let rules = EdgeRules::default().allowed_origins([text]);
        rules.map(|_| Self(text.to_owned())).map_err(|error| error.to_string())
    }
}

/// A host of which a body may hold URLs, or with `*.` all hosts under one.
#[derive(Clone, Debug)]
pub(super) enum UrlHost {
    Host(String),
    Under(String),
}

impl UrlHost {
    pub(super) fn add_to(&self, urls: UrlPolicy) -> Result<UrlPolicy, UrlPolicyError> {
        match self {
            Self::Host(host) => urls.host(host.as_str()),
            Self::Under(domain) => urls.hosts_under(domain.as_str()),
        }
    }
}

impl FromText for UrlHost {
    const WHAT: &'static str = "a host, or \"*.\" and a domain";

    fn from_text(text: &str) -> Result<Self, String> {
        let host = match text.strip_prefix("*.") {
            Some(domain) => Self::Under(domain.to_owned()),
            None => Self::Host(text.to_owned()),
        };
        host.add_to(UrlPolicy::none()).map_err(|error| {
            format!("{error}; write a host such as \"images.example.com\", or \"*.example.com\" for those under it")
        })?;
        Ok(host)
    }
}
