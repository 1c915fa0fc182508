//! Reads the JSON of the attributes without a column, without building a map of them.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

use super::hash::{self, Field};

/// Calls `add` with the hash of each attribute.
///
/// # Errors
/// The text is not an object of values.
pub(super) fn for_each(json: &str, add: impl FnMut(u64)) -> serde_json::Result<()> {
    let mut reader = serde_json::Deserializer::from_str(json);
    reader.deserialize_map(Attributes(add))?;
    reader.end()
}

struct Attributes<F>(F);

impl<'de, F: FnMut(u64)> Visitor<'de> for Attributes<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            let seed = Field::Attribute(&key).seed();
            (self.0)(match map.next_value()? {
                Scalar::Bool(value) => hash::boolean(seed, value),
                Scalar::Int(value) => hash::integer(seed, value),
                Scalar::Float(value) => hash::float(seed, value),
                Scalar::Text(value) => hash::text(seed, &value),
            });
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// As [`model::Value`], without a copy of a text.
#[derive(Debug, PartialEq)]
enum Scalar<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalars)
    }
}

struct Scalars;

impl<'de> Visitor<'de> for Scalars {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number or a boolean")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar<'de>, E> {
        Ok(i64::try_from(value).map_or(Scalar::Float(value as f64), Scalar::Int))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Float(value))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(value.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::{Text, Value};
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            prop::num::f64::NORMAL.prop_map(Value::Float),
            prop_oneof![Just(0.0), Just(-0.0), Just(1e300), (-1000_i32..1000).prop_map(f64::from)]
                .prop_map(Value::Float),
            ".{0,8}".prop_map(|text| Value::Text(text.into())),
        ]
    }

    proptest! {
        #[test]
        fn each_value_is_read_as_the_records_reader_reads_it(
            values in prop::collection::btree_map("[a-z\"\\\\é.]{0,6}", value(), 0..6),
        ) {
            let map: BTreeMap<Text, Value> = values.into_iter().map(|(key, value)| (key.into(), value)).collect();
            let json = serde_json::to_string(&map).unwrap();
            let read = crate::decode::other_attributes(&json).unwrap();
            let mut expected: Vec<u64> = read.iter().map(|(key, value)| {
                let seed = Field::Attribute(key).seed();
                match value {
                    Value::Bool(value) => hash::boolean(seed, *value),
                    Value::Int(value) => hash::integer(seed, *value),
                    Value::Float(value) => hash::float(seed, *value),
                    Value::Text(value) => hash::text(seed, value),
                }
            }).collect();
            let mut hashes = Vec::new();
            for_each(&json, |hash| hashes.push(hash)).unwrap();
            hashes.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(hashes, expected);
        }
    }

    #[test]
    fn what_is_not_an_object_of_values_is_refused() {
        for json in ["", "[]", "{\"a\":[1]}", "{\"a\":null}", "{\"a\":1} x", "{\"a\":", "7"] {
            assert!(for_each(json, |_| {}).is_err(), "{json}");
        }
        for_each("{\"a\":18446744073709551615}", |hash| {
            assert_eq!(hash, hash::float(Field::Attribute("a").seed(), u64::MAX as f64));
        })
        .unwrap();
    }
}
