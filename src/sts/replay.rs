use hashbrown::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many assertions of one client are remembered.
const OF_ONE: usize = 4_096;

/// The assertions of clients that have come, by client and `jti`. Only verified ones, so that nobody fills the room of another.
#[derive(Debug, Default)]
pub(super) struct Replays(Mutex<HashMap<usize, HashMap<Box<str>, Duration>>>);

impl Replays {
    /// Whether this one comes for the first time, and is remembered until `forget_at`, on the clock that never steps back. Without room,
    /// it could not be told from one that comes again.
    pub(super) fn is_first(&self, client: usize, id: &str, now: Duration, forget_at: Duration) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.entry(client).or_default();
        if seen.get(id).is_some_and(|until| now < *until) {
            return false;
        }
        if seen.len() >= OF_ONE {
            seen.retain(|_, until| now < *until);
        }
        if seen.len() >= OF_ONE {
            return false;
        }
        seen.insert(id.into(), forget_at);
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
    fn an_identifier_counts_once_for_each_client_until_it_is_forgotten_and_a_full_room_refuses() {
        let replays = Replays::default();
        assert!(replays.is_first(0, "a", at(0), at(60)));
        assert!(!replays.is_first(0, "a", at(59), at(60)));
        assert!(replays.is_first(1, "a", at(0), at(60)));
        for n in 1..OF_ONE {
            assert!(replays.is_first(0, &n.to_string(), at(0), at(60)));
        }
        assert!(!replays.is_first(0, "new", at(59), at(100)));
        assert!(replays.is_first(1, "new", at(59), at(100)));
        assert!(replays.is_first(0, "new", at(60), at(100)));
    }
}
