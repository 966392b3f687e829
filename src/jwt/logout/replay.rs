use hashbrown::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many are remembered.
const MOST: usize = 10_000;

/// The logout tokens that have come, by issuer and `jti`. Only verified ones, so that a stranger can push none out.
#[derive(Debug, Default)]
pub(super) struct Replays(Mutex<HashMap<(usize, Box<str>), Duration>>);

impl Replays {
    /// Whether this one comes for the first time. It is remembered until `forget_at`, on the clock that never steps back.
    pub(super) fn is_first(&self, issuer: usize, id: &str, now: Duration, forget_at: Duration) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (issuer, Box::from(id));
        if seen.get(&key).is_some_and(|until| now < *until) {
            return false;
        }
        if seen.len() >= MOST {
            seen.retain(|_, until| now < *until);
        }
        // One that comes again does again what was done: forgetting it early loses nothing but the error.
        if seen.len() >= MOST
            && let Some(first) = seen.iter().min_by_key(|(_, until)| **until).map(|(key, _)| key.clone())
        {
            seen.remove(&first);
        }
        seen.insert(key, forget_at);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_identifier_counts_once_for_each_issuer_until_it_is_forgotten() {
        let replays = Replays::default();
        assert!(replays.is_first(0, "a", at(0), at(60)));
        assert!(!replays.is_first(0, "a", at(59), at(60)));
        assert!(replays.is_first(1, "a", at(59), at(60)));
        assert!(replays.is_first(0, "a", at(60), at(120)));
    }

    #[test]
    fn no_more_than_the_bound_are_remembered_and_the_first_to_end_leaves() {
        let replays = Replays::default();
        for n in 0..MOST as u64 + 100 {
            assert!(replays.is_first(0, &n.to_string(), at(0), at(100 + n)));
        }
        assert_eq!(replays.0.lock().unwrap().len(), MOST);
        assert!(!replays.is_first(0, "100", at(0), at(1)));
        assert!(replays.is_first(0, "99", at(0), at(1)));
    }
}
