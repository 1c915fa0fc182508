//! Loki's push: streams of lines under labels, in JSON and in protobuf within Snappy.
//!
//! Labels and structured metadata go where fields of their names go; a line that is a JSON
//! object is read as one. Source: <https://grafana.com/docs/loki/latest/reference/loki-http-api/>.

mod json;
mod protobuf;

use self::{
    json::{JsonEntry, JsonPush, JsonStream},
    protobuf::{Entry, PushRequest, Stream},
};
use crate::{
    Repetition, fields, json_text,
    mapping::{self, Role, USUAL},
    wrong_door::{self, Door},
};
use model::{LevelNumbers, Text, Value, limits};
use pipeline::{
    Error, Result,
    normalise::{RawId, RawRecord, RawTime},
};
use prost::Message as _;

/// The labels that may name the service, the best first.
const SERVICES: [&str; 6] = ["service_name", "service", "service.name", "app", "application", "job"];

/// Reads a body in JSON.
///
/// # Errors
/// `Invalid` where it does not read.
pub fn decode_json(body: &[u8]) -> Result<Vec<RawRecord>> {
    wrong_door::check(body, Door::Loki)?;
    let push: JsonPush =
        json_text::read(body).map_err(|error| Error::invalid(format!("the body is no Loki push in JSON: {error}")))?;
    let mut records = Records::default();
    for JsonStream { stream, values } in push.streams {
        let labels: Vec<(String, String)> = stream.into_iter().collect();
        let shared = records.stream(labels, values.len())?;
        for JsonEntry(nanos, line, metadata) in values {
            let time = nanos.parse().map_or(RawTime::Text(nanos), RawTime::Number);
            records.entry(&shared, time, line, metadata.into_iter().flatten());
        }
    }
    Ok(records.records)
}

/// Reads a body in protobuf, compressed by Snappy's block format.
///
/// # Errors
/// `Invalid` where it does not read, or is too large.
pub fn decode_protobuf(body: &[u8]) -> Result<Vec<RawRecord>> {
    let refused = |error: String| {
        let said = || Error::invalid(format!("the body is no Loki push in Snappy-compressed protobuf: {error}"));
        wrong_door::check(body, Door::Loki).err().unwrap_or_else(said)
    };
    let length = snap::raw::decompress_len(body).map_err(|error| refused(error.to_string()))?;
    if length > limits::BATCH_BYTES {
        return Err(refused(format!(
            "it says that it is {length} bytes long; the limit is {}; send several requests",
            limits::BATCH_BYTES
        )));
    }
    let plain = snap::raw::Decoder::new().decompress_vec(body).map_err(|error| refused(error.to_string()))?;
    let push = PushRequest::decode(&*plain).map_err(|error| refused(error.to_string()))?;
    let mut records = Records::default();
    for Stream { labels, entries } in push.streams {
        let labels = parse_labels(&labels)
            .ok_or_else(|| Error::invalid(format!("labels: {labels:?} does not read; write {{service=\"shop\"}}")))?;
        let shared = records.stream(labels, entries.len())?;
        for Entry { timestamp, line, structured_metadata } in entries {
            let time = timestamp.map_or(RawTime::Missing, |at| RawTime::from_parts(at.seconds, at.nanos.into()));
            records.entry(&shared, time, line, structured_metadata.into_iter().map(|label| (label.name, label.value)));
        }
    }
    Ok(records.records)
}

#[derive(Default)]
struct Records {
    records: Vec<RawRecord>,
    repetition: Repetition,
}

impl Records {
    /// What the labels of a stream say of each of its lines.
    fn stream(&mut self, mut labels: Vec<(String, String)>, lines: usize) -> Result<RawRecord> {
        // They come in any order, and the first that names the service does.
        labels.sort_by_cached_key(|(name, _)| {
            (SERVICES.iter().position(|known| known == name).unwrap_or(usize::MAX), name.clone())
        });
        let mut shared = RawRecord::default();
        labels.into_iter().for_each(|(name, value)| put(&mut shared, &name, value));
        self.repetition.add(&shared.attributes, lines)?;
        self.records.reserve(lines);
        Ok(shared)
    }

    fn entry(
        &mut self,
        shared: &RawRecord,
        time: RawTime,
        line: String,
        metadata: impl Iterator<Item = (String, String)>,
    ) {
        let mut record = fields::read_line(line, &USUAL);
        if matches!(record.time, RawTime::Missing) || !matches!(time, RawTime::Missing) {
            record.time = time;
        }
        metadata.for_each(|(name, value)| put(&mut record, &name, value));
        mapping::complete(&mut record, &shared.service, &shared.node, &shared.level);
        record.attributes.extend_from_slice(&shared.attributes);
        self.records.push(record);
    }
}

/// A label's value goes where its name says. What the line says itself is left as it is: some
/// clients send all of it twice, and here numbers are texts.
fn put(record: &mut RawRecord, name: &str, value: String) {
    let role = match name {
        "service_name" | "job" => Role::Service,
        "detected_level" => Role::Level,
        "pod" | "host_name" => Role::Node,
        name => Role::usual(name),
    };
    let field = match role {
        Role::Service if record.service.is_empty() => &mut record.service,
        Role::Node if record.node.is_empty() => &mut record.node,
        Role::Level if record.level.is_empty() => {
            record.set_level(&Value::Text(value.into()), LevelNumbers::of_field(name));
            return;
        }
        Role::TraceId if matches!(record.trace_id, RawId::Missing) => {
            record.trace_id = RawId::Text(value);
            return;
        }
        Role::SpanId if matches!(record.span_id, RawId::Missing) => {
            record.span_id = RawId::Text(value);
            return;
        }
        Role::Service if record.service == value => return,
        Role::Node if record.node == value => return,
        Role::Level if record.level == value => return,
        Role::TraceId if record.trace_id == RawId::Text(value.clone()) => return,
        Role::SpanId if record.span_id == RawId::Text(value.clone()) => return,
        _ => {
            let same = |(key, known): &(Text, Value)| key == name && known.to_string() == value;
            if !record.attributes.iter().any(same) {
                record.attributes.push((Text::new(name), Value::Text(value.into())));
            }
            return;
        }
    };
    *field = value.into();
}

/// `{service="shop", env="a \"b\""}`, as Go writes its strings.
fn parse_labels(text: &str) -> Option<Vec<(String, String)>> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim_start();
    let mut labels = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start())?;
        labels.push((name.trim().to_owned(), value));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if after.is_empty() => after,
            None => return None,
        };
    }
    Some(labels)
}

/// A quoted text, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let rest = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut letters = rest.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &rest[place + 1..])),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        protobuf::{Label, Timestamp},
        *,
    };

    const JSON: &str = r#"{"streams":[
        {"stream":{"service_name":"shop","level":"warn","env":"test"},"values":[
            ["1700000000000000001","plain"],
            ["1700000000000000002","{\"msg\":\"inner\",\"level\":\"error\",\"n\":7}",{"trace_id":"5b8efff798038103d269b633813fc60c","user":"ann","n":"7","level":"error"}],
            [1700000000000000003,"{not json"],
            ["soon","late"]]},
        {"stream":{"job":"other"},"values":[]}]}"#;

    #[test]
    fn labels_metadata_and_fields_of_the_line_come_together() {
        let records = decode_json(JSON.as_bytes()).unwrap();
        let [first, second, third, fourth] = &records[..] else { panic!("{records:?}") };
        assert_eq!((first.service.as_str(), first.level.as_str(), first.message.as_str()), ("shop", "warn", "plain"));
        assert_eq!(first.attributes, [(Text::from("env"), Value::Text("test".into()))]);
        assert_eq!((second.message.as_str(), second.level.as_str()), ("inner", "error"));
        assert_eq!(second.time, RawTime::Number(1_700_000_000_000_000_002));
        // Numbers of levels are read by the name of their label.
        let mut numbered = RawRecord::default();
        put(&mut numbered, "severity_number", "17".into());
        assert_eq!((numbered.level.as_str(), numbered.severity), ("error", Some(17)));
        // What is said twice is what the line says.
        let keys: Vec<_> = second.attributes.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["n", "user", "env"]);
        assert_eq!(second.attributes[0].1, Value::Int(7));
        assert!(matches!(&second.trace_id, RawId::Text(id) if id.starts_with("5b8e")));
        assert_eq!((third.message.as_str(), &third.time), ("{not json", &RawTime::Number(1_700_000_000_000_000_003)));
        assert_eq!(fourth.time, RawTime::Text("soon".into()));
    }

    fn protobuf(labels: &str) -> Vec<u8> {
        let entry = Entry {
            timestamp: Some(Timestamp { seconds: 1_700_000_000, nanos: 5 }),
            line: "plain".into(),
            structured_metadata: vec![Label { name: "user".into(), value: "ann".into() }],
        };
        let push = PushRequest { streams: vec![Stream { labels: labels.into(), entries: vec![entry] }] };
        snap::raw::Encoder::new().compress_vec(&push.encode_to_vec()).unwrap()
    }

    #[test]
    fn protobuf_reads_as_json_does() {
        let records = decode_protobuf(&protobuf(r#"{service="shop", env="a \"b\", c"}"#)).unwrap();
        assert_eq!((records[0].service.as_str(), records[0].message.as_str()), ("shop", "plain"));
        assert_eq!(records[0].time, RawTime::Nanos(1_700_000_000_000_000_005));
        let text = |name: &str, value: &str| (Text::from(name), Value::Text(value.into()));
        assert_eq!(records[0].attributes, [text("user", "ann"), text("env", "a \"b\", c")]);
    }

    #[test]
    fn what_does_not_read_is_explained() {
        for (body, word) in [
            ("{\"resourceLogs\":[]}", "/v1/logs"),
            ("{}", "streams"),
            ("{\"streams\":[{\"stream\":{},\"values\":[[\"1\"]]}]}", "nanoseconds"),
            ("{\"streams\":[{\"stream\":{\"a\":1}}]}", "column"),
        ] {
            let error = decode_json(body.as_bytes()).unwrap_err();
            assert!(error.message.contains(word), "{body}: {error}");
        }
        for (body, word) in [
            (protobuf("service=shop"), "labels"),
            (protobuf("{service=shop}"), "labels"),
            (b"\xff\xff\xff\xff\x0fx".to_vec(), "limit"),
            (b"nonsense".to_vec(), "Snappy"),
            (Vec::new(), "empty"),
        ] {
            let error = decode_protobuf(&body).unwrap_err();
            assert!(error.message.contains(word), "{error}");
        }
    }

    #[test]
    fn labels_that_many_lines_share_are_bounded() {
        let line = "[\"1\",\"\"],".repeat(100_000);
        let body = format!(
            "{{\"streams\":[{{\"stream\":{{\"a\":\"{}\"}},\"values\":[{}]}}]}}",
            "x".repeat(10_000),
            line.trim_end_matches(',')
        );
        assert!(decode_json(body.as_bytes()).is_err_and(|error| error.message.contains("in common")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_records_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300), text in ".{0,60}") {
            let _ = decode_protobuf(&bytes);
            let _ = decode_json(&bytes);
            let _ = parse_labels(&text);
        }

        #[test]
        fn labels_read_as_they_were_written(labels in prop::collection::vec(("[a-z_]{1,8}", "[^\\\\]{0,12}"), 0..4)) {
            let text: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", value.replace('"', "\\\""))).collect();
            prop_assert_eq!(parse_labels(&format!("{{{}}}", text.join(", "))), Some(labels));
        }
    }
}
