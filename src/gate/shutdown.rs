use super::Gate;
use crate::audit::AuditLog;
use crate::clock::Sleep;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

impl Gate {
    /// Writes what is not written yet: waits until every request has ended, its usage is settled and its record is where it
    /// belongs, or until `within` has passed on the gate's clock. Call it when the server takes no more requests:
    ///
    /// ```no_run
    /// # #[cfg(feature = "axum")]
    /// # async fn serve(gate: portcullis::Gate, app: axum::Router) -> std::io::Result<()> {
    /// # use std::time::Duration;
    /// # let stop = std::future::ready(());
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    /// axum::serve(listener, gate.protect(app).into_make_service_with_connect_info())
    ///     .with_graceful_shutdown(stop)
    ///     .await?;
    /// let shutdown = gate.shutdown(Duration::from_secs(5)).await;
    /// if !shutdown.is_complete() {
    ///     eprintln!("{shutdown}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It closes nothing: a request that comes later is served, and recorded, as before.
    pub async fn shutdown(&self, within: Duration) -> Shutdown {
        let mut deadline = self.clock.sleep(within);
        let recorded = match &self.audit {
            Some(log) => in_time(log.written(), &mut deadline).await,
            None => true,
        };
        let settled = match &self.limits {
            Some(limits) => in_time(limits.flush(), &mut deadline).await,
            None => true,
        };
        let open = self.audit.as_ref().map_or(0, AuditLog::open);
        Shutdown { settled, recorded, open }
    }
}

/// Whether `work` was done before the deadline. Work that needs no waiting is done in any case.
async fn in_time(work: impl Future<Output = ()>, deadline: &mut Sleep) -> bool {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if work.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        Pin::new(&mut *deadline).poll(cx).map(|()| false)
    })
    .await
}

/// What [`Gate::shutdown`] could do in its time.
#[must_use = "says whether everything was written"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shutdown {
    /// Whether the budget store has put away everything that was settled.
    pub settled: bool,
    /// Whether every request has ended and its record was written. True for a gate that keeps no records.
    pub recorded: bool,
    /// How many records were begun and are not written: of requests that have not ended, and of those that wait.
    pub open: usize,
}

impl Shutdown {
    /// Whether nothing is lost when the process ends now.
    pub fn is_complete(&self) -> bool {
        self.settled && self.recorded
    }
}

impl fmt::Display for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.settled, self.recorded) {
            (true, true) => f.write_str("everything is settled and recorded"),
            (true, false) => write!(f, "records not written: {}", self.open),
            (false, true) => f.write_str("the budget store has not put away every settlement"),
            (false, false) => {
                write!(f, "records not written: {}, nor is every settlement put away", self.open)
            }
        }
    }
}
