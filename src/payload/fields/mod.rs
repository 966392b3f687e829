//! What each field of a request is good for: a class for every field of a dialect's published API.
//!
//! A [`FieldTable`] lists the fields of one object of an API, with a [`FieldClass`] each and the table of what stands below.
//! Each dialect has one, as data; `docs/fields.md` is printed from them.
//!
//! 1. A field that no table names is unknown. It is refused by name, unless the route says [`Strip`](UnknownFields::Strip)
//!    or [`Pass`](UnknownFields::Pass). What the API itself leaves to the client (schemas, metadata, arguments) is free.
//! 2. A field that costs, gives a power, names something stored, holds a URL, an identity, a model or a credential is noted
//!    in the facts, with its place, for policies. One with a value that asks for nothing (`null`, `"store": false`) is not.
//! 3. URLs are fetched by whoever serves the model, from inside its network: only hosts on the list of the route's
//!    [`UrlPolicy`] are let through, by name, over HTTPS. The list is empty until somebody fills it.
//! 4. Credentials in a body would be used by whoever serves the model, and kept in its logs: they are refused.
//!
//! # Deployment caveat
//!
//! A URL is checked as text. What address its name resolves to, and where the server redirects to, is known only to
//! whoever fetches it: allow hosts that you trust in both. Text that a server itself searches for URLs (Markdown images) is
//! text here; the dialect says so where a published API does that.
//!
//! # Example
//!
//! ```
//! use portcullis::payload::{FieldClass, FieldRule, FieldTable};
//!
//! static OPTIONS: FieldTable = FieldTable::new(&[FieldRule::new(FieldClass::Cost, &["beams"])]);
//! static REQUEST: FieldTable = FieldTable::new(&[
//!     FieldRule::new(FieldClass::Prompt, &["prompt"]),
//!     FieldRule::new(FieldClass::Neutral, &["options"]).object(&OPTIONS),
//! ]);
//! assert_eq!(REQUEST.class_of("options.beams"), Some(FieldClass::Cost));
//! assert_eq!(REQUEST.class_of("options.bream"), None);
//! ```

mod class;
mod classify;
mod rows;
mod rules;
mod table;
#[cfg(test)]
mod tests;
mod url;

pub use class::{Field, FieldClass};
pub(super) use classify::{names_credential, suspects};
pub use rows::FieldRow;
pub use rules::{FieldRules, UnknownFields};
pub use table::{FieldRule, FieldTable};
pub(super) use url::Content;
pub use url::{UrlError, UrlPolicy, UrlPolicyError};
