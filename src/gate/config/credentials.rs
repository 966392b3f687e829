//! The kinds of credential beside the JWTs of issuers.

use super::ConfigError;
use super::delegation::{DelegationSection, delegation};
use super::file::{ApiKeySection, AuthenticationSection, DpopSection};
use super::source::Source;
use super::value::choose;
use crate::gate::GateBuilder;
use crate::jwt::{ApiKey, DpopRules, JwtErrorKind, RequireBinding, VerifyJwtLayer};
use crate::principal::{Delegation, Subject};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;
use toml::Spanned;

/// Who vouches for the owners of keys, unless the file says so.
const KEYS_ISSUER: &str = "api-keys";

/// What the sections come to.
#[derive(Default)]
pub(super) struct Credentials {
    api_key_header: bool,
    keep: bool,
    required: RequireBinding,
    dpop: Option<DpopRules>,
    api_keys: Vec<ApiKey>,
    delegation: Option<Delegation>,
}

impl Credentials {
    pub(super) fn read(
        source: &Source,
        section: AuthenticationSection,
        api_keys: Vec<Spanned<ApiKeySection>>,
        acting: Option<Spanned<DelegationSection>>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            api_key_header: section.accept_api_key_header,
            keep: section.keep_credential,
            required: section.require_binding.0,
            dpop: section.dpop.map(|section| dpop(source, section)).transpose()?,
            api_keys: keys(source, api_keys)?,
            delegation: acting.map(|section| delegation(source, section)).transpose()?,
        })
    }

    pub(super) fn know_callers(&self) -> bool {
        !self.api_keys.is_empty()
    }

    pub(super) fn set(&self, mut builder: GateBuilder) -> GateBuilder {
        if self.api_key_header {
            builder = builder.accept_api_key_header();
        }
        if self.keep {
            builder = builder.keep_credential();
        }
        builder = self.api_keys.iter().cloned().fold(builder, GateBuilder::api_key);
        if let Some(rules) = &self.dpop {
            builder = builder.dpop(rules.clone());
        }
        if let Some(delegation) = &self.delegation {
            builder = builder.delegation(delegation.clone());
        }
        builder.require_binding(self.required.clone())
    }
}

/// Who must come with a bound credential: a word, or a list of plans.
#[derive(Default)]
pub(super) struct Binding(RequireBinding);

struct BindingVisitor;

impl<'de> Visitor<'de> for BindingVisitor {
    type Value = Binding;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"when_bound\", \"always\", or a list of plans")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Binding, E> {
        let all = [("when_bound", RequireBinding::WhenBound), ("always", RequireBinding::Always)];
        choose(text, "who must come with a bound credential", all).map(Binding).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, plans: A) -> Result<Binding, A::Error> {
        let plans = Vec::<String>::deserialize(SeqAccessDeserializer::new(plans))?;
        if plans.is_empty() {
            return Err(A::Error::custom("an empty list asks nobody; name a plan, or write \"when_bound\""));
        }
        Ok(Binding(RequireBinding::for_plans(plans.iter().map(String::as_str))))
    }
}

impl<'de> Deserialize<'de> for Binding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BindingVisitor)
    }
}

fn dpop(source: &Source, section: Spanned<DpopSection>) -> Result<DpopRules, ConfigError> {
    let span = section.span();
    let section = section.into_inner();
    let mut addresses = section.addresses.into_iter();
    let Some(first) = addresses.next() else {
        return source.refuse(span, "name the address at which clients reach this service in addresses");
    };
    let mut rules = addresses.fold(DpopRules::at(first), DpopRules::also_at);
    if let Some(age) = section.max_age {
        rules = rules.max_age(age.0);
    }
    if section.require_nonces {
        rules = rules.require_nonces();
    }
    // The layer knows what its rules must have.
    match VerifyJwtLayer::builder().without_issuers().dpop(rules.clone()).build() {
        Ok(_) => Ok(rules),
        Err(error) => source.refuse(span, error.to_string()),
    }
}

fn keys(source: &Source, sections: Vec<Spanned<ApiKeySection>>) -> Result<Vec<ApiKey>, ConfigError> {
    let mut seen = HashSet::new();
    let mut keys = Vec::with_capacity(sections.len());
    for section in sections {
        let section = section.into_inner();
        let span = section.sha256.span();
        let hash = section.sha256.into_inner();
        let owner = Subject::new(section.issuer.as_deref().unwrap_or(KEYS_ISSUER), section.owner);
        let key = match ApiKey::of_sha256(&hash, owner, section.expires.0) {
            Ok(key) => key,
            Err(error) => match error.kind {
                JwtErrorKind::Setting { problem, .. } => return source.refuse(span, problem),
                kind => return source.refuse(span, kind.to_string()),
            },
        };
        if !seen.insert(hash.to_ascii_lowercase()) {
            return source.refuse(span, "this key stands here twice; keep one of them");
        }
        let mut key = key.scopes(section.scopes.iter().map(String::as_str).collect());
        if let Some(name) = section.name {
            key = key.name(name);
        }
        if let Some(plan) = &section.plan {
            key = key.plan(plan.as_str());
        }
        if let Some(tenant) = &section.tenant {
            key = key.tenant(tenant.as_str());
        }
        keys.push(key);
    }
    Ok(keys)
}
