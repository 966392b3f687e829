//! Records as JSON in one line: what `serde_json` would write with the formatter [`Line`], but plain names and texts are
//! copied whole instead of byte by byte. Most of a record is names.

use super::line::Line;
use serde::ser::{self, Error as _, Impossible, Serialize, Serializer};
use serde_json::Error;

/// Appends what it serializes. An error for what no record has: bytes, characters, variants that carry something.
pub(super) struct Json<'o>(pub(super) &'o mut Vec<u8>);

impl<'o> Json<'o> {
    fn raw(self, text: &str) -> Result<(), Error> {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn several(self, begin: u8, end: u8) -> Several<'o> {
        self.0.push(begin);
        Several { out: self.0, end, begun: false }
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
        serde_json::to_writer(self.0, &value)
    }

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        if !is_plain(text.as_bytes()) {
            return text.serialize(&mut serde_json::Serializer::with_formatter(self.0, Line));
        }
        self.0.reserve(text.len() + 2);
        self.0.push(b'"');
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(b'"');
        Ok(())
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

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
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
    fn next<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if std::mem::replace(&mut self.begun, true) {
            self.out.push(b',');
        }
        value.serialize(Json(self.out))
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.out.push(b':');
        value.serialize(Json(self.out))
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

/// Whether a text is ASCII that can be seen, and nothing in it needs an escape.
fn is_plain(text: &[u8]) -> bool {
    let word = |bytes: &[u8; 8]| is_plain_word(u64::from_le_bytes(*bytes));
    match text.last_chunk() {
        // The last eight bytes overlap those before them, or are those.
        Some(last) => text.as_chunks().0.iter().all(word) && word(last),
        None => is_plain_word(text.iter().fold(ONES * 0x20, |word, byte| word << 8 | u64::from(*byte))),
    }
}

/// One in every byte.
const ONES: u64 = u64::MAX / 255;

/// The same for eight bytes at once: each test leaves the high bit of a byte that fails it.
fn is_plain_word(word: u64) -> bool {
    let zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let delete = word.wrapping_add(ONES);
    let escaped = zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\')));
    (word | control | delete | escaped) & (ONES << 7) == 0
}
