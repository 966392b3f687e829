use super::ModelCatalog;
use super::step::{RequireListed, Resolve};
use crate::exchange::{Checked, Context, Step, StepLayer};
use tower_layer::Layer;

/// Calls every model by its one name, and refuses those that are not listed; see the [module](super). Stands inside of
/// `ReadPayloadLayer`.
#[derive(Clone, Debug)]
pub struct ResolveModelLayer(StepLayer);

impl ResolveModelLayer {
    /// A layer that knows these models.
    pub fn builder(catalog: ModelCatalog) -> ResolveModelLayerBuilder {
        ResolveModelLayerBuilder { catalog, context: Context::default() }
    }
}

impl<S> Layer<S> for ResolveModelLayer {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        self.0.layer(inner)
    }
}

/// Builds a [`ResolveModelLayer`].
#[derive(Clone, Debug)]
pub struct ResolveModelLayerBuilder {
    catalog: ModelCatalog,
    context: Context,
}

impl ResolveModelLayerBuilder {
    /// Shares clock and request ids with the other layers of the stack.
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// The layer.
    pub fn build(self) -> ResolveModelLayer {
        let context = self.context.clone();
        let (resolve, require) = self.into_steps();
        ResolveModelLayer(StepLayer::of(vec![Box::new(resolve), Box::new(require)], context))
    }

    /// What writes the names, and what refuses. Between the two stands what refuses a model that is listed, so that one that is
    /// not takes as long.
    pub(crate) fn into_steps(self) -> (impl Step, impl Step) {
        (Resolve { catalog: self.catalog }, RequireListed)
    }
}
