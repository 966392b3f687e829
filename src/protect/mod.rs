//! What belongs to somebody: references that only their owner can use, and caches that nobody shares with a stranger.
//!
//! Answers name things that the service keeps: earlier answers, conversations, files, vector stores, batches. Whoever knows such
//! an id could use it, were it not for this layer. [`SealReferences`] lets ids out only sealed to the tenant and the subject that
//! they were given to, and opens them when they come back.
//!
//! 1. Every id that [`stored_ids`](crate::payload::stored_ids) finds in an answer, whole or streamed, is replaced by its sealed
//!    form: `resp_…` stays a `resp_…`. One id has one sealed form for one owner, so that the events of a stream still belong
//!    together and lists can be compared.
//! 2. Fields of class [`Reference`](crate::payload::FieldClass::Reference) in a request, and what the route declares
//!    ([`Route::reference`](crate::route::Route::reference)) in path, query or body, are opened. The handler sees the ids that it
//!    gave out, and never a sealed one.
//! 3. A reference that cannot be opened is a 404: somebody else's, one that was changed, one that nobody gave out. They are not
//!    told apart, and the body says the same.
//! 4. What belongs to the service itself is [`shared`](SealReferences::shared), and goes both ways as it is.
//! 5. Keys are changed one after the other: [`ReferenceKeys::and_older`] still opens what an older key has sealed.
//! 6. [`CacheScopes`] overwrites every field that says for whom a request is made (`user`, `prompt_cache_key`, `cache_salt`,
//!    `metadata.user_id`) by a keyed hash of tenant and subject, and adds those that separate caches. Handlers find the same hash
//!    as [`CacheScope`] among the request's extensions.
//!
//! The seal is AES-256-GCM-SIV (RFC 8452) with a nonce made from owner and id by HMAC-SHA-256. A random nonce would give one id
//! a new name in each event; with this one, whoever sees two sealed forms learns whether they are the same, and nothing else.
//!
//! # Deployment caveat
//! What an answer names becomes the caller's. So a handler must answer a caller with that caller's things only: a list of
//! everybody's files would give them all away. Answers of a route without a dialect are sealed only when the route says so.
//! What the service kept before references were sealed has ids that do not open; observe first, and see who still uses them: what
//! does not open goes on as it came, and all else is opened.
//!
//! Whose something is, is told by tenant and subject alone. All applications of a user, and all agents that act for one, share
//! the user's references and caches; what one of them was told, another can use. Two tenants never do.
//!
//! Google's files are not sealed: requests name them by URL. Allow no host of Google's on a route
//! ([`Route::urls`](crate::route::Route::urls)) whose callers must not use each other's files.
//!
//! # Example
//! ```
//! use portcullis::protect::{CacheScopes, ProtectLayer, ReferenceKeys, SealReferences};
//! use secrecy::SecretString;
//!
//! // 32 bytes at least, at random, the same in every instance of the service.
//! let secret = SecretString::from("0f9c2d6e1b8a47535f6e7d8c9b0a1f2e");
//! let layer = ProtectLayer::builder()
//!     .references(SealReferences::new(ReferenceKeys::new(&secret)?).shared(["vs_handbook"]))
//!     .cache_scopes(CacheScopes::new(&secret)?)
//!     .build()?;
//! # let _ = layer;
//! # Ok::<(), portcullis::protect::ProtectError>(())
//! ```

mod error;
mod keys;
mod layer;
mod observer;
mod references;
mod scopes;
mod step;
mod uri;

pub use error::{ProtectError, ProtectErrorKind};
pub use keys::ReferenceKeys;
pub use layer::{ProtectLayer, ProtectLayerBuilder};
pub use references::SealReferences;
pub use scopes::{CacheScope, CacheScopes};
