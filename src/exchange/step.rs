use super::{Exchange, StepId};
use crate::refusal::Refusal;
use http::{request, response};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// One check on the way in, with a look at the head of the answer on the way out.
///
/// A step reads facts from the [`Exchange`] and writes its own there. A fact that it needs and that is missing is a
/// refusal ([`Refusal::stacked_wrongly`]), never a pass.
pub trait Step: Send + Sync + 'static {
    /// Its place in the record.
    fn id(&self) -> StepId;

    /// Looks at the head of the request. May change it: take a credential out, add a header.
    fn check(&self, parts: &mut request::Parts, exchange: &Exchange) -> Check;

    /// Looks at the head of the answer, or of a refusal by this step or one inside of it. Called only after
    /// [`check`](Step::check) ran.
    fn answer(&self, _parts: &mut response::Parts, _exchange: &Exchange) {}
}

/// What a [`Step`] says.
#[derive(Debug)]
pub enum Check {
    /// The next step may look.
    Permit,
    /// The next step may look, and the record says that there was nothing to check: the route is open, or has no body.
    Skip,
    /// The request ends here.
    Refuse(Refusal),
    /// The step waits for something: a store, a decision point.
    Later(Later),
}

impl From<Result<(), Refusal>> for Check {
    fn from(result: Result<(), Refusal>) -> Self {
        match result {
            Ok(()) => Self::Permit,
            Err(refusal) => Self::Refuse(refusal),
        }
    }
}

/// What a step says in the end.
pub type Decision = Result<(), Refusal>;

/// A decision that is still being made. Facts that it finds go into the [`Exchange`], of which it holds a clone.
pub struct Later(Pin<Box<dyn Future<Output = Decision> + Send>>);

impl Later {
    /// Boxes the future that decides.
    pub fn new(decision: impl Future<Output = Decision> + Send + 'static) -> Self {
        Self(Box::pin(decision))
    }
}

impl Future for Later {
    type Output = Decision;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Decision> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Later")
    }
}
