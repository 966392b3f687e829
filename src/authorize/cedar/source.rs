use cedar_policy::{Entity, EntityUid};
use std::fmt;
use thiserror::Error;

/// Where entities come from beyond credentials and the entities file: a directory that is held in memory, the application's own
/// data. It is asked on the way of each request, about the principal and about each thing: nothing that it says is remembered. It must not
/// wait.
pub trait EntitySource: fmt::Debug + Send + Sync + 'static {
    /// What is known of this principal, or of this thing, and of those that it refers to; nothing, where nothing is known.
    ///
    /// # Errors
    /// When it cannot be said: the request is refused.
    fn find(&self, uid: &EntityUid) -> Result<Vec<Entity>, EntitySourceError>;
}

/// A source that cannot say what it knows.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the entities cannot be found: {0}")]
pub struct EntitySourceError(pub String);
