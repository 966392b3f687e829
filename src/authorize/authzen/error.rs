use thiserror::Error;

/// A decision point that cannot be asked, or that did not answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct AuthZenError {
    /// What is wrong.
    pub kind: AuthZenErrorKind,
}

/// What is wrong with a decision point.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AuthZenErrorKind {
    /// The endpoint is no URL that can be asked.
    #[error("endpoint: {0:?} is no URL that can be asked; write https://…/access/v1/evaluation")]
    Endpoint(String),
    /// A secret that no header can hold.
    #[error("bearer: holds what no header can; write it without line ends")]
    Bearer,
    /// There was no answer.
    #[error("the decision point cannot be asked: {0}")]
    Unreachable(String),
    /// There was no answer in time.
    #[error("the decision point did not answer within {0} ms")]
    TooLate(u128),
    /// More questions are under way than are waited for.
    #[error("{0} questions are under way already")]
    Busy(usize),
    /// It answered with another status than 200.
    #[error("the decision point answered {0}")]
    Status(u16),
    /// It answered with something else than a decision.
    #[error("the decision point's answer holds no decision: {0}")]
    Answer(String),
}

impl From<AuthZenErrorKind> for AuthZenError {
    fn from(kind: AuthZenErrorKind) -> Self {
        Self { kind }
    }
}
