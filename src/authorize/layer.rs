use super::step::Authorize;
use crate::exchange::{Checked, Context, Step, StepLayer};
use tower_layer::Layer;

/// Requires the scopes that the route names; see the [module](super).
#[derive(Clone, Debug)]
pub struct AuthorizeLayer(StepLayer);

impl AuthorizeLayer {
    /// A layer that enforces what the routes say.
    pub fn builder() -> AuthorizeLayerBuilder {
        AuthorizeLayerBuilder { context: Context::default() }
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
}

impl AuthorizeLayerBuilder {
    /// Shares clock and request ids with the other layers of the stack.
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// The layer.
    pub fn build(self) -> AuthorizeLayer {
        AuthorizeLayer(StepLayer::new(Authorize, self.context))
    }

    pub(crate) fn into_step(self) -> impl Step {
        Authorize
    }
}
