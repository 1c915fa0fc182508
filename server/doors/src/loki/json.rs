//! What a push is in JSON.

use std::collections::HashMap;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(expecting = "an object with streams")]
pub(super) struct JsonPush {
    pub(super) streams: Vec<JsonStream>,
}

#[derive(Deserialize)]
#[serde(expecting = "a stream: {\"stream\":{…labels…},\"values\":[[time, line], …]}")]
pub(super) struct JsonStream {
    #[serde(default)]
    pub(super) stream: HashMap<String, String>,
    #[serde(default)]
    pub(super) values: Vec<JsonEntry>,
}

/// `["1700000000000000000", "the line", {"trace_id": "…"}]`
pub(super) struct JsonEntry(pub(super) String, pub(super) String, pub(super) Option<HashMap<String, String>>);

impl<'de> Deserialize<'de> for JsonEntry {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = JsonEntry;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("[\"<nanoseconds since 1970>\", \"<line>\"], and metadata as an object if you like")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut entry: A) -> Result<JsonEntry, A::Error> {
                let missing = |place| serde::de::Error::invalid_length(place, &Visitor);
                let Some(time) = entry.next_element::<Time>()? else { return Err(missing(0)) };
                let Some(line) = entry.next_element()? else { return Err(missing(1)) };
                Ok(JsonEntry(time.0, line, entry.next_element()?))
            }
        }
        deserializer.deserialize_seq(Visitor)
    }
}

/// Some clients send the number as a number.
struct Time(String);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Time;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("nanoseconds since 1970, as a text")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Time, E> {
                Ok(Time(text.to_owned()))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Time, E> {
                Ok(Time(number.to_string()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
