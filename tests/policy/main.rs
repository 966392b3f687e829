//! What callers may do: rules, policies, and what is refused because of them.
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod answers;
mod by_hand;
mod explained;
mod file;
mod finance;
mod machines;
mod operators;
mod permit;
mod shadow;
mod story;
mod things;
mod tools;
mod world;
