//! The gate from a TOML file (feature `config`): the same gate that [`Gate::builder`](super::Gate::builder) builds.
//!
//! 1. An unknown key is refused, and so is a value of another type. Every error names line, column and key, and says what
//!    to do; what is missing altogether has no line.
//! 2. [`Config::parse`] opens no file. It checks all that can be known from the text: words, durations, networks, scopes,
//!    routes, plans, issuers. [`Config::into_builder`] then opens the files that the text names.
//! 3. A relative path is relative to the folder of the configuration's file; to the working directory when the
//!    configuration was text.
//! 4. What is left out has the builder's default, or is an error of the builder's. What weakens is called `danger_…`
//!    here, too.
//! 5. No error and no `Debug` repeats a key of an issuer. A private or symmetric key in the file is refused.
//!
//! # Deployment caveat
//! Whoever may write the file, or a key file that it names, may let anybody in: let the service read them, not write.
//! The file is read once, when the gate is built.
//!
//! # Example
//! ```
//! use portcullis::gate::config::Config;
//!
//! let config = Config::parse(r#"
//!     [audit]
//!     file = "audit.jsonl"
//!
//!     [[issuers]]
//!     issuer = "https://login.example.com"
//!     audiences = ["https://llm.example.com"]
//!     jwks_file = "login-keys.json"
//!     plan_claim = "/plan"
//!
//!     [[routes]]
//!     method = "POST"
//!     path = "/v1/chat/completions"
//!     dialect = "openai-chat"
//!     scopes = ["generate:invoke"]
//!
//!     [plans.free]
//!     requests = [{ limit = 20, per = "minute" }]
//!     usage = [{ limit = 10_000, per = "minute" }]
//! "#)?;
//! assert_eq!(config.issuers().collect::<Vec<_>>(), ["https://login.example.com"]);
//! # Ok::<(), portcullis::gate::config::ConfigError>(())
//! ```
//!
//! [`Gate::from_config_file`](super::Gate::from_config_file) makes the gate of such a file. A program that adds to the
//! file goes by the builder:
//! ```no_run
//! use portcullis::gate::config::Config;
//! use portcullis::route::Route;
//!
//! let builder = Config::read("gate.toml")?.into_builder()?;
//! let gate = builder.route(Route::get("/v1/models").scope("models:read")).build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
#![doc = include_str!("keys.md")]

mod bodies;
mod conditions;
mod credentials;
mod delegation;
mod error;
#[cfg(feature = "fetch")]
mod fetch;
mod file;
mod hosts;
#[cfg(feature = "fetch")]
mod introspection;
mod issuers;
mod jwks;
mod machines;
mod moment;
mod open;
#[cfg(feature = "tls")]
mod peer;
mod points;
mod policy;
mod policy_file;
mod read;
mod routes;
mod source;
#[cfg(test)]
mod tests;
mod value;

pub use self::error::{ConfigError, ConfigErrorKind};

use self::file::File;
use self::source::Source;
use crate::audit::WhenFull;
use crate::clock::UnixTime;
use crate::exchange::EdgeRules;
use crate::inspect::Action;
use crate::jwt::{ProtectedResource, TrustedIssuer};
use crate::limit::{FloodQuota, Plan};
use crate::payload::{Category, EventLimits};
use crate::principal::Network;
use crate::route::Route;
use serde::Deserialize;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;
use toml::de::DeTable;

/// The longest configuration that is read from a file, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// A gate's settings, read from TOML and checked. See the [module](self) for the keys.
pub struct Config {
    source: Source,
    folder: PathBuf,
    audit: Option<Switch<AuditSettings>>,
    issuers: Vec<ConfiguredIssuer>,
    watch: Option<Switch<Duration>>,
    credentials: credentials::Credentials,
    #[cfg(feature = "fetch")]
    introspection: Option<introspection::Asking>,
    resource: Option<ProtectedResource>,
    routes: Vec<Route>,
    plans: Vec<Plan>,
    bodies: bodies::Bodies,
    points: points::DecisionPoints,
    default_plan: Option<String>,
    output_cap: Option<u64>,
    no_limits: bool,
    flood: Option<Switch<FloodQuota>>,
    inspection: Option<Switch<Vec<(Category, Action)>>>,
    policy: Option<policy::Policy>,
    max_body_bytes: Option<usize>,
    max_body_time: Option<Duration>,
    min_body_rate: Option<usize>,
    max_body_bytes_at_once: (Option<usize>, Option<usize>),
    answer_limits: EventLimits,
    proxies: Vec<Network>,
    edge: EdgeRules,
    observed_until: Option<UnixTime>,
    #[cfg(feature = "tls")]
    certificates: peer::Certificates,
}

/// A control that is set up, or shall be missing.
enum Switch<T> {
    Set(T),
    Off,
}

struct AuditSettings {
    file: Spanned<String>,
    when_full: Option<WhenFull>,
    capacity: Option<usize>,
}

/// An issuer; its keys are empty when they stand in a file, or are fetched by roots of a file, which is not opened yet.
struct ConfiguredIssuer {
    issuer: TrustedIssuer,
    jwks_file: Option<Spanned<String>>,
    #[cfg(feature = "fetch")]
    remote: Option<fetch::RemoteKeys>,
}

impl Config {
    /// Reads a configuration. Opens no file, whatever the text says.
    ///
    /// # Errors
    /// When the text is not TOML, holds a key that does not exist or lacks one that is needed, or a value cannot be used.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::from_source(Source::new(text, None), PathBuf::new())
    }

    /// Reads the configuration in that file. Relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and when the file cannot be read or is longer than 1 MiB.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let text = read(path)
            .map_err(|error| Source::new("", Some(path)).whole(ConfigErrorKind::Unreadable(error)))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::from_source(Source::new(&text, Some(path)), folder.to_owned())
    }

    fn from_source(source: Source, folder: PathBuf) -> Result<Self, ConfigError> {
        let table = DeTable::parse(source.text()).map_err(|error| source.syntax(&error))?;
        let file =
            File::deserialize(toml::de::Deserializer::from(table)).map_err(|error| source.shape(&error))?;
        let no_limits = file.danger_without_limits.filter(|danger| *danger.get_ref());
        let plans = read::plans(&source, file.plans, file.default_plan.as_ref())?;
        if let (Some(danger), false) = (&no_limits, plans.is_empty()) {
            return source.refuse(danger.span(), "there are plans, which limit; keep one or the other");
        }
        let max_body_time = file.body.max_time;
        if let Some(zero) = max_body_time.as_ref().filter(|time| time.get_ref().0.is_zero()) {
            return source.refuse(zero.span(), "must be greater than zero");
        }
        let mut answer_limits = EventLimits::default();
        if let Some(size) = file.answer.event {
            answer_limits = answer_limits.with_event(size.0);
        }
        if let Some(size) = file.answer.whole {
            answer_limits = answer_limits.with_whole(size.0);
        }
        let issuers = issuers::issuers(&source, file.issuers)?;
        #[cfg(not(feature = "tls"))]
        if let Some(span) = file.trust.as_ref().map(Spanned::span).or(file.peer.as_ref().map(Spanned::span)) {
            return source
                .refuse(span, "certificates need the feature `tls`, which this program was built without");
        }
        #[cfg(not(feature = "fetch"))]
        if let Some(section) = &file.introspection {
            let problem = "asking an issuer needs the feature `fetch`, which this program was built without";
            return source.refuse(section.span(), problem);
        }
        let routes = routes::routes(&source, file.routes)?;
        let policy =
            file.policy.map(|section| policy::Policy::read(&source, section, &routes)).transpose()?;
        Ok(Self {
            folder,
            #[cfg(feature = "tls")]
            certificates: peer::Certificates::read(&source, file.trust, file.peer)?,
            audit: file.audit.map(|section| read::audit(&source, section)).transpose()?,
            watch: file.watch.map(|section| read::watch(&source, section)).transpose()?,
            resource: file
                .protected_resource
                .map(|section| read::protected_resource(&source, section, &issuers))
                .transpose()?,
            issuers,
            credentials: credentials::Credentials::read(
                &source,
                file.authentication,
                file.api_keys,
                file.delegation,
            )?,
            #[cfg(feature = "fetch")]
            introspection: file.introspection.map(introspection::Asking),
            routes,
            policy,
            plans,
            bodies: bodies::Bodies::read(&source, &file.models, file.references, file.cache_scopes)?,
            points: points::DecisionPoints::read(&source, file.cedar, file.authzen, file.shadow)?,
            default_plan: file.default_plan.map(Spanned::into_inner),
            output_cap: file.output_cap.map(|count| count.0),
            no_limits: no_limits.is_some(),
            flood: file.flood.map(|section| read::flood(&source, section)).transpose()?,
            inspection: file.inspection.map(|section| read::inspection(&source, section)).transpose()?,
            max_body_bytes: file.body.max_bytes.map(|size| size.0),
            min_body_rate: file.body.min_bytes_per_second.map(|count| count.0),
            max_body_bytes_at_once: (
                file.body.max_bytes_of_one_caller.map(|size| size.0),
                file.body.max_bytes_of_all.map(|size| size.0),
            ),
            max_body_time: max_body_time.map(|time| time.into_inner().0),
            answer_limits,
            edge: read::edge(&source, file.edge)?,
            observed_until: file.danger_observe.map(|until| until.0),
            proxies: file.proxies.trusted.into_iter().map(|network| network.0).collect(),
            source,
        })
    }

    /// Takes relative paths to be relative to `folder`.
    pub fn relative_to(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// The issuers that the file names: a program that brings one of its own can tell whether it is needed.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.issuers.iter().map(|configured| configured.issuer.name())
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 1 MiB"));
    }
    Ok(text)
}

/// Neither the text nor the keys, which may hold what was put there by mistake.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("folder", &self.folder)
            .field("issuers", &self.issuers().collect::<Vec<_>>())
            .field("routes", &self.routes)
            .field("plans", &self.plans)
            .finish_non_exhaustive()
    }
}
