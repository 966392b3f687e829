use super::step::RequirePeer;
use super::{PeerError, PeerRules};
use crate::exchange::{Checked, Context, Step, StepLayer};
use tower_layer::Layer;

/// Requires a certificate of a machine that may enter, or of a person; see the [module](super).
#[derive(Clone, Debug)]
pub struct RequirePeerLayer(StepLayer);

impl RequirePeerLayer {
    /// A layer that lets in whom `rules` let in.
    pub fn builder(rules: PeerRules) -> RequirePeerLayerBuilder {
        RequirePeerLayerBuilder { rules, context: Context::default() }
    }
}

impl<S> Layer<S> for RequirePeerLayer {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        self.0.layer(inner)
    }
}

/// Builds a [`RequirePeerLayer`].
#[derive(Clone, Debug)]
pub struct RequirePeerLayerBuilder {
    rules: PeerRules,
    context: Context,
}

impl RequirePeerLayerBuilder {
    /// Shares clock and request ids with the other layers of the stack.
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// When the rules let nobody in, or one of them cannot be used.
    pub fn build(self) -> Result<RequirePeerLayer, PeerError> {
        let context = self.context.clone();
        Ok(RequirePeerLayer(StepLayer::new(self.into_step()?, context)))
    }

    pub(crate) fn into_step(self) -> Result<impl Step, PeerError> {
        RequirePeer::new(self.rules)
    }
}
