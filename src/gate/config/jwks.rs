//! A JWK set that stands in the file.

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A JWK set in the file, as JSON. No error repeats what is in it, and it has no `Debug`.
pub(super) struct Jwks(pub(super) String);

struct JwksVisitor;

impl<'de> Visitor<'de> for JwksVisitor {
    type Value = Jwks;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JWK set: its JSON as a string, a table with `keys`, or a list of keys as tables")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Jwks, E> {
        Ok(Jwks(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Jwks, A::Error> {
        serde_json::Value::deserialize(MapAccessDeserializer::new(map)).map(|set| Jwks(set.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, keys: A) -> Result<Jwks, A::Error> {
        serde_json::Value::deserialize(SeqAccessDeserializer::new(keys))
            .map(|keys| Jwks(serde_json::json!({ "keys": keys }).to_string()))
    }
}

impl<'de> Deserialize<'de> for Jwks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JwksVisitor)
    }
}
