//! Zero-trust tower layers for LLM endpoints.
#![forbid(unsafe_code)]

pub mod audit;
pub mod authorize;
pub mod body;
pub mod clock;
pub mod exchange;
#[cfg(feature = "axum")]
pub mod extract;
pub mod gate;
pub mod inspect;
pub mod jose;
pub mod jwt;
pub mod limit;
pub mod payload;
pub mod principal;
pub mod read;
pub mod refusal;
pub mod route;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "axum")]
pub use extract::Payload;
pub use gate::Gate;
pub use principal::Principal;
