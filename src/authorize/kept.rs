use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// What was worked out before, bounded in number. When the newer half is full, it becomes the older one, and what stood there is
/// forgotten: nobody waits while all are looked through.
pub(super) struct Kept<K, V> {
    half: usize,
    halves: Mutex<Halves<K, V>>,
}

struct Halves<K, V> {
    newer: HashMap<K, V>,
    older: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    /// Room for so many in each half.
    pub(super) fn new(half: usize) -> Self {
        Self { half, halves: Mutex::new(Halves { newer: HashMap::new(), older: HashMap::new() }) }
    }

    pub(super) fn find(&self, key: &K) -> Option<V> {
        let halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        halves.newer.get(key).or_else(|| halves.older.get(key)).cloned()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        halves.newer.len() + halves.older.len()
    }

    pub(super) fn keep(&self, key: K, value: V) {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        let mut forgotten = HashMap::new();
        if halves.newer.len() >= self.half {
            let full = std::mem::take(&mut halves.newer);
            forgotten = std::mem::replace(&mut halves.older, full);
        }
        halves.newer.insert(key, value);
        drop(halves);
        drop(forgotten);
    }
}

impl<K, V> fmt::Debug for Kept<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("half", &self.half).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_last_is_found_however_much_is_kept() {
        let kept = Kept::new(100);
        for n in 0..500 {
            kept.keep(n, n % 2);
            assert_eq!(kept.find(&n), Some(n % 2));
        }
        assert_eq!(kept.find(&0), None);
        for n in 400..500 {
            assert_eq!(kept.find(&n), Some(n % 2));
        }
        assert!(kept.len() <= 200);
    }
}
