use super::encryption::Reached;
use super::{Check, Checked, Context, EdgeRules, Exchange, Step, StepId, StepLayer};
#[cfg(feature = "axum")]
use crate::principal::PeerConnection;
use crate::principal::{PeerAddress, TlsConnection, TrustedProxies, UnixSocket};
use crate::refusal::{Refusal, RefusalKind};
use crate::route::{NoRoute, RouteTable};
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ALLOW};
use http::{HeaderMap, HeaderValue, Method, Uri, request};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use tower_layer::Layer;

/// Finds the route of a request and the address that it came from. The first layer of a stack, or the second, inside of
/// the audit.
#[derive(Clone, Debug)]
pub struct MatchRouteLayer(StepLayer);

impl MatchRouteLayer {
    /// A layer that knows these routes.
    pub fn builder(routes: RouteTable) -> MatchRouteLayerBuilder {
        MatchRouteLayerBuilder {
            routes,
            proxies: TrustedProxies::default(),
            edge: EdgeRules::default(),
            context: Context::default(),
        }
    }
}

impl<S> Layer<S> for MatchRouteLayer {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        self.0.layer(inner)
    }
}

/// Builds a [`MatchRouteLayer`].
#[derive(Clone, Debug)]
pub struct MatchRouteLayerBuilder {
    routes: RouteTable,
    proxies: TrustedProxies,
    edge: EdgeRules,
    context: Context,
}

impl MatchRouteLayerBuilder {
    /// Believes `X-Forwarded-For` of these proxies.
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// What the head of a request must be.
    pub fn edge(mut self, rules: EdgeRules) -> Self {
        self.edge = rules;
        self
    }

    /// Shares clock and request ids with the other layers of the stack.
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// The layer.
    pub fn build(self) -> MatchRouteLayer {
        let context = self.context.clone();
        let (locate, match_route) = self.into_steps();
        MatchRouteLayer(StepLayer::of(vec![Box::new(locate), Box::new(match_route)], context))
    }

    /// What finds the address, and what finds the route. Between the two stands what refuses by address, so that
    /// requests for what is not there count, too.
    pub(crate) fn into_steps(self) -> (impl Step, impl Step) {
        let locate = Locate { proxies: self.proxies.clone(), told: AtomicBool::new(false) };
        (locate, MatchRoute { routes: self.routes, edge: self.edge, proxies: self.proxies })
    }
}

struct Locate {
    proxies: TrustedProxies,
    /// Whether the log was told of a forwarded header that nobody reads.
    told: AtomicBool,
}

impl Step for Locate {
    fn id(&self) -> StepId {
        StepId::Route
    }

    fn check(&self, parts: &mut request::Parts, exchange: &Exchange) -> Check {
        if let Some(tls) = tls_connection(parts)
            && let Err(refusal) = exchange.set_tls(tls.clone())
        {
            return Check::Refuse(refusal);
        }
        let Reached::At(peer) = reached(parts) else { return Check::Permit };
        self.tell_of_forwarded_headers(&parts.headers);
        exchange.set_client(self.proxies.client_address(peer, &parts.headers)).into()
    }
}

struct MatchRoute {
    routes: RouteTable,
    edge: EdgeRules,
    proxies: TrustedProxies,
}

impl Step for MatchRoute {
    fn id(&self) -> StepId {
        StepId::Route
    }

    fn check(&self, parts: &mut request::Parts, exchange: &Exchange) -> Check {
        self.enter(parts, exchange).into()
    }
}

impl MatchRoute {
    fn enter(&self, parts: &mut request::Parts, exchange: &Exchange) -> Result<(), Refusal> {
        let encrypted =
            self.edge.check_encryption(reached(parts), exchange.tls(), &self.proxies, &parts.headers);
        let checked = encrypted.and_then(|()| self.edge.check(parts, exchange.client()));
        self.edge.strip(parts, exchange);
        if let Err(refusal) = checked {
            // Where the whole gate only observes, the controls that come after the route are evaluated all the same.
            exchange.pardon(self.id(), refusal)?;
        }
        let find = self.routes.find(&parts.method, original_path(parts));
        let route = find.map_err(|none| name_cors(refusal(none), parts))?;
        exchange.set_route(route.clone())
    }
}

impl Locate {
    /// A service behind a proxy that is not listed takes all its callers for one: worth one line in the log.
    fn tell_of_forwarded_headers(&self, headers: &HeaderMap) {
        let unread = self.proxies.networks().is_empty() && headers.contains_key("x-forwarded-for");
        if unread && !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a request came with X-Forwarded-For, which is not read: if it comes from a proxy of yours, list the \
                 proxy in trusted_proxies"
            );
        }
    }
}

/// A preflight has no credential, so it must be answered before it comes here.
fn name_cors(refusal: Refusal, parts: &request::Parts) -> Refusal {
    let is_preflight =
        parts.method == Method::OPTIONS && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if is_preflight {
        refusal.cause("a CORS preflight: stack CorsLayer outside of the gate")
    } else {
        refusal
    }
}

fn refusal(none: NoRoute) -> Refusal {
    match none {
        NoRoute::Odd(odd) => Refusal::new(RefusalKind::MalformedRequest, odd.to_string()),
        NoRoute::Path => Refusal::new(RefusalKind::UnknownRoute, "there is nothing at this path"),
        NoRoute::Method { allowed } => {
            let refusal =
                Refusal::new(RefusalKind::MethodNotAllowed, format!("this path answers only {allowed}"));
            match HeaderValue::from_str(&allowed) {
                Ok(allowed) => refusal.header(ALLOW, allowed),
                Err(_) => refusal,
            }
        }
    }
}

fn reached(parts: &request::Parts) -> Reached {
    if let Some(PeerAddress(peer)) = parts.extensions.get() {
        return Reached::At(*peer);
    }
    #[cfg(feature = "axum")]
    if let Some(axum::extract::ConnectInfo(peer)) =
        parts.extensions.get::<axum::extract::ConnectInfo<SocketAddr>>()
    {
        return Reached::At(*peer);
    }
    #[cfg(feature = "axum")]
    if let Some(axum::extract::ConnectInfo(peer)) =
        parts.extensions.get::<axum::extract::ConnectInfo<PeerConnection>>()
    {
        return Reached::At(peer.address);
    }
    match parts.extensions.get::<UnixSocket>() {
        Some(UnixSocket) => Reached::OverUnixSocket,
        None => Reached::Unknown,
    }
}

/// The address at the other end of the socket, whatever was forwarded over it.
pub(crate) fn peer_socket(parts: &request::Parts) -> Option<SocketAddr> {
    match reached(parts) {
        Reached::At(peer) => Some(peer),
        Reached::OverUnixSocket | Reached::Unknown => None,
    }
}

fn tls_connection(parts: &request::Parts) -> Option<&TlsConnection> {
    let tls = parts.extensions.get::<TlsConnection>();
    #[cfg(feature = "axum")]
    let tls = tls.or_else(|| {
        let info = parts.extensions.get::<axum::extract::ConnectInfo<PeerConnection>>();
        info.and_then(|axum::extract::ConnectInfo(peer)| peer.tls.as_ref())
    });
    tls
}

/// The path as it came on the request line: axum's `nest` strips prefixes.
pub(crate) fn original_path(parts: &request::Parts) -> &str {
    original_uri(parts).path()
}

/// The same, with the query.
pub(crate) fn original_uri(parts: &request::Parts) -> &Uri {
    #[cfg(feature = "axum")]
    if let Some(axum::extract::OriginalUri(uri)) = parts.extensions.get::<axum::extract::OriginalUri>() {
        return uri;
    }
    &parts.uri
}

/// A path is written anew only while nobody has read it: a router that has would hand on what stood there before. `then` says what
/// should have come first.
pub(crate) fn check_before_router(parts: &request::Parts, then: &str) -> Result<(), Refusal> {
    #[cfg(feature = "axum")]
    let is_routed = parts.extensions.get::<axum::extract::MatchedPath>().is_some();
    #[cfg(not(feature = "axum"))]
    let is_routed = false;
    if is_routed || original_path(parts) != parts.uri.path() {
        let cause = format!(
            "a router has read the path before {then}: gate.protect(router), around the outermost router"
        );
        return Err(Refusal::misconfigured(cause));
    }
    Ok(())
}
