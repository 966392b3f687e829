//! What the caller may do: the scopes and the login that a route requires, checked before a byte of the body is read.
//!
//! 1. A route that does not say who may enter refuses everybody.
//! 2. Every scope that the route names must be held, letter for letter (RFC 6749 §3.3).
//! 3. A missing scope is 403 with the challenge of RFC 6750 §3.1, which names the scopes that are needed.
//! 4. Where the route demands an authentication context or a recent login, a credential that does not show it is 401 with the
//!    challenge of RFC 9470 §3, which names what is needed. A clock that steps back makes no login fresh again.
//! 5. Where nobody has been authenticated, nothing is decided: the stack is wrong, and that is a refusal.
//!
//! # Deployment caveat
//! A scope says what the *application* was allowed to do for the user. It says nothing of what the user may do: an
//! identity provider that grants every scope to everybody makes this check empty.

mod layer;
pub mod models;
mod step;
#[cfg(test)]
mod tests;

pub use self::models::{Model, ModelCatalog, ModelError, ModelErrorKind};
pub use layer::{AuthorizeLayer, AuthorizeLayerBuilder};
