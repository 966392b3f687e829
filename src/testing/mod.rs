//! Parts for tests of your own (feature `testing`): a clock that you move, an issuer of credentials, an authority that
//! certifies machines, a principal of your choice, and the suite that every layer passes.
//!
//! Nothing here weakens a gate: an [`Issuer`] is believed only where its keys are configured, a [`CertificateAuthority`] only
//! where its certificate is, and [`as_principal`] fills the slot of a request that no gate has seen.

mod authority;
mod certificate;
mod clock;
pub mod conformance;
mod issuer;
mod local;
mod principal;

pub use authority::CertificateAuthority;
pub use certificate::{Certificate, CertificateBuilder};
pub use clock::FakeClock;
pub use issuer::{CredentialBuilder, Issuer};
pub use local::LocalDevelopment;
pub use principal::as_principal;
