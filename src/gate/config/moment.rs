//! A moment of the calendar.

use crate::clock::UnixTime;
use jiff::Timestamp;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use std::fmt;
use std::time::SystemTime;
use toml::value::Datetime;

/// A moment as RFC 3339 writes it, with its offset from UTC: as a string, or as TOML's own date and time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(pub(super) UnixTime);

struct MomentVisitor;

impl<'de> Visitor<'de> for MomentVisitor {
    type Value = Moment;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date and time as in RFC 3339, such as \"2027-01-31T12:00:00Z\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
        match text.parse::<Timestamp>() {
            Ok(moment) => Ok(Moment(SystemTime::from(moment).into())),
            Err(_) => Err(E::custom(
                "is not a date and time with an offset; write it as in RFC 3339, such as \"2027-01-31T12:00:00Z\"",
            )),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Moment, A::Error> {
        let written = Datetime::deserialize(MapAccessDeserializer::new(map))?;
        self.visit_str(&written.to_string())
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MomentVisitor)
    }
}
