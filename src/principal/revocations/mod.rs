mod by;
mod certificates;
mod credentials;
mod listener;
#[cfg(test)]
mod tests;

use self::certificates::Certificates;
use self::credentials::{Entry, Kind, Table};
use self::listener::Listeners;
use super::{PeerCertificate, Principal, SpiffeId, Subject};
use crate::clock::{Reading, SharedClock, SystemClock, UnixTime};
use arc_swap::ArcSwap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use thiserror::Error;

pub use self::by::RevokedBy;
pub(crate) use self::listener::Listener;

/// How many entries about credentials there is room for when nobody says otherwise: 10 MB of memory at most.
const ROOM: usize = 100_000;

/// The farthest moment: everything was issued before it, and nothing lasts beyond it.
const EVER: UnixTime = UnixTime::from_nanos(u64::MAX);

/// What no longer holds, whatever it says of itself: credentials, login sessions, subjects, keys, certificates and machines.
/// Clones are the same list: what is put in counts from the next request on, also on connections that are open and for
/// credentials that are remembered, and ends the answers that are on their way. Reading takes no lock.
///
/// It is kept in memory and lost on restart: put in at the start what must still not pass.
///
/// ```
/// use portcullis::clock::UnixTime;
/// use portcullis::principal::{Revocations, Subject};
///
/// let revocations = Revocations::new();
/// let alice = Subject::new("https://login.example.com", "alice");
/// // One credential, until it would have ended by itself.
/// revocations.revoke_credential(alice.issuer(), "its jti", UnixTime::from_secs(1_900_000_000))?;
/// // Whatever is hers, until she is let in again.
/// revocations.revoke_subject(&alice)?;
/// revocations.restore_subject(&alice);
/// # Ok::<(), portcullis::principal::RevocationsFull>(())
/// ```
///
/// # Room
/// About credentials there are as many entries as there is [room](Self::with_room) for. Each has a moment `until` after which
/// nothing that it hits is good any more: `exp` with the issuer's leeway, or for all that was issued before now, now with the
/// longest lifetime and twice the leeway. An entry stays beyond that moment until its room is needed. Then it is forgotten,
/// and whatever ended before that moment is refused from then on, even if the calendar is set back.
#[derive(Clone)]
pub struct Revocations(Arc<Inner>);

struct Inner {
    clock: SharedClock,
    certificates: ArcSwap<Certificates>,
    /// How often the certificates have changed.
    edition: AtomicU64,
    credentials: Table,
    listeners: Listeners,
}

/// There is no room for another entry, and none can be forgotten: what was to be revoked is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "revocations: no room for another entry; make the list with more room, or revoke everything that the issuer issued before \
     now"
)]
#[non_exhaustive]
pub struct RevocationsFull;

impl Revocations {
    /// An empty list, on the machine's clock.
    pub fn new() -> Self {
        Self::with_clock(SystemClock::shared())
    }

    /// An empty list on that clock.
    pub fn with_clock(clock: SharedClock) -> Self {
        Self::with_room(clock, ROOM)
    }

    /// An empty list with room for so many entries about credentials; 100,000 in other lists. One takes about 100 bytes.
    pub fn with_room(clock: SharedClock, entries: usize) -> Self {
        let (certificates, edition, listeners) = Default::default();
        let credentials = Table::new(entries);
        Self(Arc::new(Inner { clock, certificates, edition, credentials, listeners }))
    }

    /// Revokes the credential that `issuer` has given this identifier (`jti`), which ends at `until` in any case.
    ///
    /// # Errors
    /// When there is no room for it; so do the others that can fail.
    pub fn revoke_credential(
        &self,
        issuer: &str,
        id: &str,
        until: impl Into<UnixTime>,
    ) -> Result<(), RevocationsFull> {
        self.insert(Kind::Id, &[issuer, id], EVER, until.into())
    }

    /// Revokes what came from this login session (`sid`) at `issuer`, all of which ends by `until`.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn revoke_session(
        &self,
        issuer: &str,
        session: &str,
        until: impl Into<UnixTime>,
    ) -> Result<(), RevocationsFull> {
        self.insert(Kind::Session, &[issuer, session], EVER, until.into())
    }

    /// Revokes whatever is of this subject, or lets it act for another, until it is [restored](Self::restore_subject).
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn revoke_subject(&self, subject: &Subject) -> Result<(), RevocationsFull> {
        self.insert(Kind::Subject, &[subject.issuer(), subject.id()], EVER, EVER)
    }

    /// Lets this subject in again, with credentials that are not revoked themselves.
    pub fn restore_subject(&self, subject: &Subject) {
        self.0.credentials.remove(Kind::Subject, &[subject.issuer(), subject.id()]);
    }

    /// Revokes what this subject was issued before a moment (`iat`), all of which ends by `until`; also what does not say when it
    /// was issued.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn revoke_subject_before(
        &self,
        subject: &Subject,
        moment: impl Into<UnixTime>,
        until: impl Into<UnixTime>,
    ) -> Result<(), RevocationsFull> {
        let names = [subject.issuer(), subject.id()];
        self.insert(Kind::SubjectBefore, &names, moment.into(), until.into())
    }

    /// The same for what does not say from which login session it came, so that it may have come from any.
    pub(crate) fn revoke_subject_without_session_before(
        &self,
        subject: &Subject,
        moment: UnixTime,
        until: UnixTime,
    ) -> Result<(), RevocationsFull> {
        self.insert(Kind::SubjectWithoutSession, &[subject.issuer(), subject.id()], moment, until)
    }

    /// Revokes what `issuer` issued before a moment (`iat`), all of which ends by `until`; also what does not say when it was
    /// issued. There is room for a thousand of these beside the other entries.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn revoke_issuer_before(
        &self,
        issuer: &str,
        moment: impl Into<UnixTime>,
        until: impl Into<UnixTime>,
    ) -> Result<(), RevocationsFull> {
        self.insert(Kind::IssuerBefore, &[issuer], moment.into(), until.into())
    }

    /// Revokes whatever was signed by the key that `issuer` calls so (`kid`), for good: who holds the key writes any `iat`.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn revoke_key_name(&self, issuer: &str, kid: &str) -> Result<(), RevocationsFull> {
        self.insert(Kind::KeyName, &[issuer, kid], EVER, EVER)
    }

    /// Revokes whatever was signed by the key with this thumbprint (SHA-256, RFC 7638), for good.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn revoke_key(&self, thumbprint: &[u8; 32]) -> Result<(), RevocationsFull> {
        self.insert(Kind::Key, &[thumbprint], EVER, EVER)
    }

    /// Revokes the certificate with this SHA-256.
    pub fn revoke_fingerprint(&self, fingerprint: [u8; 32]) {
        self.change(|set| {
            set.fingerprints.insert(fingerprint);
        });
    }

    /// Revokes the certificate with this serial number, leading zeros aside, of the issuer with this name in DER.
    pub fn revoke_serial(&self, issuer: &[u8], serial: &[u8]) {
        self.change(|set| set.insert_serial(issuer, serial));
    }

    /// Revokes whatever names this machine, until it is [restored](Self::restore_workload).
    pub fn revoke_workload(&self, id: &SpiffeId) {
        self.change(|set| {
            set.workloads.insert(id.clone());
        });
    }

    /// Lets this machine in again, with certificates that are not revoked themselves.
    pub fn restore_workload(&self, id: &SpiffeId) {
        self.change(|set| {
            set.workloads.remove(id);
        });
    }

    /// Whether a certificate is revoked, and by what.
    pub fn find(&self, certificate: &PeerCertificate) -> Option<RevokedBy> {
        self.0.certificates.load().find(certificate)
    }

    /// Whether the credential of this principal is revoked, or the principal itself, and by what. Its machine's certificate is a
    /// matter of its own: [`find`](Self::find).
    pub fn find_principal(&self, principal: &Principal) -> Option<RevokedBy> {
        self.0.credentials.find(principal)
    }

    /// Another number after each change of what [`find`](Self::find) looks at.
    #[cfg(feature = "tls")]
    pub(crate) fn edition(&self) -> u64 {
        self.0.edition.load(Ordering::Acquire)
    }

    /// Whether this subject is revoked, whatever it shows.
    #[cfg(feature = "sts")]
    pub(crate) fn find_subject(&self, subject: &Subject) -> bool {
        self.0.credentials.find_subject(subject)
    }

    /// Who is told when something is put in.
    pub(crate) fn listen(&self) -> Listener {
        Listener::new(self.clone())
    }

    /// Whether both are the same list.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn insert(
        &self,
        kind: Kind,
        names: &[impl AsRef<[u8]>],
        before: UnixTime,
        until: UnixTime,
    ) -> Result<(), RevocationsFull> {
        let Reading { now, elapsed } = self.0.clock.read();
        self.0.credentials.insert(kind, names, Entry::new(before, until, now, elapsed), elapsed)?;
        self.0.listeners.tell();
        Ok(())
    }

    fn change(&self, change: impl Fn(&mut Certificates)) {
        self.0.certificates.rcu(|set| {
            let mut set = Certificates::clone(set);
            change(&mut set);
            set
        });
        // After the change: whoever sees the new number sees the change.
        self.0.edition.fetch_add(1, Ordering::Release);
        self.0.listeners.tell();
    }
}

impl Default for Revocations {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.0.certificates.load();
        f.debug_struct("Revocations")
            .field("fingerprints", &set.fingerprints.len())
            .field("serials", &set.serials.values().map(hashbrown::HashSet::len).sum::<usize>())
            .field("workloads", &set.workloads.len())
            .field("credentials", &self.0.credentials.len())
            .finish()
    }
}
