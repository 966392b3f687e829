use super::Revocations;
use hashbrown::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// Who waits for something to be put in.
#[derive(Default)]
pub(super) struct Listeners {
    /// How often something was put in.
    changes: AtomicU64,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    wakers: HashMap<u64, Waker>,
    next: u64,
}

impl Listeners {
    /// Tells everybody. What was put in must be readable already.
    pub(super) fn tell(&self) {
        self.changes.fetch_add(1, Ordering::Release);
        // Woken without the lock: a waker may run what it wakes.
        let wakers: Vec<Waker> = self.waiting().wakers.values().cloned().collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds out whether something was put in since it last looked.
pub(crate) struct Listener {
    revocations: Revocations,
    /// How many changes there had been; `None` before the first look.
    seen: Option<u64>,
    /// Where it waits, and who is woken.
    place: Option<(u64, Waker)>,
}

impl Listener {
    pub(super) fn new(revocations: Revocations) -> Self {
        Self { revocations, seen: None, place: None }
    }

    pub(crate) fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// Whether there is something new; the first time there is.
    pub(crate) fn has_news(&mut self) -> bool {
        let changes = self.revocations.0.listeners.changes.load(Ordering::Acquire);
        self.seen.replace(changes) != Some(changes)
    }

    /// Has the task of `cx` woken by whatever is put in from now on. Ask [`has_news`](Self::has_news) afterwards, for what was put in
    /// meanwhile.
    pub(crate) fn wake(&mut self, cx: &mut Context<'_>) {
        if self.place.as_ref().is_some_and(|(_, waker)| waker.will_wake(cx.waker())) {
            return;
        }
        let mut waiting = self.revocations.0.listeners.waiting();
        let number = match self.place.take() {
            Some((number, _)) => number,
            None => {
                waiting.next += 1;
                waiting.next
            }
        };
        waiting.wakers.insert(number, cx.waker().clone());
        drop(waiting);
        self.place = Some((number, cx.waker().clone()));
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some((number, _)) = self.place.take() {
            let waker = self.revocations.0.listeners.waiting().wakers.remove(&number);
            // After the lock is free: what a waker drops may be a listener itself.
            drop(waker);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("waits", &self.place.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Listeners {
    pub(super) fn len(&self) -> usize {
        self.waiting().wakers.len()
    }
}
