//! The name of a field.

use std::fmt;

use compact_str::CompactString;
use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};

use crate::json_text;

/// A key, stored inline if short.
pub(super) struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = CompactString;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<CompactString, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = CompactString;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<CompactString, E> {
        match json_text::marked_number(name) {
            Some(_) => Err(E::custom("a field's name is a number; send it as a string")),
            None => Ok(CompactString::new(name)),
        }
    }

    fn visit_bytes<E: Error>(self, name: &[u8]) -> Result<CompactString, E> {
        Ok(CompactString::from_utf8_lossy(name))
    }
}
