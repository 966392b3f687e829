//! The guide and the threat model, as pages. They hold no code of their own; their examples are compiled and run.

#[doc = include_str!("../docs/guide.md")]
#[cfg(any(doc, feature = "full"))]
pub mod guide {}

#[doc = include_str!("../docs/threat-model.md")]
pub mod threat_model {}
