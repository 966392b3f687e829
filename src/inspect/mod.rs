//! Reads every prompt for injection before the handler sees it.

mod builtin;
mod confusable;
mod decode;
mod disguise;
mod normalise;
mod rule;
mod rule_set;
mod sweep;
mod text;

pub use rule::Rule;
pub use rule_set::{RuleSet, RuleSetError};
pub use text::{Form, Provenance, ScannedText, View};

impl RuleSet {
    /// The rules that come with the crate.
    pub fn builtin() -> Self {
        Self::new(builtin::VERSION, builtin::rules())
            .expect("the rules of the crate compile, which a test proves")
    }
}

#[cfg(test)]
mod tests;
