//! Keys that are fetched: when, how often, and what holds meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL};
use http::{HeaderMap, Request, StatusCode, Uri};
use tokio::sync::watch;

use super::keys::Refresh;
use super::place::Place;
use super::{JwtError, JwtErrorKind};
use crate::clock::{SharedClock, nanos};
use crate::fetch::Fetch;
use crate::jose::{KeySet, SkippedKey};
use crate::refusal::escaped;

/// How often, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) refresh_every: Duration,
    pub(super) cool_down: Duration,
    pub(super) keep_for: Duration,
}

/// How it stands with keys that are fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeysStatus {
    /// How many keys count now. None before the first fetch, and when the issuer could not be asked for too long.
    pub keys: usize,
    /// The keys of the last set that cannot be used, and why.
    pub skipped: Vec<SkippedKey>,
    /// How old the last good answer is.
    pub age: Option<Duration>,
    /// How often fetching was begun.
    pub fetches: u64,
    /// How often it failed.
    pub failures: u64,
    /// How often a key was not known while the cool-down forbade to look for it.
    pub held_back: u64,
    /// Why the last fetch failed, if it did.
    pub problem: Option<String>,
}

/// The engine behind [`Jwks`](super::Jwks).
pub(super) struct Remote {
    place: Place,
    client: Arc<dyn Fetch>,
    clock: SharedClock,
    pace: Pace,
    keys: ArcSwap<KeySet>,
    /// What there is when the keys are too old.
    nothing: Arc<KeySet>,
    // Moments are nanoseconds of the clock that never steps back.
    /// From when on the keys are too old. 0 before the first fetch.
    refuse_from: AtomicU64,
    /// When the next scheduled fetch is due.
    next_refresh: AtomicU64,
    fetches: AtomicU64,
    failures: AtomicU64,
    held_back: AtomicU64,
    /// Never held while something is fetched.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The fetch under way. It is over when its sender is gone, however it ended.
    flight: Option<watch::Receiver<()>>,
    /// From when on a key that is not known may make it look again.
    next_look: Duration,
    /// When the last good answer was asked for.
    fetched_at: Option<Duration>,
    problem: Option<String>,
}

impl State {
    fn under_way(&self) -> Option<watch::Receiver<()>> {
        self.flight.clone().filter(|flight| flight.has_changed().is_ok())
    }
}

/// What a good answer holds.
struct Fetched {
    keys: KeySet,
    lifetime: Option<Duration>,
}

impl Remote {
    pub(super) fn new(place: Place, client: Arc<dyn Fetch>, clock: SharedClock, pace: Pace) -> Self {
        let nothing = Arc::new(KeySet::default());
        Self {
            place,
            client,
            clock,
            pace,
            keys: ArcSwap::new(Arc::clone(&nothing)),
            nothing,
            refuse_from: AtomicU64::new(0),
            next_refresh: AtomicU64::new(0),
            fetches: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            held_back: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn snapshot(self: &Arc<Self>) -> Arc<KeySet> {
        let now = nanos(self.clock.elapsed());
        let due = self.next_refresh.load(Ordering::Relaxed);
        if now >= due {
            self.refresh_in_background(now, due);
        }
        if now >= self.refuse_from.load(Ordering::Acquire) {
            return Arc::clone(&self.nothing);
        }
        self.keys.load_full()
    }

    pub(super) fn is_available(&self) -> bool {
        nanos(self.clock.elapsed()) < self.refuse_from.load(Ordering::Acquire)
    }

    /// A key was not known.
    pub(super) fn refresh(self: &Arc<Self>) -> Refresh {
        let mut state = self.state();
        let Some(flight) = state.under_way() else {
            return match self.look(&mut state) {
                Some(flight) => Refresh::later(ended(flight)),
                None => Refresh::Ready,
            };
        };
        drop(state);
        // It may have asked before the key was published. If there were no keys at all, it asked for this one.
        let again = self.is_available().then(|| Arc::clone(self));
        Refresh::later(async move {
            ended(flight).await;
            let Some(remote) = again else { return };
            let flight = {
                let mut state = remote.state();
                state.under_way().or_else(|| remote.look(&mut state))
            };
            if let Some(flight) = flight {
                ended(flight).await;
            }
        })
    }

    pub(super) async fn load(self: &Arc<Self>) -> Result<(), JwtError> {
        let flight = self.fly(&mut self.state());
        let Some(flight) = flight else {
            return Err(self.not_fetched("call this inside of a tokio runtime".to_owned()));
        };
        ended(flight).await;
        let problem = self.state().problem.clone();
        problem.map_or(Ok(()), |problem| Err(self.not_fetched(problem)))
    }

    pub(super) fn status(&self) -> KeysStatus {
        let keys = self.keys.load();
        let state = self.state();
        KeysStatus {
            keys: if self.is_available() { keys.keys().len() } else { 0 },
            skipped: keys.skipped().to_vec(),
            age: state.fetched_at.map(|at| self.clock.elapsed().saturating_sub(at)),
            fetches: self.fetches.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            held_back: self.held_back.load(Ordering::Relaxed),
            problem: state.problem.clone(),
        }
    }

    pub(super) fn describe(&self) -> String {
        let Pace { refresh_every, cool_down, keep_for } = self.pace;
        let from = match self.place.is_found_by_metadata() {
            true => "found by",
            false => "from",
        };
        format!(
            "keys {from} {}, every {} s, for an unknown key once in {} s, kept for {} s",
            self.place.first(),
            refresh_every.as_secs(),
            cool_down.as_secs(),
            keep_for.as_secs()
        )
    }

    /// Whoever finds it due starts it; no request waits for it.
    fn refresh_in_background(self: &Arc<Self>, now: u64, due: u64) {
        // If it fails, the next attempt has its time already.
        let next = now.saturating_add(nanos(self.pace.cool_down));
        if self.next_refresh.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.fly(&mut self.state());
        }
    }

    /// Begins a look for a key that is not known, unless the last one was too short ago. By time alone: what is asked for does
    /// not matter, and what came of it neither.
    fn look(self: &Arc<Self>, state: &mut State) -> Option<watch::Receiver<()>> {
        let now = self.clock.elapsed();
        if now < state.next_look {
            self.held_back.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        state.next_look = now.saturating_add(self.pace.cool_down);
        self.fly(state)
    }

    /// Begins a fetch, or joins the one under way. It goes on when the request that began it is dropped.
    fn fly(self: &Arc<Self>, state: &mut State) -> Option<watch::Receiver<()>> {
        if let Some(flight) = state.under_way() {
            return Some(flight);
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            tracing::warn!(from = %self.place.first(), "keys can be fetched only inside of a tokio runtime");
            return None;
        };
        let (landed, flight) = watch::channel(());
        state.flight = Some(flight.clone());
        self.fetches.fetch_add(1, Ordering::Relaxed);
        let remote = Arc::clone(self);
        runtime.spawn(async move {
            remote.fetch_and_adopt().await;
            drop(landed);
        });
        Some(flight)
    }

    async fn fetch_and_adopt(&self) {
        // Keys are as old as the question, not as the answer.
        let asked_at = self.clock.elapsed();
        match self.fetch().await {
            Ok(fetched) => self.adopt(fetched, asked_at),
            Err(problem) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(from = %self.place.first(), %problem, "keys were not fetched; the old ones stay for now");
                self.state().problem = Some(problem);
                let next = nanos(self.clock.elapsed().saturating_add(self.pace.cool_down));
                self.next_refresh.store(next, Ordering::Relaxed);
            }
        }
    }

    async fn fetch(&self) -> Result<Fetched, String> {
        let mut place = self.place.first().clone();
        if self.place.is_found_by_metadata() {
            let (_, document) = self.ask(&place).await?;
            place = self.place.keys_by(document).map_err(|problem| format!("the metadata: {problem}"))?;
        }
        let (headers, document) = self.ask(&place).await?;
        let keys = KeySet::from_jwks(document).map_err(|error| format!("the answer of {place}: {error}"))?;
        Ok(Fetched { keys, lifetime: max_age(&headers) })
    }

    async fn ask(&self, uri: &Uri) -> Result<(HeaderMap, Bytes), String> {
        let request = Request::get(uri).header(ACCEPT, "application/json").body(Bytes::new());
        let request = request.map_err(|error| error.to_string())?;
        let answer = self.client.fetch(request).await.map_err(|error| format!("{uri}: {error}"))?;
        let (parts, body) = answer.into_parts();
        match parts.status {
            StatusCode::OK => Ok((parts.headers, body)),
            status if status.is_redirection() => {
                Err(format!("{uri} answers {status}, and redirects are not followed"))
            }
            status => Err(format!("{uri} answers {status}")),
        }
    }

    fn adopt(&self, fetched: Fetched, asked_at: Duration) {
        let Fetched { keys, lifetime } = fetched;
        if keys.skipped() != self.keys.load().skipped() {
            for skipped in keys.skipped() {
                let (kid, reason) = (skipped.kid.as_deref().map(escaped), &skipped.reason);
                let (kid, index) = (kid.as_deref(), skipped.index);
                tracing::warn!(from = %self.place.first(), index, kid, %reason, "a key is not used");
            }
        }
        if keys.keys().is_empty() {
            tracing::warn!(from = %self.place.first(), "no usable key: every credential of this issuer will be refused");
        }
        let Pace { refresh_every, cool_down, keep_for } = self.pace;
        let lifetime = lifetime.unwrap_or(refresh_every).clamp(cool_down, refresh_every);
        let mut state = self.state();
        state.fetched_at = Some(asked_at);
        state.problem = None;
        // The keys first: who finds them good for longer must find these.
        self.keys.store(Arc::new(keys));
        self.refuse_from.store(nanos(asked_at.saturating_add(keep_for)), Ordering::Release);
        self.next_refresh.store(nanos(asked_at.saturating_add(lifetime * 4 / 5)), Ordering::Relaxed);
    }

    fn not_fetched(&self, problem: String) -> JwtError {
        JwtErrorKind::KeysNotFetched { from: self.place.first().to_string(), problem }.into()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until the sender is gone.
async fn ended(mut flight: watch::Receiver<()>) {
    while flight.changed().await.is_ok() {}
}

/// RFC 9111 §5.2.2.1; what cannot be read says nothing.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let seconds = directives.flat_map(|value| value.split(',')).filter_map(|directive| {
        let (name, value) = directive.trim().split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then(|| value.trim_matches('"').parse().ok())?
    });
    // The shortest, where there are several.
    seconds.min().map(Duration::from_secs)
}
