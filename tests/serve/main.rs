//! TLS over real sockets: who gets in, who does not and why, and that nobody is held up.

#![allow(clippy::unwrap_used, reason = "these are tests; clippy knows only the functions that are marked so")]

#[cfg(feature = "spiffe")]
mod agent;
mod http;
mod reload;
mod shutdown;
mod silence;
mod tools;
mod trust;
mod wire;
mod world;
