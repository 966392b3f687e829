//! Models by one name: whatever a client calls a model, rules, limits, records and the server know it by one name.
//!
//! A rule on `gpt-4o` that `GPT-4o`, `gpt-4o:latest` or a fallback walks around is no rule.
//!
//! 1. A [`ModelCatalog`] lists the models that there are, with the other names that each may be called by. Upper and lower case
//!    of ASCII letters are the same, `:latest` at the end and `models/` at the beginning mean nothing.
//! 2. The one name is written back into the request, wherever a model is named: every field of class
//!    [`Model`](crate::payload::FieldClass::Model), fallbacks included, and the path of APIs that name it there: in front of every
//!    router, which would hand on what it has read (`gate.protect(router)`). The facts and the record have it, too, and so has
//!    what the route declares at a pointer into the body ([`Route::resource`](crate::route::Route::resource)). Policies are asked about what it declares in
//!    path and query by the one name as well; the handler finds it there called as it was.
//! 3. A name of no model that is listed is forbidden, like a model that the caller may not use: the same status, the same body, and
//!    at the same place in the stack, after inspection and the policies.
//!
//! # Deployment caveat
//! Where a request may leave the model out, the server chooses one, and nobody has named it.
//!
//! # Example
//! ```
//! use portcullis::authorize::{Model, ModelCatalog};
//!
//! let models = ModelCatalog::new([
//!     Model::new("gpt-4o").alias("gpt-4o-2024-08-06"),
//!     Model::new("llama-3.1-8b").alias("meta-llama/Llama-3.1-8B-Instruct").fine_tunes("ft:llama-3.1-8b:acme:"),
//! ])?;
//! assert_eq!(models.name_of("GPT-4o:latest").as_deref(), Some("gpt-4o"));
//! assert_eq!(models.name_of("FT:Llama-3.1-8b:acme:v2").as_deref(), Some("ft:llama-3.1-8b:acme:v2"));
//! assert_eq!(models.name_of("gpt-5"), None);
//! # Ok::<(), portcullis::authorize::ModelError>(())
//! ```

mod catalog;
mod layer;
mod step;

pub use catalog::{Model, ModelCatalog, ModelError, ModelErrorKind};
pub use layer::{ResolveModelLayer, ResolveModelLayerBuilder};
