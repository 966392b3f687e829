use super::step::Authorize;
use crate::exchange::{Checked, Context, Step, StepLayer};
use tower_layer::Layer;

/// Requires the scopes that the route names; see the [module](super).
#[derive(Clone, Debug)]
pub struct AuthorizeLayer(StepLayer);

impl AuthorizeLayer {
    /// A layer that enforces what the routes say.
    pub fn builder() -> AuthorizeLayerBuilder {
        AuthorizeLayerBuilder { context: Context::default(), metadata: String::new() }
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

    /// The layer.
    pub fn build(self) -> AuthorizeLayer {
        let context = self.context.clone();
        AuthorizeLayer(StepLayer::new(self.into_authorize(), context))
    }

    pub(crate) fn into_step(self) -> impl Step {
        self.into_authorize()
    }

    fn into_authorize(self) -> Authorize {
        Authorize { metadata: self.metadata, ..Authorize::default() }
    }
}
