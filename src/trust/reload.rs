use super::{Pem, TrustError};
use crate::clock::{SharedClock, nanos};
use arc_swap::ArcSwap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use std::{fmt, fs};

/// How long files are left alone after a look at them, unless it is said otherwise.
pub(super) const COOL_DOWN: Duration = Duration::from_secs(30);

/// What is made of some files, and made again when one of them changes. What was made before stays while the files are bad.
///
/// Whoever uses the value looks at the files, at most once per cool-down: no task runs, and a service that nobody talks to
/// does nothing.
pub(super) struct Reloading<T> {
    files: Box<[PathBuf]>,
    /// `None` for what is not made of files.
    load: Option<Box<dyn Fn() -> Result<T, TrustError> + Send + Sync>>,
    what: &'static str,
    clock: SharedClock,
    cool_down: Duration,
    value: ArcSwap<T>,
    /// The next look, in nanoseconds of the clock's elapsed time.
    next_look: AtomicU64,
    /// What the files looked like when they were last read. Held while reading: one reader at a time.
    seen: Mutex<Box<[Stamp]>>,
}

/// What a file looked like; `None` when it was not there.
type Stamp = Option<(Option<SystemTime>, u64)>;

impl<T: Send + Sync + 'static> Reloading<T> {
    pub(super) fn load<'a>(
        what: &'static str,
        sources: impl IntoIterator<Item = &'a Pem>,
        load: impl Fn() -> Result<T, TrustError> + Send + Sync + 'static,
        clock: SharedClock,
        cool_down: Duration,
    ) -> Result<Self, TrustError> {
        let files: Box<[PathBuf]> = sources.into_iter().filter_map(Pem::path).map(Into::into).collect();
        // Before they are read: a change meanwhile is seen at the next look.
        let seen = stamps(&files);
        let value = ArcSwap::from_pointee(load()?);
        let next_look = AtomicU64::new(nanos(clock.elapsed().saturating_add(cool_down)));
        let (load, seen) = (Some(Box::new(load) as Box<_>), Mutex::new(seen));
        Ok(Self { files, load, what, clock, cool_down, value, next_look, seen })
    }

    /// A value that is replaced, and not read of files.
    #[cfg(feature = "spiffe")]
    pub(super) fn given(what: &'static str, value: T, clock: SharedClock) -> Self {
        Self {
            files: Box::default(),
            load: None,
            what,
            clock,
            cool_down: COOL_DOWN,
            value: ArcSwap::from_pointee(value),
            next_look: AtomicU64::new(u64::MAX),
            seen: Mutex::default(),
        }
    }

    pub(super) fn current(&self) -> Arc<T> {
        self.value.load_full()
    }

    /// Takes a value from elsewhere, until the files change.
    pub(super) fn replace(&self, value: T) {
        self.value.store(Arc::new(value));
    }

    /// Reads the files now, whether they changed or not.
    pub(super) fn reload(&self) -> Result<(), TrustError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = stamps(&self.files);
        if let Some(load) = &self.load {
            self.value.store(Arc::new(load()?));
        }
        Ok(())
    }

    /// Whether it is time for a look.
    pub(super) fn is_due(&self) -> bool {
        !self.files.is_empty() && nanos(self.clock.elapsed()) >= self.next_look.load(Ordering::Relaxed)
    }

    /// Looks at the files if it is time to and nobody else does, and reads them if one has changed.
    pub(super) fn look(&self) {
        if !self.is_due() {
            return;
        }
        let due = self.next_look.load(Ordering::Relaxed);
        let next = nanos(self.clock.elapsed().saturating_add(self.cool_down));
        if self.next_look.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamps(&self.files);
        if *seen == now {
            return;
        }
        // Also when they turn out bad: a bad file is reported once, not at every look.
        *seen = now;
        let Some(load) = &self.load else { return };
        match load() {
            Ok(value) => {
                self.value.store(Arc::new(value));
                tracing::info!(what = self.what, files = ?self.files, "changed files were taken over");
            }
            Err(error) => {
                tracing::warn!(what = self.what, %error, "changed files were not taken over; the old ones stay");
            }
        }
    }
}

impl<T> fmt::Debug for Reloading<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(self.what).field("files", &self.files).finish_non_exhaustive()
    }
}

fn stamps(files: &[PathBuf]) -> Box<[Stamp]> {
    files
        .iter()
        .map(|path| fs::metadata(path).ok().map(|metadata| (metadata.modified().ok(), metadata.len())))
        .collect()
}
