//! From checked settings to the builder: the only part that touches files.

use super::{AuditSettings, Config, ConfigError, ConfigErrorKind, ConfiguredIssuer, Switch};
use crate::audit::{AuditLog, JsonLines};
use crate::gate::{Gate, GateBuilder, GateError, GateErrorKind};
use crate::inspect::{Action, Inspection};
use crate::jwt::{JwksFile, JwtErrorKind, TrustedIssuer};
use crate::payload::Category;
use std::path::Path;

impl Gate {
    /// The gate of this configuration, in TOML. See [`config`](super) for the keys.
    ///
    /// # Errors
    /// Names line, column and key, and says what to do.
    pub fn from_config(text: &str) -> Result<Self, ConfigError> {
        Config::parse(text)?.build()
    }

    /// The gate of the configuration in that file. Relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// As [`from_config`](Self::from_config), and when the file cannot be read.
    pub fn from_config_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Config::read(path)?.build()
    }
}

impl Config {
    /// The builder with these settings, to which the program may add. Opens the key files and the audit file, and starts
    /// the thread that writes it.
    ///
    /// # Errors
    /// When one of the files cannot be used.
    pub fn into_builder(self) -> Result<GateBuilder, ConfigError> {
        self.to_builder()
    }

    /// The gate with these settings and nothing else.
    ///
    /// # Errors
    /// As [`into_builder`](Self::into_builder), and when something that a gate needs is missing.
    pub fn build(self) -> Result<Gate, ConfigError> {
        self.to_builder()?.build().map_err(|error| self.explain(error))
    }

    fn to_builder(&self) -> Result<GateBuilder, ConfigError> {
        let mut builder = Gate::builder()
            .trusted_proxies(self.proxies.iter().copied())
            .answer_limits(self.answer_limits)
            .edge(self.edge.clone());
        for issuer in &self.issuers {
            builder = builder.issuer(self.open_issuer(issuer)?);
        }
        builder = self.routes.iter().cloned().fold(builder, GateBuilder::route);
        builder = self.plans.iter().cloned().fold(builder, GateBuilder::plan);
        builder = self.credentials.set(builder);
        #[cfg(feature = "fetch")]
        if let Some(asking) = &self.introspection {
            builder = builder.introspection(asking.open(self)?);
        }
        if let Some(resource) = &self.resource {
            builder = builder.protected_resource(resource.clone());
        }
        builder = self.points.set(self, self.bodies.set(self, builder)?)?;
        if let Some(name) = &self.default_plan {
            builder = builder.default_plan(name.as_str());
        }
        if let Some(until) = self.observed_until {
            builder = builder.danger_observe(until);
        }
        if let Some(units) = self.output_cap {
            builder = builder.output_cap(units);
        }
        if self.no_limits {
            builder = builder.danger_without_limits();
        }
        if let Some(bytes) = self.max_body_bytes {
            builder = builder.max_body_bytes(bytes);
        }
        if let Some(time) = self.max_body_time {
            builder = builder.max_body_time(time);
        }
        if let Some(bytes) = self.min_body_rate {
            builder = builder.min_body_bytes_per_second(bytes);
        }
        let (of_one_caller, of_all) = builder.max_body_bytes_at_once;
        builder = builder.max_body_bytes_at_once(
            self.max_body_bytes_at_once.0.unwrap_or(of_one_caller),
            self.max_body_bytes_at_once.1.unwrap_or(of_all),
        );
        if let Some(policy) = &self.policy {
            builder.policies = builder.policies.join(policy.open(self)?);
        }
        builder = match &self.flood {
            Some(Switch::Set(quota)) => builder.flood(*quota),
            Some(Switch::Off) => builder.danger_without_flood_check(),
            None => builder,
        };
        builder = match self.watch {
            Some(Switch::Set(grace)) => builder.credential_grace(grace),
            Some(Switch::Off) => builder.danger_without_watch(),
            None => builder,
        };
        builder = match &self.inspection {
            Some(Switch::Set(actions)) => builder.inspection(inspection(actions)),
            Some(Switch::Off) => builder.danger_without_inspection(),
            None => builder,
        };
        #[cfg(feature = "tls")]
        {
            builder = self.certificates.set(self, builder)?;
        }
        // Last, so that nothing is made on disk when another setting fails.
        Ok(match &self.audit {
            Some(Switch::Set(settings)) => builder.audit(self.open_audit(settings)?),
            Some(Switch::Off) => builder.danger_without_audit(),
            None => builder,
        })
    }

    fn open_issuer(&self, configured: &ConfiguredIssuer) -> Result<TrustedIssuer, ConfigError> {
        #[cfg(feature = "fetch")]
        if let Some(remote) = &configured.remote {
            return Ok(configured.issuer.clone().keys(remote.open(self)?));
        }
        let Some(file) = &configured.jwks_file else { return Ok(configured.issuer.clone()) };
        let path = self.folder.join(file.get_ref());
        match JwksFile::open(&path) {
            Ok(keys) => Ok(configured.issuer.clone().keys(keys)),
            Err(error) => {
                let problem = match error.kind {
                    JwtErrorKind::KeyFile { problem, .. } => problem,
                    kind => kind.to_string(),
                };
                let problem = format!("the key file {} cannot be used: {problem}", path.display());
                Err(self.source.error(file.span(), ConfigErrorKind::File { path, problem }))
            }
        }
    }

    fn open_audit(&self, settings: &AuditSettings) -> Result<AuditLog, ConfigError> {
        let path = self.folder.join(settings.file.get_ref());
        let failed = |problem: String| {
            let path = path.clone();
            self.source.error(settings.file.span(), ConfigErrorKind::File { path, problem })
        };
        let sink = JsonLines::append(&path).map_err(|error| failed(error.to_string()))?;
        let mut log = AuditLog::builder().sink(sink);
        if let Some(when_full) = settings.when_full {
            log = log.when_full(when_full);
        }
        if let Some(capacity) = settings.capacity {
            log = log.capacity(capacity);
        }
        log.start().map_err(|error| failed(error.to_string()))
    }

    /// What the builder misses, in the words of the file.
    fn explain(&self, error: GateError) -> ConfigError {
        let (key, problem) = match error.kind() {
            GateErrorKind::NoRoutes => {
                ("routes", "add [[routes]] with method, path and scopes; what no route names is refused")
            }
            GateErrorKind::Missing { control: "audit", .. } => {
                ("audit", "add [audit] with file = \"audit.jsonl\", or danger_off = true to keep no records")
            }
            GateErrorKind::Missing { control: "limits", .. } => {
                ("plans", "add [plans.free] with requests and usage, or danger_without_limits = true")
            }
            GateErrorKind::Jwt(_) if self.issuers.is_empty() && !self.credentials.know_callers() => (
                "issuers",
                "add [[issuers]] with issuer, audiences and discovery, jwks_url, jwks_file or keys",
            ),
            GateErrorKind::ReferencesWithoutKeys(_) => (
                "references",
                "a route declares references: add [references] with key_files, the newest first, and keep each file secret",
            ),
            GateErrorKind::MachinesWithoutPeers(_) => (
                "peer",
                "a route lets in machines by their certificates: add [peer] with trust_domains or workloads, and say who may enter",
            ),
            GateErrorKind::ActorsWithoutPeers => (
                "peer",
                "actors are known by their certificates: add [peer] with trust_domains or workloads, and say who may enter",
            ),
            GateErrorKind::RouteWithoutPolicy(_) => {
                ("policy", "a route is by_policy: add [policy] with rules, or give the route scopes")
            }
            _ => return self.source.whole(ConfigErrorKind::Gate(error)),
        };
        self.source.missing(key, problem)
    }
}

fn inspection(actions: &[(Category, Action)]) -> Inspection {
    let set = actions.iter().fold(Inspection::builder(), |builder, (category, action)| match action {
        Action::Block { least } => builder.block(*category, *least),
        Action::Flag => builder.flag(*category),
        Action::Off => builder.danger_off(*category),
    });
    set.build()
}
