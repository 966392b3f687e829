use super::buffers::Buffers;
use super::service::ReadPayload;
use crate::exchange::Context;
use crate::payload::EventLimits;
use std::sync::Arc;
use std::time::Duration;
use tower_layer::Layer;

/// How many bytes of bodies are kept at once, when nobody says otherwise.
const MAX_ALL: usize = 256 * 1024 * 1024;
const MAX_CALLER: usize = 16 * 1024 * 1024;

/// Reads bodies and answers; see the [module](super).
#[derive(Clone, Debug)]
pub struct ReadPayloadLayer(pub(super) Arc<Settings>);

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) max_bytes: usize,
    pub(super) max_time: Duration,
    pub(super) min_rate: usize,
    pub(super) buffers: Arc<Buffers>,
    pub(super) answer: EventLimits,
    pub(super) context: Context,
}

impl ReadPayloadLayer {
    /// A layer that takes bodies up to 1 MiB within 30 seconds.
    pub fn builder() -> ReadPayloadLayerBuilder {
        ReadPayloadLayerBuilder(Settings {
            max_bytes: 1024 * 1024,
            max_time: Duration::from_secs(30),
            min_rate: 256,
            buffers: Arc::new(Buffers::new(MAX_ALL, MAX_CALLER)),
            answer: EventLimits::default(),
            context: Context::default(),
        })
    }
}

impl<S> Layer<S> for ReadPayloadLayer {
    type Service = ReadPayload<S>;

    fn layer(&self, inner: S) -> ReadPayload<S> {
        ReadPayload { inner, settings: self.0.clone() }
    }
}

/// Builds a [`ReadPayloadLayer`].
#[derive(Clone, Debug)]
pub struct ReadPayloadLayerBuilder(Settings);

impl ReadPayloadLayerBuilder {
    /// The largest body, in bytes after any content encoding is undone.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.0.max_bytes = bytes;
        self
    }

    /// How long a body may take to arrive.
    pub fn max_time(mut self, time: Duration) -> Self {
        self.0.max_time = time;
        self
    }

    /// How many bytes of a body must have come for each second, from its fifth second on; 256 when not called.
    pub fn min_bytes_per_second(mut self, bytes: usize) -> Self {
        self.0.min_rate = bytes;
        self
    }

    /// How many bytes of bodies may be kept at once, from their arrival until their handlers have ended: for one caller
    /// (subject, or address where nobody is authenticated), and in all. 16 MiB and 256 MiB when not called. What the parsed
    /// form takes is counted as soon as it is there; while a thread parses, one such form more.
    pub fn max_bytes_at_once(mut self, of_one_caller: usize, of_all: usize) -> Self {
        self.0.buffers = Arc::new(Buffers::new(of_all, of_one_caller));
        self
    }

    /// The largest event of a streamed answer, and the largest answer in one piece.
    pub fn answer_limits(mut self, limits: EventLimits) -> Self {
        self.0.answer = limits;
        self
    }

    /// Shares clock and request ids with the other layers of the stack.
    pub fn context(mut self, context: Context) -> Self {
        self.0.context = context;
        self
    }

    /// The layer.
    pub fn build(self) -> ReadPayloadLayer {
        ReadPayloadLayer(Arc::new(self.0))
    }
}
