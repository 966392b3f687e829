//! Continuous verification: an answer ends when the credential that asked for it does.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking, as tests do")]

mod logout;
mod requests;
mod site;
mod streams;
