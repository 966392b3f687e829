use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, Uri};
use serde::Serialize;

use super::JwtError;
use super::issuer::setting;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// This service as its clients' authorization servers know it (RFC 9728): its identifier, and where credentials for it are had.
///
/// With it, every challenge in `WWW-Authenticate` names the metadata, so that clients that know only the address of the service
/// find their way, those of the Model Context Protocol among them. The identifier is also an audience of each issuer: clients
/// that name the resource when they ask for a credential (RFC 8707) get it into `aud`.
///
/// The identifier is what was set here, whatever `Host` a request has.
///
/// ```
/// use portcullis::jwt::ProtectedResource;
///
/// let resource = ProtectedResource::new("https://llm.example.com/mcp")
///     .authorization_server("https://login.example.com")
///     .scope("generate:invoke");
/// assert_eq!(resource.metadata_path(), "/.well-known/oauth-protected-resource/mcp");
/// ```
///
/// A gate that has it lets everybody read that path. Who serves it is the router:
/// [`router`](Self::router) for axum, [`answer`](Self::answer) for everything else.
#[derive(Clone, Debug)]
pub struct ProtectedResource {
    resource: Arc<str>,
    servers: Vec<String>,
    scopes: Vec<String>,
    name: Option<String>,
    documentation: Option<String>,
}

/// RFC 9728 §2.
#[derive(Serialize)]
struct Metadata<'a> {
    resource: &'a str,
    authorization_servers: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    scopes_supported: &'a [String],
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_documentation: Option<&'a str>,
}

impl ProtectedResource {
    /// The service with this identifier: its public URL, without a query and a fragment (RFC 8707 §2).
    pub fn new(resource: impl Into<Arc<str>>) -> Self {
        Self {
            resource: resource.into(),
            servers: Vec::new(),
            scopes: Vec::new(),
            name: None,
            documentation: None,
        }
    }

    /// An issuer of credentials for it, which must be one that is trusted. At least one is needed.
    pub fn authorization_server(mut self, issuer: impl Into<String>) -> Self {
        self.servers.push(issuer.into());
        self
    }

    /// A scope that clients may ask for.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// What it is called, for people.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The URL of its documentation for developers.
    pub fn documentation(mut self, url: impl Into<String>) -> Self {
        self.documentation = Some(url.into());
        self
    }

    /// The identifier.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The path of the metadata: the well-known one, put before the path of the identifier (RFC 9728 §3).
    pub fn metadata_path(&self) -> String {
        format!("{WELL_KNOWN}{}", self.split().1)
    }

    /// The URL of the metadata.
    pub fn metadata_url(&self) -> String {
        format!("{}{WELL_KNOWN}{}", self.split().0, self.split().1)
    }

    /// The metadata, as JSON.
    pub fn document(&self) -> Bytes {
        let metadata = Metadata {
            resource: &self.resource,
            authorization_servers: &self.servers,
            scopes_supported: &self.scopes,
            bearer_methods_supported: ["header"],
            resource_name: self.name.as_deref(),
            resource_documentation: self.documentation.as_deref(),
        };
        serde_json::to_vec(&metadata).expect("a struct of strings can be written").into()
    }

    /// The answer to `GET` at the path of the metadata.
    pub fn answer(&self) -> Response<Bytes> {
        let mut response = Response::new(self.document());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
        response
    }

    /// A router that serves the metadata, to merge into the one that the gate protects.
    #[cfg(feature = "axum")]
    pub fn router(&self) -> axum::Router {
        let answer = self.answer();
        let handler = move || std::future::ready(answer.clone().map(axum::body::Body::from));
        axum::Router::new().route(&self.metadata_path(), axum::routing::get(handler))
    }

    pub(crate) fn servers(&self) -> &[String] {
        &self.servers
    }

    pub(crate) fn check(&self) -> Result<(), JwtError> {
        let refuse = |field, problem| Err(setting(field, problem));
        let uri = self.resource.parse::<Uri>().ok();
        let sound = uri.is_some_and(|uri| {
            let local = uri.host().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
            let scheme = uri.scheme_str();
            (scheme == Some("https") || (scheme == Some("http") && local))
                && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        });
        let plain = |byte: u8| byte.is_ascii_graphic() && !br#"?#"\{}*"#.contains(&byte);
        if !sound || !self.resource.bytes().all(plain) {
            let problem = "write the public URL of the service: https, without a query and a fragment";
            return refuse("ProtectedResource::new", problem);
        }
        if self.servers.is_empty() {
            return refuse(
                "authorization_server",
                "name at least one issuer of credentials for this service",
            );
        }
        if self.scopes.iter().any(|scope| scope.is_empty() || scope.contains(' ')) {
            return refuse("scope", "a scope is one name without spaces; call scope once for each");
        }
        Ok(())
    }

    /// The origin, and the path without a slash at its end.
    fn split(&self) -> (&str, &str) {
        let after_scheme = self.resource.find("://").map_or(0, |at| at + 3);
        let slash = self.resource[after_scheme..].find('/');
        let (origin, path) =
            self.resource.split_at(slash.map_or(self.resource.len(), |at| after_scheme + at));
        (origin, path.trim_end_matches('/'))
    }
}
