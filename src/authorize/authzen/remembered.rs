use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many decisions are remembered. Beyond them, none is added until some have ended.
const MOST: usize = 16 * 1024;

/// Decisions, by the SHA-256 of what was asked.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<HashMap<[u8; 32], Decision>>);

#[derive(Clone, Copy, Debug)]
struct Decision {
    permits: bool,
    /// On the clock that only goes forward.
    until: Duration,
}

impl Remembered {
    pub(super) fn find(&self, question: &[u8; 32], now: Duration) -> Option<bool> {
        let decision = *self.lock().get(question)?;
        (now < decision.until).then_some(decision.permits)
    }

    pub(super) fn keep(&self, question: [u8; 32], permits: bool, now: Duration, until: Duration) {
        let mut decisions = self.lock();
        if decisions.len() >= MOST {
            decisions.retain(|_, decision| now < decision.until);
        }
        if decisions.len() < MOST {
            decisions.insert(question, Decision { permits, until });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Decision>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
