use thiserror::Error;

/// A protection that cannot be set up. Says which setting, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct ProtectError {
    /// What is wrong.
    pub kind: ProtectErrorKind,
}

/// What is wrong with a protection.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtectErrorKind {
    /// A secret that can be guessed.
    #[error("a secret of {0} bytes is too short; choose at least 32, at random")]
    ShortSecret(usize),
    /// More keys than are tried.
    #[error("more than {0} keys; leave out the oldest")]
    TooManyKeys(usize),
    /// A layer that protects nothing.
    #[error("protects nothing: call .references(…) or .cache_scopes(…)")]
    Nothing,
}

impl From<ProtectErrorKind> for ProtectError {
    fn from(kind: ProtectErrorKind) -> Self {
        Self { kind }
    }
}
