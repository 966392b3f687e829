use crate::clock::{SharedClock, SystemClock};
use crate::jose::{KeySet, SigningKey};
use crate::jwt::{StaticKeys, TrustedIssuer};
use serde_json::{Map, Value};
use std::time::Duration;

/// An issuer of credentials with an Ed25519 key of its own, made when it is made.
///
/// ```
/// use portcullis::testing::Issuer;
///
/// let issuer = Issuer::new("https://issuer.test");
/// let credential = issuer.credential("alice").audience("llm").scope("generate:invoke").sign();
/// assert_eq!(credential.split('.').count(), 3);
/// ```
#[derive(Debug)]
pub struct Issuer {
    name: String,
    key: SigningKey,
    clock: SharedClock,
}

impl Issuer {
    /// An issuer called `name` (`iss`), on the machine's clock.
    pub fn new(name: impl Into<String>) -> Self {
        Self::with_clock(name, SystemClock::shared())
    }

    /// The same, on a clock of your choice.
    pub fn with_clock(name: impl Into<String>, clock: SharedClock) -> Self {
        let key = SigningKey::generate_ed25519().expect("the system gives random numbers");
        Self { name: name.into(), key, clock }
    }

    /// The issuer's name (`iss`).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key set as an issuer publishes it (RFC 7517 §5).
    pub fn jwks(&self) -> String {
        self.key.public_jwks()
    }

    /// The key that signs.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// What a gate that believes this issuer is told: its name and keys. An audience is still to be named.
    pub fn trusted(&self) -> TrustedIssuer {
        let keys = KeySet::from_jwks(self.jwks()).expect("a key set that was just made can be read");
        TrustedIssuer::new(self.name.as_str()).keys(StaticKeys::from(keys))
    }

    /// Begins a credential for `subject`, good for five minutes from now.
    pub fn credential(&self, subject: impl Into<String>) -> CredentialBuilder<'_> {
        let now = self.clock.now().as_secs();
        let mut claims = Map::new();
        claims.insert("iss".to_owned(), self.name.clone().into());
        claims.insert("sub".to_owned(), subject.into().into());
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), (now + 300).into());
        CredentialBuilder { issuer: self, claims, typ: "JWT" }
    }
}

/// A credential that is being written.
#[derive(Debug)]
pub struct CredentialBuilder<'a> {
    issuer: &'a Issuer,
    claims: Map<String, Value>,
    typ: &'static str,
}

impl CredentialBuilder<'_> {
    /// Whom it is for (`aud`).
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.claim("aud", audience.into())
    }

    /// What it allows, scopes separated by spaces.
    pub fn scope(self, scope: impl Into<String>) -> Self {
        self.claim("scope", scope.into())
    }

    /// How long it is good for.
    pub fn lifetime(self, lifetime: Duration) -> Self {
        let now = self.issuer.clock.now().as_secs();
        self.claim("exp", now + lifetime.as_secs())
    }

    /// Sets any claim.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Leaves a claim out.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Says what it is (`typ`): `at+jwt` for RFC 9068.
    pub fn typ(mut self, typ: &'static str) -> Self {
        self.typ = typ;
        self
    }

    /// The credential, signed.
    pub fn sign(self) -> String {
        self.issuer.key.sign_jwt(self.typ, &self.claims).expect("a key that was made here signs")
    }
}
