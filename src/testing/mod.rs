//! Parts for tests of your own (feature `testing`): a clock that you move, an issuer of credentials, a principal of your
//! choice, and the suite that every layer passes.
//!
//! Nothing here weakens a gate: an [`Issuer`] is believed only where its keys are configured, and [`as_principal`] fills the
//! slot of a request that no gate has seen.

mod clock;
pub mod conformance;
mod issuer;
mod local;
mod principal;

pub use clock::FakeClock;
pub use issuer::{CredentialBuilder, Issuer};
pub use local::LocalDevelopment;
pub use principal::as_principal;
