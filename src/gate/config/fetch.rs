//! What is fetched: from the section to a source of keys, and the client for an endpoint that is asked.

use super::file::{Discovery, FetchSection};
use super::source::Source;
use super::value::Text;
use super::{Config, ConfigError, ConfigErrorKind};
use crate::fetch::{HttpsClient, HttpsClientBuilder};
use crate::jwt::{Jwks, JwksBuilder, JwtError, JwtErrorKind};
use std::fs;
use std::ops::Range;
use toml::Spanned;

/// What asks this endpoint: by https, or on this machine alone.
pub(super) fn asking(endpoint: &str, roots: Option<String>, internal_hosts: &[String]) -> HttpsClientBuilder {
    let mut client = HttpsClient::builder();
    if endpoint.starts_with("http://") {
        client = client.loopback_only();
    }
    if let Some(roots) = roots {
        client = client.roots_pem(roots);
    }
    internal_hosts.iter().fold(client, HttpsClientBuilder::internal_host)
}

/// Where the keys of one issuer are fetched from. Settings are checked; the file of roots is not opened yet.
pub(super) struct RemoteKeys {
    builder: JwksBuilder,
    roots_file: Option<Spanned<String>>,
    span: Range<usize>,
}

impl RemoteKeys {
    pub(super) fn read(
        source: &Source,
        issuer: &str,
        url: Option<Spanned<String>>,
        discovery: Option<Spanned<Text<Discovery>>>,
        section: Option<Spanned<FetchSection>>,
    ) -> Result<Option<Self>, ConfigError> {
        let (mut builder, place) = match (url, discovery) {
            (Some(url), _) => (Jwks::url(url.get_ref().as_str()), url.span()),
            (None, Some(discovery)) => match discovery.get_ref().0 {
                Discovery::OpenId => (Jwks::discover(issuer), discovery.span()),
                Discovery::OAuth => (Jwks::discover_oauth(issuer), discovery.span()),
            },
            (None, None) => return Ok(None),
        };
        let span = section.as_ref().map_or(place.clone(), Spanned::span);
        let mut roots_file = None;
        if let Some(section) = section.map(Spanned::into_inner) {
            if section.internal {
                builder = builder.internal();
            }
            builder = section.internal_hosts.into_iter().fold(builder, JwksBuilder::internal_host);
            builder = section.key_hosts.into_iter().fold(builder, JwksBuilder::key_host);
            if let Some(time) = section.refresh_every {
                builder = builder.refresh_every(time.0);
            }
            if let Some(time) = section.cool_down {
                builder = builder.cool_down(time.0);
            }
            if let Some(time) = section.keep_for {
                builder = builder.keep_for(time.0);
            }
            roots_file = section.roots_file;
        }
        match builder.check().map_err(|error| error.kind) {
            Ok(()) => Ok(Some(Self { builder, roots_file, span })),
            Err(JwtErrorKind::Setting { field, problem }) if field.starts_with("Jwks::") => {
                source.refuse(place, problem)
            }
            Err(JwtErrorKind::Setting { field, problem }) => {
                source.refuse(span, format!("{field}: {problem}"))
            }
            Err(kind) => source.refuse(span, kind.to_string()),
        }
    }

    /// The source of keys. Reads the file of roots, and fetches nothing.
    pub(super) fn open(&self, config: &Config) -> Result<Jwks, ConfigError> {
        let mut builder = self.builder.clone();
        if let Some(file) = &self.roots_file {
            let path = config.folder.join(file.get_ref());
            let pem = fs::read_to_string(&path).map_err(|error| {
                let problem = format!("the file {} cannot be read: {error}", path.display());
                config.source.error(file.span(), ConfigErrorKind::File { path, problem })
            })?;
            builder = builder.roots_pem(pem);
        }
        let span = self.roots_file.as_ref().map_or(self.span.clone(), Spanned::span);
        builder.build().map_err(|JwtError { kind, .. }| {
            let problem = match kind {
                JwtErrorKind::Setting { problem, .. } => problem,
                kind => kind.to_string(),
            };
            config.source.error(span, ConfigErrorKind::Value(problem))
        })
    }
}
