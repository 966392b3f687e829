use crate::clock::{SharedClock, nanos};
use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// What one connection is doing.
#[derive(Debug)]
pub(super) struct Activity {
    clock: SharedClock,
    /// Requests whose answer is not over.
    open: AtomicUsize,
    /// How many requests began.
    begun: AtomicU64,
    /// When the last of them was over, in nanoseconds of the clock's elapsed time.
    idle_since: AtomicU64,
}

impl Activity {
    pub(super) fn new(clock: SharedClock) -> Arc<Self> {
        let idle_since = AtomicU64::new(nanos(clock.elapsed()));
        Arc::new(Self { clock, open: AtomicUsize::new(0), begun: AtomicU64::new(0), idle_since })
    }

    pub(super) fn begin(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        Open(self.clone())
    }

    pub(super) fn is_idle(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }

    /// Waits until there has been no request for so long: `first` before the first of all, `then` after one.
    pub(super) async fn idle_for(&self, first: Duration, then: Duration) {
        loop {
            let limit = if self.begun.load(Ordering::Relaxed) == 0 { first } else { then };
            let since = Duration::from_nanos(self.idle_since.load(Ordering::Relaxed));
            let left = (since + limit).saturating_sub(self.clock.elapsed());
            if left.is_zero() && self.is_idle() {
                return;
            }
            self.clock.sleep(if left.is_zero() { limit } else { left }).await;
        }
    }
}

/// A request whose answer is not over.
#[derive(Debug)]
pub(super) struct Open(Arc<Activity>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.idle_since.store(nanos(self.0.clock.elapsed()), Ordering::Relaxed);
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

pin_project! {
    /// The body of an answer, which is not over before it is.
    pub(super) struct Watched<B> {
        #[pin]
        pub(super) body: B,
        pub(super) open: Open,
    }
}

impl<B: Body<Data: Buf>> Body for Watched<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
