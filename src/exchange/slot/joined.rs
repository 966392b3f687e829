//! Who opened an exchange, and so has to close it.

use super::{Exchange, Phase};
use crate::exchange::End;
use crate::exchange::pipeline::Pipeline;
use http::HeaderValue;
use std::ops::Deref;

/// An exchange, as one of our futures holds it. Whose future opened it tells every observer the end: when it is dropped before the
/// answer was sealed, that the client left.
#[derive(Debug)]
pub(crate) struct Joined {
    exchange: Exchange,
    /// Whether this one has to tell the end.
    opened: bool,
    /// The request's id for the answer, which whose future opened the exchange puts there.
    id: Option<HeaderValue>,
}

impl Joined {
    /// One that was opened here. `id` is for the answer.
    pub(super) fn opened(exchange: Exchange, id: HeaderValue) -> Self {
        Self { exchange, opened: true, id: Some(id) }
    }

    /// One that was opened further out.
    pub(super) fn another(exchange: Exchange) -> Self {
        Self { exchange, opened: false, id: None }
    }

    pub(in crate::exchange) fn is_opened(&self) -> bool {
        self.opened
    }

    pub(in crate::exchange) fn take_id(&mut self) -> Option<HeaderValue> {
        self.id.take()
    }

    /// If it was opened here, tells every observer the end. False when it was not, or the answer was sealed, so that its driver
    /// tells them.
    pub(crate) fn close(&mut self, end: End) -> bool {
        if !std::mem::replace(&mut self.opened, false) {
            return false;
        }
        let Some(observers) = self.exchange.leave_open(Phase::Closed) else { return false };
        Pipeline::new(observers, self.exchange.clone()).end(end);
        true
    }

    /// Ends an exchange of which no answer is driven any more. False when observers wait for one that nobody drives.
    pub(crate) fn complete(&mut self) -> bool {
        let mut state = self.exchange.state();
        if state.phase == Phase::Open {
            if !state.observers.is_empty() {
                return false;
            }
            state.phase = Phase::Closed;
            self.exchange.fill_in(&mut state.record, End::Complete);
        }
        self.opened = false;
        true
    }
}

impl Deref for Joined {
    type Target = Exchange;

    fn deref(&self) -> &Exchange {
        &self.exchange
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.close(End::Aborted);
    }
}
