//! The promise of `delegate`: what goes further on goes with the caller's rights, or a provider's credential, and with nothing else.
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod addresses;
mod answers;
#[cfg(feature = "reqwest")]
mod by_reqwest;
mod calls;
mod clients;
mod narrowing;
mod provider;
mod records;
mod subjects;
mod world;
