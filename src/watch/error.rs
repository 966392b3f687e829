use super::layer::MAX_GRACE;
use std::time::Duration;
use thiserror::Error;

/// A layer that cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("grace: {} s is too long; choose at most {} s", .grace.as_secs(), MAX_GRACE.as_secs())]
#[non_exhaustive]
pub struct WatchError {
    /// The grace that was asked for.
    pub grace: Duration,
}
