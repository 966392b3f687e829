use crate::gate::GateError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A configuration that cannot be used. Says where, which key, and what to do.
///
/// ```
/// use portcullis::gate::config::Config;
///
/// let error = Config::parse("[flood]\nrequests = 100\nper = \"minit\"\n").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "line 3, column 7: flood.per: \"minit\" is not a period; use \"second\", \"minute\", \"hour\" or \"day\""
/// );
/// ```
#[derive(Error)]
#[non_exhaustive]
pub struct ConfigError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    file: Option<PathBuf>,
    place: Option<Place>,
    key: String,
    kind: ConfigErrorKind,
}

/// A place in a text; both numbers begin with 1, columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// What is wrong with a configuration.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// The text is not TOML.
    #[error("{0}")]
    Syntax(String),
    /// A key that does not exist, a key that is missing, or a value of another type than the key's.
    #[error("{0}")]
    Shape(String),
    /// A value that the gate cannot use.
    #[error("{0}")]
    Value(String),
    /// A file that the configuration names cannot be used.
    #[error("{problem}")]
    File {
        /// The file, its folder included.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The configuration's own file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// Something that a gate needs is not there.
    #[error("{0}")]
    Missing(String),
    /// The gate cannot be built for a reason that no one key stands for.
    #[error("{0}")]
    Gate(#[source] GateError),
}

impl ConfigError {
    pub(super) fn new(key: impl Into<String>, place: Option<Place>, kind: ConfigErrorKind) -> Self {
        Self(Box::new(Inner { file: None, place, key: key.into(), kind }))
    }

    pub(super) fn in_file(mut self, file: Option<&Path>) -> Self {
        self.0.file = file.map(Path::to_owned);
        self
    }

    /// What is wrong.
    pub fn kind(&self) -> &ConfigErrorKind {
        &self.0.kind
    }

    /// The configuration's file, when it was read from one.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The key's path, such as `plans.free.requests[0].per`. Empty when the whole text is meant.
    pub fn key(&self) -> &str {
        &self.0.key
    }

    /// The line, counted from 1. There is none for what is missing altogether.
    pub fn line(&self) -> Option<usize> {
        self.0.place.map(|place| place.line)
    }

    /// The column in characters, counted from 1.
    pub fn column(&self) -> Option<usize> {
        self.0.place.map(|place| place.column)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { file, place, key, kind } = &*self.0;
        if let Some(file) = file {
            write!(f, "{}: ", file.display())?;
        }
        if let Some(Place { line, column }) = place {
            write!(f, "line {line}, column {column}: ")?;
        }
        if !key.is_empty() {
            write!(f, "{key}: ")?;
        }
        write!(f, "{kind}")
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigError")
            .field("file", &self.0.file)
            .field("line", &self.line())
            .field("column", &self.column())
            .field("key", &self.0.key)
            .field("kind", &self.0.kind)
            .finish()
    }
}
