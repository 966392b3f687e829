//! Path and method → action, dialect, kind of body, who may enter. What no route names is refused.
//!
//! 1. The path is compared as it came on the request line. Odd spellings that another component could read differently
//!    (`%2f`, `%2e`, `//`, `/../`, `;`, `\`, NUL) are refused; an escaped slash passes on routes that allow it.
//! 2. `HEAD` uses the route of `GET` (RFC 9110 §9.3.2).
//! 3. A route says who may enter: [`Route::scope`], or [`RouteTable`] refuses it when it is built.
//!
//! ```
//! use portcullis::payload::dialect::OpenAiChat;
//! use portcullis::route::{Route, RouteTable};
//!
//! let table = RouteTable::new([
//!     Route::post("/v1/chat/completions").dialect(OpenAiChat).scope("generate:invoke"),
//!     Route::get("/v1/models").scope("models:read"),
//!     Route::get("/healthz").open(),
//! ])?;
//! assert_eq!(table.routes().len(), 3);
//! # Ok::<(), portcullis::route::RouteError>(())
//! ```

mod opaque;
mod path;
mod reference;
mod resource;
mod rule;
mod table;
#[cfg(test)]
mod tests;

pub use opaque::OpaqueBody;
pub use path::OddPath;
pub use reference::ReferencePlace;
pub use resource::{Place, ResourceKind, ResourcePlace};
pub use rule::{Access, Action, BodyKind, Route};
pub use table::{NoRoute, RouteError, RouteErrorKind, RouteTable};
