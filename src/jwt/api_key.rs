use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use hashbrown::HashMap;
use secrecy::SecretString;

use super::issuer::setting;
use super::{JwtError, JwtErrorKind};
use crate::clock::UnixTime;
use crate::jose::base64url;
use crate::principal::{
    AuthenticationMethod, Credential, PlanName, Principal, PrincipalBuilder, ScopeSet, Subject, TenantId,
};

/// A static key that a caller sends as its bearer credential, for users who have no issuer yet.
///
/// It is the weakest kind of credential: nothing binds it to its holder, and it is good until it expires or is taken out of
/// the configuration. Only its SHA-256 is known here, and found by it, so that neither a look at the configuration nor the
/// time of a look-up tells anything of the key. That holds for keys made at random, of 16 bytes or more; the SHA-256 of a
/// password is as good as the password.
///
/// [`generate`](Self::generate) makes one. So does a shell:
///
/// ```sh
/// key="key_$(openssl rand -hex 32)"; echo "$key"; printf %s "$key" | sha256sum
/// ```
///
/// ```
/// use portcullis::clock::UnixTime;
/// use portcullis::jwt::ApiKey;
/// use portcullis::principal::Subject;
///
/// # fn main() -> Result<(), portcullis::jwt::JwtError> {
/// let made = ApiKey::generate()?; // the key goes to the user, its SHA-256 to the configuration
/// let until = UnixTime::from_secs(1_830_297_600);
/// let key = ApiKey::of_sha256(&made.sha256, Subject::new("api-keys", "ada"), until)?
///     .name("ada's notebook")
///     .plan("free")
///     .scopes(["generate:invoke"].into_iter().collect());
/// # let _ = key;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ApiKey {
    sha256: [u8; 32],
    credential: Credential,
    expires: UnixTime,
    principal: PrincipalBuilder,
}

/// A key that was made just now.
#[derive(Debug)]
pub struct NewApiKey {
    /// The key, for its user alone.
    pub key: SecretString,
    /// Its SHA-256 in hexadecimal digits, for the configuration.
    pub sha256: String,
}

impl ApiKey {
    /// Makes a new key from the system's randomness: 32 bytes in base64url after `key_`.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<NewApiKey, JwtError> {
        let mut bytes = [0; 32];
        let filled = SystemRandom::new().fill(&mut bytes);
        filled.map_err(|_| setting("ApiKey::generate", "the system gave no random numbers; try again"))?;
        let key = format!("key_{}", base64url::encode(&bytes));
        let sha256 = hash(&key).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(NewApiKey { key: key.into(), sha256 })
    }

    /// The key with this SHA-256, in 64 hexadecimal digits, of that user, good before `expires`.
    ///
    /// # Errors
    /// When the text is no SHA-256.
    pub fn of_sha256(sha256: &str, owner: Subject, expires: impl Into<UnixTime>) -> Result<Self, JwtError> {
        let problem = "write the key's SHA-256 in 64 hexadecimal digits: printf %s \"$key\" | sha256sum";
        let sha256 = from_hex(sha256).ok_or_else(|| setting("ApiKey::of_sha256", problem))?;
        let expires = expires.into();
        let credential = Credential::new(AuthenticationMethod::ApiKey).expires(expires);
        let principal = Principal::builder(owner, credential.clone());
        Ok(Self { sha256, credential, expires, principal })
    }

    /// What records call it; nothing unless set.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.credential = self.credential.id(name);
        self.principal = self.principal.credential(self.credential.clone());
        self
    }

    /// Its user's plan; the default plan unless set.
    pub fn plan(mut self, plan: impl Into<PlanName>) -> Self {
        self.principal = self.principal.plan(plan.into());
        self
    }

    /// Its user's tenant; none unless set.
    pub fn tenant(mut self, tenant: impl Into<TenantId>) -> Self {
        self.principal = self.principal.tenant(tenant.into());
        self
    }

    /// What it allows; nothing unless set.
    pub fn scopes(mut self, scopes: ScopeSet) -> Self {
        self.principal = self.principal.scopes(scopes);
        self
    }
}

/// The keys that are believed, by their SHA-256.
pub(super) struct ApiKeys(HashMap<[u8; 32], (UnixTime, Principal)>);

impl ApiKeys {
    pub(super) fn new(keys: Vec<ApiKey>) -> Result<Self, JwtError> {
        let mut table = HashMap::with_capacity(keys.len());
        for key in keys {
            if table.insert(key.sha256, (key.expires, key.principal.build())).is_some() {
                return Err(setting("api_key", "two keys have the same SHA-256; leave one of them"));
            }
        }
        Ok(Self(table))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The owner of a key. `None` when it is none of these.
    pub(super) fn find(&self, credential: &str, now: UnixTime) -> Option<Result<&Principal, JwtError>> {
        if self.is_empty() {
            return None;
        }
        let (expires, principal) = self.0.get(&hash(credential))?;
        Some(if now < *expires { Ok(principal) } else { Err(JwtErrorKind::Expired.into()) })
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys").field("keys", &self.0.len()).finish()
    }
}

fn hash(key: &str) -> [u8; 32] {
    *digest(&SHA256, key.as_bytes()).as_ref().first_chunk().expect("a SHA-256 has 32 bytes")
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(digits[0])? << 4 | digit(digits[1])?).ok()?;
    }
    Some(bytes)
}
