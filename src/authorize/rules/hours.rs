use crate::clock::UnixTime;
use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// Every day, Monday first.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// The day's first three letters, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monday => "mon",
            Self::Tuesday => "tue",
            Self::Wednesday => "wed",
            Self::Thursday => "thu",
            Self::Friday => "fri",
            Self::Saturday => "sat",
            Self::Sunday => "sun",
        }
    }
}

/// Some hours of some days, somewhere.
#[derive(Debug)]
pub(super) struct Hours {
    zone: TimeZone,
    name: Box<str>,
    /// By the days since Monday.
    days: [bool; 7],
    from: Time,
    to: Time,
    last: Last,
}

impl Hours {
    pub(super) fn new(
        zone: &str,
        days: impl IntoIterator<Item = Weekday>,
        from: &str,
        to: &str,
    ) -> Result<Self, String> {
        // The data is part of this crate: what the machine has may be old, or missing.
        let found = TimeZoneDatabase::bundled().get(zone).map_err(|_| {
            format!("{zone:?} is no time zone; write a name of the IANA database, such as \"Europe/Berlin\"")
        })?;
        let time = |text: &str| {
            let is_clock = text.len() == 5 && text.as_bytes()[2] == b':';
            let time = is_clock.then(|| text.parse::<Time>().ok()).flatten();
            time.ok_or_else(|| {
                format!("{text:?} is no time of the day; write hours and minutes, such as \"08:00\"")
            })
        };
        let mut open = [false; 7];
        days.into_iter().for_each(|day| open[day as usize] = true);
        let hours = Self {
            zone: found,
            name: zone.into(),
            days: open,
            from: time(from)?,
            to: time(to)?,
            last: Last::default(),
        };
        if hours.from == hours.to {
            return Err("the hours end when they begin; leave them out for the whole day".to_owned());
        }
        if hours.days == [false; 7] {
            return Err("no day is named".to_owned());
        }
        Ok(hours)
    }

    /// Whether the moment lies within; `None` for one beyond the calendar.
    pub(super) fn hold(&self, moment: UnixTime) -> Option<bool> {
        let second = moment.as_secs();
        if let Some(held) = self.last.find(second) {
            return Some(held);
        }
        let held = self.hold_at(second)?;
        self.last.keep(second, held);
        Some(held)
    }

    fn hold_at(&self, second: u64) -> Option<bool> {
        let moment = Timestamp::from_second(i64::try_from(second).ok()?).ok()?;
        let local = self.zone.to_datetime(moment);
        let today = usize::try_from(local.weekday().to_monday_zero_offset()).ok()?;
        let time = local.time();
        let yesterday = (today + 6) % 7;
        Some(match self.from < self.to {
            true => self.days[today] && self.from <= time && time < self.to,
            false => self.days[today] && self.from <= time || self.days[yesterday] && time < self.to,
        })
    }
}

/// What came of the second that was asked about last: requests of one second need the calendar once. One number holds both, so that
/// nobody reads the one of one second and the other of another.
#[derive(Debug, Default)]
struct Last(AtomicU64);

impl Last {
    const IS_KEPT: u64 = 1;
    const HELD: u64 = 2;

    fn find(&self, second: u64) -> Option<bool> {
        let kept = self.0.load(Ordering::Relaxed);
        (kept & Self::IS_KEPT != 0 && kept >> 2 == second).then_some(kept & Self::HELD != 0)
    }

    /// Moments so late that they do not fit are beyond the calendar, and never come here.
    fn keep(&self, second: u64, held: bool) {
        let held = if held { Self::HELD } else { 0 };
        self.0.store(second << 2 | held | Self::IS_KEPT, Ordering::Relaxed);
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<&str> =
            Weekday::ALL.iter().filter(|day| self.days[**day as usize]).map(|day| day.as_str()).collect();
        let (from, to) = (self.from, self.to);
        let clock = |time: Time| format!("{:02}:{:02}", time.hour(), time.minute());
        write!(f, "{} {} to {} in {}", days.join(" "), clock(from), clock(to), self.name)
    }
}
