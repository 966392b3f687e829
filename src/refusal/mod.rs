//! Why not: a refusal is a value with a kind, a public sentence and a private cause.
//!
//! 1. The **kind** fixes the status and a stable code that programs may compare.
//! 2. The **public sentence** goes into the body. It helps an honest caller and tells an attacker nothing.
//! 3. The **private cause** and the **rule** go into the audit record and nowhere else.
//! 4. Each kind has an [`Advice`]: which fact was missing, and the fix. `examples/audit_explain.rs` prints it for a request.
//! 5. Text of others is [`escaped`] wherever it is logged.
//!
//! A refused response carries its [`Refusal`] in its extensions, so that outer middleware can see why.
//!
//! ```
//! use portcullis::refusal::{Refusal, RefusalKind};
//!
//! let refusal = Refusal::new(RefusalKind::InsufficientScope, "this call needs the scope generate:invoke")
//!     .cause("the credential has only models:read");
//! assert_eq!(refusal.kind().status(), http::StatusCode::FORBIDDEN);
//! assert_eq!(refusal.kind().code(), "insufficient_scope");
//! ```

mod advice;
mod kind;
mod respond;
#[cfg(test)]
mod tests;
mod text;
mod value;

pub use advice::Advice;
pub use kind::RefusalKind;
pub use respond::{ProblemJson, Rendered, Respond};
pub use text::escaped;
pub(crate) use text::is_unruly;
pub use value::Refusal;
