use crate::clock::UnixTime;
use crate::principal::{Principal, Subject};
use crate::refusal::escaped;
use serde::Serialize;
use serde::ser::Serializer;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is recorded of one exchange that a known actor asked for. It holds no credential.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ExchangeRecord {
    /// When it was asked for, in seconds since 1970.
    #[serde(serialize_with = "seconds")]
    pub time: UnixTime,
    /// The request's id.
    pub request_id: String,
    /// The id that the client gave it in `x-request-id`, if it is 1 to 128 of `[A-Za-z0-9._-]`.
    pub client_request_id: Option<String>,
    /// Where it came from, where the extensions of the request say so.
    pub client: Option<IpAddr>,
    /// The actor that asked (`client_id`).
    pub actor: String,
    /// How it has shown who it is.
    pub authenticated_by: &'static str,
    /// The machine that it is, where it has shown a certificate.
    pub workload: Option<String>,
    /// Who vouches for the user.
    pub issuer: Option<String>,
    /// The user.
    pub subject: Option<String>,
    /// The identifier (`jti`) of the credential that was shown.
    pub exchanged_id: Option<String>,
    /// Who acts by what is issued, the current actor first.
    pub actors: Vec<String>,
    /// Where what is issued is good.
    pub audience: Option<String>,
    /// With which scopes.
    pub scopes: Vec<String>,
    /// The identifier (`jti`) of what was issued.
    pub credential_id: Option<String>,
    /// When it ends, in seconds since 1970.
    #[serde(serialize_with = "maybe_seconds")]
    pub expires: Option<UnixTime>,
    /// By what it is bound to a key of the actor.
    pub bound: Option<&'static str>,
    /// `issued`, `refused`, or `aborted` where the actor left before it was decided.
    pub decision: &'static str,
    /// The code of the error that the actor was told.
    pub reason: Option<&'static str>,
    /// Why it was refused: never told to the actor.
    pub cause: Option<String>,
    /// How many requests of strangers, and of actors that could not show who they are, were refused since the last record.
    pub strangers: u64,
}

impl ExchangeRecord {
    pub(super) fn of(&mut self, principal: &Principal) {
        self.issuer = principal.subject().map(|subject| subject.issuer().to_owned());
        self.subject = principal.subject().map(Subject::id).map(str::to_owned);
        self.exchanged_id = principal.credential().identifier().map(str::to_owned);
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn seconds<S: Serializer>(time: &UnixTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_nanos() as f64 / 1e9)
}

fn maybe_seconds<S: Serializer>(time: &Option<UnixTime>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.serialize_u64(time.as_secs()),
        None => serializer.serialize_none(),
    }
}

type Keep = dyn Fn(&ExchangeRecord) -> io::Result<()> + Send + Sync;

pub(super) struct Sink(pub(super) Box<Keep>);

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

/// Where records go.
#[derive(Debug)]
pub(super) struct Recorder {
    sink: Option<Sink>,
    strangers: AtomicU64,
}

impl Recorder {
    pub(super) fn new(sink: Option<Sink>) -> Self {
        Self { sink, strangers: AtomicU64::new(0) }
    }

    /// Notes a request of nobody in particular. Strangers can send as many as they like.
    pub(super) fn stranger(&self, reason: &str, cause: Option<&str>) {
        self.strangers.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(target: "portcullis::audit", reason, cause = cause.map(escaped).as_deref(), "exchange refused");
    }

    /// Keeps a record.
    pub(super) fn keep(&self, mut record: ExchangeRecord) -> io::Result<()> {
        record.strangers = self.strangers.swap(0, Ordering::Relaxed);
        tracing::info!(
            target: "portcullis::audit",
            request_id = record.request_id,
            actor = record.actor,
            issuer = record.issuer.as_deref(),
            subject = record.subject.as_deref().map(escaped).as_deref(),
            audience = record.audience.as_deref().map(escaped).as_deref(),
            decision = record.decision,
            reason = record.reason,
            cause = record.cause.as_deref().map(escaped).as_deref(),
            credential_id = record.credential_id.as_deref(),
            "exchange"
        );
        let kept = self.sink.as_ref().map_or(Ok(()), |Sink(sink)| sink(&record));
        if kept.is_err() {
            self.strangers.fetch_add(record.strangers, Ordering::Relaxed);
        }
        kept
    }

    /// Whether records go anywhere.
    pub(super) fn keeps(&self) -> bool {
        self.sink.is_some()
    }
}

/// A record that is being filled. It is kept even if nobody waits for the decision any more.
pub(super) struct Pending<'r> {
    recorder: &'r Recorder,
    record: Option<ExchangeRecord>,
}

impl<'r> Pending<'r> {
    pub(super) fn new(recorder: &'r Recorder, record: ExchangeRecord) -> Self {
        Self { recorder, record: Some(record) }
    }

    pub(super) fn record(&mut self) -> &mut ExchangeRecord {
        self.record.as_mut().expect("it is taken by what consumes it")
    }

    /// Keeps it, decided.
    pub(super) fn keep(mut self) -> io::Result<()> {
        self.record.take().map_or(Ok(()), |record| self.recorder.keep(record))
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let Some(mut record) = self.record.take() else { return };
        record.decision = "aborted";
        record.cause = Some("nobody waited for the decision: the actor has left".to_owned());
        if let Err(error) = self.recorder.keep(record) {
            tracing::error!(target: "portcullis::audit", %error, "the record of an aborted exchange could not be kept");
        }
    }
}
