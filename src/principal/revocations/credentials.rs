use super::{EVER, RevocationsFull, RevokedBy};
use crate::clock::UnixTime;
use crate::principal::{Actor, Credential, Principal, Subject};
use arc_swap::ArcSwap;
use hashbrown::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A change copies one of these, so there are many.
const SHARDS: usize = 256;
/// How many issuers may have an entry when there is no room for others: the last resort must not fail.
const ISSUERS: usize = 1_000;
/// How long an entry stays at least, however far ahead the calendar was when it was put in.
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// What an entry is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Id,
    Session,
    Subject,
    SubjectBefore,
    SubjectWithoutSession,
    IssuerBefore,
    KeyName,
    Key,
}

impl Kind {
    const COUNT: usize = 8;
}

#[derive(Clone, Copy)]
pub(super) struct Entry {
    kind: Kind,
    /// It hits what was issued before.
    before: UnixTime,
    /// All that it hits has ended by then.
    until: UnixTime,
    /// When that moment has surely passed, on the clock that never steps back.
    spent_at: Duration,
}

impl Entry {
    pub(super) fn new(before: UnixTime, until: UnixTime, now: UnixTime, elapsed: Duration) -> Self {
        let spent_at = match until {
            EVER => Duration::MAX,
            until => elapsed.saturating_add(until.saturating_since(now).max(KEEP)),
        };
        Self { kind: Kind::Id, before, until, spent_at }
    }

    fn merge(&mut self, other: &Self) {
        self.before = self.before.max(other.before);
        self.until = self.until.max(other.until);
        self.spent_at = self.spent_at.max(other.spent_at);
    }

    fn hits(&self, issued: Option<UnixTime>) -> bool {
        issued.is_none_or(|issued| issued < self.before)
    }
}

/// The hash of what an entry is about. The names themselves are not kept, so that every entry takes the same room. Nobody
/// outside knows the keys of the hash, and two names that share one would only revoke too much.
type Mark = u128;

type Shard = HashMap<Mark, Entry>;

/// Entries about credentials. Reading takes no lock.
pub(super) struct Table {
    keys: (RandomState, RandomState),
    shards: Box<[ArcSwap<Shard>]>,
    /// How many there are of each kind: what there is none of is not looked for.
    counts: [AtomicUsize; Kind::COUNT],
    room: usize,
    /// The latest end that was forgotten, in nanoseconds.
    forgotten: AtomicU64,
    writing: Mutex<()>,
}

impl Table {
    pub(super) fn new(room: usize) -> Self {
        Self {
            keys: (RandomState::new(), RandomState::new()),
            shards: (0..SHARDS).map(|_| ArcSwap::default()).collect(),
            counts: Default::default(),
            room,
            forgotten: AtomicU64::new(0),
            writing: Mutex::new(()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.counts.iter().map(|count| count.load(Ordering::Acquire)).sum()
    }

    pub(super) fn find(&self, principal: &Principal) -> Option<RevokedBy> {
        let subject = principal.subject()?;
        let credential = principal.credential();
        let forgotten = self.forgotten.load(Ordering::Acquire);
        if forgotten > 0 && credential.expires_at().is_some_and(|ends| ends.as_nanos() <= forgotten) {
            return Some(RevokedBy::Past);
        }
        let is_revoked = |actor: &Actor| self.is_revoked(actor.issuer(), actor.id());
        if let Some(by) = self.find_credential(subject, credential) {
            return Some(by);
        }
        if principal.actors().iter().any(is_revoked) {
            return Some(RevokedBy::Actor);
        }
        let root = credential.root()?;
        self.find_credential(root.subject(), root.credential()).map(|_| RevokedBy::Root)
    }

    #[cfg(feature = "sts")]
    pub(super) fn find_subject(&self, subject: &Subject) -> bool {
        self.is_revoked(subject.issuer(), subject.id())
    }

    fn is_revoked(&self, issuer: &str, id: &str) -> bool {
        self.get(Kind::Subject, &[issuer, id]).is_some()
    }

    fn find_credential(&self, subject: &Subject, credential: &Credential) -> Option<RevokedBy> {
        let (issuer, issued) = (subject.issuer(), credential.issued_at());
        let hit = |kind, names: &[&str]| self.get(kind, names).is_some_and(|entry| entry.hits(issued));
        let whose = [issuer, subject.id()];
        let session = credential.session_id();
        if credential.identifier().is_some_and(|id| hit(Kind::Id, &[issuer, id])) {
            return Some(RevokedBy::Identifier);
        }
        if session.is_some_and(|session| hit(Kind::Session, &[issuer, session])) {
            return Some(RevokedBy::Session);
        }
        if hit(Kind::Subject, &whose) {
            return Some(RevokedBy::Subject);
        }
        if hit(Kind::SubjectBefore, &whose) || session.is_none() && hit(Kind::SubjectWithoutSession, &whose) {
            return Some(RevokedBy::SubjectBefore);
        }
        if hit(Kind::IssuerBefore, &[issuer]) {
            return Some(RevokedBy::IssuerBefore);
        }
        let named = credential.key_id().is_some_and(|kid| hit(Kind::KeyName, &[issuer, kid]));
        let by_key = || credential.key_thumbprint().is_some_and(|key| self.get(Kind::Key, &[key]).is_some());
        (named || by_key()).then_some(RevokedBy::Key)
    }

    pub(super) fn insert(
        &self,
        kind: Kind,
        names: &[impl AsRef<[u8]>],
        entry: Entry,
        elapsed: Duration,
    ) -> Result<(), RevocationsFull> {
        let entry = Entry { kind, ..entry };
        let mark = self.mark(kind, names);
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !self.shard(mark).load().contains_key(&mark);
        if is_new && !self.has_room(kind) {
            self.forget(elapsed);
            if !self.has_room(kind) {
                return Err(RevocationsFull);
            }
        }
        let mut shard = Shard::clone(&self.shard(mark).load());
        shard.entry(mark).and_modify(|known| known.merge(&entry)).or_insert(entry);
        self.shard(mark).store(shard.into());
        // Last: who sees the number finds the entry.
        if is_new {
            self.counts[kind as usize].fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    pub(super) fn remove(&self, kind: Kind, names: &[impl AsRef<[u8]>]) {
        let mark = self.mark(kind, names);
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shard = Shard::clone(&self.shard(mark).load());
        if shard.remove(&mark).is_some() {
            self.shard(mark).store(shard.into());
            self.counts[kind as usize].fetch_sub(1, Ordering::Release);
        }
    }

    fn has_room(&self, kind: Kind) -> bool {
        let of_issuers = self.counts[Kind::IssuerBefore as usize].load(Ordering::Acquire);
        match kind {
            Kind::IssuerBefore => of_issuers < ISSUERS,
            _ => self.len() - of_issuers < self.room,
        }
    }

    /// Forgets what hits nothing any more.
    fn forget(&self, elapsed: Duration) {
        for place in &self.shards {
            let current = place.load();
            if current.values().all(|entry| entry.spent_at > elapsed) {
                continue;
            }
            let (spent, kept): (Vec<_>, Shard) =
                current.iter().fold(Default::default(), |(mut spent, mut kept), (mark, entry)| {
                    if entry.spent_at <= elapsed {
                        spent.push(*entry);
                    } else {
                        kept.insert(*mark, *entry);
                    }
                    (spent, kept)
                });
            // First what stands for them, so that at no time neither does.
            let latest = spent.iter().map(|entry| entry.until.as_nanos()).max().unwrap_or_default();
            self.forgotten.fetch_max(latest, Ordering::Release);
            place.store(kept.into());
            for entry in spent {
                self.counts[entry.kind as usize].fetch_sub(1, Ordering::Release);
            }
        }
    }

    fn get(&self, kind: Kind, names: &[impl AsRef<[u8]>]) -> Option<Entry> {
        if self.counts[kind as usize].load(Ordering::Acquire) == 0 {
            return None;
        }
        let mark = self.mark(kind, names);
        self.shard(mark).load().get(&mark).copied()
    }

    fn shard(&self, mark: Mark) -> &ArcSwap<Shard> {
        &self.shards[mark as usize % SHARDS]
    }

    fn mark(&self, kind: Kind, names: &[impl AsRef<[u8]>]) -> Mark {
        let half = |keys: &RandomState| {
            let mut hasher = keys.build_hasher();
            hasher.write_u8(kind as u8);
            for name in names {
                // With their lengths, so that no two lists come to the same bytes.
                hasher.write_usize(name.as_ref().len());
                hasher.write(name.as_ref());
            }
            u128::from(hasher.finish())
        };
        half(&self.keys.0) << 64 | half(&self.keys.1)
    }
}
