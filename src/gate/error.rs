use crate::jwt::JwtError;
use crate::limit::{FloodError, LimitsError, PlansError};
#[cfg(feature = "tls")]
use crate::peer::PeerError;
use crate::protect::ProtectError;
use crate::route::{ResourceKind, RouteError};
use crate::watch::WatchError;
use thiserror::Error;

/// A gate that cannot be built. Says which setting, and what to do.
#[derive(Debug, Error)]
#[error(transparent)]
#[non_exhaustive]
pub struct GateError {
    kind: GateErrorKind,
}

impl GateError {
    /// What is wrong.
    pub fn kind(&self) -> &GateErrorKind {
        &self.kind
    }
}

impl<T: Into<GateErrorKind>> From<T> for GateError {
    fn from(kind: T) -> Self {
        Self { kind: kind.into() }
    }
}

/// What is wrong with a gate.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GateErrorKind {
    /// There is no way in.
    #[error(
        "routes: name at least one with .route(Route::post(\"/generate\")…); what no route names is refused"
    )]
    NoRoutes,
    /// A control is neither set up nor said to be missing.
    #[error("{control}: call {call}, or {danger}() to go without")]
    Missing {
        /// The control.
        control: &'static str,
        /// The method that sets it up.
        call: &'static str,
        /// The method that says that it shall be missing.
        danger: &'static str,
    },
    /// A control is set up and said to be missing.
    #[error("{control}: it is set up, and {danger}() says that it shall be missing; keep one of them")]
    Contradiction {
        /// The control.
        control: &'static str,
        /// The method that says that it shall be missing.
        danger: &'static str,
    },
    /// A bound of zero.
    #[error("{0}: must be greater than zero")]
    Zero(&'static str),
    /// Fewer bytes may be kept at once than one body may take once it is parsed.
    #[error(
        "max_body_bytes_at_once: must be at least twice max_body_bytes, for one caller and in all; a body is counted with \
         what its parsed form takes"
    )]
    LessThanOneBody,
    /// A route cannot be used.
    #[error("routes: {0}")]
    Route(#[from] RouteError),
    /// A route is for machines, and nobody asks for certificates.
    #[error(
        "routes: {0} lets in machines by their certificates, and no rules for them are set up: call .peers(PeerRules::new()…), \
         of the feature `tls`"
    )]
    MachinesWithoutPeers(String),
    /// Actors are known by their certificates, and nobody asks for those.
    #[error(
        "delegation: actors are known by the certificates of their machines, and nobody is asked for one: call \
         .peers(PeerRules::new()…), of the feature `tls`"
    )]
    ActorsWithoutPeers,
    /// A route lets in whom the policies permit, and there are none.
    #[error(
        "routes: {0} is by policy, and there is none: call .policy(RulePolicy::builder(\"…\")…), or require a scope"
    )]
    RouteWithoutPolicy(String),
    /// A rule speaks of a kind of thing that no route declares, so that it could never speak.
    #[error(
        "policies: a rule speaks of the kind {0}, and no route says where a request names one: add .resource({0}, …) to its route, in TOML \
         resources = [{{ kind = \"{0}\", … }}], or take the rule out"
    )]
    KindOnNoRoute(ResourceKind),
    /// A policy is tried out, and none is in force to compare it with.
    #[error(
        "policies: one is tried out and none is in force; add .policy(…), which may be \
         RulePolicy::builder(\"all\").permit(\"all\", always()).build()?"
    )]
    ShadowAlone,
    /// The rules for certificates cannot be used.
    #[cfg(feature = "tls")]
    #[error("peers: {0}")]
    Peer(#[from] PeerError),
    /// A route declares references, and nobody seals any.
    #[error(
        "routes: {0} declares references, and none are sealed: call .references(SealReferences::new(keys)), or leave them out"
    )]
    ReferencesWithoutKeys(String),
    /// References or caches cannot be protected.
    #[error("protect: {0}")]
    Protect(#[from] ProtectError),
    /// The gate has one list of what is revoked, and its rules for certificates, or its logouts, have another.
    #[error(
        "revocations: the gate, its peers and its logouts have two lists; give one list to .revocations(list) and to          BackChannelLogout::builder(list), and none to the peers"
    )]
    TwoRevocations,
    /// The grace cannot be used.
    #[error("credential_grace: {0}")]
    Watch(#[from] WatchError),
    /// An issuer cannot be used.
    #[error("issuers: {0}")]
    Jwt(#[from] JwtError),
    /// Plans cannot be used.
    #[error("plans: {0}")]
    Plans(#[from] PlansError),
    /// Limits cannot be used.
    #[error("limits: {0}")]
    Limits(#[from] LimitsError),
    /// The flood check cannot be used.
    #[error("flood check: {0}")]
    Flood(#[from] FloodError),
}
