//! What callers may do beyond the scopes of routes.

use super::{GateBuilder, GateError, GateErrorKind};
use crate::authorize::{DeviceRules, Policy};
use crate::payload::{Dialect, Mcp};
use crate::route::{Access, ResourceKind};

impl GateBuilder {
    /// Asks this policy about each request, beside the scopes that its route requires: before the body is read as far as it can be
    /// said then, and after inspection about everything that the request touches. Called more than once, all must permit.
    pub fn policy(mut self, policy: impl Policy) -> Self {
        self.policies = self.policies.policy(policy);
        self
    }

    /// Asks this policy as well, records what it says and counts where it differs
    /// ([`Policies::shadow_counts`](crate::authorize::Policies::shadow_counts)), and refuses nothing because of it: for a policy that
    /// is to take the place of the one in force.
    pub fn shadow_policy(mut self, policy: impl Policy) -> Self {
        self.policies = self.policies.shadow(policy);
        self
    }

    /// How the device is known that a request was sent from, for policies; nothing is known of it when not called.
    pub fn devices(mut self, rules: DeviceRules) -> Self {
        self.policies = self.policies.devices(rules);
        self
    }

    pub(super) fn check_policies(&self) -> Result<(), GateError> {
        if let Some(kind) = self.policies.kinds().into_iter().find(|kind| !self.is_named_somewhere(kind)) {
            return Err(GateErrorKind::KindOnNoRoute(kind).into());
        }
        if self.policies.is_in_force() {
            return Ok(());
        }
        if !self.policies.is_empty() {
            return Err(GateErrorKind::ShadowAlone.into());
        }
        match self.routes.iter().find(|route| *route.access() == Access::Policy) {
            Some(route) => {
                let name = format!("{} {}", route.method(), route.pattern());
                Err(GateErrorKind::RouteWithoutPolicy(name).into())
            }
            None => Ok(()),
        }
    }

    /// Whether a request can name a thing of this kind at all.
    fn is_named_somewhere(&self, kind: &ResourceKind) -> bool {
        let is_declared = || {
            self.routes.iter().any(|route| route.resource_places().iter().any(|place| place.kind() == kind))
        };
        let has_mcp = || {
            self.routes
                .iter()
                .any(|route| route.body_dialect().is_some_and(|dialect| dialect.name() == Mcp.name()))
        };
        match kind {
            ResourceKind::Dataset => is_declared(),
            ResourceKind::Custom(name) => is_declared() || *name == "mcp-resource" && has_mcp(),
            _ => true,
        }
    }
}
