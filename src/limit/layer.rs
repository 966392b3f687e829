use tower_layer::Layer;

use super::flood::{FloodCheck, FloodError, FloodQuota};
use super::limits::Limits;
use super::step::{Flood, Requests, Usage};
use crate::exchange::{Checked, Context, Step, StepLayer};

/// Refuses addresses that knock too often; see the [module](super). Stands right inside of
/// [`MatchRouteLayer`](crate::exchange::MatchRouteLayer), outside of everything that costs.
#[derive(Clone, Debug)]
pub struct LimitFloodLayer(StepLayer);

/// Builds a [`LimitFloodLayer`].
#[derive(Clone, Debug)]
pub struct LimitFloodLayerBuilder {
    quota: FloodQuota,
    context: Context,
}

impl LimitFloodLayer {
    /// A layer that lets every address knock as often as `quota` says.
    pub fn builder(quota: FloodQuota) -> LimitFloodLayerBuilder {
        LimitFloodLayerBuilder { quota, context: Context::default() }
    }
}

impl LimitFloodLayerBuilder {
    /// Shares clock and request ids with the other layers of the stack.
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// The quota is none: zero, or so slow that a burst is not forgiven within a day.
    pub fn build(self) -> Result<LimitFloodLayer, FloodError> {
        let context = self.context.clone();
        Ok(LimitFloodLayer(StepLayer::new(self.into_step()?, context)))
    }

    pub(crate) fn into_step(self) -> Result<impl Step, FloodError> {
        Ok(Flood { check: FloodCheck::new(self.quota, self.context.clock().clone())? })
    }
}

impl<S> Layer<S> for LimitFloodLayer {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        self.0.layer(inner)
    }
}

/// Counts requests per caller, and refuses callers whose usage is spent, before the body is read; see the
/// [module](super).
#[derive(Clone, Debug)]
pub struct LimitRequestsLayer(StepLayer);

/// Builds a [`LimitRequestsLayer`].
#[derive(Clone, Debug)]
pub struct LimitRequestsLayerBuilder {
    limits: Limits,
    context: Context,
}

impl LimitRequestsLayer {
    /// A layer that enforces the plans of `limits`.
    pub fn builder(limits: Limits) -> LimitRequestsLayerBuilder {
        LimitRequestsLayerBuilder { limits, context: Context::default() }
    }
}

impl LimitRequestsLayerBuilder {
    /// Shares clock and request ids with the other layers of the stack.
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// The layer.
    pub fn build(self) -> LimitRequestsLayer {
        let context = self.context.clone();
        LimitRequestsLayer(StepLayer::new(self.into_step(), context))
    }

    pub(crate) fn into_step(self) -> impl Step {
        Requests { limits: self.limits }
    }
}

impl<S> Layer<S> for LimitRequestsLayer {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        self.0.layer(inner)
    }
}

/// Reserves usage before the handler runs and settles it when the answer is over; see the [module](super).
#[derive(Clone, Debug)]
pub struct LimitUsageLayer(StepLayer);

/// Builds a [`LimitUsageLayer`].
#[derive(Clone, Debug)]
pub struct LimitUsageLayerBuilder {
    limits: Limits,
    context: Context,
}

impl LimitUsageLayer {
    /// A layer that enforces the plans of `limits`, which the [`LimitRequestsLayer`] further out shares.
    pub fn builder(limits: Limits) -> LimitUsageLayerBuilder {
        LimitUsageLayerBuilder { limits, context: Context::default() }
    }
}

impl LimitUsageLayerBuilder {
    /// Shares clock and request ids with the other layers of the stack.
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// The layer.
    pub fn build(self) -> LimitUsageLayer {
        let context = self.context.clone();
        LimitUsageLayer(StepLayer::new(self.into_step(), context))
    }

    pub(crate) fn into_step(self) -> impl Step {
        Usage { limits: self.limits }
    }
}

impl<S> Layer<S> for LimitUsageLayer {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        self.0.layer(inner)
    }
}
