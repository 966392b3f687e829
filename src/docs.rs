//! The guide, the threat model, how to run behind a proxy, and the fields of every dialect, as pages. They hold no code of their own; their examples are compiled and run.

#[doc = include_str!("../docs/guide.md")]
#[cfg(any(doc, feature = "full"))]
pub mod guide {}

#[doc = include_str!("../docs/behind-a-proxy.md")]
#[cfg(any(doc, feature = "full"))]
pub mod behind_a_proxy {}

#[doc = include_str!("../docs/threat-model.md")]
pub mod threat_model {}

#[doc = include_str!("../docs/fields.md")]
pub mod fields {}
