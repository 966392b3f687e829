use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;

use super::{JwtError, JwtErrorKind, KeySource, Refresh};
use crate::clock::{SharedClock, SystemClock, nanos};
use crate::jose::{KeySet, MAX_JWKS};
use crate::refusal::escaped;

/// How long the file is left alone after a look at it, unless [`JwksFile::cool_down`] says otherwise.
const COOL_DOWN: Duration = Duration::from_secs(30);

/// Keys in a JWK set file, re-read when the file changes.
///
/// A request looks whether the file changed, at most once per cool-down (30 s unless set): so a key
/// taken out of the file ceases to count within one cool-down, and at once after [`reload`](Self::reload). A file that cannot be
/// read or is no JWK set is reported with `tracing::warn` and the keys read before stay. Replace the file by renaming a
/// complete one over it.
///
/// The look happens on the request that finds it due, not on another thread: it is one `stat` of a local file, and only
/// after a change the read of at most 256 KiB. Handing that to a thread would cost more than it saves, and
/// requests that come meanwhile are answered from the old keys. On a network file system that can hang, fetch the set
/// some other way.
#[derive(Debug)]
pub struct JwksFile {
    path: PathBuf,
    clock: SharedClock,
    cool_down: Duration,
    keys: ArcSwap<KeySet>,
    /// The next look, in nanoseconds of [`Clock::elapsed`](crate::clock::Clock::elapsed).
    next_look: AtomicU64,
    /// What the file looked like when it was last read. Held while reading: one reader at a time.
    seen: Mutex<Option<Stamp>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

impl JwksFile {
    /// Reads the JWK set at `path`.
    ///
    /// # Errors
    /// [`KeyFile`](JwtErrorKind::KeyFile) when the file cannot be read, is no JWK set, or holds no usable key: a service that
    /// starts like that would refuse everybody.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, JwtError> {
        Self::open_with_clock(path, SystemClock::shared())
    }

    /// The same, with another clock.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with_clock(path: impl Into<PathBuf>, clock: SharedClock) -> Result<Self, JwtError> {
        let path = path.into();
        let (stamp, keys) = read(&path)?;
        if keys.keys().is_empty() {
            return Err(unusable(&path, "it holds no usable key"));
        }
        let file = Self {
            path,
            clock,
            cool_down: COOL_DOWN,
            keys: ArcSwap::from_pointee(keys),
            next_look: AtomicU64::new(0),
            seen: Mutex::new(Some(stamp)),
        };
        file.next_look.store(file.look_after(), Ordering::Relaxed);
        Ok(file)
    }

    /// How long the file is left alone after a look at it.
    pub fn cool_down(mut self, cool_down: Duration) -> Self {
        self.cool_down = cool_down;
        self.next_look.store(self.look_after(), Ordering::Relaxed);
        self
    }

    /// Reads the file now, whether it changed or not.
    ///
    /// # Errors
    /// [`KeyFile`](JwtErrorKind::KeyFile); the keys read before stay.
    pub fn reload(&self) -> Result<(), JwtError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (stamp, keys) = read(&self.path)?;
        *seen = Some(stamp);
        self.keys.store(Arc::new(keys));
        Ok(())
    }

    /// Looks at the file if the cool-down is over and nobody else looks.
    fn look(&self) {
        let due = self.next_look.load(Ordering::Relaxed);
        if nanos(self.clock.elapsed()) < due {
            return;
        }
        let next = self.look_after();
        if self.next_look.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = File::open(&self.path).and_then(|file| Stamp::of(&file)).ok();
        if stamp.is_some() && stamp == *seen {
            return;
        }
        // A bad file is reported once, not at every look.
        let reported = std::mem::replace(&mut *seen, stamp) == stamp;
        match read(&self.path) {
            Ok((stamp, keys)) => {
                *seen = Some(stamp);
                self.keys.store(Arc::new(keys));
            }
            Err(error) if !reported => {
                tracing::warn!(%error, "the key file was not taken over; the old keys stay");
            }
            Err(_) => {}
        }
    }

    fn look_after(&self) -> u64 {
        nanos(self.clock.elapsed().saturating_add(self.cool_down))
    }
}

impl KeySource for JwksFile {
    fn snapshot(&self) -> Arc<KeySet> {
        self.look();
        self.keys.load_full()
    }

    fn refresh(&self) -> Refresh {
        self.look();
        Refresh::Ready
    }

    fn describe(&self) -> String {
        format!("keys from the file {}", self.path.display())
    }
}

impl Stamp {
    fn of(file: &File) -> std::io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { modified: metadata.modified().ok(), length: metadata.len() })
    }
}

fn read(path: &Path) -> Result<(Stamp, KeySet), JwtError> {
    let unreadable = |error: std::io::Error| unusable(path, &error.to_string());
    let file = File::open(path).map_err(unreadable)?;
    let stamp = Stamp::of(&file).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_JWKS as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let keys = KeySet::from_jwks(bytes).map_err(|error| unusable(path, &error.to_string()))?;
    for skipped in keys.skipped() {
        let (kid, reason) = (skipped.kid.as_deref().map(escaped), &skipped.reason);
        let (kid, index) = (kid.as_deref(), skipped.index);
        tracing::warn!(file = %path.display(), index, kid, %reason, "a key is not used");
    }
    if keys.keys().is_empty() {
        tracing::warn!(file = %path.display(), "no usable key: every credential of this issuer will be refused");
    }
    Ok((stamp, keys))
}

fn unusable(path: &Path, problem: &str) -> JwtError {
    JwtErrorKind::KeyFile { path: path.display().to_string(), problem: problem.to_owned() }.into()
}
