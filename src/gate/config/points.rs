//! Policies beside the rules of the file: in Cedar, and of a decision point.

use super::source::Source;
use super::value::Text;
use super::{Config, ConfigError};
use crate::gate::GateBuilder;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[cfg_attr(not(feature = "cedar"), expect(dead_code, reason = "only the feature `cedar` uses it"))]
pub(super) struct CedarSection {
    policies_file: String,
    schema_file: String,
    entities_file: Option<String>,
    name: Option<String>,
    zone: Option<String>,
    groups_claim: Option<String>,
    /// Attributes of users, and the claims that they are.
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[cfg_attr(not(feature = "authzen"), expect(dead_code, reason = "only the feature `authzen` uses it"))]
pub(super) struct AuthZenSection {
    endpoint: String,
    evaluations_endpoint: Option<String>,
    name: Option<String>,
    remember_for: Option<Text<Duration>>,
    time_limit: Option<Text<Duration>>,
    bearer_file: Option<String>,
    /// What is told of users, and the claims that it is.
    #[serde(default)]
    properties: BTreeMap<String, String>,
    kinds: Option<Vec<String>>,
    questions_per_request: Option<NonZeroUsize>,
    #[serde(default)]
    danger_subject_without_issuer: bool,
    #[serde(default)]
    internal_hosts: Vec<String>,
    roots_file: Option<String>,
}

/// Decision points, of each kind one.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct PointSections {
    cedar: Option<Spanned<CedarSection>>,
    authzen: Option<Spanned<AuthZenSection>>,
}

impl PointSections {
    /// Refuses what this program was built without.
    #[cfg_attr(
        all(feature = "authzen", feature = "cedar"),
        expect(unused_variables, reason = "nothing is refused where both features are there")
    )]
    fn check(&self, source: &Source) -> Result<(), ConfigError> {
        #[cfg(not(feature = "cedar"))]
        if let Some(section) = &self.cedar {
            let problem = "policies in Cedar need the feature `cedar`, which this program was built without";
            return source.refuse(section.span(), problem);
        }
        #[cfg(not(feature = "authzen"))]
        if let Some(section) = &self.authzen {
            let problem =
                "a decision point needs the feature `authzen`, which this program was built without";
            return source.refuse(section.span(), problem);
        }
        Ok(())
    }
}

/// What the sections come to, those in force and those that are only tried out. Their files are not opened yet.
#[derive(Default)]
pub(super) struct DecisionPoints {
    live: PointSections,
    shadow: PointSections,
}

impl DecisionPoints {
    pub(super) fn read(
        source: &Source,
        cedar: Option<Spanned<CedarSection>>,
        authzen: Option<Spanned<AuthZenSection>>,
        shadow: PointSections,
    ) -> Result<Self, ConfigError> {
        let read = Self { live: PointSections { cedar, authzen }, shadow };
        for sections in [&read.live, &read.shadow] {
            sections.check(source)?;
        }
        Ok(read)
    }

    /// Adds the policies that the file names. Reads their files, and asks nobody.
    #[cfg_attr(
        not(any(feature = "authzen", feature = "cedar")),
        expect(unused_variables, reason = "no feature is there that needs the configuration's folder")
    )]
    pub(super) fn set(&self, config: &Config, builder: GateBuilder) -> Result<GateBuilder, ConfigError> {
        #[cfg(feature = "cedar")]
        let builder = match &self.live.cedar {
            Some(section) => builder.policy(cedar::open(section, config, "cedar")?),
            None => builder,
        };
        #[cfg(feature = "authzen")]
        let builder = match &self.live.authzen {
            Some(section) => builder.policy(authzen::open(section, config, "authzen")?),
            None => builder,
        };
        #[cfg(feature = "cedar")]
        let builder = match &self.shadow.cedar {
            Some(section) => builder.shadow_policy(cedar::open(section, config, "cedar-shadow")?),
            None => builder,
        };
        #[cfg(feature = "authzen")]
        let builder = match &self.shadow.authzen {
            Some(section) => builder.shadow_policy(authzen::open(section, config, "authzen-shadow")?),
            None => builder,
        };
        Ok(builder)
    }
}

#[cfg(feature = "cedar")]
mod cedar {
    use super::{CedarSection, Config, ConfigError};
    use crate::authorize::cedar::{CedarErrorKind, CedarFiles, CedarPolicy};
    use crate::gate::config::ConfigErrorKind;
    use toml::Spanned;

    pub(super) fn open(
        section: &Spanned<CedarSection>,
        config: &Config,
        name: &str,
    ) -> Result<CedarPolicy, ConfigError> {
        let set = section.get_ref();
        let path = |file: &str| config.folder.join(file);
        let mut files = CedarFiles::new(path(&set.policies_file), path(&set.schema_file));
        if let Some(file) = &set.entities_file {
            files = files.entities(path(file));
        }
        let mut builder = CedarPolicy::builder(set.name.as_deref().unwrap_or(name));
        for (name, pointer) in &set.attributes {
            builder = builder.attribute(name.as_str(), pointer.as_str());
        }
        if let Some(pointer) = &set.groups_claim {
            builder = builder.groups(pointer.as_str());
        }
        if let Some(zone) = &set.zone {
            builder = builder.zone(zone.as_str());
        }
        builder.files(files).map_err(|error| {
            let kind = match error.kind {
                CedarErrorKind::Unreadable { ref path, .. } => {
                    ConfigErrorKind::File { path: path.clone(), problem: error.to_string() }
                }
                kind => ConfigErrorKind::Value(kind.to_string()),
            };
            config.source.error(section.span(), kind)
        })
    }
}

#[cfg(feature = "authzen")]
mod authzen {
    use super::{AuthZenSection, Config, ConfigError};
    use crate::authorize::authzen::AuthZenPolicy;
    use crate::gate::config::ConfigErrorKind;
    use crate::gate::config::fetch::asking;
    use crate::route::ResourceKind;
    use secrecy::SecretString;
    use toml::Spanned;

    pub(super) fn open(
        section: &Spanned<AuthZenSection>,
        config: &Config,
        name: &str,
    ) -> Result<AuthZenPolicy, ConfigError> {
        let set = section.get_ref();
        let refuse = |problem: String| config.source.error(section.span(), ConfigErrorKind::Value(problem));
        let text = |file: &str| {
            let path = config.folder.join(file);
            std::fs::read_to_string(&path).map_err(|error| {
                let problem = format!("the file {} cannot be read: {error}", path.display());
                config.source.error(section.span(), ConfigErrorKind::File { path, problem })
            })
        };
        let roots = set.roots_file.as_deref().map(text).transpose()?;
        let fetch = asking(&set.endpoint, roots, &set.internal_hosts)
            .build()
            .map_err(|error| refuse(error.to_string()))?;
        let mut policy =
            AuthZenPolicy::new(&set.endpoint, fetch).map_err(|error| refuse(error.to_string()))?;
        policy = policy.name(set.name.as_deref().unwrap_or(name));
        if let Some(endpoint) = &set.evaluations_endpoint {
            // The client is made for one of the two.
            let is_plain = |endpoint: &str| endpoint.starts_with("http://");
            if is_plain(endpoint) != is_plain(&set.endpoint) {
                return Err(refuse(
                    "`endpoint` and `evaluations_endpoint` must both be https, or both http on this machine"
                        .to_owned(),
                ));
            }
            policy = policy.evaluations_endpoint(endpoint).map_err(|error| refuse(error.to_string()))?;
        }
        if let Some(time) = &set.remember_for {
            policy = policy.remember_for(time.0);
        }
        if let Some(limit) = &set.time_limit {
            policy = policy.time_limit(limit.0);
        }
        if let Some(file) = &set.bearer_file {
            let secret: SecretString = text(file)?.trim_end_matches(['\r', '\n']).into();
            policy = policy.bearer(&secret).map_err(|error| refuse(error.to_string()))?;
        }
        for (name, pointer) in &set.properties {
            policy = policy.property(name.as_str(), pointer.as_str());
        }
        if let Some(kinds) = &set.kinds {
            policy = policy.kinds(kinds.iter().map(|kind| ResourceKind::from_name(kind)));
        }
        if let Some(most) = set.questions_per_request {
            policy = policy.questions_per_request(most);
        }
        if set.danger_subject_without_issuer {
            policy = policy.danger_subject_without_issuer();
        }
        Ok(policy)
    }
}
