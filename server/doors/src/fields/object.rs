//! Visits the fields of an object and assigns each by its name.

use std::fmt;

use compact_str::{CompactString, format_compact};
use model::{Value, limits};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{name::Name, reading::Reading, tree};
use crate::{json_text, mapping::Role};

/// The root object of the record.
pub(super) struct Root<'r, 'a>(pub(super) &'r mut Reading<'a>);

impl<'de> Visitor<'de> for Root<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a message, such as {\"message\":\"hello\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let reading = self.0;
        while let Some(name) = map.next_key_seed(Name)? {
            map.next_value_seed(Field { role: reading.mapping.role(&name), reading, path: name, depth: 1 })?;
        }
        Ok(())
    }
}

/// A field's value, assigned by the field's role.
struct Field<'r, 'a> {
    reading: &'r mut Reading<'a>,
    role: Role,
    /// The dotted path from the record's root.
    path: CompactString,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Field<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Field<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value for {}", self.path)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        // Numbers with too many digits arrive as marked texts.
        let text = json_text::marked_number(text).unwrap_or(text);
        self.reading.text(self.role, self.path, text);
        Ok(())
    }

    /// Binary values of other formats (MessagePack's older form) contain text.
    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<(), E> {
        self.reading.text(self.role, self.path, &String::from_utf8_lossy(bytes));
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.reading.boolean(self.role, self.path, value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.reading.number(self.role, self.path, Value::Int(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        // Beyond 63 bits a text keeps every digit; a float would not.
        match i64::try_from(value) {
            Ok(value) => self.reading.number(self.role, self.path, Value::Int(value)),
            Err(_) => self.reading.text(self.role, self.path, &format_compact!("{value}")),
        }
        Ok(())
    }

    fn visit_f32<E: Error>(self, value: f32) -> Result<(), E> {
        // Converts by way of the decimal text: 0.1 and not 0.10000000149011612.
        self.visit_f64(value.to_string().parse().unwrap_or(f64::from(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.reading.number(self.role, self.path, Value::Float(value));
        Ok(())
    }

    /// `null` means an absent value.
    fn visit_unit<E>(self) -> Result<(), E> {
        self.reading.null(self.role);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<(), A::Error> {
        let list = tree::list(sequence)?;
        self.reading.is_inexact |= list.is_inexact();
        let text = list.to_json().map_err(A::Error::custom)?;
        self.reading.list(self.role, self.path, text);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { reading, role, path, depth } = self;
        if depth >= limits::DEPTH {
            // Consumes the object, so that the error is about the depth and not about the syntax.
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            let at: CompactString = path.chars().take(64).collect();
            return Err(A::Error::custom(format!("{at}… is nested deeper than {} objects", limits::DEPTH)));
        }
        reading.structured(role);
        while let Some(name) = map.next_key_seed(Name)? {
            // MongoDB times: `{"$date":{"$numberLong":"1700000000123"}}`.
            if role == Role::Time && matches!(&*name, "$date" | "$numberLong") {
                map.next_value_seed(Field { reading, role, path: path.clone(), depth: depth + 1 })?;
                continue;
            }
            let path = format_compact!("{path}.{name}");
            if path.len() > limits::KEY_BYTES {
                return Err(A::Error::custom(format!(
                    "a field's dotted name is longer than {} bytes",
                    limits::KEY_BYTES
                )));
            }
            // `{"service":{"name":…}}` is equivalent to `service.name`.
            let role = reading.mapping.role(&path);
            map.next_value_seed(Field { reading, role, path, depth: depth + 1 })?;
        }
        Ok(())
    }
}
