use super::StsError;
use crate::clock::SharedClock;
use crate::jose::{Algorithm, JoseError, KeySet, SigningKey};
use crate::jwt::{KeySource, Refresh};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The keys that sign what is issued: one now, one that is published already, and those before until all that they signed has ended.
pub(super) struct Keys {
    algorithm: Algorithm,
    /// How long a key signs; for good when `None`.
    period: Option<Duration>,
    /// How long what a key signed lives at most.
    keep: Duration,
    clock: SharedClock,
    state: Mutex<State>,
}

struct State {
    current: Arc<SigningKey>,
    next: Option<Arc<SigningKey>>,
    /// When the current one stops, on the clock that never steps back.
    rotate_at: Duration,
    before: Vec<(Arc<SigningKey>, Duration)>,
    published: Arc<KeySet>,
}

impl Keys {
    /// Keys that are made here and follow one another.
    pub(super) fn rotating(
        algorithm: Algorithm,
        period: Duration,
        keep: Duration,
        clock: SharedClock,
    ) -> Result<Self, StsError> {
        let (current, next) = (Arc::new(generate(algorithm)?), Arc::new(generate(algorithm)?));
        let state = State {
            current,
            next: Some(next),
            rotate_at: clock.elapsed().saturating_add(period),
            before: Vec::new(),
            published: Arc::default(),
        };
        Self::of(algorithm, Some(period), keep, clock, state)
    }

    /// One key for good.
    pub(super) fn fixed(key: SigningKey, keep: Duration, clock: SharedClock) -> Result<Self, StsError> {
        let algorithm = key.algorithm();
        let state = State {
            current: Arc::new(key),
            next: None,
            rotate_at: Duration::MAX,
            before: Vec::new(),
            published: Arc::default(),
        };
        Self::of(algorithm, None, keep, clock, state)
    }

    fn of(
        algorithm: Algorithm,
        period: Option<Duration>,
        keep: Duration,
        clock: SharedClock,
        mut state: State,
    ) -> Result<Self, StsError> {
        state.publish()?;
        Ok(Self { algorithm, period, keep, clock, state: Mutex::new(state) })
    }

    /// The key that signs now.
    pub(super) fn current(&self) -> Arc<SigningKey> {
        self.state().current.clone()
    }

    /// The key set as it is published (RFC 7517 §5).
    pub(super) fn jwks(&self) -> String {
        let state = self.state();
        let keys: Vec<String> = state.all().map(|key| key.public_jwk()).collect();
        format!(r#"{{"keys":[{}]}}"#, keys.join(","))
    }

    /// What signs, for whoever reads it.
    pub(super) fn describe_keys(&self) -> String {
        match self.period {
            Some(period) => format!("{}, a new key every {} s", self.algorithm.name(), period.as_secs()),
            None => format!("{}, one key for good", self.algorithm.name()),
        }
    }

    /// The state as it is now: whoever looks first after its time rotates the keys.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.elapsed();
        let count = state.before.len();
        state.before.retain(|(_, until)| now < *until);
        let mut changed = state.before.len() != count;
        if let Some(period) = self.period
            && now >= state.rotate_at
        {
            match generate(self.algorithm) {
                Ok(new) => {
                    let next = state.next.replace(Arc::new(new));
                    if let Some(next) = next {
                        let stopped = std::mem::replace(&mut state.current, next);
                        state.before.push((stopped, now.saturating_add(self.keep)));
                    }
                    state.rotate_at = now.saturating_add(period);
                    changed = true;
                }
                // The one that there is signs on; whoever looks next tries again.
                Err(error) => tracing::error!(%error, "no new signing key could be made"),
            }
        }
        if changed && let Err(error) = state.publish() {
            tracing::error!(%error, "a key that was just made cannot be read");
        }
        state
    }
}

impl State {
    fn all(&self) -> impl Iterator<Item = &Arc<SigningKey>> {
        [&self.current].into_iter().chain(&self.next).chain(self.before.iter().map(|(key, _)| key))
    }

    fn publish(&mut self) -> Result<(), JoseError> {
        let keys: Vec<String> = self.all().map(|key| key.public_jwk()).collect();
        self.published = Arc::new(KeySet::from_jwks(format!(r#"{{"keys":[{}]}}"#, keys.join(",")))?);
        Ok(())
    }
}

fn generate(algorithm: Algorithm) -> Result<SigningKey, JoseError> {
    match algorithm {
        Algorithm::EdDsa => SigningKey::generate_ed25519(),
        _ => SigningKey::generate_p256(),
    }
}

/// For what is shown again: a credential that this exchange issued.
impl KeySource for Keys {
    fn snapshot(&self) -> Arc<KeySet> {
        Arc::clone(&self.state().published)
    }

    fn refresh(&self) -> Refresh {
        Refresh::Ready
    }

    fn describe(&self) -> String {
        "its own keys".to_owned()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("algorithm", &self.algorithm)
            .field("period", &self.period)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixTime;
    use crate::testing::FakeClock;

    const HOUR: Duration = Duration::from_secs(3600);
    const MINUTE: Duration = Duration::from_secs(60);

    /// The names of the keys as they are published: the one that signs, the next, and those before.
    fn names(keys: &Keys) -> Vec<String> {
        let set: serde_json::Value = serde_json::from_str(&keys.jwks()).unwrap();
        let set = set["keys"].as_array().unwrap();
        assert_eq!(set.len(), keys.snapshot().keys().len(), "what is believed here is what is published");
        set.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_key_is_published_a_period_before_it_signs_and_until_all_that_it_signed_has_ended() {
        let clock = FakeClock::at(UnixTime::from_secs(1_800_000_000));
        let keys = Keys::rotating(Algorithm::Es256, HOUR, MINUTE, clock.shared()).unwrap();
        let first = names(&keys);
        assert_eq!((first.len(), first[0].as_str()), (2, keys.current().kid()));
        clock.advance(HOUR - Duration::from_nanos(1));
        assert_eq!(names(&keys), first);
        clock.advance(Duration::from_nanos(1));
        let second = names(&keys);
        assert_eq!((second.len(), &second[0], &second[2]), (3, &first[1], &first[0]));
        clock.advance(MINUTE);
        assert_eq!(names(&keys), second[..2]);
        // Nobody looked for a day: the one that was published then signs all the same.
        clock.advance(24 * HOUR);
        let third = names(&keys);
        assert_eq!((third.len(), &third[0], &third[2]), (3, &second[1], &second[0]));
    }
}
