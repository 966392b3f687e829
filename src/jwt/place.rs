//! Where the key set of an issuer is: at a URL, or where the issuer's metadata says.

use std::sync::Arc;

use bytes::Bytes;
use http::Uri;

use super::JwtError;
use super::issuer::setting;
use crate::jose::json;
use crate::payload::json::Node;

/// Where the keys are.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// What is asked first: the set itself, or the metadata.
    first: Uri,
    metadata: Option<Metadata>,
}

#[derive(Clone, Debug)]
struct Metadata {
    issuer: Arc<str>,
    /// Where keys may be, beside the issuer's own host; in lower case.
    key_hosts: Vec<String>,
}

impl Place {
    pub(super) fn url(url: &str) -> Result<Self, JwtError> {
        let first = absolute(url).ok_or_else(|| setting("Jwks::url", "write a whole URL: https://…"))?;
        Ok(Self { first, metadata: None })
    }

    /// OpenID Connect Discovery 1.0 §4: behind the issuer, without a slash at its end.
    pub(super) fn openid(issuer: &Arc<str>, key_hosts: Vec<String>) -> Result<Self, JwtError> {
        let uri = issuer_url(issuer, "Jwks::discover")?;
        let path = format!("{}/.well-known/openid-configuration", uri.path().trim_end_matches('/'));
        Self::found(issuer, &uri, &path, key_hosts)
    }

    /// RFC 8414 §3: between the issuer's host and its path.
    pub(super) fn oauth(issuer: &Arc<str>, key_hosts: Vec<String>) -> Result<Self, JwtError> {
        let uri = issuer_url(issuer, "Jwks::discover_oauth")?;
        let path = format!("/.well-known/oauth-authorization-server{}", uri.path().trim_end_matches('/'));
        Self::found(issuer, &uri, &path, key_hosts)
    }

    fn found(issuer: &Arc<str>, uri: &Uri, path: &str, key_hosts: Vec<String>) -> Result<Self, JwtError> {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(setting("Jwks::discover", "write a whole URL: https://…"));
        };
        let first = format!("{scheme}://{authority}{path}").parse();
        let first = first.map_err(|_| setting("Jwks::discover", "write a whole URL: https://…"))?;
        Ok(Self { first, metadata: Some(Metadata { issuer: issuer.clone(), key_hosts }) })
    }

    pub(super) fn first(&self) -> &Uri {
        &self.first
    }

    pub(super) fn issuer(&self) -> Option<&str> {
        self.metadata.as_ref().map(|metadata| &*metadata.issuer)
    }

    pub(super) fn is_found_by_metadata(&self) -> bool {
        self.metadata.is_some()
    }

    /// Where the metadata says that the keys are, if that may be believed.
    pub(super) fn keys_by(&self, document: Bytes) -> Result<Uri, String> {
        let Some(Metadata { issuer, key_hosts }) = &self.metadata else { return Ok(self.first.clone()) };
        let document = json::object(document, "metadata").map_err(|error| error.to_string())?;
        let text = |name: &str| document.root().get(name).and_then(Node::as_str);
        // OpenID Connect Discovery §4.3, RFC 8414 §3.3: identical, or another issuer's metadata would be believed.
        if text("issuer") != Some(&**issuer) {
            return Err("its `issuer` is not the issuer that it was asked for".to_owned());
        }
        let uri = text("jwks_uri").ok_or("it has no `jwks_uri`")?;
        let uri = absolute(uri).ok_or("its `jwks_uri` is no whole URL")?;
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let own = self.first.host().unwrap_or_default().to_ascii_lowercase();
        if host != own && !key_hosts.contains(&host) {
            return Err(
                "its `jwks_uri` is on another host; list that with key_host if it is meant".to_owned()
            );
        }
        if self.first.scheme_str() == Some("https") && uri.scheme_str() != Some("https") {
            return Err("its `jwks_uri` is not https, as the issuer is".to_owned());
        }
        Ok(uri)
    }
}

/// RFC 8414 §2: without a query and a fragment.
fn issuer_url(issuer: &str, field: &'static str) -> Result<Uri, JwtError> {
    let refuse = || setting(field, "write the issuer's URL, without a query and a fragment");
    let uri = absolute(issuer).ok_or_else(refuse)?;
    if issuer.contains(['?', '#']) { Err(refuse()) } else { Ok(uri) }
}

fn absolute(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let sound = matches!(uri.scheme_str(), Some("https" | "http"))
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    sound.then_some(uri)
}
