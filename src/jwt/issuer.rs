use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{JwtError, JwtErrorKind, KeySource};
use crate::jose::{Algorithm, AlgorithmSet};

const LEEWAY: Duration = Duration::from_secs(10);
const MAX_LEEWAY: Duration = Duration::from_secs(60);
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// An issuer whose JWTs are accepted, and what must be in them.
///
/// ```
/// use portcullis::jose::{KeySet, SigningKey};
/// use portcullis::jwt::{StaticKeys, TrustedIssuer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let jwks = SigningKey::generate_ed25519()?.public_jwks();
/// let issuer = TrustedIssuer::new("https://login.example.com")
///     .audience("https://llm.example.com")
///     .keys(StaticKeys::from(KeySet::from_jwks(jwks)?))
///     .plan_claim("/plan");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    pub(super) name: Arc<str>,
    pub(super) audiences: Vec<Box<str>>,
    /// Whether `aud` must name one party only.
    pub(super) one_audience: bool,
    pub(super) keys: Option<Arc<dyn KeySource>>,
    pub(super) algorithms: AlgorithmSet,
    pub(super) scope_claim: Option<Box<str>>,
    pub(super) application_claim: Option<Box<str>>,
    pub(super) plan_claim: Option<Box<str>>,
    pub(super) tenant_claim: Option<Box<str>>,
    pub(super) roles_claim: Option<Box<str>>,
    pub(super) max_lifetime: Duration,
    pub(super) lifetime_is_set: bool,
    pub(super) leeway: Duration,
    pub(super) access_type_required: bool,
    pub(super) kept_claims: Vec<Arc<str>>,
}

impl TrustedIssuer {
    /// The issuer whose JWTs have exactly this `iss`, compared byte for byte.
    pub fn new(issuer: impl Into<Arc<str>>) -> Self {
        Self {
            name: issuer.into(),
            audiences: Vec::new(),
            one_audience: false,
            keys: None,
            algorithms: AlgorithmSet::all(),
            scope_claim: None,
            application_claim: None,
            plan_claim: None,
            tenant_claim: None,
            roles_claim: None,
            max_lifetime: MAX_LIFETIME,
            lifetime_is_set: false,
            leeway: LEEWAY,
            access_type_required: false,
            kept_claims: Vec::new(),
        }
    }

    /// The issuer's name, as it stands in `iss`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds a name of this service: `aud` must hold one of them. At least one is needed.
    pub fn audience(mut self, audience: impl Into<Box<str>>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Where the issuer's public keys come from.
    pub fn keys(mut self, keys: impl KeySource) -> Self {
        self.keys = Some(Arc::new(keys));
        self
    }

    /// The algorithms this issuer may use; all of [`Algorithm::ALL`] unless set.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Where the scopes stand, as an RFC 6901 pointer into the claims: a string of names separated by spaces, or an
    /// array of names. Unless set, `scope` (a string) or `scp` (either).
    pub fn scope_claim(mut self, pointer: impl Into<Box<str>>) -> Self {
        self.scope_claim = Some(pointer.into());
        self
    }

    /// Where the OAuth client stands, as an RFC 6901 pointer. Unless set, `client_id` or `azp`.
    pub fn application_claim(mut self, pointer: impl Into<Box<str>>) -> Self {
        self.application_claim = Some(pointer.into());
        self
    }

    /// Where the name of the subject's plan stands, as an RFC 6901 pointer (`/plan`). Unless set, there is none.
    pub fn plan_claim(mut self, pointer: impl Into<Box<str>>) -> Self {
        self.plan_claim = Some(pointer.into());
        self
    }

    /// Where the tenant's identifier stands, as an RFC 6901 pointer (`/tid`). Unless set, there is none.
    pub fn tenant_claim(mut self, pointer: impl Into<Box<str>>) -> Self {
        self.tenant_claim = Some(pointer.into());
        self
    }

    /// Where the roles stand, as an RFC 6901 pointer (`/realm_access/roles`): a string or an array of strings. Unless
    /// set, there are none.
    pub fn roles_claim(mut self, pointer: impl Into<Box<str>>) -> Self {
        self.roles_claim = Some(pointer.into());
        self
    }

    /// The longest time from `iat` to `exp`. Once set, a JWT without `iat` is refused; unless set it is 24 hours, from now where
    /// there is no `iat`.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime_is_set = true;
        self.max_lifetime = lifetime;
        self
    }

    /// How far the issuer's clock may be off, for `exp`, `nbf` and `iat`; 10 seconds unless set, 60 at most.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Accepts only JWTs whose `typ` is `at+jwt` (RFC 9068 §2.1), so that no ID token or other JWT of the same issuer
    /// passes for an access credential. Unless called, `JWT` and an absent `typ` pass, too, since many issuers write no other.
    pub fn require_access_token_type(mut self) -> Self {
        self.access_type_required = true;
        self
    }

    /// Keeps the claim at this pointer (RFC 6901), if it is there, in [`Principal::claims`](crate::principal::Principal::claims): for a
    /// handler, or a policy of the host's own. A gate does so by itself for what its policies read.
    pub fn keep_claim(mut self, pointer: impl Into<Arc<str>>) -> Self {
        let pointer = pointer.into();
        if !self.kept_claims.contains(&pointer) {
            self.kept_claims.push(pointer);
        }
        self
    }

    /// Everything that was set, without the keys: what tells one configuration from another.
    pub(crate) fn settings(&self) -> impl std::fmt::Debug {
        let claims = [
            &self.scope_claim,
            &self.application_claim,
            &self.plan_claim,
            &self.tenant_claim,
            &self.roles_claim,
        ];
        (
            &self.name,
            &self.audiences,
            self.algorithms,
            claims,
            (self.max_lifetime, self.lifetime_is_set),
            self.leeway,
            self.access_type_required,
            &self.kept_claims,
        )
    }

    pub(super) fn check(&self) -> Result<(), JwtError> {
        if self.name.is_empty() {
            return Err(setting("TrustedIssuer::new", "give the issuer's exact `iss`"));
        }
        if self.audiences.is_empty() || self.audiences.iter().any(|audience| audience.is_empty()) {
            return Err(self.setting("audience", "name at least one audience, none of them empty"));
        }
        let Some(keys) = &self.keys else {
            return Err(self.setting("keys", "say where the issuer's public keys come from"));
        };
        if keys.issuer().is_some_and(|issuer| *issuer != *self.name) {
            return Err(
                self.setting("keys", "these are keys of another issuer; name the same one in both places")
            );
        }
        if self.algorithms.is_empty() {
            return Err(self.setting("algorithms", "allow at least one algorithm"));
        }
        if self.kept_claims.iter().any(|pointer| !is_pointer(pointer)) {
            return Err(self.setting("keep_claim", "write an RFC 6901 pointer such as /department"));
        }
        if self.leeway > MAX_LEEWAY {
            return Err(self.setting("leeway", "choose 60 seconds at most"));
        }
        if self.max_lifetime.is_zero() {
            return Err(self.setting("max_lifetime", "choose more than zero"));
        }
        let pointers = [
            ("scope_claim", &self.scope_claim),
            ("application_claim", &self.application_claim),
            ("plan_claim", &self.plan_claim),
            ("tenant_claim", &self.tenant_claim),
            ("roles_claim", &self.roles_claim),
        ];
        match pointers.into_iter().find(|(_, pointer)| pointer.as_deref().is_some_and(|p| !is_pointer(p))) {
            Some((field, _)) => Err(self.setting(field, "write an RFC 6901 pointer such as /plan")),
            None => Ok(()),
        }
    }

    fn setting(&self, field: &'static str, problem: &str) -> JwtError {
        setting(field, &format!("{problem} (issuer {})", self.name))
    }
}

/// For the posture: the name, where the keys come from, and what is demanded beyond the usual.
impl fmt::Display for TrustedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if let Some(keys) = &self.keys {
            write!(f, " ({})", keys.describe())?;
        }
        if self.access_type_required {
            f.write_str(", at+jwt only")?;
        }
        if self.lifetime_is_set {
            write!(f, ", at most {} s long", self.max_lifetime.as_secs())?;
        }
        Ok(())
    }
}

pub(crate) fn setting(field: &'static str, problem: &str) -> JwtError {
    JwtErrorKind::Setting { field, problem: problem.to_owned() }.into()
}

/// Not the empty pointer, which would name the claims as a whole; `~` only in its two escapes.
fn is_pointer(text: &str) -> bool {
    text.starts_with('/') && text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}
