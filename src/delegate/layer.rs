use super::DelegateError;
use super::caller::OnBehalfOf;
use super::destination::Destinations;
use super::error::setting;
use super::obtain::{AT_ONCE, Obtainer};
use super::question::Wanted;
use super::service::ActOnBehalf;
use super::source::CredentialExchange;
use crate::clock::{SharedClock, SystemClock};
use crate::fetch::SingleFlight;
use crate::jose::seen::SeenCredentials;
use crate::principal::Revocations;
use std::fmt;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower_layer::Layer;

/// Credentials that are remembered: so many, in so many bytes.
const REMEMBER: (usize, usize) = (32 * 1024, 64 * 1024 * 1024);

/// Makes a client of HTTP act on behalf of callers at one service further on; see [the module](super). Cheap to clone; clones, and
/// the clients that it wraps, share what they remember.
#[derive(Clone)]
pub struct ActOnBehalfLayer(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) obtainer: Obtainer,
    pub(super) destinations: Destinations,
}

impl ActOnBehalfLayer {
    /// A layer that gets credentials there. An audience, scopes and a destination are still to be named.
    pub fn builder(exchange: CredentialExchange) -> ActOnBehalfLayerBuilder {
        ActOnBehalfLayerBuilder {
            exchange,
            audience: None,
            resource: None,
            scopes: Vec::new(),
            destinations: Vec::new(),
            hop: None,
            revocations: Revocations::new(),
            clock: SystemClock::shared(),
            remember: REMEMBER,
        }
    }
}

impl<S> Layer<S> for ActOnBehalfLayer {
    type Service = ActOnBehalf<S>;

    fn layer(&self, inner: S) -> ActOnBehalf<S> {
        ActOnBehalf { inner, shared: Arc::clone(&self.0), caller: None::<OnBehalfOf> }
    }
}

/// For the host's own posture: where it goes, for what, and how.
impl fmt::Display for ActOnBehalfLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { obtainer, destinations } = &*self.0;
        let Wanted { hop, audience, scope, .. } = &obtainer.wanted;
        write!(
            f,
            "{hop} at {destinations}, on behalf of callers: {scope} for {audience}, {}",
            obtainer.exchange
        )
    }
}

impl fmt::Debug for ActOnBehalfLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActOnBehalfLayer")
            .field("wanted", &self.0.obtainer.wanted)
            .field("destinations", &self.0.destinations)
            .finish_non_exhaustive()
    }
}

/// Builds an [`ActOnBehalfLayer`].
#[derive(Clone, Debug)]
pub struct ActOnBehalfLayerBuilder {
    exchange: CredentialExchange,
    audience: Option<Box<str>>,
    resource: Option<Box<str>>,
    scopes: Vec<String>,
    destinations: Vec<String>,
    hop: Option<Arc<str>>,
    revocations: Revocations,
    clock: SharedClock,
    remember: (usize, usize),
}

impl ActOnBehalfLayerBuilder {
    /// The next service, as the authorization server calls it: what must stand in `aud` of what it issues, alone. Needed.
    pub fn audience(mut self, audience: impl Into<Box<str>>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Names the next service by its URI as well (`resource`, RFC 8693 §2.1, RFC 8707).
    pub fn resource(mut self, uri: impl Into<Box<str>>) -> Self {
        self.resource = Some(uri.into());
        self
    }

    /// Asks for this scope at the next service; called more than once, they add up. One is needed: without any, a server would grant
    /// whatever the caller may do anywhere. One that an actor lacks here ([`Principal::withheld`]) is not asked for that caller, by exact
    /// name; if none is left, there is no call.
    ///
    /// [`Principal::withheld`]: crate::Principal::withheld
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Lets calls go to `https://host`, with a port where it is another than 443, and nowhere else; called more than once, they add
    /// up. One is needed: a credential that is sent elsewhere is lost. Plain `http` is for loopback.
    pub fn destination(mut self, origin: impl Into<String>) -> Self {
        self.destinations.push(origin.into());
        self
    }

    /// What the next service is called in refusals, which callers read, and in records; the audience when not called.
    pub fn hop(mut self, name: impl Into<Arc<str>>) -> Self {
        self.hop = Some(name.into());
        self
    }

    /// Makes no call for who is on this list, and drops what was issued for them. Give it [`Gate::revocations`], or go by
    /// [`Gate::act_on_behalf`], which does.
    ///
    /// [`Gate::revocations`]: crate::Gate::revocations
    /// [`Gate::act_on_behalf`]: crate::Gate::act_on_behalf
    pub fn revocations(mut self, list: Revocations) -> Self {
        self.revocations = list;
        self
    }

    /// Takes time from `clock`; from the machine's clock when not called.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// How many issued credentials are remembered at most, in how many bytes; about 32,768 in 64 MiB unless set. The least recently
    /// used leave first.
    pub fn remember_at_most(mut self, entries: usize, bytes: usize) -> Self {
        self.remember = (entries, bytes);
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// [`Setting`](super::DelegateErrorKind::Setting), which names the setting that is missing or wrong.
    pub fn build(self) -> Result<ActOnBehalfLayer, DelegateError> {
        let endpoint = self.exchange.check().map_err(|problem| setting("exchange", problem))?;
        let audience = self.audience.filter(|audience| !audience.is_empty());
        let audience = audience.ok_or_else(|| setting("audience", "name the next service"))?;
        let is_scope = |scope: &String| {
            !scope.is_empty()
                && scope.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
        };
        if self.scopes.is_empty() || !self.scopes.iter().all(is_scope) {
            return Err(setting("scope", "name one at least, each as RFC 6749 §3.3 has it, without spaces"));
        }
        let mut destinations = Destinations::default();
        self.destinations.iter().try_for_each(|origin| destinations.add(origin))?;
        if destinations.is_empty() {
            return Err(setting("destination", "name where calls may go: https:// and a host"));
        }
        let hop = self.hop.unwrap_or_else(|| Arc::from(&*audience));
        let wanted = Wanted { hop, audience, resource: self.resource, scope: self.scopes.join(" ").into() };
        Ok(ActOnBehalfLayer(Arc::new(Inner {
            obtainer: Obtainer {
                exchange: self.exchange,
                endpoint,
                wanted,
                issued: SeenCredentials::new(self.remember.0, self.remember.1),
                flights: SingleFlight::default(),
                room: Semaphore::new(AT_ONCE),
                revocations: self.revocations,
                clock: self.clock,
            },
            destinations,
        })))
    }
}
