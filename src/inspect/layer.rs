use tower_layer::Layer;

use super::inspection::Inspection;
use super::step::Inspect;
use crate::exchange::{Checked, Context, Step, StepLayer};

/// Refuses requests whose content an [`Inspection`] blocks; see the [module](super). Stands inside of
/// `ReadPayloadLayer`.
#[derive(Clone, Debug)]
pub struct InspectLayer(StepLayer);

impl InspectLayer {
    /// A layer that inspects every prompt part.
    pub fn builder(inspection: Inspection) -> InspectLayerBuilder {
        InspectLayerBuilder { inspection, context: Context::default() }
    }
}

impl<S> Layer<S> for InspectLayer {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        self.0.layer(inner)
    }
}

/// Builds an [`InspectLayer`].
#[derive(Clone, Debug)]
pub struct InspectLayerBuilder {
    inspection: Inspection,
    context: Context,
}

impl InspectLayerBuilder {
    /// Shares clock and request ids with the other layers of the stack.
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// The layer.
    pub fn build(self) -> InspectLayer {
        let context = self.context.clone();
        InspectLayer(StepLayer::new(self.into_step(), context))
    }

    pub(crate) fn into_step(self) -> impl Step {
        // Now, while the service starts, and not under the first request that needs one.
        self.inspection.rules().compile();
        Inspect { inspection: self.inspection }
    }
}
