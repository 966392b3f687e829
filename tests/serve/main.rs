//! TLS over real sockets: who gets in, who does not and why, and that nobody is held up.

mod http;
mod reload;
mod shutdown;
mod silence;
mod tools;
mod trust;
mod wire;
mod world;
