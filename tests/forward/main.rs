//! The promise of `forward`: what was checked goes on, framed anew, and nothing comes back but an answer.
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod framing;
mod stack;
mod streams;
mod upstream;
mod world;
