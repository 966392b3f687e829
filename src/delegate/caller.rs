use crate::exchange::Exchange;
use crate::principal::Principal;
use http::{HeaderName, HeaderValue, request};

/// The context of a trace (W3C Trace Context §3.2).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The id of the request that a call is made for.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// For whom a call is made: the principal of the request that this service works on, with the request's id, its trace and its
/// record. Put it into the extensions of the outbound request, or give it to the client. Cheap to clone.
///
/// A [`Principal`] alone in the extensions does as well; the call then has no place in a record, and propagates no id.
#[derive(Clone, Debug)]
pub struct OnBehalfOf {
    principal: Principal,
    exchange: Option<Exchange>,
    trace: Option<HeaderValue>,
}

impl OnBehalfOf {
    /// The caller of a request that a gate has let in; `None` where no gate has, and on an open route.
    pub fn of(parts: &request::Parts) -> Option<Self> {
        let exchange = Exchange::of(parts)?;
        let principal = exchange.principal()?.clone();
        Some(Self { principal, exchange: Some(exchange.clone()), trace: trace(parts) })
    }

    /// Whom the call is made for.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Finds whom an outbound request is made for.
    pub(super) fn take(parts: &mut request::Parts) -> Option<Self> {
        let principal = parts.extensions.remove::<Principal>();
        if let Some(caller) = parts.extensions.remove::<Self>() {
            return Some(caller);
        }
        principal.map(Self::from).or_else(|| Self::of(parts))
    }

    pub(super) fn exchange(&self) -> Option<&Exchange> {
        self.exchange.as_ref()
    }

    /// Lets the next service know which request and which trace the call belongs to. A trace that the request has already stays.
    pub(super) fn propagate(&self, parts: &mut request::Parts) {
        if let Some(id) = self.exchange.as_ref().map(|exchange| exchange.id().header()) {
            parts.headers.insert(REQUEST_ID, id);
        }
        if let Some(trace) = &self.trace {
            parts.headers.entry(TRACEPARENT).or_insert_with(|| trace.clone());
        }
    }
}

impl From<Principal> for OnBehalfOf {
    fn from(principal: Principal) -> Self {
        Self { principal, exchange: None, trace: None }
    }
}

/// What stands in `traceparent`, if it is what it must be: once, of a known length, in lower-case hexadecimal digits, no id all
/// zeros. It is the client's word, and goes into headers and logs.
fn trace(parts: &request::Parts) -> Option<HeaderValue> {
    let mut values = parts.headers.get_all(TRACEPARENT).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let fields: Vec<&str> = value.to_str().ok()?.split('-').collect();
    let [version, trace, parent, flags] = fields[..] else { return None };
    let is_hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_some = |text: &str| text.bytes().any(|byte| byte != b'0');
    let good = version == "00" && is_hex(flags, 2) && is_hex(trace, 32) && is_hex(parent, 16);
    (good && is_some(trace) && is_some(parent)).then(|| value.clone())
}
