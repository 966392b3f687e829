use super::error::setting;
use super::{Grant, StsError};
use crate::jose::KeySet;
use crate::jwt::{KeySource, StaticKeys};
use crate::principal::{Actor, WorkloadPattern};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::sync::Arc;

/// A secret that is shorter can be guessed.
const SHORTEST_SECRET: usize = 24;

/// A service that may act for users: an OAuth client of the exchange, known in one way.
#[derive(Clone)]
pub struct ActorClient {
    pub(super) id: Arc<str>,
    pub(super) proof: Proof,
    pub(super) known_as: Option<Actor>,
    pub(super) audiences: Vec<Box<str>>,
    pub(super) grants: Vec<Grant>,
}

/// How it shows who it is.
#[derive(Clone)]
pub(super) enum Proof {
    /// The certificate of its machine (`tls_client_auth`, RFC 8705 §2.1).
    Certificate(WorkloadPattern),
    /// An assertion that its key signed (`private_key_jwt`, RFC 7523 §2.2).
    Key(Arc<dyn KeySource>),
    /// A secret (`client_secret_basic`, RFC 6749 §2.3.1).
    Secret(SecretString),
}

impl Proof {
    /// As RFC 8414 calls it (`token_endpoint_auth_methods_supported`).
    pub(super) fn method(&self) -> &'static str {
        match self {
            Self::Certificate(_) => "tls_client_auth",
            Self::Key(_) => "private_key_jwt",
            Self::Secret(_) => "client_secret_basic",
        }
    }
}

impl ActorClient {
    /// The client with this `client_id`, which is a machine of that pattern: it shows its certificate in the handshake. What it is issued is
    /// bound to that certificate.
    pub fn by_certificate(client_id: impl Into<Arc<str>>, workload: WorkloadPattern) -> Self {
        Self::new(client_id, Proof::Certificate(workload))
    }

    /// The client with this `client_id`, whose assertions are signed by one of these keys.
    pub fn by_key(client_id: impl Into<Arc<str>>, keys: impl KeySource) -> Self {
        Self::new(client_id, Proof::Key(Arc::new(keys)))
    }

    /// The same, for keys that are known.
    pub fn by_jwks(client_id: impl Into<Arc<str>>, keys: KeySet) -> Self {
        Self::by_key(client_id, StaticKeys::from(keys))
    }

    /// The client with this `client_id` and this secret, of at least 24 bytes at random: the weakest way.
    pub fn by_secret(client_id: impl Into<Arc<str>>, secret: SecretString) -> Self {
        Self::new(client_id, Proof::Secret(secret))
    }

    fn new(client_id: impl Into<Arc<str>>, proof: Proof) -> Self {
        Self { id: client_id.into(), proof, known_as: None, audiences: Vec::new(), grants: Vec::new() }
    }

    /// Who it is where another issuer vouches for it: in `may_act`, in an `actor_token`, and in `act` of what is issued. Unless set, its
    /// `client_id` at this exchange.
    pub fn known_as(mut self, actor: Actor) -> Self {
        self.known_as = Some(actor);
        self
    }

    /// A name of the service itself: credentials that are addressed to it, it may exchange. Without any, only those that are
    /// addressed to the exchange.
    pub fn audience(mut self, audience: impl Into<Box<str>>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Lets it act so. Without any, it may nothing.
    pub fn grant(mut self, grant: Grant) -> Self {
        self.grants.push(grant);
        self
    }

    /// Who it is in the end, at the exchange of that issuer.
    pub(super) fn identity(&self, issuer: &Arc<str>) -> Actor {
        let known_as = self.known_as.clone();
        known_as.unwrap_or_else(|| Actor::new(Arc::clone(issuer), Arc::clone(&self.id)))
    }

    pub(super) fn check(&self) -> Result<(), StsError> {
        let problem = |problem: &str| Err(setting(format!("actor {}", self.id), problem));
        if self.id.is_empty() || !self.id.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
            return problem("a client_id is visible ASCII (RFC 6749, appendix A.1)");
        }
        if self.audiences.iter().any(|audience| audience.is_empty()) {
            return problem("an audience is empty; name it");
        }
        if let Proof::Secret(secret) = &self.proof
            && secret.expose_secret().len() < SHORTEST_SECRET
        {
            return problem("a secret has at least 24 bytes, at random: openssl rand -hex 32");
        }
        for (n, grant) in self.grants.iter().enumerate() {
            grant.check(&self.id)?;
            if self.grants[..n].iter().any(|other| other.audience == grant.audience) {
                return problem("two grants are to one audience; make one of them");
            }
        }
        Ok(())
    }
}

/// For the operator who reads what is permitted.
impl fmt::Display for ActorClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, by {}", self.id, self.proof.method())?;
        if let Proof::Certificate(pattern) = &self.proof {
            write!(f, " of {pattern}")?;
        }
        for grant in &self.grants {
            let scopes: Vec<&str> = grant.scopes.iter().collect();
            write!(f, "; to {}: {}", grant.audience, scopes.join(" "))?;
        }
        if self.grants.is_empty() { f.write_str("; may nothing") } else { Ok(()) }
    }
}

impl fmt::Debug for ActorClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorClient")
            .field("id", &self.id)
            .field("method", &self.proof.method())
            .field("known_as", &self.known_as)
            .field("audiences", &self.audiences)
            .field("grants", &self.grants)
            .finish()
    }
}
