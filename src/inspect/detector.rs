//! The seam for detectors beside the rules.

use std::borrow::Cow;

use crate::payload::Finding;

use super::text::ScannedText;

/// Looks at one string of a payload and reports what it finds: your own model, your own list.
///
/// It runs after the rules, in the request's own task, on every string and on every form of it; it must not block.
pub trait Detector: Send + Sync + 'static {
    /// Its name and version, for the record: `mydetector/3`.
    fn name(&self) -> &str;

    /// Looks at `text` and gives `report` what it finds. A finding's place in the payload is filled in afterwards.
    ///
    /// # Errors
    /// When it cannot say: the request is refused, because a text that nobody judged must not pass.
    fn detect(&self, text: &ScannedText<'_>, report: &mut dyn FnMut(Finding)) -> Result<(), DetectError>;
}

/// A detector could not judge a text.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the detector could not judge a text: {0}")]
pub struct DetectError(Cow<'static, str>);

impl DetectError {
    /// Says why, for the record; the caller learns only that the service cannot answer now.
    pub fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self(why.into())
    }
}
