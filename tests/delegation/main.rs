//! The promise of delegation: whoever acts for a user is known, comes from its own machine, and gets no right that the user or
//! anybody in between lacks.
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod building;
mod chain;
mod claims;
mod limits;
#[cfg(feature = "fetch")]
mod opaque;
mod rights;
mod routes;
mod sockets;
mod world;
