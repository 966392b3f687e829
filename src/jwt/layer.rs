use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;

use super::api_key::ApiKeys;
use super::cache::SeenCredentials;
use super::challenge::Challenges;
#[cfg(feature = "fetch")]
use super::introspect::Introspection;
use super::issuer::setting;
use super::judge::Judge;
use super::shared::Shared;
use super::step::VerifyJwt;
use super::verify::Verifier;
use super::{ApiKey, Authenticate, DpopRules, JwtError, ProtectedResource, RequireBinding, TrustedIssuer};
use crate::clock::HighWater;
use crate::exchange::{Checked, Context, Step, StepLayer};
use crate::principal::{PlanName, Revocations};

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
            api_keys: Vec::new(),
            host: None,
            #[cfg(feature = "fetch")]
            introspection: None,
            dpop: None,
            required: RequireBinding::default(),
            default_plan: None,
            kept_claims: Vec::new(),
            credential_passes: false,
            remember_for: REMEMBER_FOR,
            remember_entries: REMEMBER_ENTRIES,
            remember_bytes: REMEMBER_BYTES,
            revocations: Revocations::new(),
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
    api_keys: Vec<ApiKey>,
    host: Option<Arc<dyn Authenticate>>,
    #[cfg(feature = "fetch")]
    introspection: Option<Introspection>,
    dpop: Option<DpopRules>,
    required: RequireBinding,
    default_plan: Option<PlanName>,
    kept_claims: Vec<Arc<str>>,
    credential_passes: bool,
    remember_for: Duration,
    remember_entries: usize,
    remember_bytes: usize,
    revocations: Revocations,
    context: Context,
}

impl VerifyJwtLayerBuilder {
    /// Accepts JWTs of this issuer, too. At least one is needed, or another kind of credential.
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

    /// Accepts this static key, too. It comes where a JWT would.
    pub fn api_key(mut self, key: ApiKey) -> Self {
        self.api_keys.push(key);
        self
    }

    /// Accepts opaque credentials of an issuer that is asked about them (RFC 7662).
    #[cfg(feature = "fetch")]
    pub fn introspection(mut self, introspection: Introspection) -> Self {
        self.introspection = Some(introspection);
        self
    }

    /// Asks the host's own login first.
    pub fn authenticate(self, login: impl Authenticate) -> Self {
        self.authenticate_shared(Arc::new(login))
    }

    pub(crate) fn authenticate_shared(mut self, login: Arc<dyn Authenticate>) -> Self {
        self.host = Some(login);
        self
    }

    /// Accepts credentials that are bound by DPoP (RFC 9449), with their proof. Without this they are refused.
    pub fn dpop(mut self, rules: DpopRules) -> Self {
        self.dpop = Some(rules);
        self
    }

    /// Who must come with a credential that is bound to a key of its bearer; nobody unless set.
    pub fn require_binding(mut self, required: RequireBinding) -> Self {
        self.required = required;
        self
    }

    /// Keeps these claims of every issuer's credentials; see [`TrustedIssuer::keep_claim`].
    pub fn keep_claims(mut self, pointers: impl IntoIterator<Item = Arc<str>>) -> Self {
        self.kept_claims.extend(pointers);
        self
    }

    /// The plan of those whose credential names none, for [`RequireBinding::ForPlans`].
    pub fn default_plan(mut self, plan: impl Into<PlanName>) -> Self {
        self.default_plan = Some(plan.into());
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

    /// Refuses what is on this list, from the next request on, also what is remembered.
    pub fn revocations(mut self, list: Revocations) -> Self {
        self.revocations = list;
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
        self.spread_kept_claims();
        let metadata = self.take_resource()?;
        let other_credentials = self.without_issuers || !self.api_keys.is_empty() || self.host.is_some();
        #[cfg(feature = "fetch")]
        let other_credentials = other_credentials || self.introspection.is_some();
        if self.issuers.is_empty() && !other_credentials {
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
            judge: Arc::new(Judge {
                verifier,
                api_keys: ApiKeys::new(self.api_keys)?,
                #[cfg(feature = "fetch")]
                asker: self
                    .introspection
                    .map(|rules| rules.build(self.context.clock().clone()).map(Arc::new))
                    .transpose()?,
                challenges,
                dpop: self.dpop.map(|rules| rules.build(self.context.clock().clone())).transpose()?,
                required: self.required,
                default_plan: self.default_plan,
                revocations: self.revocations,
            }),
            host: self.host,
            api_key_header: self.api_key_header,
            credential_passes: self.credential_passes,
        })
    }

    fn spread_kept_claims(&mut self) {
        for pointer in std::mem::take(&mut self.kept_claims) {
            let issuers = std::mem::take(&mut self.issuers);
            self.issuers = issuers.into_iter().map(|issuer| issuer.keep_claim(pointer.clone())).collect();
            #[cfg(feature = "fetch")]
            {
                let introspection = self.introspection.take();
                self.introspection = introspection.map(|rules| rules.keep_claim(pointer));
            }
        }
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
