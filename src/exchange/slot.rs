mod connection;
mod joined;
mod payload;
mod permit;

pub(crate) use joined::Joined;
pub(crate) use permit::Permit;

use super::forwarded::ForwardedCertificates;
use super::observer::{AnswerObserver, End, Stage};
use super::pipeline::{Observers, Pipeline};
use super::{Context, PeerFacts, Ran, Record, RequestId, StepId};
use crate::clock::{Reading, SharedClock, UnixTime};
use crate::payload::{Document, PayloadFacts};
use crate::principal::{ClientAddress, Principal, TlsConnection};
use crate::refusal::{ProblemJson, Refusal, RefusalKind, Rendered, Respond};
use crate::route::Route;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, Entry};
use http::{HeaderName, HeaderValue, Response, request};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// The header that carries the id of a request, both ways.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The slot of one request and its answer, found in the request's extensions. Cheap to clone.
///
/// Facts are set once, by the layer that verified them; whoever reads them reads that value.
#[derive(Clone)]
pub struct Exchange(Arc<Inner>);

struct Inner {
    context: Context,
    request_id: RequestId,
    client_request_id: Option<Box<str>>,
    started: UnixTime,
    started_at: Duration,
    client: OnceLock<ClientAddress>,
    tls: OnceLock<TlsConnection>,
    forwarded: OnceLock<Box<ForwardedCertificates>>,
    route: OnceLock<Arc<Route>>,
    peer: OnceLock<PeerFacts>,
    machine: OnceLock<connection::Machine>,
    principal: OnceLock<Principal>,
    permits: permit::Permits,
    state: Mutex<State>,
}

/// Allocators keep memory of up to a kilobyte at hand, and search for more. An `Arc` adds two words.
const _: () = assert!(size_of::<Inner>() + 16 <= 1_024);

struct State {
    phase: Phase,
    observers: Observers,
    record: Record,
    payload: Option<RequestPayload>,
    edited: bool,
    refusal: Option<Refusal>,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Open,
    Sealed,
    Closed,
}

/// The body of a request, parsed once, and what its dialect read in it.
#[derive(Clone, Debug)]
pub struct RequestPayload {
    /// The document, as the handler will receive it.
    pub document: Document,
    /// What the dialect read.
    pub facts: Arc<PayloadFacts>,
}

impl Exchange {
    /// The exchange of a request, if one of our layers has seen it.
    pub fn of(parts: &request::Parts) -> Option<&Self> {
        parts.extensions.get()
    }

    /// Joins the exchange of this request, or opens one; who opens it has to close it.
    pub(crate) fn join(parts: &mut request::Parts, context: &Context) -> Joined {
        if let Some(exchange) = parts.extensions.get::<Self>() {
            return Joined::another(exchange.clone());
        }
        let Reading { now, elapsed } = context.clock().read();
        let request_id = context.ids().next();
        let id = request_id.header();
        // The handler and its logs see the same id as the caller and the record, and no other.
        let client_request_id = match parts.headers.entry(REQUEST_ID) {
            Entry::Occupied(mut came) => {
                let claimed = harmless_id(came.iter());
                came.insert(id.clone());
                claimed
            }
            Entry::Vacant(free) => {
                free.insert(id.clone());
                None
            }
        };
        let exchange = Self(Arc::new(Inner {
            request_id,
            client_request_id,
            started: now,
            started_at: elapsed,
            client: OnceLock::new(),
            tls: OnceLock::new(),
            forwarded: OnceLock::new(),
            route: OnceLock::new(),
            peer: OnceLock::new(),
            machine: OnceLock::new(),
            principal: OnceLock::new(),
            permits: permit::Permits::default(),
            state: Mutex::new(State {
                phase: Phase::Open,
                observers: Observers::default(),
                record: Record::new(parts.method.clone(), context.stacked()),
                payload: None,
                edited: false,
                refusal: None,
            }),
            context: context.clone(),
        }));
        parts.extensions.insert(exchange.clone());
        Joined::opened(exchange, id)
    }

    /// The request's id, for the caller, the logs and the record.
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// The same, to keep.
    pub fn id(&self) -> RequestId {
        self.0.request_id
    }

    /// The id that the client gave the request in `x-request-id`, if it is 1 to 128 of `[A-Za-z0-9._-]`. It is the
    /// client's word: two requests may have the same.
    pub fn client_request_id(&self) -> Option<&str> {
        self.0.client_request_id.as_deref()
    }

    /// When the request's head had arrived.
    pub fn started(&self) -> UnixTime {
        self.0.started
    }

    /// The clock that everything in this exchange goes by.
    pub fn clock(&self) -> &SharedClock {
        self.0.context.clock()
    }

    /// Where the request came from, once found out.
    pub fn client(&self) -> Option<ClientAddress> {
        self.0.client.get().copied()
    }

    /// The route, once matched.
    pub fn route(&self) -> Option<&Arc<Route>> {
        self.0.route.get()
    }

    /// Who asks, once verified.
    pub fn principal(&self) -> Option<&Principal> {
        self.0.principal.get()
    }

    /// Why the request was refused, if it was.
    pub fn refusal(&self) -> Option<Refusal> {
        self.state().refusal.clone()
    }

    /// Says who asks. For authenticating layers only. The principal gets the workload of this exchange.
    ///
    /// # Errors
    /// When somebody has said so already: two layers would disagree about who asks.
    pub fn set_principal(&self, principal: Principal) -> Result<(), Refusal> {
        self.0
            .principal
            .set(principal.through(self.workload()))
            .map_err(|_| Refusal::misconfigured("two layers authenticate one request"))
    }

    pub(super) fn set_route(&self, route: Arc<Route>) -> Result<(), Refusal> {
        self.0
            .route
            .set(route)
            .map_err(|_| Refusal::misconfigured("two layers match the route of one request"))
    }

    pub(super) fn set_client(&self, client: ClientAddress) -> Result<(), Refusal> {
        self.0.client.set(client).map_err(|_| Refusal::misconfigured("two layers find the client's address"))
    }

    /// Registers an observer of the answer.
    ///
    /// # Errors
    /// When the answer is on its way already, or the stage is taken.
    pub fn observe(&self, stage: Stage, observer: impl AnswerObserver) -> Result<(), Refusal> {
        let mut state = self.state();
        if state.phase != Phase::Open {
            return Err(Refusal::misconfigured("a layer registers an observer after the answer was sealed"));
        }
        state.observers.register(stage, Box::new(observer))
    }

    /// Reads or writes the record. `change` must not use the exchange: it would wait for itself.
    pub fn record<T>(&self, change: impl FnOnce(&mut Record) -> T) -> T {
        change(&mut self.state().record)
    }

    /// Makes the response that refuses this request, and remembers why. The refusal counts if this response is the one
    /// that goes out; of several, the last.
    pub fn refuse(&self, refusal: Refusal) -> Response<Bytes> {
        let Rendered { content_type, body } = self.render(&refusal);
        let length = HeaderValue::from(body.len());
        let mut response = Response::new(body);
        *response.status_mut() = refusal.kind().status();
        let headers = response.headers_mut();
        refusal.write_headers(headers);
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert(CONTENT_LENGTH, length);
        response.extensions_mut().insert(refusal.clone());
        let mut state = self.state();
        state.record.status = Some(refusal.kind().status());
        state.refusal = Some(refusal);
        response
    }

    /// Whether `response` is a refusal made for this exchange, and not an answer that looks like one.
    pub(crate) fn is_refused_by<B>(&self, response: &Response<B>) -> bool {
        let Some(carried) = response.extensions().get::<Refusal>() else { return false };
        self.state().refusal.as_ref().is_some_and(|refusal| refusal.is_same(carried))
    }

    fn render(&self, refusal: &Refusal) -> Rendered {
        let id = self.request_id();
        match (self.0.context.respond(), self.route().and_then(|route| route.body_dialect())) {
            (Some(respond), _) => respond.respond(refusal, id),
            (None, Some(dialect)) => dialect.render_refusal(refusal, id),
            (None, None) => ProblemJson.respond(refusal, id),
        }
    }

    /// Remembers why an answer was cut.
    pub(crate) fn note_cut(&self, refusal: &Refusal) {
        self.state().refusal = Some(refusal.clone());
    }

    /// Notes which steps ran. Answers with the body's new length when one of them changed it.
    pub(super) fn note_ran(&self, passed: &[StepId], refused: Option<StepId>) -> Option<usize> {
        let mut state = self.state();
        for step in passed {
            let ran = &mut state.record.ran[*step as usize];
            if matches!(*ran, Ran::Off | Ran::NotReached | Ran::Passed | Ran::Refused) {
                *ran = Ran::Passed;
            }
        }
        if let Some(step) = refused {
            state.record.ran[step as usize] = Ran::Refused;
        }
        let payload = state.payload.as_ref().filter(|_| state.edited)?;
        Some(payload.document.source().len())
    }

    /// Whether the gate, or the route, only observes this request: nothing is refused.
    pub fn is_observed(&self) -> bool {
        let of_route = self.route().and_then(|route| route.observed_until());
        let until = self.0.context.observed_until().max(of_route);
        // By the time at which it came, so that one request is judged in one way.
        until.is_some_and(|until| self.started() < until)
    }

    /// Notes a refusal of a request that is only observed, so that it goes on; gives back one that counts: that of a
    /// request which is not observed, of a full audit log, and of a service that is put together wrongly.
    pub(crate) fn pardon(&self, step: StepId, refusal: Refusal) -> Result<(), Refusal> {
        if step == StepId::Audit || !self.is_observed() {
            return Err(refusal);
        }
        let mut state = self.state();
        let record = &mut state.record;
        if refusal.kind() != RefusalKind::Misconfigured {
            record.ran[step as usize] = Ran::WouldRefuse;
            record.would_refuse.push((step, refusal));
            return Ok(());
        }
        // What an earlier control did not find out, because it would have refused, is missing here.
        if record.would_refuse.is_empty() {
            return Err(refusal);
        }
        record.ran[step as usize] = Ran::NotEvaluated;
        Ok(())
    }

    pub(super) fn note_skipped(&self, step: StepId) {
        self.state().record.ran[step as usize] = Ran::Skipped;
    }

    pub(crate) fn note_read(&self, ran: Ran) {
        self.state().record.ran[StepId::Read as usize] = ran;
    }

    pub(super) fn note_end(&self, end: End) {
        self.fill_in(&mut self.state().record, end);
    }

    /// What a record tells of the end. Asks for nothing that is behind the lock of the record.
    fn fill_in(&self, record: &mut Record, end: End) {
        let duration = self.clock().elapsed().saturating_sub(self.0.started_at);
        let shown = || self.tls().and_then(|tls| tls.peer_certificate());
        let own = || shown().map(|own| PeerFacts { certificate: own.clone(), through: None });
        record.peer = self.peer().cloned().or_else(own);
        record.end = Some(end);
        record.duration = Some(duration);
    }

    /// Takes the observers to drive them; `None` when the answer was sealed or closed before. For an answer that is no
    /// refusal: one that the handler was offered, by an extractor, and did not send is forgotten.
    pub(crate) fn seal(&self) -> Option<Pipeline> {
        let observers = self.leave_open(Phase::Sealed)?;
        self.state().refusal = None;
        Some(Pipeline::new(observers, self.clone()))
    }

    /// Whether a step refused this request, so that nothing but its refusal may go out.
    pub(crate) fn is_refused(&self) -> bool {
        self.state().record.ran.contains(&Ran::Refused)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state().phase == Phase::Open
    }

    fn leave_open(&self, next: Phase) -> Option<Observers> {
        let mut state = self.state();
        if state.phase != Phase::Open {
            return None;
        }
        state.phase = next;
        Some(std::mem::take(&mut state.observers))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code of ours panics while it holds the lock; an observer of a host may.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("request_id", &self.0.request_id).finish_non_exhaustive()
    }
}

/// The id that came with the request, if it is one and harmless: 1 to 128 of `[A-Za-z0-9._-]`.
#[cfg(feature = "sts")]
pub(crate) fn client_request_id(parts: &request::Parts) -> Option<Box<str>> {
    harmless_id(parts.headers.get_all(REQUEST_ID).iter())
}

fn harmless_id<'v>(mut values: impl Iterator<Item = &'v HeaderValue>) -> Option<Box<str>> {
    let value = values.next()?.to_str().ok()?;
    let harmless = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let good = values.next().is_none() && (1..=128).contains(&value.len()) && value.bytes().all(harmless);
    good.then(|| value.into())
}
