//! Reads every prompt for injection before the handler sees it.
//!
//! 1. Every string that may reach the model is read, whatever its role: values and keys, history, tool definitions,
//!    calls and results. Long strings are read to their end.
//! 2. A string is read as it was sent and, where it wears a disguise, as it reads without: compatibility forms,
//!    look-alikes, invisible characters, tags; base64, hexadecimal, escapes; leet, spelled-out, turned and reversed
//!    letters. One level deep. What was said in pieces, blocks of one message or messages of one role, is read across
//!    their seams as well, by the rules; a [`Detector`] gets the pieces.
//! 3. One pass over the text looks for the literals of all [`Rule`]s; a rule's pattern runs only around its own.
//!    Whatever the text says, the time stays in proportion to its length.
//! 4. A [`Finding`](crate::payload::Finding) of high severity refuses the request (400), one of medium severity is noted
//!    in the record; [`Inspection`] changes that per category. Two different medium signs of one category in the same
//!    string make a high one. The caller learns the place, never the rule.
//! 5. What was read stands in the record as [`Coverage`](crate::payload::Coverage). A string that cannot be read, a
//!    detector that cannot say, a body that was not read: all are refusals. The client cannot switch anything off.
//!
//! # Deployment caveat
//! Rules know what attacks look like. An instruction in plain words inside a document looks like any other sentence,
//! and no rule finds it: what a model may do because of a document must be limited by authorization, not by reading.
//!
//! # Example
//! ```
//! use portcullis::inspect::{InspectLayer, Inspection};
//! use portcullis::payload::{Category, Severity};
//!
//! let inspection = Inspection::builder()
//!     .block(Category::Extraction, Severity::Medium)
//!     .flag(Category::Persona)
//!     .build();
//! let layer = InspectLayer::builder(inspection).build();
//! # let _ = layer;
//! ```

mod builtin;
mod confusable;
mod decode;
mod detector;
mod disguise;
mod inspection;
mod layer;
mod normalise;
mod rule;
mod rule_set;
mod seams;
mod step;
mod sweep;
#[cfg(test)]
mod tests;
mod text;

pub use detector::{DetectError, Detector};
pub use inspection::{Action, Inspection, InspectionBuilder};
pub use layer::{InspectLayer, InspectLayerBuilder};
pub use rule::Rule;
pub use rule_set::{RuleSet, RuleSetError};
pub use text::{Form, Provenance, ScannedText, View};

impl RuleSet {
    /// The rules that come with the crate.
    pub fn builtin() -> Self {
        Self::prepare(builtin::VERSION.into(), builtin::rules())
            .expect("the rules of the crate fit together, which a test proves")
    }
}
