//! Policies in [Cedar](https://docs.cedarpolicy.com) (feature `cedar`): a language of their own, with a validator.
//!
//! 1. Policies, schema and entities are files. They are checked when they are loaded: a policy that the schema does not bear out is
//!    an error, with its place, and so is an entity. [`CedarPolicy::reload`] reads them again; while something is wrong with them the
//!    old ones stay in force.
//! 2. Every thing that a request touches is asked about: [`Resource`](super::Resource)s of a kind whose entity type the schema
//!    declares. A request that touches none is asked about with its `Route`. All must be permitted.
//! 3. What no policy permits is refused, and what one forbids. A policy that cannot be evaluated refuses, too: Cedar itself would
//!    pass over it, and over a `forbid` as well.
//! 4. Only policies that can apply are evaluated: they are sliced by action, principal and resource, and every `forbid` is in every
//!    slice. It decides as all of them would ([`CedarStore::decide`], [`CedarStore::decide_unsliced`]). Of a request that touches several
//!    things, a `forbid` that looks at no resource is asked about the first alone: of the others it says the same.
//! 5. An attribute that no policy reads is not made. Nothing goes through JSON text on the way of a request.
//! 6. The entity of a principal is made once and remembered by everything that it is made of: issuer and subject, or the machine; tenant,
//!    application, scopes, roles and claims. Whoever differs in one of them is another principal. It is forgotten when the files are read
//!    again. The context is made for each request. Where there is an [`EntitySource`], nothing is remembered.
//! 7. Before the body is read, whoever is in the scope of no permit for the action is refused, whatever the resource and the conditions
//!    say, and so is whoever lacks a claim because an actor lacks it. A `forbid`, and a condition on nothing but the principal, wait for the
//!    body. Where there is an [`EntitySource`], everything does: it would be asked twice.
//!
//! # Entities
//!
//! | type | id | attributes | parents |
//! |---|---|---|---|
//! | `User` | `issuer\|subject` | `issuer`, `subject`, `tenant`, `application`, `scopes`, `roles`, and the claims that [`attribute`](CedarPolicyBuilder::attribute) names | `Role` and `Tenant`; `Group` from the claim that [`groups`](CedarPolicyBuilder::groups) names |
//! | `Workload` | its name | | |
//! | `Model`, `Dataset`, `Tool`, `Part` | the name | | |
//! | `Route` | the pattern of the path | | |
//! | `Action` | the action of the route | | |
//! | a kind of your own | the name | | |
//!
//! A kind of your own, such as `mcp-resource`, is the type `McpResource`. What the entities file, or an [`EntitySource`], says of
//! one of them comes beside it; the credential has the last word on attributes.
//!
//! The context holds `time`, `weekday`, `minute`, `route`, `client`, `managed`, `device`, `plan`, `workload`, `actors`, `bytes`,
//! `output_cap`, `tools`, `streamed`, `privileged` and `findings`; [`SCHEMA`] says of which types. [`SCHEMA`], [`POLICIES`] and [`ENTITIES`] are
//! there to be copied and changed.
//!
//! # Deployment caveat
//! Whoever may write one of the files may let anybody in. A group that a credential names is believed as far as its issuer is.
//!
//! # Example
//! ```
//! use portcullis::authorize::cedar::{CedarPolicy, ENTITIES, POLICIES, SCHEMA};
//!
//! let policy = CedarPolicy::builder("house rules")
//!     .attribute("department", "/department")
//!     .groups("/groups")
//!     .zone("Europe/Berlin")
//!     .text(POLICIES, SCHEMA, ENTITIES)?;
//! # let _ = policy;
//! # Ok::<(), portcullis::authorize::cedar::CedarError>(())
//! ```

mod askers;
mod context;
mod entities;
mod error;
mod loaded;
mod model;
mod policy;
mod reads;
mod scope;
mod slices;
mod source;
mod store;
#[cfg(test)]
mod tests;

pub use cedar_policy;
pub use error::{CedarError, CedarErrorKind};
pub use policy::{CedarFiles, CedarPolicy, CedarPolicyBuilder};
pub use source::{EntitySource, EntitySourceError};
pub use store::{CedarStore, Given, Ruling};

/// The schema of what a request is made into. Copy it, and add what is yours.
pub const SCHEMA: &str = include_str!("../../../docs/cedar/schema.cedarschema");

/// Policies to begin with.
pub const POLICIES: &str = include_str!("../../../docs/cedar/policies.cedar");

/// The entities that [`POLICIES`] speaks of.
pub const ENTITIES: &str = include_str!("../../../docs/cedar/entities.json");
