//! OpenTelemetry's protocol OTLP, in protobuf and JSON.
//!
//! `service.name` of the resource is the service. The first of `host.name`, `k8s.pod.name`, `container.name` and
//! `service.instance.id` is the node. All other attributes of resource, scope and record become attributes; for equal
//! names the innermost takes precedence. A structured body becomes attributes under `body` and, as the message, JSON
//! text.
//! Source: <https://opentelemetry.io/docs/specs/otlp/>.

mod json;
mod json_value;
#[cfg(test)]
mod mapping_tests;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use compact_str::format_compact;
use model::{Text, Value, limits};
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    logs::v1::LogRecord,
    resource::v1::Resource,
};
use pipeline::{
    Error, Result,
    normalise::{RawId, RawRecord, RawTime},
};
use prost::Message as _;

pub use self::json::decode_json;
use crate::{
    Repetition,
    wrong_door::{self, Door},
};

/// Resource attributes that name the node, in order of precedence.
const NODES: [&str; 4] = ["host.name", "k8s.pod.name", "container.name", "service.instance.id"];

/// Parses a protobuf body.
///
/// # Errors
/// `Invalid` if it cannot be parsed.
pub fn decode_protobuf(body: &[u8]) -> Result<Vec<RawRecord>> {
    let request = ExportLogsServiceRequest::decode(body).map_err(|error| {
        wrong_door::check(body, Door::Otlp).err().unwrap_or_else(|| {
            let json = body.trim_ascii_start().first() == Some(&b'{');
            let hint = if json { "; it looks like JSON: send it with Content-Type: application/json" } else { "" };
            Error::invalid(format!("the body is not an ExportLogsServiceRequest in protobuf: {error}{hint}"))
        })
    })?;
    // Unknown fields are skipped, so a request of another type parses as an empty one.
    let length = request.encoded_len();
    let records = records(request)?;
    if records.is_empty() && length < body.len() {
        return Err(Error::invalid(format!(
            "the body is not an ExportLogsServiceRequest in protobuf: there are no log records in it, and {} of its {} bytes \
             belong to unknown fields",
            body.len() - length,
            body.len()
        )));
    }
    Ok(records)
}

/// The log records of a request, in order.
///
/// # Errors
/// `Invalid` if copies of the shared fields would take too much memory.
pub fn records(request: ExportLogsServiceRequest) -> Result<Vec<RawRecord>> {
    let mut records = Vec::new();
    let mut repetition = Repetition::default();
    for resource_logs in request.resource_logs {
        let origin = Origin::of(resource_logs.resource.unwrap_or_default());
        for scope_logs in resource_logs.scope_logs {
            let shared = origin.with_scope(scope_logs.scope.unwrap_or_default());
            repetition.add(&shared.attributes, scope_logs.log_records.len())?;
            records.reserve(scope_logs.log_records.len());
            records.extend(scope_logs.log_records.into_iter().map(|record| shared.record(record)));
        }
    }
    Ok(records)
}

/// The shared fields of the records of a resource and scope.
#[derive(Debug, Clone, Default)]
struct Origin {
    service: Text,
    node: Text,
    attributes: Vec<(Text, Value)>,
}

impl Origin {
    fn of(resource: Resource) -> Self {
        let mut origin = Self::default();
        let mut attributes = Vec::new();
        for KeyValue { key, value, .. } in resource.attributes {
            if key == "service.name" {
                origin.service = value.map(text_of).unwrap_or_default().into();
            } else {
                put(&mut attributes, key.into(), value, 1);
            }
        }
        let place = NODES.iter().find_map(|name| attributes.iter().position(|(key, _)| key == name));
        if let Some(place) = place {
            origin.node = format_compact!("{}", attributes.remove(place).1);
        }
        dropped(&mut attributes, "otel.resource.dropped_attributes_count", resource.dropped_attributes_count);
        origin.attributes = attributes;
        origin
    }

    fn with_scope(&self, scope: InstrumentationScope) -> Self {
        let mut origin = self.clone();
        let attributes = &mut origin.attributes;
        for (key, text) in [("otel.scope.name", scope.name), ("otel.scope.version", scope.version)] {
            if !text.is_empty() {
                attributes.push((Text::const_new(key), Value::Text(text.into())));
            }
        }
        scope.attributes.into_iter().for_each(|KeyValue { key, value, .. }| put(attributes, key.into(), value, 1));
        dropped(attributes, "otel.scope.dropped_attributes_count", scope.dropped_attributes_count);
        origin
    }

    fn record(&self, record: LogRecord) -> RawRecord {
        let mut attributes = Vec::with_capacity(self.attributes.len() + record.attributes.len());
        attributes.extend_from_slice(&self.attributes);
        let message = body(record.body, &mut attributes);
        record
            .attributes
            .into_iter()
            .for_each(|KeyValue { key, value, .. }| put(&mut attributes, key.into(), value, 1));
        if !record.event_name.is_empty() {
            attributes.push((Text::const_new("event.name"), Value::Text(record.event_name.into())));
        }
        dropped(&mut attributes, "otel.dropped_attributes_count", record.dropped_attributes_count);
        let time = [record.time_unix_nano, record.observed_time_unix_nano].into_iter().find(|nanos| *nanos != 0);
        RawRecord {
            time: time.map_or(RawTime::Missing, |nanos| match i64::try_from(nanos) {
                // Some clients send other units.
                Ok(nanos) => RawTime::Number(nanos),
                Err(_) => RawTime::Text(nanos.to_string()),
            }),
            severity: u32::try_from(record.severity_number).ok().filter(|number| *number != 0),
            level: record.severity_text.into(),
            service: self.service.clone(),
            node: self.node.clone(),
            message,
            attributes,
            trace_id: id(record.trace_id),
            span_id: id(record.span_id),
        }
    }
}

/// All zeros mean that there is no id.
fn id(bytes: Vec<u8>) -> RawId {
    if bytes.iter().all(|byte| *byte == 0) { RawId::Missing } else { RawId::Bytes(bytes) }
}

fn dropped(attributes: &mut Vec<(Text, Value)>, name: &'static str, count: u32) {
    if count > 0 {
        attributes.push((Text::const_new(name), Value::Int(count.into())));
    }
}

/// The message of a body. The parts of a structured body become attributes.
fn body(body: Option<AnyValue>, attributes: &mut Vec<(Text, Value)>) -> String {
    let Some(body) = body else { return String::new() };
    if !matches!(body.value, Some(any_value::Value::KvlistValue(_))) {
        return text_of(body);
    }
    let text = json(&body).to_string();
    put(attributes, Text::const_new("body"), Some(body), 0);
    text
}

/// Adds a value under a key: objects are flattened with dots, arrays become JSON text.
fn put(attributes: &mut Vec<(Text, Value)>, key: Text, value: Option<AnyValue>, depth: usize) {
    let Some(AnyValue { value: Some(value) }) = value else { return };
    let value = match value {
        any_value::Value::KvlistValue(list) if depth < limits::DEPTH => {
            for KeyValue { key: name, value, .. } in list.values {
                put(attributes, format_compact!("{key}.{name}"), value, depth + 1);
            }
            return;
        }
        any_value::Value::BoolValue(value) => Value::Bool(value),
        any_value::Value::IntValue(value) => Value::Int(value),
        any_value::Value::DoubleValue(value) if value.is_finite() => Value::Float(value),
        value => Value::Text(text_of(AnyValue { value: Some(value) }).into()),
    };
    attributes.push((key, value));
}

/// A value as text: texts unchanged, bytes in Base64, others as JSON.
fn text_of(value: AnyValue) -> String {
    match value.value {
        None => String::new(),
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::DoubleValue(value)) if !value.is_finite() => non_finite(value).to_owned(),
        Some(any_value::Value::BytesValue(bytes)) => BASE64_STANDARD.encode(bytes),
        value => json(&AnyValue { value }).to_string(),
    }
}

/// The protobuf JSON name of an infinite float or NaN.
fn non_finite(value: f64) -> &'static str {
    match value {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

/// A value as JSON. The decoders limit its nesting.
fn json(value: &AnyValue) -> serde_json::Value {
    match &value.value {
        None | Some(any_value::Value::StringValueStrindex(_)) => serde_json::Value::Null,
        Some(any_value::Value::StringValue(text)) => text.as_str().into(),
        Some(any_value::Value::BoolValue(value)) => (*value).into(),
        Some(any_value::Value::IntValue(value)) => (*value).into(),
        Some(any_value::Value::DoubleValue(value)) if !value.is_finite() => non_finite(*value).into(),
        Some(any_value::Value::DoubleValue(value)) => (*value).into(),
        Some(any_value::Value::BytesValue(bytes)) => BASE64_STANDARD.encode(bytes).into(),
        Some(any_value::Value::ArrayValue(array)) => array.values.iter().map(json).collect(),
        Some(any_value::Value::KvlistValue(list)) => list
            .values
            .iter()
            .map(|KeyValue { key, value, .. }| (key.clone(), value.as_ref().map_or(serde_json::Value::Null, json)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::logs::v1::ResourceLogs;
    use proptest::prelude::*;

    use super::*;

    const REQUEST: &str = r#"{"resourceLogs":[{
        "resource":{"attributes":[
            {"key":"service.name","value":{"stringValue":"shop"}},
            {"key":"host.name","value":{"stringValue":"a1"}},
            {"key":"cloud.zone","value":{"stringValue":"z"}}],"droppedAttributesCount":2},
        "scopeLogs":[{"scope":{"name":"lib","version":"1.2"},"logRecords":[
            {"timeUnixNano":"1700000000000000001","severityNumber":17,"severityText":"ERROR",
             "body":{"stringValue":"broken"},"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174",
             "attributes":[{"key":"cloud.zone","value":{"stringValue":"y"}},{"key":"n","value":{"intValue":"7"}},
                           {"key":"list","value":{"arrayValue":{"values":[{"intValue":1},{"boolValue":true}]}}}],
             "droppedAttributesCount":1},
            {"observedTimeUnixNano":1700000000000000002,"unknown":[1,{}],"body":{"kvlistValue":{"values":[
                {"key":"user","value":{"kvlistValue":{"values":[{"key":"id","value":{"doubleValue":1.5}}]}}}]}}},
            {"body":{"bytesValue":"aGk="}},
            {"body":{}}
        ]}]}]}"#;

    #[test]
    fn resource_scope_and_record_become_one() {
        let records = decode_json(REQUEST.as_bytes()).unwrap().records;
        let [first, second, third, fourth] = &records[..] else { panic!("{records:?}") };
        assert_eq!((first.service.as_str(), first.node.as_str(), first.message.as_str()), ("shop", "a1", "broken"));
        assert_eq!((first.time.clone(), first.severity), (RawTime::Number(1_700_000_000_000_000_001), Some(17)));
        assert_eq!(first.trace_id, RawId::Text("5B8EFFF798038103D269B633813FC60C".into()));
        let attribute = |record: &RawRecord, name: &str| {
            record.attributes.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.to_string())
        };
        for (name, value) in [
            ("cloud.zone", "y"),
            ("n", "7"),
            ("list", "[1,true]"),
            ("otel.scope.name", "lib"),
            ("otel.scope.version", "1.2"),
            ("otel.dropped_attributes_count", "1"),
            ("otel.resource.dropped_attributes_count", "2"),
        ] {
            assert_eq!(attribute(first, name).as_deref(), Some(value), "{name}");
        }
        assert_eq!(second.time, RawTime::Number(1_700_000_000_000_000_002));
        assert_eq!(second.message, r#"{"user":{"id":1.5}}"#);
        assert_eq!(attribute(second, "body.user.id").as_deref(), Some("1.5"));
        assert_eq!((third.message.as_str(), fourth.message.as_str()), ("aGk=", ""));
    }

    #[test]
    fn protobuf_reads_as_json_does() {
        let request: ExportLogsServiceRequest = serde_json::from_str(REQUEST).unwrap();
        let mut protobuf = decode_protobuf(&request.encode_to_vec()).unwrap();
        // Ids are parsed later, in any form.
        protobuf[0].trace_id = RawId::Text("5B8EFFF798038103D269B633813FC60C".into());
        protobuf[0].span_id = RawId::Text("EEE19B7EC3C1B174".into());
        assert_eq!(protobuf, decode_json(REQUEST.as_bytes()).unwrap().records);
    }

    #[test]
    fn protobuf_of_another_kind_is_refused_and_an_empty_request_is_not() {
        assert_eq!(decode_protobuf(b"").unwrap(), []);
        let empty = ExportLogsServiceRequest { resource_logs: vec![ResourceLogs::default()] };
        assert_eq!(decode_protobuf(&empty.encode_to_vec()).unwrap(), []);
        for (body, word) in [
            (&b"{\"resourceLogs\":[]}"[..], "application/json"),
            // An unknown field 9 at the top, and one within a resource.
            (b"\x4a\x02hi", "4 of its 4 bytes"),
            (b"\x0a\x04\x4a\x02hi", "4 of its 6 bytes"),
            (b"\x1f\x8b", "gzip"),
        ] {
            let error = decode_protobuf(body).unwrap_err();
            assert!(error.message.contains(word), "{error}");
        }
    }

    #[test]
    fn non_finite_numbers_keep_their_names() {
        let double = |value| AnyValue { value: Some(any_value::Value::DoubleValue(value)) };
        for (value, name) in [(f64::NAN, "NaN"), (f64::INFINITY, "Infinity"), (f64::NEG_INFINITY, "-Infinity")] {
            assert_eq!(text_of(double(value)), name);
            assert_eq!(json(&double(value)), name);
            let mut attributes = Vec::new();
            put(&mut attributes, "k".into(), Some(double(value)), 1);
            assert_eq!(attributes, [(Text::from("k"), Value::Text(name.into()))]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_records_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode_protobuf(&bytes);
            let _ = decode_json(&bytes);
        }

        /// A request with some bytes replaced.
        #[test]
        fn a_damaged_request_is_records_or_an_error(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
            let request: ExportLogsServiceRequest = serde_json::from_str(REQUEST).unwrap();
            let mut protobuf = request.encode_to_vec();
            let mut json = REQUEST.as_bytes().to_vec();
            for (place, byte) in damage {
                let (one, other) = (place.index(protobuf.len()), place.index(json.len()));
                protobuf[one] = byte;
                json[other] = byte;
            }
            let _ = decode_protobuf(&protobuf);
            let _ = decode_json(&json);
        }
    }
}
