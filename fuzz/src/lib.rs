//! What every fuzz target checks, and the inputs that it begins with.
//!
//! Each module is one target: `check` panics when a promise of the parser is broken, and `seeds` are inputs that reach
//! its parts. `cargo test` runs every seed once; `scripts/fuzz` goes on from there.
#![forbid(unsafe_code)]

use std::fs;
use std::path::PathBuf;

pub mod act;
pub mod addresses;
pub mod body;
pub mod client_cert;
pub mod config;
pub mod dialect;
pub mod dpop;
pub mod edge;
pub mod exchange;
pub mod inspect;
pub mod json;
pub mod jws;
pub mod logout;
pub mod reference;
pub mod sse;
pub mod sts_form;
pub mod x509;

/// One target: its name, its check, its first inputs.
pub struct Target {
    pub name: &'static str,
    pub check: fn(&[u8]),
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "act", check: act::check, seeds: act::seeds },
    Target { name: "addresses", check: addresses::check, seeds: addresses::seeds },
    Target { name: "body", check: body::check, seeds: body::seeds },
    Target { name: "client_cert", check: client_cert::check, seeds: client_cert::seeds },
    Target { name: "config", check: config::check, seeds: config::seeds },
    Target { name: "dialect", check: dialect::check, seeds: dialect::seeds },
    Target { name: "dpop", check: dpop::check, seeds: dpop::seeds },
    Target { name: "edge", check: edge::check, seeds: edge::seeds },
    Target { name: "exchange", check: exchange::check, seeds: exchange::seeds },
    Target { name: "inspect", check: inspect::check, seeds: inspect::seeds },
    Target { name: "json", check: json::check, seeds: json::seeds },
    Target { name: "jws", check: jws::check, seeds: jws::seeds },
    Target { name: "logout", check: logout::check, seeds: logout::seeds },
    Target { name: "reference", check: reference::check, seeds: reference::seeds },
    Target { name: "sse", check: sse::check, seeds: sse::seeds },
    Target { name: "sts_form", check: sts_form::check, seeds: sts_form::seeds },
    Target { name: "x509", check: x509::check, seeds: x509::seeds },
];

/// Writes the seeds of one target into the folder that `PORTCULLIS_SEEDS` names, if it does, before fuzzing begins.
pub fn plant(name: &str) {
    let Some(folder) = std::env::var_os("PORTCULLIS_SEEDS").map(PathBuf::from) else { return };
    let target = TARGETS.iter().find(|target| target.name == name).expect("every target is in the list");
    for (number, seed) in (target.seeds)().iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:02}")), seed).expect("the corpus can be written to");
    }
}

/// The first byte chooses, the others are the input.
fn choose(data: &[u8], among: usize) -> Option<(usize, &[u8])> {
    let (first, rest) = data.split_first()?;
    Some((usize::from(*first) % among, rest))
}

/// A seed for a target that chooses by its first byte.
fn seed(choice: u8, input: impl AsRef<[u8]>) -> Vec<u8> {
    [&[choice], input.as_ref()].concat()
}

#[cfg(test)]
mod tests {
    use super::TARGETS;

    #[test]
    fn every_seed_passes_its_target_and_so_does_every_beginning_of_it() {
        for target in TARGETS {
            for seed in (target.seeds)() {
                (0..=seed.len()).for_each(|end| (target.check)(&seed[..end]));
            }
        }
    }
}
