//! Which machine is calling: the certificate of the connection becomes a [`Workload`](crate::principal::Workload), or a person
//! (feature `tls`).
//!
//! [`RequirePeerLayer`] stands inside of the flood check and outside of everything that asks for another credential.
//!
//! 1. No certificate, no pass, unless the route is open to everybody or says that it goes without
//!    ([`Route::danger_without_certificate`](crate::route::Route::danger_without_certificate)). The chain was verified in the handshake; what can change
//!    since is checked for each request: time, revocation ([`Revocations`](crate::principal::Revocations)) and, with
//!    [`PeerRules::bundles`], roots and revocation lists that were reloaded. An HTTP/2 connection outlives certificates.
//! 2. Who is let in stands in the [`PeerRules`]: trust domains, exact names, patterns. An empty list lets nobody in. A route
//!    may let in fewer ([`Route::workloads`](crate::route::Route::workloads)).
//! 3. A machine is called by the SPIFFE ID of its certificate, else by its DNS name, else by its URI; never by the common name.
//! 4. A route asks for a bearer credential beside the certificate, and both must hold, unless it is
//!    [`machine_only`](crate::route::Route::machine_only): there the machine is the principal, and a bearer credential that
//!    comes all the same is refused.
//! 5. A certificate of a person, by the issuer that a [`PersonRule`] names, says who asks: no other credential is asked for, and
//!    one that comes is refused. People have no way into routes for machines.
//! 6. Behind a proxy ([`TlsProxies`]) the certificate that it hands on is verified again, and counts instead of the proxy's own.
//!    Of anybody else such headers are never looked at; they are taken out of every request at the edge, whether this layer is
//!    there or not.
//!
//! # Deployment caveat
//! A certificate says which key the other end holds, not that its machine is sound: whoever steals the key is the machine, until
//! the certificate ends or is revoked. Keep lifetimes short and enforce it with [`PeerRules::max_lifetime`].
//!
//! # Example
//!
//! ```
//! use portcullis::peer::{PeerRules, RequirePeerLayer};
//! use portcullis::principal::Revocations;
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let revocations = Revocations::new();
//! let rules = PeerRules::new()
//!     .workload("spiffe://prod.example/ns/*/sa/gateway".parse()?)
//!     .max_lifetime(Duration::from_secs(24 * 60 * 60))
//!     .revocations(revocations.clone());
//! let layer = RequirePeerLayer::builder(rules).build()?;
//! // From the next request on, also on connections that are open:
//! revocations.revoke_workload(&"spiffe://prod.example/ns/chat/sa/gateway".parse()?);
//! # let _ = layer;
//! # Ok(())
//! # }
//! ```

mod error;
mod header;
mod layer;
mod people;
mod proxy;
mod rules;
mod step;

pub use error::{PeerError, PeerErrorKind};
pub use header::{CertificateHeader, CertificateHeaderError};
pub use layer::{RequirePeerLayer, RequirePeerLayerBuilder};
pub use people::PersonRule;
pub use proxy::TlsProxies;
pub use rules::PeerRules;
