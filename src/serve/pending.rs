use crate::principal::{AddressPrefix, ClientAddress};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The handshakes that are not done.
///
/// When there are too many, the oldest gives way: an honest client is done within a round trip or two, so that those who keep
/// silent are the oldest, and whoever wants to push others out must open connections faster than they shake hands.
#[derive(Debug)]
pub(super) struct Pending {
    most: usize,
    most_of_one: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// By age.
    waiting: BTreeMap<u64, Waiting>,
    of_one: HashMap<AddressPrefix, usize>,
}

#[derive(Debug)]
struct Waiting {
    prefix: AddressPrefix,
    /// Dropped, it tells the handshake to end.
    _displace: oneshot::Sender<()>,
}

impl Pending {
    pub(super) fn new(most: usize, most_of_one: usize) -> Self {
        Self { most, most_of_one, state: Mutex::default() }
    }

    /// A place for a handshake with a client at `address`. It is done with when it is dropped.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Place {
        let prefix = ClientAddress::new(address).prefix();
        let (displace, displaced) = oneshot::channel();
        let mut state = self.state();
        if state.of_one.get(&prefix).is_some_and(|count| *count >= self.most_of_one) {
            state.displace(Some(prefix));
        } else if state.waiting.len() >= self.most {
            state.displace(None);
        }
        let number = state.next;
        state.next += 1;
        state.waiting.insert(number, Waiting { prefix, _displace: displace });
        *state.of_one.entry(prefix).or_default() += 1;
        Place { pending: self.clone(), number, displaced }
    }

    /// How many wait.
    pub(super) fn count(&self) -> usize {
        self.state().waiting.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Ends the oldest, or the oldest of that prefix.
    fn displace(&mut self, of: Option<AddressPrefix>) {
        let oldest =
            self.waiting.iter().find(|(_, waiting)| of.is_none_or(|prefix| waiting.prefix == prefix));
        if let Some(number) = oldest.map(|(number, _)| *number) {
            self.leave(number);
        }
    }

    fn leave(&mut self, number: u64) {
        let Some(Waiting { prefix, .. }) = self.waiting.remove(&number) else { return };
        if let Some(count) = self.of_one.get_mut(&prefix) {
            *count -= 1;
            if *count == 0 {
                self.of_one.remove(&prefix);
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Place {
    pending: Arc<Pending>,
    number: u64,
    displaced: oneshot::Receiver<()>,
}

impl Place {
    /// Is ready when another handshake takes this place.
    pub(super) async fn displaced(&mut self) {
        // Nobody sends: the sender is dropped.
        let _ = (&mut self.displaced).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pending.state().leave(self.number);
    }
}
