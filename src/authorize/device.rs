use super::Device;
use crate::exchange::{Exchange, peer_socket};
use crate::principal::{ClaimValue, ClientAddress, Network, Principal, WorkloadPattern};
use crate::refusal::{Refusal, RefusalKind};
use http::{HeaderName, HeaderValue, request};
use std::fmt;
use std::sync::Arc;

/// How the device is known that a request was sent from, and whether the organisation manages it. The first source that
/// speaks counts: the certificate of the connection, then a verified claim, then a listed proxy's header.
///
/// ```
/// use portcullis::authorize::DeviceRules;
///
/// let rules = DeviceRules::new()
///     .managed_certificates(["spiffe://corp.example/device/**".parse()?])
///     .managed_claim("/device/managed", true)
///     .proxy_header(http::HeaderName::from_static("x-device-state"), ["10.0.0.5/32".parse()?]);
/// # let _ = rules;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct DeviceRules {
    certificates: Vec<WorkloadPattern>,
    claim: Option<(Arc<str>, ClaimValue)>,
    proxy: Option<(HeaderName, Vec<Network>)>,
}

/// What was found of the device, for the steps further in.
#[derive(Clone)]
struct Found(Option<Device>);

impl DeviceRules {
    /// Nothing is known of any device.
    pub fn new() -> Self {
        Self::default()
    }

    /// Devices with a client certificate that one of these patterns means are managed, and called by its name.
    pub fn managed_certificates(mut self, patterns: impl IntoIterator<Item = WorkloadPattern>) -> Self {
        self.certificates.extend(patterns);
        self
    }

    /// Devices are managed whose user's credential has this value at that pointer (RFC 6901); with another value they are not.
    pub fn managed_claim(mut self, pointer: impl Into<Arc<str>>, value: impl Into<ClaimValue>) -> Self {
        self.claim = Some((pointer.into(), value.into()));
        self
    }

    /// Proxies at these networks say in this header whether the device is `managed` or `unmanaged`. From everybody else the
    /// header is not believed, and in any case it is taken out of the request. The proxy must overwrite what its client sends.
    pub fn proxy_header(mut self, name: HeaderName, proxies: impl IntoIterator<Item = Network>) -> Self {
        self.proxy = Some((name, proxies.into_iter().collect()));
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.claim.is_none() && self.proxy.is_none()
    }

    pub(super) fn claim_pointer(&self) -> Option<&Arc<str>> {
        self.claim.as_ref().map(|(pointer, _)| pointer)
    }

    /// The device of a request, found the first time that somebody asks.
    pub(super) fn find(
        &self,
        parts: &mut request::Parts,
        exchange: &Exchange,
        principal: &Principal,
    ) -> Result<Option<Device>, Refusal> {
        if self.is_empty() {
            return Ok(None);
        }
        if let Some(Found(device)) = parts.extensions.get() {
            return Ok(device.clone());
        }
        let told = self.told_by_proxy(parts)?;
        let device = match self.shown(exchange) {
            Some(device) => Some(device),
            None => self.claimed(principal)?.or(told),
        };
        parts.extensions.insert(Found(device.clone()));
        Ok(device)
    }

    /// Takes out what only a listed proxy may say.
    pub(super) fn strip(&self, parts: &mut request::Parts) {
        if let Some((name, _)) = &self.proxy {
            parts.headers.remove(name);
        }
    }

    fn shown(&self, exchange: &Exchange) -> Option<Device> {
        let workload = exchange.workload()?;
        let is_managed = self.certificates.iter().any(|pattern| pattern.matches(workload));
        is_managed.then(|| Device::new(true, "certificate").called(workload.id().as_str()))
    }

    fn claimed(&self, principal: &Principal) -> Result<Option<Device>, Refusal> {
        let Some((pointer, value)) = &self.claim else { return Ok(None) };
        if principal.claims().is_unread(pointer) {
            return Err(Refusal::misconfigured(format!(
                "the claim {pointer}, by which managed devices are known, was not looked for: name it in keep_claims of VerifyJwtLayer"
            )));
        }
        Ok(principal.claims().get(pointer).map(|held| Device::new(held == value, "claim")))
    }

    fn told_by_proxy(&self, parts: &mut request::Parts) -> Result<Option<Device>, Refusal> {
        let Some((name, proxies)) = &self.proxy else { return Ok(None) };
        let peer = peer_socket(parts).map(|peer| ClientAddress::new(peer.ip()));
        let values: Vec<_> = parts.headers.get_all(name).iter().cloned().collect();
        parts.headers.remove(name);
        if !peer.is_some_and(|peer| proxies.iter().any(|network| network.contains(peer.ip()))) {
            return Ok(None);
        }
        match values.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>()[..] {
            [] => Ok(None),
            [b"managed"] => Ok(Some(Device::new(true, "proxy"))),
            [b"unmanaged"] => Ok(Some(Device::new(false, "proxy"))),
            _ => Err(Refusal::new(RefusalKind::Unavailable, UNDECIDED).rule("device").cause(format!(
                "a listed proxy sent {name} with something else than managed or unmanaged, or more than once"
            ))),
        }
    }
}

/// For the posture.
impl fmt::Display for DeviceRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sources = Vec::new();
        if !self.certificates.is_empty() {
            let patterns: Vec<&str> = self.certificates.iter().map(WorkloadPattern::as_str).collect();
            sources.push(format!("certificates of {}", patterns.join(", ")));
        }
        if let Some((pointer, value)) = &self.claim {
            sources.push(format!("the claim {pointer} = {value}"));
        }
        if let Some((name, proxies)) = &self.proxy {
            let proxies: Vec<String> = proxies.iter().map(ToString::to_string).collect();
            sources.push(format!("{name} of proxies at {}", proxies.join(", ")));
        }
        write!(f, "managed devices are known by {}", sources.join("; "))
    }
}

/// The sentence for the caller where a policy cannot decide.
pub(super) const UNDECIDED: &str = "it cannot be decided now whether you may do this";
