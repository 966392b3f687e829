//! `serde` over nodes: any value of a document as a `Deserializer`.

use serde::de::{Deserialize, Deserializer, Error as _, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::DeserializeError;
use super::de_access::{Elements, Fields, Variant};
use super::node::{Kind, Node};
use super::pointer;

impl<'de> Node<'de> {
    /// This value as a `T`, which may borrow from the document.
    ///
    /// An error names the pointer of the value that does not fit, counted from this node.
    pub fn deserialize<T: Deserialize<'de>>(self) -> Result<T, DeserializeError> {
        T::deserialize(self).map_err(|error: DeserializeError| match error.node() {
            Some(node) => error.with_pointer(&pointer::of(self, node, pointer::push_key)),
            None => error,
        })
    }

    fn unexpected(self) -> Unexpected<'de> {
        match self.kind() {
            Kind::Null => Unexpected::Unit,
            Kind::Bool => Unexpected::Bool(self.as_bool().unwrap_or_default()),
            Kind::Number => self.as_u64().map_or(Unexpected::Float(0.0), Unexpected::Unsigned),
            Kind::String => Unexpected::Str(self.as_str().unwrap_or_default()),
            Kind::Array => Unexpected::Seq,
            Kind::Object => Unexpected::Map,
        }
    }

    fn visit_number<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        if self.integer_text() == Some("-0") {
            return visitor.visit_f64(-0.0);
        }
        if let Some(number) = self.as_u64() {
            visitor.visit_u64(number)
        } else if let Some(number) = self.as_i64() {
            visitor.visit_i64(number)
        } else if let Some(number) = self.as_f64() {
            visitor.visit_f64(number)
        } else {
            Err(DeserializeError::invalid_value(Unexpected::Float(f64::MAX), &visitor))
        }
    }
}

/// Numbers arrive as `u64`, `i64` or `f64`, the first that holds them; strings arrive borrowed.
impl<'de> Deserializer<'de> for Node<'de> {
    type Error = DeserializeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let value = match self.kind() {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool => visitor.visit_bool(self.as_bool().unwrap_or_default()),
            Kind::Number => self.visit_number(visitor),
            Kind::String => visitor.visit_borrowed_str(self.as_str().unwrap_or_default()),
            Kind::Array => Elements::visit(self, visitor),
            Kind::Object => Fields::visit(self, visitor),
        };
        value.map_err(|error| error.at(self.id()))
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.integer_text().and_then(|text| text.parse().ok()) {
            Some(number) => visitor.visit_i128(number).map_err(|error: DeserializeError| error.at(self.id())),
            None => Err(DeserializeError::invalid_type(self.unexpected(), &visitor).at(self.id())),
        }
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.integer_text().and_then(|text| text.parse().ok()) {
            Some(number) => visitor.visit_u128(number).map_err(|error: DeserializeError| error.at(self.id())),
            None => Err(DeserializeError::invalid_type(self.unexpected(), &visitor).at(self.id())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let value = if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) };
        value.map_err(|error| error.at(self.id()))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.as_str() {
            Some(text) => visitor
                .visit_borrowed_bytes(text.as_bytes())
                .map_err(|error: DeserializeError| error.at(self.id())),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self).map_err(|error| error.at(self.id()))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let value = match Variant::of(self) {
            Some(variant) => visitor.visit_enum(variant),
            None if self.kind() == Kind::Object => {
                Err(DeserializeError::invalid_length(self.len(), &"an object with one member, the variant"))
            }
            None => Err(DeserializeError::invalid_type(self.unexpected(), &visitor)),
        };
        value.map_err(|error| error.at(self.id()))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        // What is ignored was checked when the document was parsed.
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string unit unit_struct seq tuple tuple_struct map
        struct identifier
    }
}
