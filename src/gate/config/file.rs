//! The shape of the file: what serde reads, before it means anything.

use super::bodies::{CacheScopesSection, ModelSection, ReferencesSection};
use super::credentials::Binding;
use super::delegation::DelegationSection;
use super::hosts::{Host, Origin, UrlHost};
use super::jwks::Jwks;
use super::moment::Moment;
use super::points::{AuthZenSection, CedarSection, PointSections};
use super::policy_file::PolicySection;
use super::value::{Count, Size, Text};
use crate::audit::WhenFull;
use crate::inspect::Action;
use crate::jose::Algorithm;
use crate::limit::{Dimension, Per};
use crate::payload::{Dialect, UnknownFields};
use crate::principal::{Network, TrustDomain, WorkloadPattern};
use http::{HeaderName, Method};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;

/// The keys that stand above the first section.
pub(super) const TOP: [&str; 4] = ["default_plan", "output_cap", "danger_without_limits", "danger_observe"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct File {
    pub(super) default_plan: Option<Spanned<String>>,
    pub(super) output_cap: Option<Count<u64>>,
    pub(super) danger_without_limits: Option<Spanned<bool>>,
    pub(super) danger_observe: Option<Moment>,
    pub(super) audit: Option<Spanned<AuditSection>>,
    #[serde(default)]
    pub(super) issuers: Vec<Spanned<IssuerSection>>,
    #[serde(default)]
    pub(super) authentication: AuthenticationSection,
    pub(super) delegation: Option<Spanned<DelegationSection>>,
    pub(super) watch: Option<Spanned<WatchSection>>,
    pub(super) protected_resource: Option<Spanned<ProtectedResourceSection>>,
    #[serde(default)]
    pub(super) api_keys: Vec<Spanned<ApiKeySection>>,
    pub(super) introspection: Option<Spanned<IntrospectionSection>>,
    #[serde(default)]
    pub(super) routes: Vec<Spanned<RouteSection>>,
    #[serde(default)]
    pub(super) plans: BTreeMap<Spanned<String>, Spanned<PlanSection>>,
    #[serde(default)]
    pub(super) models: Vec<Spanned<ModelSection>>,
    pub(super) references: Option<ReferencesSection>,
    pub(super) cache_scopes: Option<CacheScopesSection>,
    pub(super) cedar: Option<Spanned<CedarSection>>,
    pub(super) authzen: Option<Spanned<AuthZenSection>>,
    #[serde(default)]
    pub(super) shadow: PointSections,
    pub(super) flood: Option<Spanned<FloodSection>>,
    pub(super) policy: Option<Spanned<PolicySection>>,
    pub(super) inspection: Option<InspectionSection>,
    #[serde(default)]
    pub(super) body: BodySection,
    #[serde(default)]
    pub(super) answer: AnswerSection,
    #[serde(default)]
    pub(super) proxies: ProxiesSection,
    #[serde(default)]
    pub(super) edge: EdgeSection,
    pub(super) trust: Option<Spanned<TrustSection>>,
    pub(super) peer: Option<Spanned<PeerSection>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct AuditSection {
    pub(super) file: Option<Spanned<String>>,
    pub(super) when_full: Option<Text<WhenFull>>,
    pub(super) capacity: Option<Count<usize>>,
    pub(super) danger_off: Option<Spanned<bool>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct IssuerSection {
    pub(super) issuer: Spanned<String>,
    pub(super) audiences: Spanned<Vec<String>>,
    pub(super) jwks_file: Option<Spanned<String>>,
    pub(super) jwks_url: Option<Spanned<String>>,
    pub(super) discovery: Option<Spanned<Text<Discovery>>>,
    pub(super) fetch: Option<Spanned<FetchSection>>,
    pub(super) keys: Option<Spanned<Jwks>>,
    pub(super) algorithms: Option<Spanned<Vec<Text<Algorithm>>>>,
    pub(super) scope_claim: Option<Spanned<String>>,
    pub(super) application_claim: Option<Spanned<String>>,
    pub(super) plan_claim: Option<Spanned<String>>,
    pub(super) tenant_claim: Option<Spanned<String>>,
    pub(super) roles_claim: Option<Spanned<String>>,
    pub(super) max_lifetime: Option<Spanned<Text<Duration>>>,
    pub(super) leeway: Option<Spanned<Text<Duration>>>,
    #[serde(default)]
    pub(super) require_access_token_type: bool,
}

/// How keys are fetched.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[cfg_attr(not(feature = "fetch"), expect(dead_code, reason = "only the feature `fetch` uses it"))]
pub(super) struct FetchSection {
    #[serde(default)]
    pub(super) internal: bool,
    #[serde(default)]
    pub(super) internal_hosts: Vec<String>,
    #[serde(default)]
    pub(super) key_hosts: Vec<String>,
    pub(super) roots_file: Option<Spanned<String>>,
    pub(super) refresh_every: Option<Text<Duration>>,
    pub(super) cool_down: Option<Text<Duration>>,
    pub(super) keep_for: Option<Text<Duration>>,
}

/// By which specification the keys are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Discovery {
    OpenId,
    OAuth,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct ProtectedResourceSection {
    pub(super) resource: Spanned<String>,
    pub(super) authorization_servers: Spanned<Vec<String>>,
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    pub(super) name: Option<String>,
    pub(super) documentation: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct AuthenticationSection {
    #[serde(default)]
    pub(super) accept_api_key_header: bool,
    #[serde(default)]
    pub(super) keep_credential: bool,
    #[serde(default)]
    pub(super) require_binding: Binding,
    pub(super) dpop: Option<Spanned<DpopSection>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct DpopSection {
    pub(super) addresses: Vec<String>,
    pub(super) max_age: Option<Text<Duration>>,
    #[serde(default)]
    pub(super) require_nonces: bool,
}

/// Whom to ask about opaque credentials.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[cfg_attr(not(feature = "fetch"), expect(dead_code, reason = "only the feature `fetch` uses it"))]
pub(super) struct IntrospectionSection {
    pub(super) endpoint: String,
    pub(super) issuer: String,
    pub(super) audiences: Vec<String>,
    pub(super) client_id: String,
    pub(super) client_secret_file: Option<String>,
    pub(super) private_key_file: Option<String>,
    pub(super) certificate_file: Option<String>,
    pub(super) certificate_key_file: Option<String>,
    pub(super) scope_claim: Option<String>,
    pub(super) plan_claim: Option<String>,
    pub(super) tenant_claim: Option<String>,
    pub(super) roles_claim: Option<String>,
    pub(super) remember_for: Option<Text<Duration>>,
    #[serde(default)]
    pub(super) internal_hosts: Vec<String>,
    pub(super) roots_file: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct ApiKeySection {
    pub(super) sha256: Spanned<String>,
    pub(super) owner: String,
    pub(super) expires: Moment,
    pub(super) issuer: Option<String>,
    pub(super) name: Option<String>,
    pub(super) plan: Option<String>,
    pub(super) tenant: Option<String>,
    #[serde(default)]
    pub(super) scopes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct WatchSection {
    pub(super) grace: Option<Text<Duration>>,
    pub(super) danger_off: Option<Spanned<bool>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct RouteSection {
    pub(super) method: Text<Method>,
    pub(super) path: Spanned<String>,
    pub(super) dialect: Option<Spanned<Text<Arc<dyn Dialect>>>>,
    pub(super) action: Option<String>,
    #[serde(default)]
    pub(super) scopes: Vec<Spanned<String>>,
    pub(super) by_policy: Option<Spanned<bool>>,
    #[serde(default)]
    pub(super) resources: Vec<Spanned<ResourceSection>>,
    pub(super) open: Option<Spanned<bool>>,
    pub(super) machine_only: Option<Spanned<bool>>,
    pub(super) subject_optional: Option<Spanned<bool>>,
    pub(super) workloads: Option<Vec<Text<WorkloadPattern>>>,
    pub(super) danger_without_certificate: Option<Spanned<bool>>,
    pub(super) acr: Option<Spanned<Vec<String>>>,
    pub(super) max_age: Option<Spanned<Text<Duration>>>,
    pub(super) default_output_cap: Option<Count<u64>>,
    #[serde(default)]
    pub(super) allow_encoded_slashes: bool,
    pub(super) unknown_fields: Option<Spanned<Text<UnknownFields>>>,
    pub(super) urls: Option<Spanned<Vec<Spanned<Text<UrlHost>>>>>,
    pub(super) danger_urls_of_any_public_name: Option<Spanned<bool>>,
    pub(super) danger_credentials_in_body: Option<Spanned<bool>>,
    #[serde(default)]
    pub(super) references: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) seal_answers: bool,
    pub(super) danger_unsealed_references: Option<Spanned<bool>>,
    pub(super) danger_opaque_body: Option<Spanned<OpaqueSection>>,
    pub(super) danger_opaque_answer: Option<Spanned<OpaqueSection>>,
    pub(super) danger_observe: Option<Moment>,
}

/// Where a request names a thing that it touches.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct ResourceSection {
    pub(super) kind: String,
    pub(super) path: Option<String>,
    pub(super) query: Option<String>,
    pub(super) pointer: Option<String>,
}

/// What goes by unread.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct OpaqueSection {
    pub(super) types: Vec<String>,
    pub(super) max_bytes: Size,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct PlanSection {
    #[serde(default)]
    pub(super) requests: Vec<Spanned<LimitSection>>,
    #[serde(default)]
    pub(super) usage: Vec<Spanned<LimitSection>>,
    pub(super) output_cap: Option<Count<u64>>,
    pub(super) danger_unlimited: Option<Spanned<bool>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct LimitSection {
    pub(super) limit: Count<u64>,
    pub(super) per: Text<Per>,
    pub(super) by: Option<Text<Dimension>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct FloodSection {
    pub(super) requests: Option<Count<u32>>,
    pub(super) per: Option<Text<Per>>,
    pub(super) burst: Option<Count<u32>>,
    pub(super) failed_credential: Option<Count<u32>>,
    pub(super) addresses: Option<Spanned<Count<usize>>>,
    pub(super) danger_off: Option<Spanned<bool>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct InspectionSection {
    /// By the last part of the category's name.
    #[serde(default)]
    pub(super) injection: BTreeMap<Spanned<String>, Text<Action>>,
    pub(super) danger_off: Option<Spanned<bool>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct BodySection {
    pub(super) max_bytes: Option<Size>,
    pub(super) min_bytes_per_second: Option<Count<usize>>,
    pub(super) max_bytes_of_one_caller: Option<Size>,
    pub(super) max_bytes_of_all: Option<Size>,
    pub(super) max_time: Option<Spanned<Text<Duration>>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct AnswerSection {
    pub(super) event: Option<Size>,
    pub(super) whole: Option<Size>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct ProxiesSection {
    #[serde(default)]
    pub(super) trusted: Vec<Text<Network>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct EdgeSection {
    pub(super) allowed_hosts: Option<Vec<Text<Host>>>,
    #[serde(default)]
    pub(super) allowed_origins: Vec<Text<Origin>>,
    pub(super) max_header_bytes: Option<Size>,
    #[serde(default)]
    pub(super) danger_plaintext: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only the feature `tls` uses it"))]
pub(super) struct TrustSection {
    #[serde(default)]
    pub(super) spiffe: BTreeMap<String, String>,
    pub(super) roots_file: Option<String>,
    #[serde(default)]
    pub(super) crl_files: Vec<String>,
    #[serde(default)]
    pub(super) danger_accept_stale_crls: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only the feature `tls` uses it"))]
pub(super) struct PeerSection {
    #[serde(default)]
    pub(super) trust_domains: Vec<Text<TrustDomain>>,
    #[serde(default)]
    pub(super) workloads: Vec<Text<WorkloadPattern>>,
    pub(super) max_lifetime: Option<Spanned<Text<Duration>>>,
    pub(super) plan: Option<String>,
    #[serde(default)]
    pub(super) people: Vec<Spanned<PersonSection>>,
    pub(super) proxies: Option<Spanned<TlsProxiesSection>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only the feature `tls` uses it"))]
pub(super) struct PersonSection {
    pub(super) authority_file: String,
    pub(super) subject_issuer: String,
    pub(super) name: Text<PersonName>,
    #[serde(default)]
    pub(super) domains: Vec<String>,
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    pub(super) plan: Option<String>,
    pub(super) tenant: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only the feature `tls` uses it"))]
pub(super) struct TlsProxiesSection {
    pub(super) header: Text<HeaderForm>,
    pub(super) header_name: Option<Spanned<Text<HeaderName>>>,
    #[serde(default)]
    pub(super) workloads: Vec<Text<WorkloadPattern>>,
    #[serde(default)]
    pub(super) danger_networks: Vec<Text<Network>>,
}

/// The form in which a proxy hands on certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderForm {
    Rfc9440,
    Envoy,
    EscapedPem,
}

/// By which name in its certificate a person is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PersonName {
    Email,
    Upn,
}
