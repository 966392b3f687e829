use hashbrown::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OnceCell;

/// Has one question under way at a time about each key; whoever else asks waits for its answer.
pub(crate) struct SingleFlight<K, T>(Mutex<HashMap<K, Arc<OnceCell<T>>>>);

impl<K: Copy + Eq + Hash, T: Clone> SingleFlight<K, T> {
    /// The answer that `ask` brings, or that of somebody who asked before and is still waiting. Should that one leave, the next one
    /// in the queue asks.
    pub(crate) async fn join<F: Future<Output = T>>(&self, key: K, ask: impl FnOnce() -> F) -> T {
        let cell = Arc::clone(self.lock().entry(key).or_default());
        let flight = Flight { flights: self, key, cell: Some(cell) };
        let cell = flight.cell.as_ref().expect("it is taken when the flight is dropped");
        cell.get_or_init(ask).await.clone()
    }
}

impl<K, T> SingleFlight<K, T> {
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<OnceCell<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits for an answer. The last one to leave takes the question off the list, however it ends.
struct Flight<'a, K: Eq + Hash, T> {
    flights: &'a SingleFlight<K, T>,
    key: K,
    /// There until it is dropped.
    cell: Option<Arc<OnceCell<T>>>,
}

impl<K: Eq + Hash, T> Drop for Flight<'_, K, T> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        let Some(cell) = self.cell.take() else { return };
        // Whoever comes after the answer asks again, if it was not worth remembering.
        let is_ours = flights.get(&self.key).is_some_and(|held| Arc::ptr_eq(held, &cell));
        if is_ours && (cell.initialized() || Arc::strong_count(&cell) == 2) {
            flights.remove(&self.key);
        }
        // Before the list is let go of: else of two who leave at once each would see the other, and neither be the last.
        drop(cell);
    }
}

impl<K, T> Default for SingleFlight<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K, T> fmt::Debug for SingleFlight<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SingleFlight")
    }
}
