//! A hostile client, over real sockets: what it tries is refused, or does nothing that the gate would not allow.

#![allow(clippy::unwrap_used, reason = "these are tests; clippy knows only the functions that are marked so")]

mod bodies;
mod http2;
mod prompts;
mod records;
mod server;
mod slow;
mod usage;
mod wire;
