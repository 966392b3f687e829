//! Models by one name, references that are sealed, caches that are kept apart.

use super::source::Source;
use super::{Config, ConfigError, ConfigErrorKind};
use crate::authorize::{Model, ModelCatalog};
use crate::gate::GateBuilder;
use crate::protect::{CacheScopes, ProtectError, ReferenceKeys, SealReferences};
use crate::route::{ReferencePlace, Route, RouteErrorKind, RouteTable};
use secrecy::SecretString;
use serde::Deserialize;
use std::fs;
use std::ops::Range;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct ModelSection {
    name: Spanned<String>,
    #[serde(default)]
    aliases: Vec<Spanned<String>>,
    #[serde(default)]
    fine_tunes: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct ReferencesSection {
    key_files: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    shared: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct CacheScopesSection {
    key_file: Spanned<String>,
    #[serde(default)]
    add: Vec<String>,
}

/// What the sections come to. Their files are not opened yet.
#[derive(Default)]
pub(super) struct Bodies {
    models: Option<ModelCatalog>,
    references: Option<ReferencesSection>,
    scopes: Option<CacheScopesSection>,
}

impl Bodies {
    pub(super) fn read(
        source: &Source,
        models: &[Spanned<ModelSection>],
        references: Option<ReferencesSection>,
        scopes: Option<CacheScopesSection>,
    ) -> Result<Self, ConfigError> {
        if let Some(section) = references.as_ref().filter(|section| section.key_files.get_ref().is_empty()) {
            return source.refuse(section.key_files.span(), "name a file with a secret; the newest first");
        }
        Ok(Self { models: catalog(source, models)?, references, scopes })
    }

    /// Sets what the file says. Reads the secrets.
    pub(super) fn set(&self, config: &Config, mut builder: GateBuilder) -> Result<GateBuilder, ConfigError> {
        if let Some(models) = &self.models {
            builder = builder.models(models.clone());
        }
        if let Some(section) = &self.references {
            let mut keys = None;
            for file in section.key_files.get_ref() {
                let secret = secret(config, file)?;
                let ring = match keys {
                    None => ReferenceKeys::new(&secret),
                    Some(newer) => ReferenceKeys::and_older(newer, &secret),
                };
                keys = Some(ring.map_err(|error| refused(config, file, &error))?);
            }
            let keys = keys.expect("at least one file is named");
            let shared = section.shared.iter().map(String::as_str);
            builder = builder.references(SealReferences::new(keys).shared(shared));
        }
        if let Some(section) = &self.scopes {
            let secret = secret(config, &section.key_file)?;
            let scopes =
                CacheScopes::new(&secret).map_err(|error| refused(config, &section.key_file, &error))?;
            let scopes = section.add.iter().fold(scopes, |scopes, field| scopes.add_field(field.as_str()));
            builder = builder.cache_scopes(scopes);
        }
        Ok(builder)
    }
}

/// Names the first model that cannot join those above it.
fn catalog(source: &Source, sections: &[Spanned<ModelSection>]) -> Result<Option<ModelCatalog>, ConfigError> {
    let mut models: Vec<Model> = Vec::with_capacity(sections.len());
    let mut catalog = None;
    for section in sections {
        let ModelSection { name, aliases, fine_tunes } = section.get_ref();
        let mut model = Model::new(name.get_ref().as_str());
        let mut parts: Vec<(Range<usize>, Model)> = vec![(name.span(), model.clone())];
        for alias in aliases {
            model = model.alias(alias.get_ref().as_str());
            parts.push((alias.span(), model.clone()));
        }
        for prefix in fine_tunes {
            model = model.fine_tunes(prefix.get_ref().as_str());
            parts.push((prefix.span(), model.clone()));
        }
        for (span, part) in parts {
            match ModelCatalog::new(models.iter().cloned().chain([part])) {
                Ok(known) => catalog = Some(known),
                Err(error) => return source.refuse(span, error.to_string()),
            }
        }
        models.push(model);
    }
    Ok(catalog)
}

/// Where a route holds references, and what becomes of them.
pub(super) fn references(
    source: &Source,
    mut route: Route,
    places: &[Spanned<String>],
    seal_answers: bool,
    danger: Option<&Spanned<bool>>,
) -> Result<Route, ConfigError> {
    for place in places {
        let read = match place.get_ref().split_once(':') {
            Some(("path", parameter)) => ReferencePlace::Path(parameter.into()),
            Some(("query", parameter)) => ReferencePlace::Query(parameter.into()),
            Some(("body", pointer)) => ReferencePlace::Body(pointer.into()),
            _ => {
                let problem = "is no place of a reference; write \"path:response_id\", \"query:after\" or \"body:/file_id\"";
                return source.refuse(place.span(), problem);
            }
        };
        route = route.reference(read);
        // The route itself may lack something else, which is said where it stands.
        let alone = RouteTable::new([route.clone()]).err();
        if let Some(error) = alone.filter(|error| matches!(error.kind(), RouteErrorKind::Reference(_))) {
            return source.refuse(place.span(), error.kind().to_string());
        }
    }
    if seal_answers {
        route = route.seal_answers();
    }
    match danger.filter(|danger| *danger.get_ref()) {
        Some(danger) if seal_answers || !places.is_empty() => {
            let problem = "references are sealed on this route, and taken as they are; keep one of them";
            source.refuse(danger.span(), problem)
        }
        Some(_) => Ok(route.danger_unsealed_references()),
        None => Ok(route),
    }
}

/// A file of one line, whose end belongs to the editor.
fn secret(config: &Config, file: &Spanned<String>) -> Result<SecretString, ConfigError> {
    let path = config.folder.join(file.get_ref());
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).into()),
        Err(error) => {
            let problem = format!("the file {} cannot be read: {error}", path.display());
            Err(config.source.error(file.span(), ConfigErrorKind::File { path, problem }))
        }
    }
}

fn refused(config: &Config, file: &Spanned<String>, error: &ProtectError) -> ConfigError {
    config.source.error(file.span(), ConfigErrorKind::Value(error.to_string()))
}
