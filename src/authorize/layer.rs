use super::enforce::EnforcePolicy;
use super::step::Authorize;
use super::{Policies, Policy};
use crate::exchange::{Checked, Context, Step, StepLayer};
use tower_layer::Layer;

/// Requires the scopes that the route names; see the [module](super).
#[derive(Clone, Debug)]
pub struct AuthorizeLayer(StepLayer);

impl AuthorizeLayer {
    /// A layer that enforces what the routes say.
    pub fn builder() -> AuthorizeLayerBuilder {
        AuthorizeLayerBuilder { context: Context::default(), metadata: String::new(), policies: None }
    }
}

impl<S> Layer<S> for AuthorizeLayer {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        self.0.layer(inner)
    }
}

/// Builds an [`AuthorizeLayer`].
#[derive(Clone, Debug)]
pub struct AuthorizeLayerBuilder {
    context: Context,
    metadata: String,
    policies: Option<Policies>,
}

impl AuthorizeLayerBuilder {
    /// Shares clock and request ids with the other layers of the stack.
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// Names the URL of this service's metadata (RFC 9728 §5.1) in every challenge. What stands in no quoted string is left out of it.
    pub fn resource_metadata(mut self, url: &str) -> Self {
        let url: String =
            url.chars().filter(|char| char.is_ascii_graphic() && !matches!(char, '"' | '\\')).collect();
        self.metadata = format!(", resource_metadata=\"{url}\"");
        self
    }

    /// Refuses at once what these policies will refuse in any case, and lets callers in on routes that are
    /// [`by_policy`](crate::route::Route::by_policy). The whole decision is made by an [`EnforcePolicyLayer`] of the same policies, which must stand
    /// inside: an answer by a route that is `by_policy` goes nowhere without it.
    pub fn policies(mut self, policies: Policies) -> Self {
        self.policies = Some(policies);
        self
    }

    /// The layer.
    pub fn build(self) -> AuthorizeLayer {
        let context = self.context.clone();
        AuthorizeLayer(StepLayer::new(self.into_authorize(), context))
    }

    pub(crate) fn into_step(self) -> impl Step {
        self.into_authorize()
    }

    fn into_authorize(self) -> Authorize {
        Authorize { metadata: self.metadata, policies: self.policies, ..Authorize::default() }
    }
}

/// Asks policies about everything that a request touches, and about the tools that the model calls in its answer; see the
/// [module](super). Stands inside of `ReadPayloadLayer` and `InspectLayer`.
#[derive(Clone, Debug)]
pub struct EnforcePolicyLayer(StepLayer);

impl EnforcePolicyLayer {
    /// A layer that enforces one policy.
    pub fn new(policy: impl Policy) -> Self {
        Self::builder(Policies::new().policy(policy)).build()
    }

    /// A layer that enforces these policies.
    pub fn builder(policies: Policies) -> EnforcePolicyLayerBuilder {
        EnforcePolicyLayerBuilder { policies, context: Context::default() }
    }
}

impl<S> Layer<S> for EnforcePolicyLayer {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        self.0.layer(inner)
    }
}

/// Builds an [`EnforcePolicyLayer`].
#[derive(Clone, Debug)]
pub struct EnforcePolicyLayerBuilder {
    policies: Policies,
    context: Context,
}

impl EnforcePolicyLayerBuilder {
    /// Shares clock and request ids with the other layers of the stack.
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// The layer. Without a policy in force it permits nothing.
    pub fn build(self) -> EnforcePolicyLayer {
        let context = self.context.clone();
        EnforcePolicyLayer(StepLayer::new(self.into_step(), context))
    }

    pub(crate) fn into_step(self) -> impl Step {
        EnforcePolicy { policies: self.policies }
    }
}
