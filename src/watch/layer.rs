use super::WatchError;
use super::step::WatchCredential;
use crate::exchange::{Checked, Context, Step, StepLayer};
use crate::principal::Revocations;
use std::time::Duration;
use tower_layer::Layer;

/// The longest grace. Who needs longer answers needs longer credentials.
pub(super) const MAX_GRACE: Duration = Duration::from_secs(60 * 60);

/// Ends answers whose credential has ended; see the [module](super). It stands inside of what authenticates, and outside of
/// [`ReadPayloadLayer`](crate::read::ReadPayloadLayer).
#[derive(Clone, Debug)]
pub struct WatchCredentialLayer(StepLayer);

impl WatchCredentialLayer {
    /// A layer that knows what is on that list: the one that the other layers were given.
    pub fn builder(revocations: Revocations) -> WatchCredentialLayerBuilder {
        WatchCredentialLayerBuilder { revocations, grace: Duration::ZERO, context: Context::default() }
    }
}

impl<S> Layer<S> for WatchCredentialLayer {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        self.0.layer(inner)
    }
}

/// Builds a [`WatchCredentialLayer`].
#[derive(Clone, Debug)]
pub struct WatchCredentialLayerBuilder {
    revocations: Revocations,
    grace: Duration,
    context: Context,
}

impl WatchCredentialLayerBuilder {
    /// How long an answer that has begun may go on after its credential or certificate has ended; not at all unless set, and
    /// one hour at most. What is revoked has no grace.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Shares clock and request ids with the other layers of the stack.
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// When the grace is longer than an hour.
    pub fn build(self) -> Result<WatchCredentialLayer, WatchError> {
        let context = self.context.clone();
        Ok(WatchCredentialLayer(StepLayer::new(self.into_step()?, context)))
    }

    pub(crate) fn into_step(self) -> Result<impl Step, WatchError> {
        if self.grace > MAX_GRACE {
            return Err(WatchError { grace: self.grace });
        }
        Ok(WatchCredential { revocations: self.revocations, grace: self.grace })
    }
}
