//! Records as JSON in one line: what `serde_json` would write with the formatter [`Line`], but plain names and texts are
//! looked at and copied eight bytes at a time, and names that stand in the code are not looked at. Most of a record is short names.

use super::line::Line;
use serde::ser::{self, Error as _, Impossible, Serialize, Serializer};
use serde_json::Error;

/// A name or a word that stands in this crate's code, of ASCII letters, digits and `_`: a text like any other, but to [`Json`], which
/// need not look for what wants an escape.
pub(super) struct Name(pub(super) &'static str);

/// By this [`Json`] knows one.
const NAME: &str = "portcullis::audit::Name";

impl Serialize for Name {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(NAME, self.0)
    }
}

/// Appends what it serializes. An error for what no record has: bytes, characters, variants that carry something.
pub(super) struct Json<'o> {
    out: &'o mut Vec<u8>,
    /// Whether a text that comes is a [`Name`].
    is_name: bool,
}

impl<'o> Json<'o> {
    pub(super) fn to(out: &'o mut Vec<u8>) -> Self {
        Self { out, is_name: false }
    }

    #[inline]
    fn raw(self, text: &str) -> Result<(), Error> {
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn several(self, begin: u8, end: u8) -> Several<'o> {
        self.out.push(begin);
        Several { out: self.out, end, begun: false }
    }
}

macro_rules! integers {
    ($($method:ident($integer:ty)),*) => {
        $(fn $method(self, value: $integer) -> Result<(), Error> {
            self.raw(itoa::Buffer::new().format(value))
        })*
    };
}

macro_rules! absent {
    ($($method:ident($($argument:ty),*) -> $ok:ty;)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$ok, Error> {
            Err(Error::custom(concat!("a record has nothing for ", stringify!($method))))
        })*
    };
}

type Never = Impossible<(), Error>;

impl<'o> Serializer for Json<'o> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Several<'o>;
    type SerializeTuple = Several<'o>;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Several<'o>;
    type SerializeStruct = Several<'o>;
    type SerializeStructVariant = Never;

    integers! {
        serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64)
    }

    absent! {
        serialize_char(char) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_tuple_struct(&'static str, usize) -> Never;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Never;
    }

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.raw(if value { "true" } else { "false" })
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        serde_json::to_writer(self.out, &value)
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Error> {
        if self.is_name {
            append_name(self.out, text);
            return Ok(());
        }
        append_text(self.out, text)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.raw("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(Self { is_name: name == NAME, ..self })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Error> {
        Err(Error::custom("a record has no variant that carries something"))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Several<'o>, Error> {
        Ok(self.several(b'[', b']'))
    }

    fn serialize_tuple(self, _: usize) -> Result<Several<'o>, Error> {
        Ok(self.several(b'[', b']'))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Several<'o>, Error> {
        Ok(self.several(b'{', b'}'))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Several<'o>, Error> {
        Ok(self.several(b'{', b'}'))
    }
}

/// The elements of a list, or the members of an object.
pub(super) struct Several<'o> {
    out: &'o mut Vec<u8>,
    end: u8,
    begun: bool,
}

impl Several<'_> {
    #[inline]
    fn next<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if std::mem::replace(&mut self.begun, true) {
            self.out.push(b',');
        }
        value.serialize(Json::to(self.out))
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.out.push(b':');
        value.serialize(Json::to(self.out))
    }

    fn finish(self) -> Result<(), Error> {
        self.out.push(self.end);
        Ok(())
    }
}

impl ser::SerializeSeq for Several<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.next(value)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl ser::SerializeTuple for Several<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.next(value)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl ser::SerializeMap for Several<'_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.next(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl ser::SerializeStruct for Several<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.next(name)?;
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

/// Appends the text of a [`Name`].
#[inline]
fn append_name(out: &mut Vec<u8>, name: &str) {
    debug_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{name}");
    out.reserve(name.len() + 4);
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
}

/// Appends a text, with escapes where it needs them.
fn append_text(out: &mut Vec<u8>, text: &str) -> Result<(), Error> {
    if append_plain(out, text.as_bytes()) {
        return Ok(());
    }
    text.serialize(&mut serde_json::Serializer::with_formatter(out, Line))
}

/// Appends a text in quotes if it is ASCII that can be seen, and nothing in it needs an escape; otherwise nothing.
fn append_plain(out: &mut Vec<u8>, text: &[u8]) -> bool {
    let start = out.len();
    // The quotes, and what the last word is too long.
    out.reserve(text.len() + 9);
    out.push(b'"');
    let (words, rest) = text.as_chunks::<8>();
    let mut unplain = 0;
    for word in words {
        unplain |= unplain_bytes(u64::from_le_bytes(*word));
        out.extend_from_slice(word);
    }
    if !rest.is_empty() {
        let word = padded(rest);
        unplain |= unplain_bytes(word);
        out.extend_from_slice(&word.to_le_bytes());
        out.truncate(start + 1 + text.len());
    }
    out.push(b'"');
    if unplain != 0 {
        out.truncate(start);
    }
    unplain == 0
}

/// One in every byte.
const ONES: u64 = u64::MAX / 255;

/// At most eight bytes as a word, with spaces behind them. Of fixed lengths, so that no copy is called.
fn padded(rest: &[u8]) -> u64 {
    let word = match (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            let first = u64::from(u32::from_le_bytes(*first));
            first | u64::from(u32::from_le_bytes(*last)) << (8 * (rest.len() - 4))
        }
        _ => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    match rest.len() {
        8.. => word,
        length => word | (ONES * 0x20) << (8 * length),
    }
}

/// The high bit of every byte that cannot stand as it is; bits above the lowest one set may be wrong.
fn unplain_bytes(word: u64) -> u64 {
    let zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let delete = word.wrapping_add(ONES);
    let escaped = zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\')));
    (word | control | delete | escaped) & (ONES << 7)
}
