//! What `serde` asks of arrays, objects, keys and enums.

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::DeserializeError;
use super::node::{Items, Kind, Members, Node};

/// The elements of an array.
pub(super) struct Elements<'de> {
    items: Items<'de>,
}

impl<'de> Elements<'de> {
    /// Lets `visitor` read all elements; one that leaves some unread expected a shorter array.
    pub(super) fn visit<V: Visitor<'de>>(array: Node<'de>, visitor: V) -> Result<V::Value, DeserializeError> {
        let mut elements = Self { items: array.items() };
        let value = visitor.visit_seq(&mut elements)?;
        match elements.items.len() {
            0 => Ok(value),
            left => Err(DeserializeError::invalid_length(array.len(), &shorter(array.len() - left).as_str())),
        }
    }
}

fn shorter(length: usize) -> String {
    format!("{length} elements")
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = DeserializeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Self::Error> {
        let Some(item) = self.items.next() else { return Ok(None) };
        seed.deserialize(item).map(Some).map_err(|error| error.at(item.id()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The members of an object.
pub(super) struct Fields<'de> {
    members: Members<'de>,
    value: Option<Node<'de>>,
}

impl<'de> Fields<'de> {
    /// Lets `visitor` read all members.
    pub(super) fn visit<V: Visitor<'de>>(
        object: Node<'de>,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        let mut fields = Self { members: object.members(), value: None };
        let value = visitor.visit_map(&mut fields)?;
        match fields.members.len() {
            0 => Ok(value),
            left => {
                Err(DeserializeError::invalid_length(object.len(), &shorter(object.len() - left).as_str()))
            }
        }
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = DeserializeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        let Some((key, value)) = self.members.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(Key(key)).map(Some).map_err(|error| error.at(key.id()))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Self::Error> {
        let value =
            self.value.take().ok_or_else(|| DeserializeError::custom("a value was read before its key"))?;
        seed.deserialize(value).map_err(|error| error.at(value.id()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.members.len())
    }
}

/// The key of a member. Maps may be keyed by integers, written as strings.
struct Key<'de>(Node<'de>);

impl<'de> Key<'de> {
    fn text(&self) -> &'de str {
        self.0.as_str().unwrap_or_default()
    }
}

macro_rules! integer_keys {
    ($($method:ident $visit:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            match self.text().parse() {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(DeserializeError::invalid_type(Unexpected::Str(""), &visitor)),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = DeserializeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_borrowed_str(self.text())
    }

    integer_keys! {
        deserialize_i8 visit_i8; deserialize_i16 visit_i16; deserialize_i32 visit_i32; deserialize_i64 visit_i64;
        deserialize_u8 visit_u8; deserialize_u16 visit_u16; deserialize_u32 visit_u32; deserialize_u64 visit_u64;
        deserialize_i128 visit_i128; deserialize_u128 visit_u128; deserialize_bool visit_bool;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_enum(Variant { name: self.0, value: None })
    }

    forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

/// An enum: `"Unit"`, or `{"Variant": content}`.
pub(super) struct Variant<'de> {
    name: Node<'de>,
    value: Option<Node<'de>>,
}

impl<'de> Variant<'de> {
    /// Reads a string, or an object with one member, as a variant.
    pub(super) fn of(node: Node<'de>) -> Option<Self> {
        match node.kind() {
            Kind::String => Some(Self { name: node, value: None }),
            Kind::Object if node.len() == 1 => {
                node.members().next().map(|(name, value)| Self { name, value: Some(value) })
            }
            _ => None,
        }
    }

    fn content(self, expected: &str) -> Result<Node<'de>, DeserializeError> {
        self.value.ok_or_else(|| DeserializeError::invalid_type(Unexpected::Str(""), &expected))
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = DeserializeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Self::Error> {
        let name = seed.deserialize(Key(self.name)).map_err(|error| error.at(self.name.id()))?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = DeserializeError;

    fn unit_variant(self) -> Result<(), Self::Error> {
        match self.value {
            Some(value) => <()>::deserialize(value),
            None => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Self::Error> {
        let content = self.content("an object with one member, the variant")?;
        seed.deserialize(content).map_err(|error| error.at(content.id()))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Self::Error> {
        self.content("a variant with an array")?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.content("a variant with an object")?.deserialize_map(visitor)
    }
}
