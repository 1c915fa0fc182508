//! Loki's push: streams of lines with labels, in JSON or Snappy-compressed protobuf.
//!
//! Labels and structured metadata are mapped like fields of their names. A line that is a JSON object is parsed as
//! one. A stream without a line is refused like an invalid line, because its sender would believe that it was stored.
//! Source: <https://grafana.com/docs/loki/latest/reference/loki-http-api/>.

mod json;
mod labels;
mod protobuf;

pub use self::json::decode_json;
use self::{
    labels::parse_labels,
    protobuf::{Entry, PushRequest, Stream},
};
use crate::{
    Decoded, Repetition, fields,
    mapping::{self, Role, USUAL},
    wrong_door::{self, Door},
};
use compact_str::format_compact;
use model::{LevelNumbers, Text, Value, limits};
use pipeline::{
    Error, Result,
    normalise::{RawId, RawRecord, RawTime, Rejection},
};
use prost::Message as _;

/// Labels that name the service, in order of precedence.
const SERVICES: [&str; 6] = ["service_name", "service", "service.name", "app", "application", "job"];

/// Names and values of labels or metadata.
type Labels = Vec<(String, Value)>;

/// Parses a protobuf body, compressed in Snappy's block format. Lines of invalid streams become rejections.
///
/// # Errors
/// `Invalid` if it cannot be parsed, is too large, or has no line.
pub fn decode_protobuf(body: &[u8]) -> Result<Decoded> {
    let refused = |error: String| {
        let invalid = || Error::invalid(format!("the body is not a Loki push in Snappy-compressed protobuf: {error}"));
        wrong_door::check(body, Door::Loki).err().unwrap_or_else(invalid)
    };
    let length = snap::raw::decompress_len(body).map_err(|error| refused(error.to_string()))?;
    if length > limits::BATCH_BYTES {
        return Err(refused(format!(
            "the declared length is {length} bytes; the limit is {}; send several requests",
            limits::BATCH_BYTES
        )));
    }
    let plain = snap::raw::Decoder::new().decompress_vec(body).map_err(|error| refused(error.to_string()))?;
    let push = PushRequest::decode(&*plain).map_err(|error| refused(error.to_string()))?;
    let mut records = Records::default();
    for (place, Stream { labels, entries }) in push.streams.into_iter().enumerate() {
        let place = format!("streams[{place}]");
        let Some(labels) = parse_labels(&labels) else {
            let labels: String = labels.chars().take(64).collect();
            let reason = format!("{place}.labels: {labels:?} cannot be parsed; write {{service=\"shop\"}}");
            (0..entries.len().max(1)).for_each(|_| records.refuse(reason.clone()));
            continue;
        };
        if entries.is_empty() {
            records.refuse(format!("{place}: it has no entries; remove it"));
        }
        let text = |(name, text): (String, String)| (name, Value::Text(text.into()));
        let shared = records.stream(labels.into_iter().map(text).collect());
        for Entry { timestamp, line, structured_metadata } in entries {
            let time = timestamp.map_or(RawTime::Missing, |at| RawTime::from_parts(at.seconds, at.nanos.into()));
            let metadata = structured_metadata.into_iter().map(|label| text((label.name, label.value))).collect();
            records.entry(&shared, time, line, metadata)?;
        }
    }
    records.finish()
}

/// The time of a line.
fn time_of(text: String) -> RawTime {
    text.parse().map_or(RawTime::Text(text), RawTime::Number)
}

/// The result of a push so far.
#[derive(Default)]
struct Records {
    decoded: Decoded,
    repetition: Repetition,
}

impl Records {
    /// The number of lines so far, including refused ones.
    fn line_count(&self) -> usize {
        self.decoded.records.len() + self.decoded.rejections.len()
    }

    fn refuse(&mut self, reason: String) {
        let index = self.line_count();
        self.decoded.rejections.push(Rejection { index, reason });
    }

    /// # Errors
    /// `Invalid` if no line is left.
    fn finish(self) -> Result<Decoded> {
        if !self.decoded.records.is_empty() {
            return Ok(self.decoded);
        }
        let more = self.decoded.rejections.len().saturating_sub(1);
        let more = if more == 0 { String::new() } else { format!(", and {more} more") };
        Err(Error::invalid(match self.decoded.rejections.first() {
            Some(first) => format!("no line to store: {}{more}", first.reason),
            None => "streams: empty, so there is nothing to store; send at least one".to_owned(),
        }))
    }

    /// The fields that the labels of a stream set for each of its lines.
    fn stream(&self, mut labels: Labels) -> RawRecord {
        // Labels are unordered, so the service is chosen by precedence.
        labels.sort_by_cached_key(|(name, _)| {
            (SERVICES.iter().position(|known| known == name).unwrap_or(usize::MAX), name.clone())
        });
        let mut shared = RawRecord::default();
        labels.into_iter().for_each(|(name, value)| put(&mut shared, &name, value));
        shared
    }

    /// # Errors
    /// `Invalid` if the lines with their shared labels would take too much memory.
    fn entry(&mut self, shared: &RawRecord, time: RawTime, line: String, metadata: Labels) -> Result<()> {
        self.repetition.add(&shared.attributes, 1)?;
        let mut record = fields::read_line(line, &USUAL);
        if matches!(record.time, RawTime::Missing) || !matches!(time, RawTime::Missing) {
            record.time = time;
        }
        metadata.into_iter().for_each(|(name, value)| put(&mut record, &name, value));
        mapping::complete(&mut record, &shared.service, &shared.node, &shared.level);
        record.attributes.extend_from_slice(&shared.attributes);
        self.decoded.places.push(self.line_count());
        self.decoded.records.push(record);
        Ok(())
    }
}

/// Assigns a label's value by its name. Fields of the line take precedence, because some clients send everything
/// twice, and labels are texts.
fn put(record: &mut RawRecord, name: &str, value: Value) {
    let role = match name {
        "service_name" | "job" => Role::Service,
        "detected_level" => Role::Level,
        "pod" | "host_name" => Role::Node,
        name => Role::usual(name),
    };
    let text = || match &value {
        Value::Text(text) => text.clone(),
        value => format_compact!("{value}"),
    };
    let id = || RawId::Text(text().into());
    match role {
        Role::Service if record.service.is_empty() => record.service = text(),
        Role::Node if record.node.is_empty() => record.node = text(),
        Role::Level if record.level.is_empty() => {
            record.set_level(&value, LevelNumbers::of_field(name));
        }
        Role::TraceId if matches!(record.trace_id, RawId::Missing) => record.trace_id = id(),
        Role::SpanId if matches!(record.span_id, RawId::Missing) => record.span_id = id(),
        Role::Service if record.service == text() => {}
        Role::Node if record.node == text() => {}
        Role::Level if record.level == text() => {}
        Role::TraceId if record.trace_id == id() => {}
        Role::SpanId if record.span_id == id() => {}
        _ => {
            let same = |(key, known): &(Text, Value)| key == name && format_compact!("{known}") == text();
            if !record.attributes.iter().any(same) {
                record.attributes.push((Text::new(name), value));
            }
        }
    }
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
            ["soon","late"]]}]}"#;

    #[test]
    fn labels_metadata_and_fields_of_the_line_come_together() {
        let records = decode_json(JSON.as_bytes()).unwrap().records;
        let [first, second, third, fourth] = &records[..] else { panic!("{records:?}") };
        assert_eq!((first.service.as_str(), first.level.as_str(), first.message.as_str()), ("shop", "warn", "plain"));
        assert_eq!(first.attributes, [(Text::from("env"), Value::Text("test".into()))]);
        assert_eq!((second.message.as_str(), second.level.as_str()), ("inner", "error"));
        assert_eq!(second.time, RawTime::Number(1_700_000_000_000_000_002));
        // Numeric levels are interpreted by the name of their label.
        let mut numbered = RawRecord::default();
        put(&mut numbered, "severity_number", Value::Text("17".into()));
        assert_eq!((numbered.level.as_str(), numbered.severity), ("error", Some(17)));
        // The line takes precedence.
        let keys: Vec<_> = second.attributes.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["n", "user", "env"]);
        assert_eq!(second.attributes[0].1, Value::Int(7));
        assert!(matches!(&second.trace_id, RawId::Text(id) if id.starts_with("5b8e")));
        assert_eq!((third.message.as_str(), &third.time), ("{not json", &RawTime::Number(1_700_000_000_000_000_003)));
        assert_eq!(fourth.time, RawTime::Text("soon".into()));
    }

    fn stream(labels: &str, entries: usize) -> Stream {
        let entry = Entry {
            timestamp: Some(Timestamp { seconds: 1_700_000_000, nanos: 5 }),
            line: "plain".into(),
            structured_metadata: vec![Label { name: "user".into(), value: "ann".into() }],
        };
        Stream { labels: labels.into(), entries: vec![entry; entries] }
    }

    fn compressed(streams: &[Stream]) -> Vec<u8> {
        let push = PushRequest { streams: streams.to_vec() };
        snap::raw::Encoder::new().compress_vec(&push.encode_to_vec()).unwrap()
    }

    fn protobuf(labels: &str) -> Vec<u8> {
        compressed(&[stream(labels, 1)])
    }

    #[test]
    fn protobuf_reads_as_json_does() {
        let records = decode_protobuf(&protobuf(r#"{service="shop", env="a \"b\", c"}"#)).unwrap().records;
        assert_eq!((records[0].service.as_str(), records[0].message.as_str()), ("shop", "plain"));
        assert_eq!(records[0].time, RawTime::Nanos(1_700_000_000_000_000_005));
        let text = |name: &str, value: &str| (Text::from(name), Value::Text(value.into()));
        assert_eq!(records[0].attributes, [text("user", "ann"), text("env", "a \"b\", c")]);
    }

    #[test]
    fn protobuf_that_does_not_read_is_explained() {
        for (body, word) in [
            (protobuf("service=shop"), "streams[0].labels: \"service=shop\" cannot be parsed"),
            (protobuf("{service=shop}"), "streams[0].labels"),
            (compressed(&[stream("{}", 0)]), "streams[0]: it has no entries"),
            (compressed(&[]), "streams: empty"),
            (b"\xff\xff\xff\xff\x0fx".to_vec(), "limit"),
            (b"nonsense".to_vec(), "Snappy"),
            (Vec::new(), "empty"),
        ] {
            let error = decode_protobuf(&body).unwrap_err();
            assert!(error.message.contains(word), "{error}");
        }
    }

    #[test]
    fn a_stream_that_does_not_read_costs_no_other() {
        let streams = [stream("{", 2), stream("{a=\"b\"}", 1), stream("{}", 0), stream("{", 0)];
        let decoded = decode_protobuf(&compressed(&streams)).unwrap();
        assert_eq!((decoded.records.len(), &decoded.places[..]), (1, &[2][..]));
        let refused: Vec<_> =
            decoded.rejections.iter().map(|rejection| (rejection.index, &rejection.reason[..10])).collect();
        assert_eq!(refused, [(0, "streams[0]"), (1, "streams[0]"), (3, "streams[2]"), (4, "streams[3]")]);
    }

    #[test]
    fn labels_that_many_lines_share_are_bounded() {
        let line = "[\"1\",\"\"],".repeat(100_000);
        let body = format!(
            "{{\"streams\":[{{\"stream\":{{\"a\":\"{}\"}},\"values\":[{}]}}]}}",
            "x".repeat(10_000),
            line.trim_end_matches(',')
        );
        assert!(decode_json(body.as_bytes()).is_err_and(|error| error.message.contains("shared attributes")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_records_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300), text in ".{0,60}") {
            let _ = decode_protobuf(&bytes);
            let _ = decode_json(&bytes);
            let _ = parse_labels(&text);
        }
    }
}
