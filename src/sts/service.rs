use super::actor::Proof;
use super::keys::Keys;
use super::record::Recorder;
use super::replay::Replays;
use super::{ActorClient, ExchangeEndpoint, StsBuilder};
use crate::clock::SharedClock;
use crate::exchange::Context;
use crate::jose::Algorithm;
use crate::jwt::TrustedIssuer;
use crate::jwt::dpop::Dpop;
use crate::jwt::examine::Examiner;
use crate::principal::{Actor, Revocations};
#[cfg(feature = "tls")]
use crate::trust::Verified;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// An exchange of credentials; see the [module](super). Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sts(pub(super) Arc<Desk>);

/// What all requests share.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) issuer: Arc<str>,
    pub(super) endpoint: Box<str>,
    pub(super) clients: Vec<Client>,
    /// What stands before the names of an issuer's subjects.
    pub(super) prefixes: Vec<(Box<str>, Box<str>)>,
    pub(super) keys: Arc<Keys>,
    pub(super) lifetime: Duration,
    pub(super) revocations: Revocations,
    pub(super) dpop: Dpop,
    pub(super) replays: Replays,
    pub(super) recorder: Recorder,
    /// Against bundles that change.
    #[cfg(feature = "tls")]
    pub(super) again: Option<Verified>,
    pub(super) context: Context,
}

/// A client, and what checks the credentials that it shows.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) rules: ActorClient,
    pub(super) identity: Actor,
    /// Addressed to the exchange, or to the client.
    pub(super) subjects: Examiner,
    /// Addressed to the exchange.
    pub(super) actors: Examiner,
    /// Where it is known by its key.
    pub(super) assertions: Option<Examiner>,
}

impl Desk {
    pub(super) fn clock(&self) -> &SharedClock {
        self.context.clock()
    }
}

impl Sts {
    /// An exchange that is called `issuer` (`iss`), its public URL. It permits nothing yet.
    pub fn builder(issuer: impl Into<Arc<str>>) -> StsBuilder {
        StsBuilder::new(issuer.into())
    }

    /// The service that takes requests, for its path; wherever it is mounted, it answers every path.
    pub fn endpoint(&self) -> ExchangeEndpoint {
        ExchangeEndpoint(self.0.clone())
    }

    /// The public keys as they are now (RFC 7517 §5), for `GET` at [`jwks_url`](Self::jwks_url). They change: ask for each answer.
    pub fn jwks(&self) -> Bytes {
        self.0.keys.jwks().into()
    }

    /// Where its public keys are served.
    pub fn jwks_url(&self) -> String {
        jwks_url(&self.0.issuer)
    }

    /// The metadata (RFC 8414), for `GET` at [`metadata_path`](Self::metadata_path).
    pub fn metadata(&self) -> Bytes {
        let algorithms = Algorithm::ALL.map(Algorithm::name);
        let mut methods: Vec<&str> =
            self.0.clients.iter().map(|client| client.rules.proof.method()).collect();
        methods.sort_unstable();
        methods.dedup();
        let document = serde_json::json!({
            "issuer": &*self.0.issuer,
            "token_endpoint": &*self.0.endpoint,
            "jwks_uri": self.jwks_url(),
            "response_types_supported": [],
            "grant_types_supported": [super::exchange::GRANT_TYPE],
            "token_endpoint_auth_methods_supported": methods,
            "token_endpoint_auth_signing_alg_values_supported": algorithms,
            "dpop_signing_alg_values_supported": algorithms,
            "tls_client_certificate_bound_access_tokens": true,
        });
        document.to_string().into()
    }

    /// The path of the metadata: the well-known one, before the path of the issuer (RFC 8414 §3.1).
    pub fn metadata_path(&self) -> String {
        metadata_path(&self.0.issuer)
    }

    /// What a gate in the same process is told that believes this exchange. Its audience is still to be named. Gates elsewhere find the keys by
    /// [`Jwks::discover_oauth`](crate::jwt::Jwks::discover_oauth), and read the same claims: `/plan`, `/tenant`, `/roles`.
    pub fn trusted(&self) -> TrustedIssuer {
        own_issuer(&self.0.issuer, &self.0.keys)
    }
}

pub(super) fn jwks_url(issuer: &str) -> String {
    format!("{issuer}/jwks.json")
}

pub(super) fn metadata_path(issuer: &str) -> String {
    format!("/.well-known/oauth-authorization-server{}", path(issuer))
}

/// How credentials of the exchange are read.
pub(super) fn own_issuer(name: &Arc<str>, keys: &Arc<Keys>) -> TrustedIssuer {
    TrustedIssuer::new(Arc::clone(name))
        .shared_keys(keys.clone())
        .algorithms([keys.current().algorithm()])
        .plan_claim("/plan")
        .tenant_claim("/tenant")
        .roles_claim("/roles")
        .require_access_token_type()
}

/// The path of a URL, without a slash at its end.
pub(super) fn path(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let path = url[after_scheme..].find('/').map_or("", |at| &url[after_scheme + at..]);
    path.trim_end_matches('/')
}

/// What is permitted: print it at start.
impl fmt::Display for Sts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let desk = &self.0;
        write!(f, "exchange of credentials {} at {}", desk.issuer, desk.endpoint)?;
        write!(f, "\n  signs by {}", desk.keys.describe_keys())?;
        write!(f, ", for {} s at most", desk.lifetime.as_secs())?;
        for (issuer, prefix) in &desk.prefixes {
            write!(f, "\n  for subjects of {issuer}")?;
            if !prefix.is_empty() {
                write!(f, ", as {prefix}…")?;
            }
        }
        for client in &desk.clients {
            write!(f, "\n  {}", client.rules)?;
            if matches!(client.rules.proof, Proof::Secret(_)) {
                f.write_str("; A SECRET IS GOOD FOR WHOEVER HOLDS IT")?;
            }
        }
        if !desk.recorder.keeps() {
            f.write_str("\n  WITHOUT AUDIT: NO EXCHANGE IS RECORDED")?;
        }
        Ok(())
    }
}
