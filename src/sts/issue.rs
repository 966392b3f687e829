use super::error::Failure;
use crate::jose::{SigningKey, base64url};
use crate::jwt::actors;
use crate::principal::{ActorChain, CredentialRoot, PlanName, Principal, ScopeSet, TenantId};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

/// What a credential says that is issued (RFC 9068 §2.2, RFC 8693 §4).
pub(super) struct Issue<'a> {
    pub(super) issuer: &'a str,
    pub(super) subject: String,
    pub(super) client: &'a str,
    pub(super) audience: &'a str,
    pub(super) scopes: &'a ScopeSet,
    pub(super) roles: Vec<&'a str>,
    /// The current actor first.
    pub(super) chain: &'a ActorChain,
    pub(super) certificate: Option<[u8; 32]>,
    pub(super) key: Option<[u8; 32]>,
    pub(super) issued: u64,
    pub(super) expires: u64,
    pub(super) root: &'a CredentialRoot,
    /// What it is exchanged for.
    pub(super) of: &'a Principal,
}

impl Issue<'_> {
    /// The credential, and its identifier.
    pub(super) fn sign(&self, key: &SigningKey) -> Result<(SecretString, String), Failure> {
        let mut id = [0; 16];
        let filled = SystemRandom::new().fill(&mut id);
        filled.map_err(|_| Failure::unavailable("the system gives no randomness"))?;
        let id = base64url::encode(&id);
        let signed = key.sign_jwt("at+jwt", &self.claims(&id));
        let credential = signed.map_err(|error| Failure::unavailable(error.to_string()))?;
        Ok((credential.into(), id))
    }

    /// To which keys it is bound, for the record.
    pub(super) fn bound(&self) -> Option<&'static str> {
        match (self.certificate, self.key) {
            (None, None) => None,
            (Some(_), None) => Some("certificate"),
            (None, Some(_)) => Some("dpop"),
            (Some(_), Some(_)) => Some("certificate and dpop"),
        }
    }

    fn claims(&self, id: &str) -> Value {
        let scope: Vec<&str> = self.scopes.iter().collect();
        let mut claims = Map::new();
        let mut add = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        add("iss", self.issuer.into());
        add("sub", self.subject.as_str().into());
        add("aud", self.audience.into());
        add("client_id", self.client.into());
        add("iat", self.issued.into());
        add("exp", self.expires.into());
        add("jti", id.into());
        add("scope", scope.join(" ").into());
        add("act", self.act());
        add(actors::ROOT, root(self.root));
        let mut cnf = Map::new();
        cnf.extend(self.certificate.map(|hash| ("x5t#S256".to_owned(), base64url::encode(&hash).into())));
        cnf.extend(self.key.map(|hash| ("jkt".to_owned(), base64url::encode(&hash).into())));
        if !cnf.is_empty() {
            add("cnf", cnf.into());
        }
        if !self.roles.is_empty() {
            add("roles", self.roles.as_slice().into());
        }
        let of = self.of;
        let carried = [
            ("plan", of.plan().map(PlanName::as_str)),
            ("tenant", of.tenant().map(TenantId::as_str)),
            ("acr", of.credential().acr()),
        ];
        for (name, value) in carried {
            if let Some(value) = value {
                add(name, value.into());
            }
        }
        let methods: Vec<&str> = of.credential().amr().collect();
        if !methods.is_empty() {
            add("amr", methods.into());
        }
        if let Some(time) = of.credential().auth_time() {
            add("auth_time", time.as_secs().into());
        }
        claims.into()
    }

    /// RFC 8693 §4.1: the current actor outermost. `iss` stands where another issuer vouches for a party.
    fn act(&self) -> Value {
        let parties: Vec<_> = self.chain.iter().collect();
        parties.into_iter().rev().fold(Value::Null, |inner, actor| {
            let mut act = json!({ "sub": actor.id() });
            if actor.issuer() != self.issuer {
                act["iss"] = actor.issuer().into();
            }
            if !inner.is_null() {
                act["act"] = inner;
            }
            act
        })
    }
}

/// What tells the credential at the beginning of the chain: by each of these it may be revoked.
fn root(root: &CredentialRoot) -> Value {
    let (subject, credential) = (root.subject(), root.credential());
    let mut members = json!({ "iss": subject.issuer(), "sub": subject.id() });
    if let Some(id) = credential.identifier() {
        members["jti"] = id.into();
    }
    if let Some(session) = credential.session_id() {
        members["sid"] = session.into();
    }
    if let Some(time) = credential.issued_at() {
        members["iat"] = time.as_secs().into();
    }
    if let Some(key) = credential.key_thumbprint() {
        members["key"] = base64url::encode(key).into();
        if let Some(kid) = credential.key_id() {
            members["kid"] = kid.into();
        }
    }
    members
}
