use super::RefusalKind;
use http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Why a request, or the rest of an answer, does not pass. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Refusal(Arc<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: RefusalKind,
    public: Cow<'static, str>,
    cause: Option<Cow<'static, str>>,
    rule: Option<Cow<'static, str>>,
    pointer: Option<String>,
    retry_after: Option<Duration>,
    headers: HeaderMap,
    uncharged: bool,
}

impl Refusal {
    /// A refusal that tells the caller `public`.
    pub fn new(kind: RefusalKind, public: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            public: public.into(),
            cause: None,
            rule: None,
            pointer: None,
            retry_after: None,
            headers: HeaderMap::new(),
            uncharged: false,
        }))
    }

    /// The refusal of a service that is put together wrongly. The caller learns only that; `cause` tells the operator
    /// what to change.
    pub fn misconfigured(cause: impl Into<Cow<'static, str>>) -> Self {
        Self::new(RefusalKind::Misconfigured, "the service is not configured correctly").cause(cause)
    }

    /// The refusal of a layer that needs `outer` to have run: `layer` stands outside of it, or it is not stacked.
    pub fn stacked_wrongly(layer: &str, outer: &str) -> Self {
        Self::misconfigured(format!("{layer} needs what {outer} finds out: stack {outer} outside of {layer}"))
    }

    /// Adds what only the audit record may say.
    pub fn cause(self, cause: impl Into<Cow<'static, str>>) -> Self {
        self.with(|inner| inner.cause = Some(cause.into()))
    }

    /// Names the rule that refused, for the audit record only.
    pub fn rule(self, rule: impl Into<Cow<'static, str>>) -> Self {
        self.with(|inner| inner.rule = Some(rule.into()))
    }

    /// Names the place in the body (RFC 6901), for the caller.
    pub fn at(self, pointer: impl Into<String>) -> Self {
        self.with(|inner| inner.pointer = Some(pointer.into()))
    }

    /// Says when to come again: becomes `Retry-After`, in whole seconds rounded up, at least one (RFC 9110 §10.2.3).
    pub fn retry_after(self, after: Duration) -> Self {
        self.with(|inner| inner.retry_after = Some(after))
    }

    /// Adds a `WWW-Authenticate` challenge (RFC 9110 §11.6.1).
    pub fn challenge(self, challenge: HeaderValue) -> Self {
        self.header(WWW_AUTHENTICATE, challenge)
    }

    /// Adds a header to the response.
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.with(|inner| {
            inner.headers.append(name, value);
        })
    }

    /// Says that nothing was done for the request that costs usage, and nothing will be: no model was asked, or none was reached. What the
    /// caller's limits set aside for it is then given back in full, where this refusal is what goes out. It is for the handler to
    /// know, and to say of the whole request: by itself a handler that ran has used the request's input at least. It does not count
    /// where a call by `ProviderCredentialLayer` or `Forward` may have made a model work for this request, whatever came of it.
    ///
    /// ```
    /// use portcullis::refusal::{Refusal, RefusalKind};
    ///
    /// let refusal = Refusal::new(RefusalKind::Unavailable, "the model is being replaced").uncharged();
    /// assert!(refusal.is_uncharged());
    /// ```
    pub fn uncharged(self) -> Self {
        self.with(|inner| inner.uncharged = true)
    }

    /// What sort of refusal.
    pub fn kind(&self) -> RefusalKind {
        self.0.kind
    }

    /// The sentence that the caller reads.
    pub fn public(&self) -> &str {
        &self.0.public
    }

    /// What the audit record says beyond the public sentence.
    pub fn private_cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The rule that refused, by name.
    pub fn rule_name(&self) -> Option<&str> {
        self.0.rule.as_deref()
    }

    /// The place in the body that is meant.
    pub fn pointer(&self) -> Option<&str> {
        self.0.pointer.as_deref()
    }

    /// Whether nothing was done that costs usage.
    pub fn is_uncharged(&self) -> bool {
        self.0.uncharged
    }

    /// When to come again, in whole seconds.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let after = self.0.retry_after?;
        Some((after.as_secs() + u64::from(after.subsec_nanos() > 0)).max(1))
    }

    /// Puts the refusal's own headers onto a response.
    pub(crate) fn write_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0.headers {
            headers.append(name, value.clone());
        }
        if let Some(seconds) = self.retry_after_seconds() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
    }

    /// Whether both are the same refusal of the same request, not merely alike.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind, self.0.public)
    }
}
