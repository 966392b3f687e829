use super::DelegateError;
use super::error::setting;
use arc_swap::ArcSwap;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A secret that can be replaced while it is in use: a provider's key, an actor's credential. Clones are the same one: what is put in
/// counts from the next call on. The old one is wiped when the last call that uses it has let go of it.
///
/// ```
/// use portcullis::delegate::RotatingSecret;
///
/// let key = RotatingSecret::new("sk-old".into())?;
/// let renewed = key.clone();
/// renewed.replace("sk-new".into())?;
/// # Ok::<(), portcullis::delegate::DelegateError>(())
/// ```
#[derive(Clone)]
pub struct RotatingSecret(Arc<ArcSwap<SecretString>>);

impl RotatingSecret {
    /// Begins with this secret: visible ASCII, as it can stand in a header, at most 16 KiB.
    ///
    /// # Errors
    /// When it is empty, too long, or holds anything else. The error does not repeat it.
    pub fn new(secret: SecretString) -> Result<Self, DelegateError> {
        Ok(Self(Arc::new(ArcSwap::from_pointee(check(secret)?))))
    }

    /// Begins with the secret in that file, whose last line break is left out.
    ///
    /// # Errors
    /// When the file cannot be read, or as [`new`](Self::new).
    pub fn read(path: impl AsRef<Path>) -> Result<Self, DelegateError> {
        Self::new(read(path.as_ref())?)
    }

    /// Puts in another secret.
    ///
    /// # Errors
    /// As [`new`](Self::new); the one before stays.
    pub fn replace(&self, secret: SecretString) -> Result<(), DelegateError> {
        self.0.store(Arc::new(check(secret)?));
        Ok(())
    }

    /// Puts in what that file holds now.
    ///
    /// # Errors
    /// As [`read`](Self::read); the one before stays.
    pub fn replace_from(&self, path: impl AsRef<Path>) -> Result<(), DelegateError> {
        self.replace(read(path.as_ref())?)
    }

    pub(super) fn now(&self) -> Arc<SecretString> {
        self.0.load_full()
    }
}

impl fmt::Debug for RotatingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RotatingSecret")
    }
}

/// The longest secret, in bytes.
const LONGEST: usize = 16 * 1024;

fn check(secret: SecretString) -> Result<SecretString, DelegateError> {
    let text = secret.expose_secret();
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(setting(
            "RotatingSecret",
            "the secret must be visible ASCII without spaces, 16 KiB at most",
        ));
    }
    Ok(secret)
}

fn read(path: &Path) -> Result<SecretString, DelegateError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        setting("RotatingSecret", format!("the file {} cannot be read: {error}", path.display()))
    })?;
    let text = SecretString::from(text);
    Ok(text.expose_secret().trim_end_matches(['\r', '\n']).into())
}
