//! Values written as text: words of a closed list, durations, sizes, networks.

use super::file::Discovery;
use crate::audit::WhenFull;
use crate::inspect::Action;
use crate::jose::Algorithm;
use crate::limit::{Dimension, Per};
use crate::payload::{
    AnthropicMessages, AnyJson, Dialect, Gemini, Mcp, OllamaAdmin, OllamaChat, OllamaGenerate, OpenAiChat,
    OpenAiCompletions, OpenAiEmbeddings, OpenAiResponses, PlainGenerate, Severity, TgiGenerate,
    UnknownFields,
};
use http::Method;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// A value that is written as text.
pub(super) trait FromText: Sized {
    /// What it is, with its article.
    const WHAT: &'static str;

    /// Reads it; the error says what to write instead.
    fn from_text(text: &str) -> Result<Self, String>;
}

/// A [`FromText`] in the file.
#[derive(Clone, Debug)]
pub(super) struct Text<T>(pub(super) T);

struct TextVisitor<T>(PhantomData<T>);

impl<T: FromText> Visitor<'_> for TextVisitor<T> {
    type Value = Text<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, as a string", T::WHAT)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<T>, E> {
        T::from_text(text).map(Text).map_err(E::custom)
    }
}

impl<'de, T: FromText> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor(PhantomData))
    }
}

/// One of `choices`, by its name.
pub(super) fn choose<T>(
    text: &str,
    what: &str,
    choices: impl IntoIterator<Item = (&'static str, T)>,
) -> Result<T, String> {
    let mut names = Vec::new();
    for (name, choice) in choices {
        if name == text {
            return Ok(choice);
        }
        names.push(format!("{name:?}"));
    }
    let last = names.pop().unwrap_or_default();
    let names = if names.is_empty() { last } else { format!("{} or {last}", names.join(", ")) };
    Err(format!("{:?} is not {what}; use {names}", clip(text)))
}

pub(super) fn clip(text: &str) -> &str {
    text.char_indices().nth(48).map_or(text, |(end, _)| &text[..end])
}

impl FromText for Per {
    const WHAT: &'static str = "a period";

    fn from_text(text: &str) -> Result<Self, String> {
        let all = [Self::Second, Self::Minute, Self::Hour, Self::Day];
        choose(text, Self::WHAT, all.map(|per| (per.as_str(), per)))
    }
}

impl FromText for Dimension {
    const WHAT: &'static str = "what a limit adds up over";

    fn from_text(text: &str) -> Result<Self, String> {
        let all = [
            Self::Subject,
            Self::Tenant,
            Self::Application,
            Self::Workload,
            Self::Actor,
            Self::Address,
            Self::Plan,
        ];
        choose(text, Self::WHAT, all.map(|dimension| (dimension.as_str(), dimension)))
    }
}

impl FromText for WhenFull {
    const WHAT: &'static str = "what happens when the log is full";

    fn from_text(text: &str) -> Result<Self, String> {
        choose(text, Self::WHAT, [("refuse", Self::Refuse), ("count_and_drop", Self::CountAndDrop)])
    }
}

impl FromText for Algorithm {
    const WHAT: &'static str = "an algorithm for signatures that is accepted here";

    fn from_text(text: &str) -> Result<Self, String> {
        choose(text, Self::WHAT, Self::ALL.map(|algorithm| (algorithm.name(), algorithm)))
    }
}

impl FromText for Method {
    const WHAT: &'static str = "a method of HTTP that a route can have";

    fn from_text(text: &str) -> Result<Self, String> {
        let all = [
            ("GET", Self::GET),
            ("POST", Self::POST),
            ("PUT", Self::PUT),
            ("PATCH", Self::PATCH),
            ("DELETE", Self::DELETE),
            ("HEAD", Self::HEAD),
            ("OPTIONS", Self::OPTIONS),
        ];
        choose(text, Self::WHAT, all)
    }
}

impl FromText for Arc<dyn Dialect> {
    const WHAT: &'static str = "a dialect";

    fn from_text(text: &str) -> Result<Self, String> {
        let all: [Self; 13] = [
            Arc::new(OpenAiChat),
            Arc::new(OpenAiResponses),
            Arc::new(OpenAiCompletions),
            Arc::new(OpenAiEmbeddings),
            Arc::new(AnthropicMessages),
            Arc::new(OllamaGenerate),
            Arc::new(OllamaChat),
            Arc::new(OllamaAdmin),
            Arc::new(TgiGenerate),
            Arc::new(Gemini),
            Arc::new(Mcp),
            Arc::new(PlainGenerate),
            Arc::new(AnyJson),
        ];
        choose(text, Self::WHAT, all.map(|dialect| (dialect.name(), dialect)))
    }
}

impl FromText for Discovery {
    const WHAT: &'static str = "a way to find an issuer's keys";

    fn from_text(text: &str) -> Result<Self, String> {
        choose(text, Self::WHAT, [("openid", Self::OpenId), ("oauth", Self::OAuth)])
    }
}

impl FromText for UnknownFields {
    const WHAT: &'static str = "what happens to unknown fields";

    fn from_text(text: &str) -> Result<Self, String> {
        choose(text, Self::WHAT, [Self::Refuse, Self::Strip, Self::Pass].map(|fate| (fate.as_str(), fate)))
    }
}

/// The longest duration that is taken: far beyond any use, and far below what arithmetic on times can hold.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

impl FromText for Duration {
    const WHAT: &'static str = "a duration";

    fn from_text(text: &str) -> Result<Self, String> {
        let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
        let millis = number_with_unit(text, &units).ok_or_else(|| {
            let text = clip(text);
            format!("{text:?} is not a duration; write a whole number and its unit, such as \"500ms\", \"30s\", \"15m\", \"24h\" or \"1d\"")
        })?;
        match Self::from_millis(millis) {
            duration if duration > LONGEST => Err("longer than 366 days; choose less".to_owned()),
            duration => Ok(duration),
        }
    }
}

/// A number of bytes: `1048576` or `"1 MiB"`, never zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size(pub(super) usize);

struct SizeVisitor;

impl SizeVisitor {
    fn bytes<E: Error>(bytes: u64) -> Result<Size, E> {
        match usize::try_from(bytes) {
            Ok(0) => Err(E::custom("must be at least 1 byte")),
            Ok(bytes) => Ok(Size(bytes)),
            Err(_) => Err(E::custom("more bytes than this machine can address; choose less")),
        }
    }
}

impl Visitor<'_> for SizeVisitor {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of bytes, such as 1048576 or \"1 MiB\"")
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<Size, E> {
        u64::try_from(bytes).map_or_else(|_| Err(E::custom("must be at least 1 byte")), Self::bytes)
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<Size, E> {
        Self::bytes(bytes)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
        let units = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
        number_with_unit(text, &units).map_or_else(
            || {
                let text = clip(text);
                Err(E::custom(format!("{text:?} is not a size; write bytes, such as 1048576, or a whole number with B, KiB, MiB or GiB, such as \"1 MiB\"")))
            },
            Self::bytes,
        )
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SizeVisitor)
    }
}

/// A whole number, a space or none, and one of the units.
fn number_with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// A whole number that is not zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count<T>(pub(super) T);

struct CountVisitor<T>(PhantomData<T>);

impl<T: TryFrom<u64>> Visitor<'_> for CountVisitor<T> {
    type Value = Count<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, at least 1")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Count<T>, E> {
        u64::try_from(number)
            .map_or_else(|_| Err(E::custom("must be at least 1")), |number| self.visit_u64(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Count<T>, E> {
        if number == 0 {
            return Err(E::custom("must be at least 1"));
        }
        T::try_from(number).map(Count).map_err(|_| E::custom(format!("{number} is too large; choose less")))
    }
}

impl<'de, T: TryFrom<u64>> Deserialize<'de> for Count<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(CountVisitor(PhantomData))
    }
}

impl FromText for Action {
    const WHAT: &'static str = "what a finding leads to";

    fn from_text(text: &str) -> Result<Self, String> {
        let all = [
            ("block", Self::Block { least: Severity::High }),
            ("block_from_medium", Self::Block { least: Severity::Medium }),
            ("flag", Self::Flag),
            ("danger_off", Self::Off),
        ];
        choose(text, Self::WHAT, all)
    }
}
