use super::{ProtectError, ProtectErrorKind};
use crate::jose::base64url;
use crate::principal::{Account, Principal};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::sync::Arc;

/// The shortest secret, in bytes.
pub(super) const MIN_SECRET: usize = 32;
/// How many keys are tried, so that a forged reference costs little.
const MAX_KEYS: usize = 8;
/// The longest id that is sealed, in bytes.
const MAX_ID: usize = 512;
/// The longest sealed form that is looked at, in bytes.
const MAX_SEALED: usize = 1024;
/// The longest prefix of an id that stays as it is, in bytes, without what ends it.
const MAX_PREFIX: usize = 24;
/// What stands before a sealed id that has no prefix of its own.
const NO_PREFIX: &str = "ref_";

/// The keys that references are sealed with: the newest seals, all open. Cheap to clone; its `Debug` shows no key.
#[derive(Clone)]
pub struct ReferenceKeys(Arc<[Key]>);

#[derive(Clone)]
struct Key {
    seal: Arc<LessSafeKey>,
    nonces: hmac::Key,
}

impl ReferenceKeys {
    /// A ring of one key, made from this secret. Every instance of a service has the same.
    ///
    /// # Errors
    /// When the secret has less than 32 bytes.
    pub fn new(secret: &SecretString) -> Result<Self, ProtectError> {
        Ok(Self(Arc::new([Key::new(secret)?])))
    }

    /// Opens what was sealed with this older secret, too. To change the secret: first add the new one as the older one
    /// everywhere, then let it seal, and leave the old one out when what it has sealed is no longer used.
    ///
    /// # Errors
    /// When the secret has less than 32 bytes, or there are more than 8.
    pub fn and_older(self, secret: &SecretString) -> Result<Self, ProtectError> {
        if self.0.len() == MAX_KEYS {
            return Err(ProtectErrorKind::TooManyKeys(MAX_KEYS).into());
        }
        let mut keys = self.0.to_vec();
        keys.push(Key::new(secret)?);
        Ok(Self(keys.into()))
    }

    /// How many keys there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The form of `id` that only this principal, in its tenant, can use: the same prefix, then letters, digits, `-` and `_`.
    /// `None` for an id that is empty or longer than 512 bytes. The gate does this to answers by itself; it is here for ids that
    /// leave in another way.
    pub fn seal(&self, owner: &Principal, id: &str) -> Option<String> {
        self.seal_for(&owner.account(), id)
    }

    /// The id that was sealed for this principal; `None` when it was not, or for somebody else.
    pub fn open(&self, owner: &Principal, sealed: &str) -> Option<String> {
        self.open_for(&owner.account(), sealed)
    }

    pub(super) fn seal_for(&self, owner: &Account, id: &str) -> Option<String> {
        if id.is_empty() || id.len() > MAX_ID {
            return None;
        }
        let prefix = prefix(id).unwrap_or(NO_PREFIX);
        let sealed = self.0.first()?.seal(&bound(owner, prefix), id)?;
        let mut text = String::with_capacity(prefix.len() + sealed.len() * 4 / 3 + 3);
        text.push_str(prefix);
        base64url::encode_into(&sealed, &mut text);
        Some(text)
    }

    pub(super) fn open_for(&self, owner: &Account, sealed: &str) -> Option<String> {
        if sealed.len() > MAX_SEALED {
            return None;
        }
        let shown = prefix(sealed)?;
        let bytes = base64url::decode(&sealed.as_bytes()[shown.len()..])?;
        let (nonce, content) = bytes.split_at_checked(NONCE_LEN)?;
        let bound = bound(owner, shown);
        self.0.iter().find_map(|key| key.open(&bound, nonce, content))
    }
}

impl Key {
    fn new(secret: &SecretString) -> Result<Self, ProtectError> {
        let secret = secret.expose_secret().as_bytes();
        if secret.len() < MIN_SECRET {
            return Err(ProtectErrorKind::ShortSecret(secret.len()).into());
        }
        let root = Salt::new(HKDF_SHA256, b"portcullis references").extract(secret);
        let seal = root.expand(&[b"seal"], &AES_256_GCM_SIV).expect("one block is never too much to expand");
        let nonces =
            root.expand(&[b"nonce"], hmac::HMAC_SHA256).expect("one block is never too much to expand");
        let seal = Arc::new(LessSafeKey::new(UnboundKey::from(seal)));
        Ok(Self { seal, nonces: hmac::Key::from(nonces) })
    }

    fn seal(&self, bound: &[u8], id: &str) -> Option<Vec<u8>> {
        let mut signing = hmac::Context::with_key(&self.nonces);
        signing.update(bound);
        signing.update(id.as_bytes());
        let nonce: [u8; NONCE_LEN] = *signing.sign().as_ref().first_chunk()?;
        let mut content = id.as_bytes().to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.seal.seal_in_place_append_tag(unique, Aad::from(bound), &mut content).ok()?;
        let mut sealed = nonce.to_vec();
        sealed.append(&mut content);
        Some(sealed)
    }

    fn open(&self, bound: &[u8], nonce: &[u8], content: &[u8]) -> Option<String> {
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut content = content.to_vec();
        let id = self.seal.open_in_place(nonce, Aad::from(bound), &mut content).ok()?;
        std::str::from_utf8(id).ok().map(str::to_owned)
    }
}

/// What a seal holds for: this owner, and this prefix.
fn bound(owner: &Account, prefix: &str) -> Vec<u8> {
    let mut bound = Vec::with_capacity(1 + prefix.len() + owner.as_bytes().len());
    bound.push(u8::try_from(prefix.len()).expect("a prefix is short"));
    bound.extend(prefix.as_bytes());
    bound.extend(owner.as_bytes());
    bound
}

/// What says of which sort a thing is: letters and what ends them, as in `resp_`, `file-`, `cachedContents/`.
fn prefix(id: &str) -> Option<&str> {
    let letters = id.bytes().take_while(u8::is_ascii_alphabetic).count();
    let ends = id.as_bytes().get(letters).is_some_and(|end| b"_-/".contains(end));
    ((1..=MAX_PREFIX).contains(&letters) && ends).then(|| &id[..=letters])
}

impl fmt::Debug for ReferenceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReferenceKeys").field("keys", &self.0.len()).finish()
    }
}
