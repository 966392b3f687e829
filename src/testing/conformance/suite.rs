use super::probe::{Act, Handler, Probe, ProbeBody, Script, Wire};
use super::run::Run;
use super::witness::Witness;
use crate::exchange::{Context, Stage, StepLayer};
use crate::refusal::RefusalKind;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use std::fmt;
use tower_layer::Layer;
use tower_service::Service;

type MakeRequest = Box<dyn Fn() -> Request<Bytes>>;

/// The checks of one layer; see the [module](super).
pub struct Suite {
    name: String,
    pub(super) permitted: MakeRequest,
    pub(super) refused: Vec<(RefusalKind, MakeRequest)>,
    secrets: Vec<String>,
    context: Context,
    stage: Stage,
    event: &'static str,
}

impl Suite {
    /// Checks of the layer called `name`. `permitted` makes a request that passes the whole stack, however often it is
    /// asked for.
    pub fn new(name: impl Into<String>, permitted: impl Fn() -> Request<Bytes> + 'static) -> Self {
        Self {
            name: name.into(),
            permitted: Box::new(permitted),
            refused: Vec::new(),
            secrets: Vec::new(),
            context: Context::default(),
            stage: Stage::Watch,
            event: "data: {\"text\":\"word\"}\n\n",
        }
    }

    /// The context that the layers share: the witness opens the exchange with it.
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// A request that the layer refuses, as a refusal of that kind, before the handler is called.
    pub fn refused(mut self, kind: RefusalKind, request: impl Fn() -> Request<Bytes> + 'static) -> Self {
        self.refused.push((kind, Box::new(request)));
        self
    }

    /// What no `Debug` and no body may show: a credential of the requests, a key of the layer.
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// Where the witness stands, for a layer that itself observes at [`Stage::Watch`].
    pub fn witness_stage(mut self, stage: Stage) -> Self {
        self.stage = stage;
        self
    }

    /// One server-sent event that the dialect of the route reads; a JSON object with a text unless said otherwise.
    pub fn event(mut self, event: &'static str) -> Self {
        self.event = event;
        self
    }

    /// Runs every check against what `stack` builds around a probe: the layer, outside of it what it needs, inside of it
    /// [`ReadPayloadLayer`](crate::read::ReadPayloadLayer).
    ///
    /// # Panics
    /// When a check does not hold, saying which.
    pub fn check<S, RB>(&self, stack: impl Fn(Probe) -> S)
    where
        S: Service<Request<ProbeBody>, Response = Response<RB>> + Clone + fmt::Debug + Send + Sync + 'static,
        S::Future: fmt::Debug + Send,
        S::Error: fmt::Debug,
        RB: Body<Data = Bytes> + fmt::Debug + Send,
        RB::Error: fmt::Debug,
    {
        self.check_answers(&stack);
        self.check_endings(&stack);
        self.check_refused(&stack);
    }

    /// Runs only the checks of the requests that are [refused](Self::refused): for a layer whose permits run out.
    ///
    /// # Panics
    /// When a check does not hold, saying which.
    pub fn check_refused<S, RB>(&self, stack: impl Fn(Probe) -> S)
    where
        S: Service<Request<ProbeBody>, Response = Response<RB>> + Clone + fmt::Debug + Send + Sync + 'static,
        S::Future: fmt::Debug + Send,
        S::Error: fmt::Debug,
        RB: Body<Data = Bytes> + fmt::Debug + Send,
        RB::Error: fmt::Debug,
    {
        for (kind, request) in &self.refused {
            self.run("refused", Script::text(), &stack).expect_refused(request(), *kind);
        }
    }

    /// Checks that the layer, stacked without what it needs, refuses as misconfigured before the handler is called.
    ///
    /// # Panics
    /// When it does not.
    pub fn check_alone<S, RB>(&self, stack: impl Fn(Probe) -> S)
    where
        S: Service<Request<ProbeBody>, Response = Response<RB>> + Clone + fmt::Debug + Send + Sync + 'static,
        S::Future: fmt::Debug + Send,
        S::Error: fmt::Debug,
        RB: Body<Data = Bytes> + fmt::Debug + Send,
        RB::Error: fmt::Debug,
    {
        let mut run = self.run("stacked without what it needs", Script::text(), &stack);
        run.expect_refused((self.permitted)(), RefusalKind::Misconfigured);
    }

    /// One stack, fresh, for one check.
    pub(super) fn run<S>(&self, check: &str, script: Script, stack: impl Fn(Probe) -> S) -> Run<'_, S> {
        let witness = Witness::at(self.stage);
        let wire = Wire::new(script);
        let inner = stack(Probe::new(wire.clone()));
        let service = StepLayer::new(witness.clone(), self.context.clone()).layer(inner);
        Run::new(self, format!("{}, {check}", self.name), service, witness, wire)
    }

    /// Whether `text` shows a secret.
    pub(super) fn assert_no_secret(&self, name: &str, what: &str, text: &str) {
        for secret in &self.secrets {
            assert!(!text.contains(secret.as_str()), "{name}: {what} shows the secret {secret:?}");
        }
    }

    pub(super) fn stream(&self) -> Script {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-conformance", HeaderValue::from_static("last"));
        let event = || Act::Data(Bytes::from_static(self.event.as_bytes()));
        Script {
            content_type: Some("text/event-stream"),
            body: vec![event(), Act::Yield, event(), Act::Wait, event(), Act::Trailers(trailers)],
            ..Script::text()
        }
    }

    pub(super) fn event_text(&self) -> &str {
        self.event
    }
}

impl Script {
    /// An answer of one text.
    pub(super) fn text() -> Self {
        Self {
            handler: Handler::Answers,
            status: StatusCode::OK,
            content_type: Some("text/plain"),
            body: vec![
                Act::Data(Bytes::from_static(b"some ")),
                Act::Yield,
                Act::Data(Bytes::from_static(b"words")),
            ],
        }
    }

    pub(super) fn of(handler: Handler) -> Self {
        Self { handler, ..Self::text() }
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite").field("name", &self.name).finish_non_exhaustive()
    }
}
