use super::AccessRequest;
use crate::exchange::RuleNames;
use crate::route::ResourceKind;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Decides what a principal may do. It is asked once for each request that is not open, after the body was read and
/// inspected, and once more for each tool that the model calls.
///
/// It fails closed: what it cannot decide is [`Verdict::error`], which refuses.
///
/// ```
/// use portcullis::authorize::{AccessRequest, Decided, Policy, Verdict};
///
/// #[derive(Debug)]
/// struct Readers;
///
/// impl Policy for Readers {
///     fn name(&self) -> &str {
///         "readers"
///     }
///
///     fn decide(&self, request: &AccessRequest<'_>) -> Decided {
///         match request.action {
///             "read" => Verdict::permit().by(&"readers may read".into()).into(),
///             _ => Verdict::no_match().because("only reading is permitted").into(),
///         }
///     }
/// }
/// ```
pub trait Policy: fmt::Debug + Send + Sync + 'static {
    /// What records and the posture call it.
    fn name(&self) -> &str;

    /// Whether all of this is permitted.
    fn decide(&self, request: &AccessRequest<'_>) -> Decided;

    /// A verdict that refuses, if it is certain before the body is read: then [`payload`](super::Environment::payload) is `None` and
    /// the resources are those of the path and the query. `None` when the body may change it, as it is unless said
    /// otherwise.
    fn decide_early(&self, request: &AccessRequest<'_>) -> Option<Verdict> {
        let _ = request;
        None
    }

    /// This policy as it is now, for one request from its beginning to its end: what is asked of it for that request is asked of what this
    /// answers with. `None` when it never changes. One that is read again while a request is decided could otherwise look at
    /// things that nobody has found.
    fn as_of_now(&self) -> Option<Arc<dyn Policy>> {
        None
    }

    /// Whether things of this kind are looked at. Those that no policy looks at need not be found, and tools that the model
    /// calls need not be watched for.
    fn governs(&self, kind: &ResourceKind) -> bool {
        let _ = kind;
        true
    }

    /// The kinds of things that its rules name, as far as it knows. A gate is not built when one is a dataset or a kind of your own that
    /// no route declares ([`Route::resource`](crate::route::Route::resource)): the rule could never speak.
    fn kinds(&self) -> Vec<ResourceKind> {
        Vec::new()
    }

    /// The claims that it reads of a credential, as pointers (RFC 6901): the others are not kept.
    fn claims(&self) -> Vec<Arc<str>> {
        Vec::new()
    }

    /// Who may use a route, as far as action and path tell: a line for each rule, for the posture. Empty where it cannot say.
    fn who(&self, action: &str, route: &str) -> Vec<String> {
        let _ = (action, route);
        Vec::new()
    }

    /// Why each rule that could have permitted did not, for the log at DEBUG.
    fn explain(&self, request: &AccessRequest<'_>) -> Vec<String> {
        let _ = request;
        Vec::new()
    }

    /// What it is made of, in a line or several, for the posture. Two policies that decide differently should differ in it.
    fn describe(&self) -> String {
        self.name().to_owned()
    }
}

/// What a [`Policy`] answers: now, or when a decision point has been asked.
#[derive(Debug)]
pub enum Decided {
    /// The verdict.
    Now(Verdict),
    /// It is still being made.
    Later(PendingVerdict),
}

impl Decided {
    /// Boxes the future that decides. It is dropped unpolled when another policy refuses.
    pub fn later(verdict: impl Future<Output = Verdict> + Send + 'static) -> Self {
        Self::Later(PendingVerdict(Box::pin(verdict)))
    }
}

impl From<Verdict> for Decided {
    fn from(verdict: Verdict) -> Self {
        Self::Now(verdict)
    }
}

/// A verdict that is still being made.
pub struct PendingVerdict(Pin<Box<dyn Future<Output = Verdict> + Send>>);

impl Future for PendingVerdict {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for PendingVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingVerdict")
    }
}

/// What a policy says of a request in the end, and which rules made it say so.
#[derive(Clone, Debug)]
pub struct Verdict {
    effect: Effect,
    rules: RuleNames,
    cause: Option<Arc<str>>,
}

/// What a verdict comes to. Only [`Permit`](Self::Permit) lets a request pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Everything that the request touches is permitted.
    Permit,
    /// A rule forbids it.
    Forbid,
    /// No rule permits it.
    NoMatch,
    /// It could not be decided.
    Error,
}

impl Effect {
    /// The effect as one lower-case word, for records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Forbid => "forbid",
            Self::NoMatch => "no_match",
            Self::Error => "error",
        }
    }
}

impl Verdict {
    /// Everything is permitted.
    pub fn permit() -> Self {
        Self::of(Effect::Permit)
    }

    /// A rule forbids it.
    pub fn forbid() -> Self {
        Self::of(Effect::Forbid)
    }

    /// No rule permits it.
    pub fn no_match() -> Self {
        Self::of(Effect::NoMatch)
    }

    /// It cannot be decided, for this reason.
    pub fn error(cause: impl Into<Arc<str>>) -> Self {
        Self::of(Effect::Error).because(cause)
    }

    fn of(effect: Effect) -> Self {
        Self { effect, rules: RuleNames::default(), cause: None }
    }

    /// Names a rule that made it.
    pub fn by(mut self, rule: &Arc<str>) -> Self {
        self.rules.push(rule);
        self
    }

    /// The rules that made it.
    pub(super) fn by_all(mut self, rules: RuleNames) -> Self {
        self.rules = rules;
        self
    }

    /// Adds what only the record may say.
    pub fn because(mut self, cause: impl Into<Arc<str>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What it comes to.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Whether the request may pass.
    pub fn permits(&self) -> bool {
        self.effect == Effect::Permit
    }

    /// The rules that made it.
    pub fn rules(&self) -> &RuleNames {
        &self.rules
    }

    /// What only the record may say of it.
    pub fn cause(&self) -> Option<&Arc<str>> {
        self.cause.as_ref()
    }
}

/// A policy that is one function.
///
/// ```
/// use portcullis::authorize::{Verdict, policy_fn};
///
/// let readers = policy_fn("readers", |request| match request.action {
///     "read" => Verdict::permit().into(),
///     _ => Verdict::no_match().into(),
/// });
/// ```
pub fn policy_fn<F>(name: &'static str, decide: F) -> impl Policy
where
    F: Fn(&AccessRequest<'_>) -> Decided + Send + Sync + 'static,
{
    PolicyFn { name, decide }
}

struct PolicyFn<F> {
    name: &'static str,
    decide: F,
}

impl<F> fmt::Debug for PolicyFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PolicyFn").field(&self.name).finish()
    }
}

impl<F: Fn(&AccessRequest<'_>) -> Decided + Send + Sync + 'static> Policy for PolicyFn<F> {
    fn name(&self) -> &str {
        self.name
    }

    fn decide(&self, request: &AccessRequest<'_>) -> Decided {
        (self.decide)(request)
    }

    fn describe(&self) -> String {
        format!("{}, a function of the host's own", self.name)
    }
}
