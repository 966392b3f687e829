use super::log::AuditLog;
use super::step::Audit;
use crate::exchange::{Checked, Context, Step, StepLayer};
use std::sync::Arc;
use tower_layer::Layer;

/// Records every request; see the [module](super). The outermost layer of a stack.
#[derive(Clone, Debug)]
pub struct AuditLayer(StepLayer);

impl AuditLayer {
    /// A layer that writes to `log`.
    pub fn builder(log: AuditLog) -> AuditLayerBuilder {
        AuditLayerBuilder { log, context: Context::default(), config: None }
    }
}

impl<S> Layer<S> for AuditLayer {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        self.0.layer(inner)
    }
}

/// Builds an [`AuditLayer`].
#[derive(Clone, Debug)]
pub struct AuditLayerBuilder {
    log: AuditLog,
    context: Context,
    config: Option<Arc<str>>,
}

impl AuditLayerBuilder {
    /// Shares clock and request ids with the other layers of the stack.
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// Names the configuration that is in force, for the field `config` of every record. A [`Gate`](crate::Gate) does so by
    /// itself.
    pub fn config(mut self, name: impl Into<Arc<str>>) -> Self {
        self.config = Some(name.into());
        self
    }

    /// The layer.
    pub fn build(self) -> AuditLayer {
        let context = self.context.clone();
        AuditLayer(StepLayer::new(self.into_step(), context))
    }

    pub(crate) fn into_step(self) -> impl Step {
        Audit { log: self.log, config: self.config }
    }
}
