use crate::fetch::chain;
use thiserror::Error;

/// Why a client cannot be built, a call came to no answer, or an answer broke off. It repeats no URL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct ReqwestError {
    /// What was wrong.
    pub kind: ReqwestErrorKind,
}

/// What [`ReqwestError`] reports.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReqwestErrorKind {
    /// A setting of the client is wrong.
    #[error("`{field}`: {problem}")]
    Setting {
        /// The builder's method, reqwest's or this crate's.
        field: &'static str,
        /// What to do.
        problem: String,
    },
    /// The request was not sent: reqwest reads its URI in another way, or must not be asked for it.
    #[error("the request cannot be sent: {0}")]
    Uri(&'static str),
    /// No connection came about, or not in time, TLS included; nothing was sent.
    #[error("no connection: {0}")]
    Connect(String),
    /// The head of the answer, or its next piece, did not come in time.
    #[error("too late: {0}")]
    Timeout(String),
    /// What came is no answer in HTTP, or it broke off.
    #[error("no HTTP answer: {0}")]
    Protocol(String),
}

impl From<ReqwestErrorKind> for ReqwestError {
    fn from(kind: ReqwestErrorKind) -> Self {
        Self { kind }
    }
}

impl ReqwestError {
    /// Of a call, or of an answer that is on its way.
    pub(super) fn of(error: reqwest::Error) -> Self {
        // A query may hold what no log should.
        let error = error.without_url();
        let said = chain(&error);
        let kind = if error.is_connect() {
            ReqwestErrorKind::Connect(said)
        } else if error.is_timeout() {
            ReqwestErrorKind::Timeout(said)
        } else {
            ReqwestErrorKind::Protocol(said)
        };
        kind.into()
    }
}

pub(super) fn setting(field: &'static str, problem: impl Into<String>) -> ReqwestError {
    ReqwestErrorKind::Setting { field, problem: problem.into() }.into()
}
