use std::path::PathBuf;
use thiserror::Error;

/// Policies that cannot be used. Says which file or setting, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct CedarError {
    /// What is wrong.
    pub kind: CedarErrorKind,
}

/// What is wrong with policies.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CedarErrorKind {
    /// A file that cannot be read.
    #[error("the file {path} cannot be read: {problem}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The policies are not Cedar.
    #[error("policies: {0}")]
    Policies(String),
    /// There is none, and without one nobody may do anything.
    #[error("policies: there is none; an empty set permits nobody")]
    NoPolicy,
    /// A template that nothing links.
    #[error("policies: the template {0} is linked by nothing; write the principal or the resource out")]
    Template(String),
    /// The schema is none.
    #[error("schema: {0}")]
    Schema(String),
    /// The schema does not bear a policy out.
    #[error("policies: {0}")]
    Invalid(String),
    /// The entities are not what the schema says.
    #[error("entities: {0}")]
    Entities(String),
    /// No time zone has that name.
    #[error("zone: {0:?} is no time zone; write one of the IANA's names, such as \"Europe/Berlin\"")]
    Zone(String),
    /// The policies were not read from files.
    #[error("the policies came as text; there is no file to read again")]
    NoFiles,
}

impl From<CedarErrorKind> for CedarError {
    fn from(kind: CedarErrorKind) -> Self {
        Self { kind }
    }
}
