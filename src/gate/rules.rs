use super::{GateBuilder, GateError, GateErrorKind};
use crate::authorize::ModelCatalog;
use crate::authorize::models::ResolveModelLayer;
use crate::exchange::{Step, StepId};
use crate::protect::{CacheScopes, ProtectLayer, SealReferences};
use crate::route::RouteTable;

/// What a gate changes in the bodies that it has read.
#[derive(Debug, Default)]
pub(super) struct BodyRules {
    models: Option<ModelCatalog>,
    references: Option<SealReferences>,
    scopes: Option<CacheScopes>,
}

impl GateBuilder {
    /// Calls every model by its one name, and refuses those that are not listed. Every name is taken as it comes when not called.
    pub fn models(mut self, catalog: ModelCatalog) -> Self {
        self.policies = self.policies.models(catalog.clone());
        self.rules.models = Some(catalog);
        self
    }

    /// Lets ids of stored things out only sealed to the tenant and the subject, and opens them when they come back. Ids go both
    /// ways as they are when not called: whoever knows one may use it.
    pub fn references(mut self, references: SealReferences) -> Self {
        self.rules.references = Some(references);
        self
    }

    /// Keeps the caches of tenants and subjects apart. What a client says of itself goes on when not called.
    pub fn cache_scopes(mut self, scopes: CacheScopes) -> Self {
        self.rules.scopes = Some(scopes);
        self
    }
}

/// Steps, in their order.
pub(super) type Steps = Vec<Box<dyn Step>>;

impl BodyRules {
    /// The steps that stand first after the body is read, and those that stand behind all other permissions.
    pub(super) fn into_steps(self) -> Result<(Steps, Steps), GateError> {
        let (mut first, mut last): (Steps, Steps) = Default::default();
        if let Some(catalog) = self.models {
            let (resolve, require) = ResolveModelLayer::builder(catalog).into_steps();
            first.push(Box::new(resolve));
            last.push(Box::new(require));
        }
        if self.references.is_some() || self.scopes.is_some() {
            let mut layer = ProtectLayer::builder();
            if let Some(references) = self.references {
                layer = layer.references(references);
            }
            if let Some(scopes) = self.scopes {
                layer = layer.cache_scopes(scopes);
            }
            first.push(Box::new(layer.into_step()?));
        }
        Ok((first, last))
    }

    /// What the posture says of that step.
    pub(super) fn describe(&self, step: StepId) -> Option<String> {
        match step {
            StepId::Models => self.models.as_ref().map(ToString::to_string),
            StepId::Protect => {
                let references = self.references.as_ref().map(ToString::to_string);
                let scopes = self.scopes.as_ref().map(ToString::to_string);
                let lines: Vec<String> = references.into_iter().chain(scopes).collect();
                (!lines.is_empty()).then(|| lines.join("\n"))
            }
            _ => None,
        }
    }

    pub(super) fn check(&self, routes: &RouteTable) -> Result<(), GateError> {
        match routes.routes().iter().find(|route| route.needs_sealing()) {
            Some(route) if self.references.is_none() => {
                let name = format!("{} {}", route.method(), route.pattern());
                Err(GateErrorKind::ReferencesWithoutKeys(name).into())
            }
            _ => Ok(()),
        }
    }
}
