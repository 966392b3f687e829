//! The kinds of credential beside the JWTs of issuers, and what must prove that their bearer may have them.

#[cfg(feature = "fetch")]
use crate::jwt::Introspection;
use crate::jwt::logout::BackChannelLogout;
use crate::jwt::{ApiKey, Authenticate, DpopRules, RequireBinding, VerifyJwtLayerBuilder};
use crate::principal::Delegation;
use std::fmt::Write;
use std::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct Credentials {
    pub(super) api_keys: Vec<ApiKey>,
    pub(super) login: Option<Arc<dyn Authenticate>>,
    #[cfg(feature = "fetch")]
    pub(super) introspection: Option<Introspection>,
    pub(super) dpop: Option<DpopRules>,
    pub(super) required: RequireBinding,
    pub(super) logout: Option<BackChannelLogout>,
    pub(super) delegation: Option<Delegation>,
    pub(super) keep: bool,
}

impl Credentials {
    /// Whether callers can be known without a JWT.
    pub(super) fn know_callers(&self) -> bool {
        #[cfg(feature = "fetch")]
        if self.introspection.is_some() {
            return true;
        }
        !self.api_keys.is_empty() || self.login.is_some()
    }

    pub(super) fn set(
        self,
        mut layer: VerifyJwtLayerBuilder,
        default_plan: Option<&str>,
    ) -> VerifyJwtLayerBuilder {
        for key in self.api_keys {
            layer = layer.api_key(key);
        }
        if let Some(login) = self.login {
            layer = layer.authenticate_shared(login);
        }
        #[cfg(feature = "fetch")]
        if let Some(introspection) = self.introspection {
            layer = layer.introspection(introspection);
        }
        if let Some(rules) = self.dpop {
            layer = layer.dpop(rules);
        }
        if let Some(plan) = default_plan {
            layer = layer.default_plan(plan);
        }
        if let Some(delegation) = self.delegation {
            layer = layer.delegation(delegation);
        }
        if self.keep {
            layer = layer.keep_credential();
        }
        layer.require_binding(self.required)
    }

    /// What the posture says of them.
    pub(super) fn describe(&self, issuers: &[String], api_key_header: bool) -> String {
        let logouts = self.logout.as_ref().map(|logout| format!("\n{logout}")).unwrap_or_default();
        let header = if api_key_header { ", in Authorization or x-api-key" } else { "" };
        let mut text = match (issuers.is_empty(), self.know_callers()) {
            (true, false) => return format!("certificates alone: a JWT is refused{logouts}"),
            (true, true) => format!("no JWT is believed{header}"),
            (false, _) => format!("JWT of {}{header}", issuers.join("\nand of ")),
        };
        let mut line = |line: String| write!(text, "\n{line}").expect("writing to a String does not fail");
        if let Some(login) = &self.login {
            line(format!("the host's own login: {login:?}"));
        }
        #[cfg(feature = "fetch")]
        if let Some(introspection) = &self.introspection {
            line(introspection.to_string());
        }
        if let Some(dpop) = &self.dpop {
            line(format!("{dpop}"));
        }
        line(format!("{}", self.required));
        match &self.delegation {
            Some(delegation) => line(delegation.to_string()),
            None => line("nobody acts for others: a credential with act is refused".to_owned()),
        }
        if self.keep {
            line("kept with its request, as a secret, for calls on the caller's behalf".to_owned());
        }
        if !self.api_keys.is_empty() {
            let count = self.api_keys.len();
            line(format!("API KEYS: {count}, THE WEAKEST KIND, good for whoever holds one"));
        }
        text + &logouts
    }
}
