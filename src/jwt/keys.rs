use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::jose::{KeySet, PublicKey};

/// Where the public keys of one issuer come from.
///
/// Every request reads [`snapshot`](Self::snapshot), so that must be a plain read: no lock held across I/O, no waiting.
/// [`refresh`](Self::refresh) is called when a credential names a key that the snapshot does not hold. Anybody can send such a
/// credential, so the source decides when it truly looks: once per cool-down, by time alone, one look at
/// a time. While it cannot look, it keeps the keys it has.
pub trait KeySource: fmt::Debug + Send + Sync + 'static {
    /// The keys as they are known now.
    fn snapshot(&self) -> Arc<KeySet>;

    /// Looks for newer keys if that is due. Afterwards the snapshot is as new as it gets for now.
    fn refresh(&self) -> Refresh;

    /// Whether the snapshot can be gone by. `false` while there is none yet, or it is too old: a credential is then refused
    /// because the issuer cannot be asked, not because it were wrong.
    fn is_available(&self) -> bool {
        true
    }

    /// The issuer whose keys these are, where the source knows. It must be the one that they are configured for.
    fn issuer(&self) -> Option<&str> {
        None
    }

    /// Where the keys come from, in a few words for the posture.
    fn describe(&self) -> String {
        "keys of the program".to_owned()
    }
}

/// What [`KeySource::refresh`] came to.
#[derive(Debug)]
pub enum Refresh {
    /// Nothing to wait for: looked already, or not due.
    Ready,
    /// Looking; done when the future is.
    Later(PendingRefresh),
}

impl Refresh {
    /// A refresh that is done when `looking` is.
    pub fn later(looking: impl Future<Output = ()> + Send + 'static) -> Self {
        Self::Later(PendingRefresh(Box::pin(looking)))
    }
}

/// A look for newer keys under way.
pub struct PendingRefresh(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Future for PendingRefresh {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for PendingRefresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingRefresh")
    }
}

/// Keys that are known when the program starts and never change.
#[derive(Clone, Debug)]
pub struct StaticKeys(Arc<KeySet>);

impl StaticKeys {
    /// These keys.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        Self::from(KeySet::new(keys))
    }
}

impl From<KeySet> for StaticKeys {
    fn from(keys: KeySet) -> Self {
        Self(Arc::new(keys))
    }
}

impl KeySource for StaticKeys {
    fn snapshot(&self) -> Arc<KeySet> {
        Arc::clone(&self.0)
    }

    fn refresh(&self) -> Refresh {
        Refresh::Ready
    }

    fn describe(&self) -> String {
        format!("{} fixed keys", self.0.keys().len())
    }
}

impl<K: KeySource + ?Sized> KeySource for Arc<K> {
    fn snapshot(&self) -> Arc<KeySet> {
        (**self).snapshot()
    }

    fn refresh(&self) -> Refresh {
        (**self).refresh()
    }

    fn is_available(&self) -> bool {
        (**self).is_available()
    }

    fn issuer(&self) -> Option<&str> {
        (**self).issuer()
    }

    fn describe(&self) -> String {
        (**self).describe()
    }
}
