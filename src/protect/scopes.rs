use super::keys::MIN_SECRET;
use super::{ProtectError, ProtectErrorKind};
use crate::exchange::RequestPayload;
use crate::jose::base64url;
use crate::payload::json::Kind;
use crate::payload::{Dialect, Edit, FieldClass, Node, json};
use crate::principal::Account;
use aws_lc_rs::hmac;
use http::Request;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::sync::Arc;

/// Keeps the caches of tenants and subjects apart; see the [module](super).
///
/// A cache that several callers share tells one of them, by its speed, what another has asked.
#[derive(Clone)]
pub struct CacheScopes {
    key: hmac::Key,
    added: Arc<[Box<str>]>,
}

impl CacheScopes {
    /// Overwrites every field of class [`Identity`](FieldClass::Identity) that a request has, and adds `prompt_cache_key` where
    /// the API has it. With another secret, all caches begin anew.
    ///
    /// # Errors
    /// When the secret has less than 32 bytes.
    pub fn new(secret: &SecretString) -> Result<Self, ProtectError> {
        let secret = secret.expose_secret().as_bytes();
        if secret.len() < MIN_SECRET {
            return Err(ProtectErrorKind::ShortSecret(secret.len()).into());
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Ok(Self { key, added: Arc::new(["prompt_cache_key".into()]) })
    }

    /// Adds this field, too, to every request of an API that has it at its top with the class
    /// [`Identity`](FieldClass::Identity): `cache_salt` for vLLM, whose prefix cache all requests without one share; `user`.
    pub fn add_field(mut self, field: impl Into<Box<str>>) -> Self {
        let mut added = self.added.to_vec();
        added.push(field.into());
        self.added = added.into();
        self
    }

    pub(super) fn of(&self, owner: &Account) -> CacheScope {
        let mut signing = hmac::Context::with_key(&self.key);
        signing.update(b"portcullis cache scope");
        signing.update(owner.as_bytes());
        CacheScope(base64url::encode(signing.sign().as_ref()).into())
    }

    /// What makes the request one of this scope.
    pub(super) fn write(
        &self,
        scope: &CacheScope,
        payload: &RequestPayload,
        dialect: &dyn Dialect,
        edits: &mut Vec<Edit>,
    ) {
        let text = json::quote(scope.as_str());
        let claimed = payload.facts.fields_of(FieldClass::Identity);
        edits.extend(claimed.map(|node| Edit::replace(node, text.as_str())));
        let root = payload.document.root();
        if root.kind() != Kind::Object {
            return;
        }
        for field in &*self.added {
            let is_known = dialect.fields().class_of(field) == Some(FieldClass::Identity);
            if is_known && root.get(field).is_none_or(Node::is_null) {
                edits.push(Edit::set(root.id(), field.clone(), text.as_str()));
            }
        }
    }
}

impl fmt::Debug for CacheScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheScopes").field("added", &self.added).finish_non_exhaustive()
    }
}

impl fmt::Display for CacheScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "caches are kept apart by tenant and subject; added where the API has it: {}",
            self.added.join(", ")
        )
    }
}

/// Whose caches a request may use: 43 letters, digits, `-` and `_`, the same for every request of one subject in one tenant, and
/// telling nothing of either. It begins the keys of a handler's own caches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheScope(Arc<str>);

impl CacheScope {
    /// The scope of a request; `None` where the gate keeps no caches apart, and on open routes.
    pub fn of<B>(request: &Request<B>) -> Option<&Self> {
        request.extensions().get()
    }

    /// The scope as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
