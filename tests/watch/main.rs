//! Continuous verification: an answer ends when the credential that asked for it does.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking, as tests do")]

#[cfg(feature = "tls")]
mod certificates;
mod logout;
mod requests;
#[cfg(feature = "config")]
mod settings;
mod site;
mod streams;
mod whole;
