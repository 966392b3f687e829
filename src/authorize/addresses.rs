use crate::clock::{SharedClock, SystemClock, nanos};
use crate::principal::Network;
use crate::refusal::escaped;
use arc_swap::ArcSwap;
use hashbrown::HashMap;
use std::fmt;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use thiserror::Error;

/// The largest file that is read, in bytes.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// The largest file that a request reads by itself.
const MOST_BYTES_AT_ONCE: u64 = 64 * 1024;
/// How long a file is left alone after a look at it.
const COOL_DOWN: Duration = Duration::from_secs(30);
/// The score of a network that has none.
const FULL: u8 = 100;

/// Networks, each with a score from 1 to 100 that says how bad its reputation is, 100 where none is written. Cheap to clone;
/// clones share the list.
///
/// A file has one network in each line, and a score behind it if it shall have one; `#` begins a comment:
///
/// ```text
/// 203.0.113.0/24          # a network
/// 2001:db8::/32  60       # another, with a score
/// 198.51.100.7   90
/// ```
///
/// The file is read again when it changes: a request looks whether it did, at most once in 30 seconds. A file that cannot
/// be read, holds a line that cannot be, or has become empty is reported with `tracing::warn`, and the list read before stays:
/// only [`reload`](Self::reload) takes an empty one. A file of more than 64 KiB is read on a thread of its own, and counts once it
/// is read. Replace a file by renaming a complete one over it.
#[derive(Clone)]
pub struct AddressList(Arc<Inner>);

struct Inner {
    name: String,
    table: ArcSwap<Table>,
    file: Option<File>,
}

struct File {
    path: PathBuf,
    clock: SharedClock,
    /// The next look, in nanoseconds of the clock's own time.
    next_look: AtomicU64,
    /// What the file looked like when it was last read. Held while reading.
    seen: Mutex<Stamp>,
}

/// When a file was changed, and how many bytes it has.
type Stamp = (Option<SystemTime>, u64);

/// Scores by network, found by asking for each length of prefix that there is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    scores: HashMap<Network, u8>,
    /// The lengths that there are, of both families.
    lengths: [Vec<u8>; 2],
}

impl AddressList {
    /// A list of these networks.
    pub fn of(networks: impl IntoIterator<Item = Network>) -> Self {
        let networks: Vec<Network> = networks.into_iter().collect();
        let name = networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let table = Table::new(networks.into_iter().map(|network| (network, FULL)));
        Self(Arc::new(Inner { name, table: ArcSwap::from_pointee(table), file: None }))
    }

    /// The list in that file.
    ///
    /// # Errors
    /// When the file cannot be read, is longer than 16 MiB, or holds a line that is no network.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, AddressListError> {
        Self::open_with_clock(path, SystemClock::shared())
    }

    /// The same, with another clock.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with_clock(path: impl Into<PathBuf>, clock: SharedClock) -> Result<Self, AddressListError> {
        let path = path.into();
        let (stamp, table) = read(&path)?;
        let next_look = AtomicU64::new(nanos(clock.elapsed().saturating_add(COOL_DOWN)));
        let name = path.display().to_string();
        let file = Some(File { path, clock, next_look, seen: Mutex::new(stamp) });
        Ok(Self(Arc::new(Inner { name, table: ArcSwap::from_pointee(table), file })))
    }

    /// Reads a list from the text of a file.
    ///
    /// # Errors
    /// When a line is no network.
    pub fn parse(name: impl Into<String>, text: &str) -> Result<Self, AddressListError> {
        let table = parse(text)?;
        Ok(Self(Arc::new(Inner { name: name.into(), table: ArcSwap::from_pointee(table), file: None })))
    }

    /// The highest score of the networks that hold this address; `None` when none does.
    pub fn score(&self, address: IpAddr) -> Option<u8> {
        if let Some(file) = &self.0.file {
            self.look(file);
        }
        self.0.table.load().score(address)
    }

    /// How many networks the list holds.
    pub fn len(&self) -> usize {
        self.0.table.load().scores.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the file again if it is time to look and it has changed.
    fn look(&self, file: &File) {
        let now = nanos(file.clock.elapsed());
        if now < file.next_look.load(Ordering::Relaxed) {
            return;
        }
        // Who cannot have the lock lets the one who holds it look.
        let Ok(seen) = file.seen.try_lock() else { return };
        file.next_look.store(now.saturating_add(nanos(COOL_DOWN)), Ordering::Relaxed);
        match std::fs::metadata(&file.path) {
            Ok(metadata) if (metadata.modified().ok(), metadata.len()) == *seen => {}
            // A request must not wait for it, nor those that share its thread.
            Ok(metadata) if metadata.len() > MOST_BYTES_AT_ONCE => {
                drop(seen);
                let list = self.clone();
                let reader = std::thread::Builder::new().name("portcullis-addresses".to_owned());
                if let Err(error) = reader.spawn(move || list.read_changed()) {
                    file.warn(&error);
                }
            }
            _ => self.take(file, seen),
        }
    }

    fn read_changed(&self) {
        let Some(file) = &self.0.file else { return };
        if let Ok(seen) = file.seen.try_lock() {
            self.take(file, seen);
        }
    }

    /// Reads the file, and believes it if it holds something.
    fn take(&self, file: &File, mut seen: MutexGuard<'_, Stamp>) {
        match read(&file.path) {
            // It may be one that is only half written.
            Ok((_, table)) if table.scores.is_empty() && !self.is_empty() => file.warn(&"it is empty"),
            Ok((stamp, table)) => {
                *seen = stamp;
                self.0.table.store(Arc::new(table));
            }
            Err(error) => file.warn(&error),
        }
    }

    /// Reads the file now. One that holds nothing empties the list.
    ///
    /// # Errors
    /// As [`open`](Self::open); the list read before stays. A list that is in no file stays as it is.
    pub fn reload(&self) -> Result<(), AddressListError> {
        let Some(file) = &self.0.file else { return Ok(()) };
        let mut seen = file.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (stamp, table) = read(&file.path)?;
        *seen = stamp;
        self.0.table.store(Arc::new(table));
        Ok(())
    }
}

impl File {
    fn warn(&self, error: &dyn fmt::Display) {
        let path = self.path.display().to_string();
        tracing::warn!(path = &*escaped(&path), %error, "a list of addresses cannot be used; the one read before stays");
    }
}

impl Table {
    fn new(networks: impl IntoIterator<Item = (Network, u8)>) -> Self {
        let mut table = Self::default();
        for (network, score) in networks {
            let held = table.scores.entry(network).or_insert(score);
            *held = score.max(*held);
            let lengths = &mut table.lengths[usize::from(network.is_v4())];
            if !lengths.contains(&network.bits()) {
                lengths.push(network.bits());
            }
        }
        table
    }

    fn score(&self, address: IpAddr) -> Option<u8> {
        let address = address.to_canonical();
        let lengths = &self.lengths[usize::from(address.is_ipv4())];
        lengths.iter().filter_map(|bits| self.scores.get(&Network::of(address, *bits)).copied()).max()
    }
}

fn read(path: &Path) -> Result<(Stamp, Table), AddressListError> {
    let failed = |error: std::io::Error| AddressListError::Unreadable(path.to_owned(), error.to_string());
    let file = std::fs::File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let mut text = String::new();
    file.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MOST_BYTES {
        return Err(AddressListError::Unreadable(path.to_owned(), "longer than 16 MiB".to_owned()));
    }
    Ok(((metadata.modified().ok(), metadata.len()), parse(&text)?))
}

fn parse(text: &str) -> Result<Table, AddressListError> {
    let mut networks = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.split_once('#').map_or(line, |(before, _)| before);
        let mut words = line.split_ascii_whitespace();
        let Some(network) = words.next() else { continue };
        let error = |problem: String| AddressListError::Line(n + 1, problem);
        let network: Network = network.parse().map_err(|problem| error(format!("{problem}")))?;
        let score = match words.next() {
            None => FULL,
            Some(score) => score
                .parse()
                .ok()
                .filter(|score| (1..=FULL).contains(score))
                .ok_or_else(|| error("a score is a whole number from 1 to 100".to_owned()))?,
        };
        if words.next().is_some() {
            return Err(error("one network and one score stand in a line".to_owned()));
        }
        networks.push((network, score));
    }
    Ok(Table::new(networks))
}

impl fmt::Display for AddressList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name)
    }
}

impl fmt::Debug for AddressList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressList").field("name", &self.0.name).field("networks", &self.len()).finish()
    }
}

/// A list of addresses that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressListError {
    /// The file cannot be read.
    #[error("the list {0} cannot be read: {1}")]
    Unreadable(PathBuf, String),
    /// A line cannot be read.
    #[error("line {0}: {1}")]
    Line(usize, String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeClock;

    #[test]
    fn the_worst_network_that_holds_an_address_counts() {
        let text = "10.0.0.0/8 20 # all\n10.1.0.0/16 70\n\n2001:db8::/32\n10.1.2.3 5\n";
        let list = AddressList::parse("test", text).unwrap();
        for (address, score) in [
            ("10.9.9.9", Some(20)),
            ("10.1.2.3", Some(70)),
            ("::ffff:10.1.2.3", Some(70)),
            ("11.0.0.1", None),
            ("2001:db8::1", Some(100)),
            ("2001:db9::1", None),
        ] {
            assert_eq!(list.score(address.parse().unwrap()), score, "{address}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        for (text, line) in
            [("x", 1), ("\n10.0.0.1/8", 2), ("10.0.0.0/8 0", 1), ("10.0.0.0/8 101", 1), ("::/0 5 6", 1)]
        {
            let error = AddressList::parse("test", text).unwrap_err();
            assert!(matches!(error, AddressListError::Line(found, _) if found == line), "{text}: {error}");
        }
    }

    #[test]
    fn a_large_file_is_read_beside_the_requests() {
        let path = std::env::temp_dir().join(format!("portcullis-many-addresses-{}", std::process::id()));
        let clock = FakeClock::at(crate::clock::UnixTime::from_secs(1_800_000_000));
        std::fs::write(&path, "192.0.2.0/24\n").unwrap();
        let list = AddressList::open_with_clock(&path, clock.shared()).unwrap();
        let many: String = (0..20_000).map(|n| format!("10.0.{}.{}\n", n / 256, n % 256)).collect();
        assert!(many.len() as u64 > MOST_BYTES_AT_ONCE);
        std::fs::write(&path, many).unwrap();
        clock.advance(COOL_DOWN);
        let one = "10.0.1.1".parse().unwrap();
        let until = std::time::Instant::now() + Duration::from_secs(60);
        while list.score(one).is_none() {
            assert!(std::time::Instant::now() < until, "the list is never read");
            std::thread::yield_now();
        }
        assert_eq!(list.len(), 20_000);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_changed_file_counts_after_the_next_look_and_a_broken_one_never() {
        let path = std::env::temp_dir().join(format!("portcullis-addresses-{}", std::process::id()));
        let clock = FakeClock::at(crate::clock::UnixTime::from_secs(1_800_000_000));
        std::fs::write(&path, "192.0.2.0/24\n").unwrap();
        let list = AddressList::open_with_clock(&path, clock.shared()).unwrap();
        let (one, other) = ("192.0.2.1".parse().unwrap(), "198.51.100.1".parse().unwrap());
        std::fs::write(&path, "198.51.100.0/24 7\n").unwrap();
        assert_eq!((list.score(one), list.score(other)), (Some(100), None), "the time to look has not come");
        clock.advance(COOL_DOWN);
        assert_eq!((list.score(one), list.score(other)), (None, Some(7)));
        std::fs::write(&path, "no network\n").unwrap();
        clock.advance(COOL_DOWN);
        assert_eq!(list.score(other), Some(7));
        assert!(list.reload().is_err());
        std::fs::write(&path, "# nothing yet\n").unwrap();
        clock.advance(COOL_DOWN);
        assert_eq!(list.score(other), Some(7), "a file that becomes empty is not believed");
        list.reload().unwrap();
        assert_eq!(list.score(other), None, "it is when the host says so");
        std::fs::write(&path, "198.51.100.0/24 7\n").unwrap();
        clock.advance(COOL_DOWN);
        assert_eq!(list.score(other), Some(7));
        std::fs::remove_file(&path).unwrap();
        clock.advance(COOL_DOWN);
        assert_eq!(list.score(other), Some(7));
        assert!(AddressList::open(&path).is_err());
    }
}
