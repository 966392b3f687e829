use crate::authorize::kept::Kept;
use std::time::Duration;

/// How many decisions each half remembers.
const HALF: usize = 8 * 1024;

/// Decisions, by the SHA-256 of what was asked.
#[derive(Debug)]
pub(super) struct Remembered(Kept<[u8; 32], Decision>);

#[derive(Clone, Copy, Debug)]
struct Decision {
    permits: bool,
    /// On the clock that only goes forward.
    until: Duration,
}

impl Default for Remembered {
    fn default() -> Self {
        Self(Kept::new(HALF))
    }
}

impl Remembered {
    pub(super) fn find(&self, question: &[u8; 32], now: Duration) -> Option<bool> {
        let decision = self.0.find(question)?;
        (now < decision.until).then_some(decision.permits)
    }

    pub(super) fn keep(&self, question: [u8; 32], permits: bool, until: Duration) {
        self.0.keep(question, Decision { permits, until });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_remembered_until_its_time() {
        let (remembered, soon) = (Remembered::default(), Duration::from_secs(9));
        remembered.keep([1; 32], true, soon);
        remembered.keep([2; 32], false, soon);
        assert_eq!(remembered.find(&[1; 32], Duration::ZERO), Some(true));
        assert_eq!(remembered.find(&[2; 32], Duration::ZERO), Some(false));
        assert_eq!(remembered.find(&[1; 32], soon), None);
        assert_eq!(remembered.find(&[3; 32], Duration::ZERO), None);
    }
}
