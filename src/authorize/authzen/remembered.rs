use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many decisions each half remembers.
const HALF: usize = 8 * 1024;

/// Decisions, by the SHA-256 of what was asked. When the newer half is full, it becomes the older one, and what stood there is
/// forgotten: nobody waits while all are looked through.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<Halves>);

#[derive(Debug, Default)]
struct Halves {
    newer: HashMap<[u8; 32], Decision>,
    older: HashMap<[u8; 32], Decision>,
}

#[derive(Clone, Copy, Debug)]
struct Decision {
    permits: bool,
    /// On the clock that only goes forward.
    until: Duration,
}

impl Remembered {
    pub(super) fn find(&self, question: &[u8; 32], now: Duration) -> Option<bool> {
        let halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let decision = *halves.newer.get(question).or_else(|| halves.older.get(question))?;
        (now < decision.until).then_some(decision.permits)
    }

    pub(super) fn keep(&self, question: [u8; 32], permits: bool, until: Duration) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut forgotten = HashMap::new();
        if halves.newer.len() >= HALF {
            let full = std::mem::take(&mut halves.newer);
            forgotten = std::mem::replace(&mut halves.older, full);
        }
        halves.newer.insert(question, Decision { permits, until });
        drop(halves);
        drop(forgotten);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_last_is_remembered_however_much_is_asked() {
        let (remembered, soon) = (Remembered::default(), Duration::from_secs(9));
        let question = |n: usize| {
            let mut question = [0; 32];
            question[..8].copy_from_slice(&n.to_be_bytes());
            question
        };
        for n in 0..5 * HALF {
            remembered.keep(question(n), n % 2 == 0, soon);
            assert_eq!(remembered.find(&question(n), Duration::ZERO), Some(n % 2 == 0));
        }
        assert_eq!(remembered.find(&question(0), Duration::ZERO), None);
        for n in 4 * HALF..5 * HALF {
            assert_eq!(remembered.find(&question(n), Duration::ZERO), Some(n % 2 == 0));
            assert_eq!(remembered.find(&question(n), soon), None);
        }
        let halves = remembered.0.lock().unwrap();
        assert!(halves.newer.len() + halves.older.len() <= 2 * HALF);
    }
}
