use crate::exchange::Exchange;
use crate::refusal::{Refusal, RefusalKind};
use bytes::Bytes;
use http::Response;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// A layer for calls further on that cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct DelegateError {
    /// What is wrong.
    pub kind: DelegateErrorKind,
}

/// What [`DelegateError`] reports.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DelegateErrorKind {
    /// A setting is missing or wrong.
    #[error("`{field}`: {problem}")]
    Setting {
        /// The builder's method.
        field: &'static str,
        /// What to do.
        problem: String,
    },
}

pub(super) fn setting(field: &'static str, problem: impl Into<String>) -> DelegateError {
    DelegateError { kind: DelegateErrorKind::Setting { field, problem: problem.into() } }
}

/// Why a call further on came to no answer. What the next service answers, whatever its status, is no error.
#[derive(Debug)]
#[non_exhaustive]
pub enum OutboundError<E> {
    /// There was no call: the credential for it could not be had, or must not go there. The refusal names the hop.
    Refused(Refusal),
    /// There was a call, and the client beneath failed.
    Failed {
        /// What the next service is called.
        hop: Arc<str>,
        /// What the client says.
        error: E,
    },
}

impl<E: fmt::Display> OutboundError<E> {
    /// The refusal of the request that the call was for. A failure of the client becomes one (502) that names the hop; what the
    /// client says stands in its private cause.
    pub fn into_refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Failed { hop, error } => {
                Refusal::new(RefusalKind::UpstreamFailed, format!("{hop} could not be reached"))
                    .cause(format!("the call to {hop} failed: {error}"))
                    .rule("delegate:call")
            }
        }
    }

    /// The response that refuses the request of this exchange, in its client's own shape; the record says why.
    pub fn refuse(self, exchange: &Exchange) -> Response<Bytes> {
        exchange.refuse(self.into_refusal())
    }
}

impl<E: fmt::Display> fmt::Display for OutboundError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => fmt::Display::fmt(refusal, f),
            Self::Failed { hop, error } => write!(f, "the call to {hop} failed: {error}"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for OutboundError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(_) => None,
            Self::Failed { error, .. } => Some(error),
        }
    }
}
