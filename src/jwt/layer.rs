use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;

use super::cache::SeenCredentials;
use super::challenge::Challenges;
use super::issuer::setting;
use super::shared::Shared;
use super::step::{Judge, VerifyJwt};
use super::verify::Verifier;
use super::{JwtError, ProtectedResource, TrustedIssuer};
use crate::clock::HighWater;
use crate::exchange::{Checked, Context, Step, StepLayer};

const REMEMBER_FOR: Duration = Duration::from_secs(5 * 60);
const REMEMBER_ENTRIES: usize = 128 * 1024;
const REMEMBER_BYTES: usize = 64 * 1024 * 1024;

/// Verifies the JWT of every request; see [the module](super).
#[derive(Clone, Debug)]
pub struct VerifyJwtLayer(StepLayer);

impl VerifyJwtLayer {
    /// A layer that accepts nothing yet: add an [issuer](VerifyJwtLayerBuilder::issuer).
    pub fn builder() -> VerifyJwtLayerBuilder {
        VerifyJwtLayerBuilder {
            issuers: Vec::new(),
            without_issuers: false,
            realm: "llm".into(),
            resource: None,
            api_key_header: false,
            credential_passes: false,
            remember_for: REMEMBER_FOR,
            remember_entries: REMEMBER_ENTRIES,
            remember_bytes: REMEMBER_BYTES,
            context: Context::default(),
        }
    }
}

impl<S> Layer<S> for VerifyJwtLayer {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        self.0.layer(inner)
    }
}

/// Builds a [`VerifyJwtLayer`].
#[derive(Clone, Debug)]
pub struct VerifyJwtLayerBuilder {
    issuers: Vec<TrustedIssuer>,
    without_issuers: bool,
    realm: String,
    resource: Option<ProtectedResource>,
    api_key_header: bool,
    credential_passes: bool,
    remember_for: Duration,
    remember_entries: usize,
    remember_bytes: usize,
    context: Context,
}

impl VerifyJwtLayerBuilder {
    /// Accepts JWTs of this issuer, too. At least one is needed.
    pub fn issuer(mut self, issuer: TrustedIssuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// The `realm` of the challenges in `WWW-Authenticate`; `llm` unless set.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// Names this service as its clients' authorization servers know it: in every challenge, and as an audience of each issuer.
    pub fn protected_resource(mut self, resource: ProtectedResource) -> Self {
        self.resource = Some(resource);
        self
    }

    /// Accepts the JWT in `x-api-key`, too, where Anthropic's clients put it. A request with both headers is refused.
    pub fn accept_api_key_header(mut self) -> Self {
        self.api_key_header = true;
        self
    }

    /// How long a verified credential is remembered at most; 5 minutes unless set, not at all with zero. Whatever is set,
    /// never beyond its `exp`, nor after its key has gone.
    pub fn remember_for(mut self, time: Duration) -> Self {
        self.remember_for = time;
        self
    }

    /// How many verified credentials are remembered at most, in how many bytes; about 131,072 in 64 MiB unless set. The
    /// least recently used leave first.
    pub fn remember_at_most(mut self, entries: usize, bytes: usize) -> Self {
        self.remember_entries = entries;
        self.remember_bytes = bytes;
        self
    }

    /// Leaves the credential in the request for the handler. Whatever logs or forwards headers there leaks it.
    pub fn danger_pass_credential_inward(mut self) -> Self {
        self.credential_passes = true;
        self
    }

    /// Shares clock and request ids with the other layers of the stack.
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// Accepts no JWT at all, where certificates say who asks.
    pub(crate) fn without_issuers(mut self) -> Self {
        self.without_issuers = true;
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// [`Setting`](super::JwtErrorKind::Setting), which names the setting that is missing or wrong.
    pub fn build(self) -> Result<VerifyJwtLayer, JwtError> {
        let context = self.context.clone();
        Ok(VerifyJwtLayer(StepLayer::new(self.into_step()?, context)))
    }

    pub(crate) fn into_step(mut self) -> Result<impl Step, JwtError> {
        let metadata = self.take_resource()?;
        if self.issuers.is_empty() && !self.without_issuers {
            return Err(setting("issuer", "trust at least one issuer"));
        }
        for (n, issuer) in self.issuers.iter().enumerate() {
            issuer.check()?;
            if self.issuers[..n].iter().any(|other| other.name == issuer.name) {
                return Err(setting(
                    "issuer",
                    &format!("{} is there twice; add its audiences to one", issuer.name),
                ));
            }
        }
        let challenges = Challenges::new(&self.realm, metadata.as_deref())?;
        let verifier = Verifier {
            issuers: self.issuers,
            seen: SeenCredentials::new(self.remember_entries, self.remember_bytes),
            remember_for: self.remember_for,
            clock: self.context.clock().clone(),
            latest: HighWater::default(),
            shared: Shared::default(),
        };
        Ok(VerifyJwt {
            judge: Arc::new(Judge { verifier, challenges }),
            api_key_header: self.api_key_header,
            credential_passes: self.credential_passes,
        })
    }

    /// The URL of the metadata. The resource's identifier becomes an audience.
    fn take_resource(&mut self) -> Result<Option<String>, JwtError> {
        let Some(resource) = self.resource.take() else { return Ok(None) };
        resource.check()?;
        let is_trusted = |server: &&String| self.issuers.iter().any(|issuer| *issuer.name == ***server);
        if let Some(server) = resource.servers().iter().find(|server| !is_trusted(server)) {
            let problem = format!("{server} is no trusted issuer; clients would be sent there in vain");
            return Err(setting("authorization_server", &problem));
        }
        for issuer in &mut self.issuers {
            if !issuer.audiences.iter().any(|audience| **audience == *resource.resource()) {
                issuer.audiences.push(resource.resource().into());
            }
        }
        Ok(Some(resource.metadata_url()))
    }
}
