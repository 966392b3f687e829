use super::ProviderCredential;
use crate::delegate::DelegateError;
use crate::delegate::destination::Destinations;
use crate::delegate::error::setting;
use crate::delegate::headers::is_credential;
use crate::delegate::secret::RotatingSecret;
use http::HeaderName;
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, RETRY_AFTER,
};
use std::fmt;
use std::sync::Arc;
use tower_layer::Layer;

/// How a provider of models is reached, and where its credential stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    name: Arc<str>,
    header: HeaderName,
    scheme: &'static str,
    origin: Option<&'static str>,
}

impl Provider {
    /// OpenAI: `Authorization: Bearer`, at `https://api.openai.com`. So do most servers that speak its dialect: name their
    /// [destination](ProviderCredentialLayerBuilder::destination).
    pub fn openai() -> Self {
        Self::of("openai", AUTHORIZATION, "Bearer ", "https://api.openai.com")
    }

    /// Anthropic: `x-api-key`, at `https://api.anthropic.com`.
    pub fn anthropic() -> Self {
        Self::of("anthropic", HeaderName::from_static("x-api-key"), "", "https://api.anthropic.com")
    }

    /// Gemini: `x-goog-api-key`, at `https://generativelanguage.googleapis.com`.
    pub fn gemini() -> Self {
        let header = HeaderName::from_static("x-goog-api-key");
        Self::of("gemini", header, "", "https://generativelanguage.googleapis.com")
    }

    /// Another one, called so, that takes its credential in `Authorization: Bearer`.
    pub fn bearer(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), header: AUTHORIZATION, scheme: "Bearer ", origin: None }
    }

    /// Another one, called so, that takes its credential alone in this header.
    pub fn header(name: impl Into<Arc<str>>, header: HeaderName) -> Self {
        Self { name: name.into(), header, scheme: "", origin: None }
    }

    /// What it is called in refusals and records.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn of(name: &str, header: HeaderName, scheme: &'static str, origin: &'static str) -> Self {
        Self { name: name.into(), header, scheme, origin: Some(origin) }
    }

    pub(super) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn credential_header(&self) -> (&HeaderName, &'static str) {
        (&self.header, self.scheme)
    }
}

/// Makes a client of HTTP show this service's own credential to a provider of models, and nothing of callers; see
/// [the module](crate::delegate). Cheap to clone.
///
/// 1. Of the request's headers only those go on that say what it is: `accept`, `accept-encoding`, `accept-language`, `content-…`,
///    `user-agent`, `idempotency-key`, `anthropic-version`, `anthropic-beta`, `openai-beta`, and those that were
///    [allowed](ProviderCredentialLayerBuilder::allow_request_header). A query that names a credential (`key`, `api_key`,
///    `access_token`) refuses the call.
/// 2. The credential is read anew for each call, so that it can be [replaced](RotatingSecret::replace) while calls are made.
/// 3. Calls go to the provider's own address, or to those that were named instead; everywhere else they are refused.
/// 4. Of the answer's headers only those come back that are listed, none that belongs to the connection (RFC 9110 §7.6.1), and none
///    that holds the credential.
///
/// A [`CallFacts`](crate::exchange::CallFacts) in the request's extensions becomes its entry in the record, with model and price.
///
/// ```
/// use portcullis::delegate::{Provider, ProviderCredentialLayer, RotatingSecret};
///
/// let key = RotatingSecret::new("sk-…".replace('…', "0").into())?;
/// let layer = ProviderCredentialLayer::builder(Provider::openai(), key)
///     .allow_response_header(http::HeaderName::from_static("openai-processing-ms"))
///     .build()?;
/// # let _ = layer;
/// # Ok::<(), portcullis::delegate::DelegateError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProviderCredentialLayer(Arc<Rules>);

#[derive(Debug)]
pub(super) struct Rules {
    pub(super) provider: Provider,
    pub(super) secret: Option<RotatingSecret>,
    pub(super) destinations: Destinations,
    /// Of the request, beside those that say nothing of who asks.
    pub(super) passed: Vec<HeaderName>,
    /// Of the answer.
    pub(super) allowed: Vec<HeaderName>,
}

impl ProviderCredentialLayer {
    /// A layer that shows that provider this secret.
    pub fn builder(provider: Provider, secret: RotatingSecret) -> ProviderCredentialLayerBuilder {
        ProviderCredentialLayerBuilder::new(provider, Some(secret))
    }

    /// A layer for a server called so that asks for no credential, such as a model server of one's own inside the network: it only
    /// takes away what is the caller's.
    pub fn without_credential(name: impl Into<Arc<str>>) -> ProviderCredentialLayerBuilder {
        ProviderCredentialLayerBuilder::new(Provider::bearer(name), None)
    }

    /// The same layer, through which these headers of requests go as well.
    #[cfg(feature = "forward")]
    pub(crate) fn passing(&self, names: &[HeaderName]) -> Self {
        let Rules { provider, secret, destinations, passed, allowed } = &*self.0;
        Self(Arc::new(Rules {
            provider: provider.clone(),
            secret: secret.clone(),
            destinations: destinations.clone(),
            passed: passed.iter().chain(names).cloned().collect(),
            allowed: allowed.clone(),
        }))
    }

    #[cfg(feature = "forward")]
    pub(crate) fn provider(&self) -> &Provider {
        &self.0.provider
    }

    /// The one place where it is; `None` when there are several.
    #[cfg(feature = "forward")]
    pub(crate) fn only_destination(&self) -> Option<String> {
        self.0.destinations.only()
    }
}

impl<S> Layer<S> for ProviderCredentialLayer {
    type Service = ProviderCredential<S>;

    fn layer(&self, inner: S) -> ProviderCredential<S> {
        ProviderCredential { inner, rules: Arc::clone(&self.0) }
    }
}

/// For the host's own posture.
impl fmt::Display for ProviderCredentialLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rules { provider, destinations, .. } = &*self.0;
        write!(f, "{} at {destinations}, ", provider.name)?;
        match &self.0.secret {
            Some(_) => write!(f, "by a credential of this service in {}", provider.header),
            None => f.write_str("without a credential"),
        }
    }
}

/// Builds a [`ProviderCredentialLayer`].
#[derive(Clone, Debug)]
pub struct ProviderCredentialLayerBuilder {
    provider: Provider,
    secret: Option<RotatingSecret>,
    destinations: Vec<String>,
    passed: Vec<HeaderName>,
    allowed: Vec<HeaderName>,
}

impl ProviderCredentialLayerBuilder {
    fn new(provider: Provider, secret: Option<RotatingSecret>) -> Self {
        let allowed = vec![CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, CACHE_CONTROL, DATE, RETRY_AFTER];
        Self { provider, secret, destinations: Vec::new(), passed: Vec::new(), allowed }
    }

    /// Lets calls go to `https://host`, with a port where it is another than 443; called more than once, they add up. Replaces the
    /// provider's own address. Plain `http` is for loopback.
    pub fn destination(mut self, origin: impl Into<String>) -> Self {
        self.destinations.push(origin.into());
        self
    }

    /// Lets this header of requests go on as well: one that this service sets itself, such as `openai-organization`. None that carries a
    /// credential can be allowed.
    pub fn allow_request_header(mut self, name: HeaderName) -> Self {
        self.passed.push(name);
        self
    }

    /// Lets this header of answers come back as well.
    pub fn allow_response_header(mut self, name: HeaderName) -> Self {
        self.allowed.push(name);
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// [`Setting`](crate::delegate::DelegateErrorKind::Setting), which names the setting that is missing or wrong.
    pub fn build(self) -> Result<ProviderCredentialLayer, DelegateError> {
        let mut destinations = Destinations::default();
        self.destinations.iter().try_for_each(|origin| destinations.add(origin))?;
        if let (true, Some(own)) = (destinations.is_empty(), self.provider.origin) {
            destinations.add(own)?;
        }
        if destinations.is_empty() {
            return Err(setting("destination", "name where this provider is: https:// and a host"));
        }
        if let Some(name) = self.passed.iter().find(|name| is_credential(name)) {
            let problem =
                format!("{name} carries a credential, and none but this service's own goes to a provider");
            return Err(setting("allow_request_header", problem));
        }
        let Self { provider, secret, passed, allowed, .. } = self;
        Ok(ProviderCredentialLayer(Arc::new(Rules { provider, secret, destinations, passed, allowed })))
    }
}
