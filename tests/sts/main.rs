//! The promise of the exchange: nobody gets a credential for a user but an actor that may act for that user there, and it holds no
//! more than the user has.
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

#[cfg(feature = "axum")]
mod authlib;
mod building;
mod clients;
mod hostile;
mod keys;
mod policy;
mod rfc;
#[cfg(feature = "axum")]
mod sockets;
mod subjects;
mod world;
