use std::error::Error;
use std::time::Duration;
use thiserror::Error;

/// Why something could not be fetched, or why a client cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct FetchError {
    /// What was wrong.
    pub kind: FetchErrorKind,
}

impl From<FetchErrorKind> for FetchError {
    fn from(kind: FetchErrorKind) -> Self {
        Self { kind }
    }
}

impl FetchErrorKind {
    /// Whether nothing of the request was sent: it may not be, or no connection came about.
    #[cfg(feature = "forward")]
    pub(crate) fn is_unsent(&self) -> bool {
        match self {
            Self::Setting { .. }
            | Self::Url(_)
            | Self::NotPublic { .. }
            | Self::NotLoopback { .. }
            | Self::Resolve { .. }
            | Self::Connect(_)
            | Self::ConnectTimeout(_) => true,
            Self::Timeout(_) | Self::TooLarge { .. } | Self::Encoded | Self::Protocol(_) => false,
        }
    }
}

/// What [`FetchError`] reports.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// A setting of the client is missing or wrong.
    #[error("`{field}`: {problem}")]
    Setting {
        /// The builder's method.
        field: &'static str,
        /// What to do.
        problem: String,
    },
    /// The URL is none that may be fetched.
    #[error("the URL cannot be fetched: {0}")]
    Url(&'static str),
    /// The host has an address that is not public, and nobody said that it is internal.
    #[error("{host} has an address that is not public; list it as internal if it is one of yours")]
    NotPublic {
        /// The host.
        host: String,
    },
    /// The host is asked without encryption and is not this machine.
    #[error("{host} is not this machine, and without encryption nothing else is asked; use https")]
    NotLoopback {
        /// The host.
        host: String,
    },
    /// The name could not be resolved.
    #[error("{host} could not be resolved: {problem}")]
    Resolve {
        /// The host.
        host: String,
        /// What the resolver said.
        problem: String,
    },
    /// No connection came about, TLS included.
    #[error("no connection: {0}")]
    Connect(String),
    /// No connection came about in time, the name's addresses and TLS included.
    #[error("no connection within {} ms", .0.as_millis())]
    ConnectTimeout(Duration),
    /// The answer did not come in time.
    #[error("no whole answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// The answer is longer than the client takes.
    #[error("the answer is longer than {limit} bytes")]
    TooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
    /// The answer is compressed, which was not asked for.
    #[error("the answer is encoded, and nothing but an unencoded one was asked for")]
    Encoded,
    /// What came is no answer in HTTP, or it broke off.
    #[error("no HTTP answer: {0}")]
    Protocol(String),
}

/// An error and what lies behind it, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}
