use bytes::Bytes;

use super::{Algorithm, JoseError, JoseErrorKind, PublicKey, json, jwk};
use crate::payload::json::{Kind, Node};

/// The longest JWK set that is read, in bytes.
pub const MAX_JWKS: usize = 256 * 1024;

/// The public keys of one issuer.
#[derive(Debug, Default)]
pub struct KeySet {
    /// Sorted by `kid`, those without one first.
    keys: Vec<PublicKey>,
    skipped: Vec<SkippedKey>,
}

/// A key of a JWK set that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedKey {
    /// Its place in `keys`, counted from 0.
    pub index: usize,
    /// Its `kid`, where that is a string.
    pub kid: Option<String>,
    /// Why it is not used.
    pub reason: JoseErrorKind,
}

impl KeySet {
    /// Reads a JWK set (RFC 7517 §5) key by key: one that is odd or not for us is [skipped](Self::skipped), the others stand.
    ///
    /// # Errors
    /// When the bytes are no strict JSON object with an array `keys`, or more than [`MAX_JWKS`]. A set without
    /// one usable key is no error here: it lets nobody in.
    pub fn from_jwks(jwks: impl Into<Bytes>) -> Result<Self, JoseError> {
        let jwks = jwks.into();
        if jwks.len() > MAX_JWKS {
            return Err(JoseErrorKind::TooLong { limit: MAX_JWKS }.into());
        }
        let document = json::object(jwks, "JWK set")?;
        let keys = document.root().get("keys").ok_or(JoseErrorKind::Missing("keys"))?;
        if keys.kind() != Kind::Array {
            return Err(JoseErrorKind::Malformed("keys").into());
        }
        let mut set = Self::default();
        let mut usable = Vec::new();
        for (index, node) in keys.items().enumerate() {
            match read_element(node) {
                Ok(key) => usable.push((index, key)),
                Err(error) => set.skip(index, node.get("kid").and_then(Node::as_str), error.kind),
            }
        }
        set.adopt(usable);
        Ok(set)
    }

    /// A set of these keys, for keys that are known when the program is written or started.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        let mut set = Self::default();
        set.adopt(keys.into_iter().enumerate().collect());
        set
    }

    /// The usable keys.
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The keys that were left out, in the order of the set.
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// The one key for a JWS with this `kid` and algorithm.
    ///
    /// Without a `kid` that is the only key of the algorithm's family, if there is exactly one.
    ///
    /// # Errors
    /// [`UnknownKey`](JoseErrorKind::UnknownKey) when none fits, [`AmbiguousKey`](JoseErrorKind::AmbiguousKey) when, without a
    /// `kid`, more than one would, [`WrongKey`](JoseErrorKind::WrongKey) when the key named is not for the algorithm.
    pub fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&PublicKey, JoseError> {
        let candidates = match kid {
            Some(_) => self.named(kid),
            None => &self.keys,
        };
        let mut of_family = candidates.iter().filter(|key| key.family() == algorithm.family());
        match (of_family.next(), of_family.next()) {
            (None, _) if kid.is_some() && !candidates.is_empty() => {
                Err(JoseErrorKind::WrongKey(algorithm).into())
            }
            (None, _) => Err(JoseErrorKind::UnknownKey.into()),
            (Some(_), Some(_)) => Err(JoseErrorKind::AmbiguousKey.into()),
            (Some(key), None) if key.permits(algorithm) => Ok(key),
            (Some(_), None) => Err(JoseErrorKind::WrongKey(algorithm).into()),
        }
    }

    fn named(&self, kid: Option<&str>) -> &[PublicKey] {
        let from = self.keys.partition_point(|key| key.kid() < kid);
        let length = self.keys[from..].partition_point(|key| key.kid() == kid);
        &self.keys[from..from + length]
    }

    /// Takes what can be told apart: of two keys with one `kid` and one family neither is used, since which one the
    /// issuer meant would be a guess. The same key listed twice is used once.
    fn adopt(&mut self, mut usable: Vec<(usize, PublicKey)>) {
        let mut listed: Vec<(usize, PublicKey)> = Vec::with_capacity(usable.len());
        for (index, key) in usable.drain(..) {
            let double = |other: &PublicKey| same_name(other, &key) && other.thumbprint() == key.thumbprint();
            if listed.iter().any(|(_, other)| double(other)) {
                self.skip(index, key.kid(), JoseErrorKind::AmbiguousKey);
            } else {
                listed.push((index, key));
            }
        }
        let ambiguous: Vec<bool> = listed
            .iter()
            .map(|(index, key)| listed.iter().any(|(other, twin)| other != index && same_name(key, twin)))
            .collect();
        for ((index, key), ambiguous) in listed.into_iter().zip(ambiguous) {
            if ambiguous {
                self.skip(index, key.kid(), JoseErrorKind::AmbiguousKey);
            } else {
                self.keys.push(key);
            }
        }
        self.keys.sort_by(|a, b| a.kid().cmp(&b.kid()));
        self.skipped.sort_by_key(|skipped| skipped.index);
    }

    fn skip(&mut self, index: usize, kid: Option<&str>, reason: JoseErrorKind) {
        self.skipped.push(SkippedKey { index, kid: kid.map(Into::into), reason });
    }
}

fn same_name(a: &PublicKey, b: &PublicKey) -> bool {
    a.kid().is_some() && a.kid() == b.kid() && a.family() == b.family()
}

fn read_element(node: Node<'_>) -> Result<PublicKey, JoseError> {
    if node.kind() == Kind::Object {
        jwk::read_node(node)
    } else {
        Err(JoseErrorKind::Malformed("keys").into())
    }
}
