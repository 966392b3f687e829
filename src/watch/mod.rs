//! Continuous verification: an answer ends when the credential that asked for it does.
//!
//! Authentication looks once, when a request comes. A streamed answer may go on for minutes; a machine's connection lives longer than
//! its certificate. [`WatchCredentialLayer`] looks again until the answer is over.
//!
//! 1. On the way in, a credential that has ended, or is on the list of [`Revocations`](crate::principal::Revocations), is refused, whoever
//!    authenticated it: a JWT, a certificate, the host's own login.
//! 2. A streamed answer is cut when the credential ends (`exp` with the issuer's leeway), or the certificate of the machine, or of the
//!    proxy that it comes through. A [`grace`](WatchCredentialLayerBuilder::grace), if one is chosen, lets it go on for that long.
//! 3. It is cut when one of them is revoked, at once: whoever revokes wakes the answers. There is no grace.
//! 4. A handler that is silent, or works without end, is cut as well, by a timer on the exchange's clock. Time that has passed is not
//!    undone by a calendar that is set back.
//! 5. The client is told in the shape of its dialect ([`CredentialEnded`](crate::refusal::RefusalKind::CredentialEnded)); usage is settled at what was
//!    streamed; the record says `cut`, and by what.
//! 6. An answer in one piece is refused as long as its head has not been sent, and left alone afterwards: its length is said.
//! 7. Where a request is only observed, its answer goes on, and the record says that it would have been cut.
//!
//! # Deployment caveat
//! A client that reads slowly is told when it has read what was sent before. What it has read already cannot be taken back.
//!
//! # Example
//! ```
//! use portcullis::exchange::Context;
//! use portcullis::principal::Revocations;
//! use portcullis::watch::WatchCredentialLayer;
//! use std::time::Duration;
//!
//! let context = Context::default();
//! let revocations = Revocations::with_clock(context.clock().clone());
//! let layer = WatchCredentialLayer::builder(revocations.clone())
//!     .grace(Duration::from_secs(30))
//!     .context(context)
//!     .build()?;
//! // Ends the answers of this login, wherever they are.
//! revocations.revoke_session("https://login.example.com", "its sid", std::time::SystemTime::now() + Duration::from_secs(3_600))?;
//! # let _ = layer;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod layer;
mod observer;
mod step;
mod subject;

pub use error::WatchError;
pub use layer::{WatchCredentialLayer, WatchCredentialLayerBuilder};
