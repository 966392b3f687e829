//! Who asks: everything verified about the caller of one request.
//!
//! A [`Principal`] is a user, a machine, or a user through a machine. It is made by an authenticating layer and by nothing else; the handler, the policies, the limits and the
//! audit record all read that one value. It is cheap to clone.
//!
//! | word | what | from |
//! |---|---|---|
//! | [`Subject`] | the user | `iss` and `sub` |
//! | [`Application`] | the OAuth client that the user sits at | `azp`, `client_id` |
//! | [`ActorChain`] | who acts for the subject | `act` (RFC 8693 §4.1) |
//! | [`Delegation`] | who may act, from which machine, with which rights | the operator |
//! | [`TenantId`], [`PlanName`], [`ScopeSet`], [`RoleSet`] | what the issuer says the caller has | claims |
//! | [`Claims`] | other claims that a policy reads | claims |
//! | [`Workload`] | the machine that calls | its certificate, verified |
//! | [`ClientAddress`] | where the connection came from | the socket, or a trusted proxy |

mod account;
mod address;
mod certificate;
mod claims;
mod connection;
mod credential;
mod delegation;
mod effective;
mod identity;
mod method;
mod names;
mod pattern;
mod presented;
mod revocations;
mod sets;
mod spiffe;
#[cfg(test)]
mod tests;
mod workload;

pub(crate) use account::Account;
pub use address::{
    AddressError, AddressPrefix, ClientAddress, Network, PeerAddress, TrustedProxies, UnixSocket,
};
pub(crate) use certificate::Hex;
pub use certificate::PeerCertificate;
#[cfg_attr(
    not(feature = "tls"),
    expect(unused_imports, reason = "only the feature `tls` reads certificates")
)]
pub(crate) use certificate::{AlternativeNames, CertificateFacts};
pub use claims::{ClaimValue, Claims};
pub use connection::{PeerConnection, TlsConnection, TlsVersion};
pub use credential::{Credential, CredentialRoot};
pub(crate) use delegation::MOST_ACTORS;
pub use delegation::{ActorDirectory, ActorRule, Delegation, DelegationError};
pub use effective::{Right, Withheld};
pub(crate) use identity::Holder;
pub use identity::{Principal, PrincipalBuilder};
pub use method::AuthenticationMethod;
pub use names::{Actor, ActorChain, Application, PlanName, Subject, TenantId};
pub use pattern::WorkloadPattern;
pub use presented::PresentedCredential;
pub(crate) use revocations::Listener;
pub use revocations::{Revocations, RevocationsFull, RevokedBy};
pub use sets::{RoleSet, ScopeSet};
pub use spiffe::{SpiffeId, SpiffeIdError, TrustDomain};
pub use workload::{Workload, WorkloadId};
