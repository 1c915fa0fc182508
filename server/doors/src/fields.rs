//! One object of fields as a record, whatever the format it comes in.
//!
//! Fields go where [`Mapping`] says; what has no role becomes an attribute. Nested objects
//! are flattened with dots, arrays become JSON text. The object is read in one pass,
//! without a tree in between.

use std::fmt;

use compact_str::{CompactString, format_compact};
use model::{Severity, Text, Value, limits};
use pipeline::normalise::{RawId, RawRecord, RawTime};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{
    json_text,
    mapping::{Mapping, Role},
    template,
};

/// Reads one JSON object; the error is for the client.
pub(crate) fn read_json(json: &[u8], mapping: &Mapping) -> Result<RawRecord, String> {
    let text = simdutf8::basic::from_utf8(json).map_err(|_| "the record is not valid UTF-8; send UTF-8".to_owned())?;
    let mut record = RawRecord::default();
    let mut fast = sonic_rs::Deserializer::from_str(text);
    match fast.deserialize_map(Root { record: &mut record, mapping }).and_then(|()| fast.end()) {
        Ok(()) => {}
        Err(_) => record = read_carefully(text, mapping)?,
    }
    finish(&mut record, mapping);
    Ok(record)
}

/// Has the last word on what the faster reader refuses, in one line that names the place.
fn read_carefully(json: &str, mapping: &Mapping) -> Result<RawRecord, String> {
    let json = json_text::with_whole_letters(json.as_bytes());
    let mut record = RawRecord::default();
    let mut deserializer = serde_json::Deserializer::from_slice(&json);
    deserializer
        .deserialize_map(Root { record: &mut record, mapping })
        .and_then(|()| deserializer.end())
        .map_err(|error| format!("the record is no JSON object: {}", json_text::explained(&error)))?;
    Ok(record)
}

/// Reads an object of another format.
pub(crate) fn read<'de, D: Deserializer<'de>>(object: D, mapping: &Mapping) -> Result<RawRecord, D::Error> {
    let mut record = RawRecord::default();
    object.deserialize_map(Root { record: &mut record, mapping })?;
    finish(&mut record, mapping);
    Ok(record)
}

/// Reads a line of text: where it is a JSON object with a message, that is the record, and
/// otherwise the line is the message.
pub(crate) fn read_line(line: String, mapping: &Mapping) -> RawRecord {
    // What looks like JSON and is none is a line like any other.
    let object = line.starts_with('{').then(|| read_json(line.as_bytes(), mapping).ok()).flatten();
    match object.filter(|object| !object.message.is_empty()) {
        Some(object) => object,
        None => {
            let mut record = RawRecord { message: line, ..RawRecord::default() };
            mapping.complete(&mut record);
            record
        }
    }
}

fn finish(record: &mut RawRecord, mapping: &Mapping) {
    if record.message.is_empty() {
        template::render(record);
    }
    mapping.complete(record);
}
/// The record's own object.
struct Root<'a> {
    record: &'a mut RawRecord,
    mapping: &'a Mapping,
}

impl<'de> Visitor<'de> for Root<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a message, such as {\"message\":\"hello\"}")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(Name)? {
            let Self { record, mapping } = &mut self;
            map.next_value_seed(Field { record, mapping, role: mapping.role(&name), path: name, depth: 1 })?;
        }
        Ok(())
    }
}

/// A key, kept inline where it is short.
struct Name;

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

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<CompactString, E> {
        Ok(CompactString::new(name))
    }

    fn visit_bytes<E: serde::de::Error>(self, name: &[u8]) -> Result<CompactString, E> {
        Ok(CompactString::from_utf8_lossy(name))
    }
}

/// A field's value, which goes where its name says.
struct Field<'a> {
    record: &'a mut RawRecord,
    mapping: &'a Mapping,
    role: Role,
    /// The dotted path from the record's root.
    path: CompactString,
    depth: usize,
}

impl Field<'_> {
    fn attribute(self, value: Value) {
        self.record.attributes.push((self.path, value));
    }

    /// Takes a value that has a text form: most loggers write most fields as texts.
    fn text<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let record = self.record;
        match self.role {
            // The first of several names wins; the others stay readable as attributes.
            Role::Message if record.message.is_empty() => text.clone_into(&mut record.message),
            Role::Time if matches!(record.time, RawTime::Missing) => record.time = RawTime::Text(text.to_owned()),
            Role::Level if record.level.is_empty() => record.level = Text::new(text),
            Role::Service if record.service.is_empty() => record.service = Text::new(text),
            Role::Node if record.node.is_empty() => record.node = Text::new(text),
            Role::TraceId if matches!(record.trace_id, RawId::Missing) => {
                record.trace_id = RawId::Text(text.to_owned())
            }
            Role::SpanId if matches!(record.span_id, RawId::Missing) => record.span_id = RawId::Text(text.to_owned()),
            _ => record.attributes.push((self.path, Value::Text(Text::new(text)))),
        }
        Ok(())
    }

    fn number(self, value: Value) {
        match (&self.role, &value) {
            // Epochs, told apart by their size like their text forms.
            (Role::Time, _) if matches!(self.record.time, RawTime::Missing) => {
                self.record.time = RawTime::Text(value.to_string());
            }
            (Role::Level, Value::Int(number)) if self.record.level.is_empty() => match numbered_level(*number) {
                Some((severity, word)) => {
                    self.record.severity = Some(u32::from(severity.number()));
                    self.record.level = Text::const_new(word);
                }
                None => self.attribute(value),
            },
            (Role::Message, _) if self.record.message.is_empty() => self.record.message = value.to_string(),
            (Role::Service, _) if self.record.service.is_empty() => self.record.service = format_compact!("{value}"),
            (Role::Node, _) if self.record.node.is_empty() => self.record.node = format_compact!("{value}"),
            _ => self.attribute(value),
        }
    }
}

/// The levels of pino and bunyan, 10 to 60, and OpenTelemetry's severities, 1 to 24; the
/// two meet nowhere but at 10 and 20, where pino's are meant far more often.
fn numbered_level(number: i64) -> Option<(Severity, &'static str)> {
    let word = match number {
        10 => "trace",
        20 => "debug",
        30 => "info",
        40 => "warn",
        50 => "error",
        60 => "fatal",
        other => {
            let severity = u8::try_from(other).ok().and_then(Severity::new)?;
            return Some((severity, severity.class().name()));
        }
    };
    Some((Severity::from_word(word)?, word))
}

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value for {}", self.path)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.text(text)
    }

    /// Formats with binary texts (MessagePack's older form) hold texts in them.
    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<(), E> {
        self.text(&String::from_utf8_lossy(bytes))
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.attribute(Value::Bool(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.number(Value::Int(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        // Beyond 63 bits the text keeps every digit, and a float would not.
        match i64::try_from(value) {
            Ok(value) => self.number(Value::Int(value)),
            Err(_) => self.attribute(Value::Text(format_compact!("{value}"))),
        }
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.number(Value::Float(value));
        Ok(())
    }

    /// `null` is the absence of a value.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let mut elements: Vec<serde_json::Value> = Vec::new();
        while let Some(element) = sequence.next_element()? {
            elements.push(element);
        }
        let text = serde_json::to_string(&elements).map_err(A::Error::custom)?;
        self.attribute(Value::Text(text.into()));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        if self.depth >= limits::DEPTH {
            // Read to its end, so that the error is about depth and not about syntax.
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            let at: CompactString = self.path.chars().take(64).collect();
            return Err(A::Error::custom(format!("{at}… is nested deeper than {} objects", limits::DEPTH)));
        }
        while let Some(name) = map.next_key_seed(Name)? {
            let path = format_compact!("{}.{name}", self.path);
            if path.len() > limits::KEY_BYTES {
                return Err(A::Error::custom(format!(
                    "a field's dotted name is longer than {} bytes",
                    limits::KEY_BYTES
                )));
            }
            // `{"service":{"name":…}}` is what `service.name` is.
            let role = self.mapping.role(&path);
            let Self { record, mapping, depth, .. } = &mut self;
            map.next_value_seed(Field { record, mapping, role, path, depth: *depth + 1 })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(json: &str) -> RawRecord {
        read_json(json.as_bytes(), &Mapping::usual()).unwrap()
    }

    #[test]
    fn the_usual_names_are_found() {
        let pino = record(r#"{"level":40,"time":1700000000123,"pid":7,"hostname":"a1","msg":"slow"}"#);
        assert_eq!((pino.message.as_str(), pino.level.as_str(), pino.node.as_str()), ("slow", "warn", "a1"));
        assert_eq!(pino.attributes, [(Text::from("pid"), Value::Int(7))]);
        let ecs = record(
            r#"{"@timestamp":"2026-01-02T03:04:05Z","log":{"level":"INFO"},"service":{"name":"api"},"message":"m"}"#,
        );
        assert_eq!((ecs.service.as_str(), ecs.level.as_str()), ("api", "INFO"));
    }

    #[test]
    fn what_has_no_role_becomes_a_flat_attribute() {
        let nested = record(
            r#"{"message":"m","http":{"status":500,"ok":false},"tags":["a",1],"gone":null,"big":18446744073709551615}"#,
        );
        let text = |text: &str| Value::Text(text.into());
        assert_eq!(
            nested.attributes,
            [
                (Text::from("http.status"), Value::Int(500)),
                (Text::from("http.ok"), Value::Bool(false)),
                (Text::from("tags"), text(r#"["a",1]"#)),
                (Text::from("big"), text("18446744073709551615")),
            ]
        );
    }

    #[test]
    fn what_is_no_record_is_explained() {
        for (json, word) in [
            (&b"7"[..], "object"),
            (b"\"text\"", "object"),
            (b"{\"message\":\"a\"", "EOF"),
            (b"{\"message\":\"\xff\"}", "UTF-8"),
            (b"{} {}", "trailing"),
        ] {
            let error = read_json(json, &Mapping::usual()).unwrap_err();
            assert!(error.contains(word), "{json:?}: {error}");
        }
        let deep = format!("{}1{}", r#"{"a":"#.repeat(40), "}".repeat(40));
        assert!(read_json(deep.as_bytes(), &Mapping::usual()).unwrap_err().contains("deeper"));
        let deepest = format!("{}1{}", r#"{"a":"#.repeat(4000), "}".repeat(4000));
        assert!(read_json(deepest.as_bytes(), &Mapping::usual()).is_err());
        let arrays = format!("{{\"a\":{}1{}}}", "[".repeat(4000), "]".repeat(4000));
        assert!(read_json(arrays.as_bytes(), &Mapping::usual()).is_err());
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            // The fast reader takes the sign off a zero.
            any::<f64>().prop_map(|number| if number == 0.0 { 0.0 } else { number }.into()),
            ".{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map("message|level|time|[a-z.\\\\\"\u{0}-\u{ff}]{0,6}", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        /// Whatever a client sends, and however it is broken: both readers agree.
        #[test]
        fn the_fast_reader_reads_as_the_careful_one(
            json in any_json(),
            pretty in any::<bool>(),
            damage in prop::option::weighted(0.5, (any::<prop::sample::Index>(), any::<char>())),
        ) {
            let mut text = if pretty { format!("{json:#}") } else { json.to_string() };
            if let Some((place, byte)) = damage {
                let mut letters: Vec<char> = text.chars().collect();
                let place = place.index(letters.len());
                letters[place] = byte;
                text = letters.into_iter().collect();
            }
            let mapping = Mapping::usual();
            let carefully = read_carefully(&text, &mapping).map(|mut record| {
                finish(&mut record, &mapping);
                record
            });
            prop_assert_eq!(format!("{:?}", read_json(text.as_bytes(), &mapping)), format!("{:?}", carefully), "{}", text);
        }

        #[test]
        fn any_bytes_are_a_record_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_json(&bytes, &Mapping::usual());
        }
    }
}
