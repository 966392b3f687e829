use super::step::Protect;
use super::{CacheScopes, ProtectError, ProtectErrorKind, SealReferences};
use crate::exchange::{Checked, Context, Step, StepLayer};
use tower_layer::Layer;

/// Keeps what belongs to one caller from others; see the [module](super). Stands inside of `ReadPayloadLayer`.
#[derive(Clone, Debug)]
pub struct ProtectLayer(StepLayer);

impl ProtectLayer {
    /// A layer that protects nothing yet.
    pub fn builder() -> ProtectLayerBuilder {
        ProtectLayerBuilder { references: None, scopes: None, context: Context::default() }
    }
}

impl<S> Layer<S> for ProtectLayer {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        self.0.layer(inner)
    }
}

/// Builds a [`ProtectLayer`].
#[derive(Clone, Debug)]
pub struct ProtectLayerBuilder {
    references: Option<SealReferences>,
    scopes: Option<CacheScopes>,
    context: Context,
}

impl ProtectLayerBuilder {
    /// Seals references to their owners.
    pub fn references(mut self, references: SealReferences) -> Self {
        self.references = Some(references);
        self
    }

    /// Keeps caches apart.
    pub fn cache_scopes(mut self, scopes: CacheScopes) -> Self {
        self.scopes = Some(scopes);
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
    /// When it protects nothing.
    pub fn build(self) -> Result<ProtectLayer, ProtectError> {
        let context = self.context.clone();
        Ok(ProtectLayer(StepLayer::new(self.into_protect()?, context)))
    }

    pub(crate) fn into_step(self) -> Result<impl Step, ProtectError> {
        self.into_protect()
    }

    fn into_protect(self) -> Result<Protect, ProtectError> {
        if self.references.is_none() && self.scopes.is_none() {
            return Err(ProtectErrorKind::Nothing.into());
        }
        Ok(Protect { references: self.references, scopes: self.scopes })
    }
}
