//! A provider of models, who knows this service alone.

mod layer;
mod service;

pub use layer::{Provider, ProviderCredentialLayer, ProviderCredentialLayerBuilder};
pub use service::{ProviderCredential, ProviderCredentialFuture};
