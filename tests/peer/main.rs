//! Which machine is calling: certificates on the connection and behind proxies, machines and people, through the whole gate.

#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "these are tests; clippy knows only the functions that are marked so")]

mod bound;
mod building;
mod machines;
mod nginx;
mod people;
mod plaintext;
mod proxies;
mod sockets;
mod world;
