//! Encodes records for the protocols of other tools: OTLP, Elasticsearch, Loki, syslog, GELF, Fluentd's forward
//! protocol, packets.

use std::{collections::BTreeMap, fmt::Write as _};

use bytes::Bytes;
use model::{Value, time::format_rfc3339};
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    resource::v1::Resource,
};
use prost::Message as _;
use serde_json::Map;

use super::{Corpus, Sample, encode::line_message, json};

/// The samples of a batch.
fn samples(corpus: &Corpus, first: u64, count: u64) -> impl Iterator<Item = Sample<'_>> {
    (first..first + count).map(|number| corpus.sample(number))
}

/// An OTLP request: one resource per service and node of the batch.
pub(crate) fn otlp(corpus: &Corpus, first: u64, count: u64) -> ExportLogsServiceRequest {
    let mut origins: BTreeMap<(&str, &str), Vec<LogRecord>> = BTreeMap::new();
    for sample in samples(corpus, first, count) {
        let attributes = sample.attributes.iter().map(|(key, value)| attribute(key, value)).collect();
        let trace = sample.trace;
        let (time, level) = if sample.is_bare { (0, "") } else { (sample.time, sample.level) };
        origins.entry((sample.service, sample.node)).or_default().push(LogRecord {
            time_unix_nano: time as u64,
            severity_text: level.to_owned(),
            body: Some(AnyValue { value: Some(any_value::Value::StringValue(sample.message)) }),
            attributes,
            trace_id: trace.map_or_else(Vec::new, |trace| trace.trace_id.to_vec()),
            span_id: trace.map_or_else(Vec::new, |trace| trace.span_id.to_vec()),
            ..LogRecord::default()
        });
    }
    let resource_logs = origins
        .into_iter()
        .map(|((service, node), log_records)| ResourceLogs {
            resource: (!service.is_empty()).then(|| Resource {
                attributes: vec![text("service.name", service), text("host.name", node)],
                ..Resource::default()
            }),
            scope_logs: vec![ScopeLogs { log_records, ..ScopeLogs::default() }],
            ..ResourceLogs::default()
        })
        .collect();
    ExportLogsServiceRequest { resource_logs }
}

pub(crate) fn otlp_protobuf(corpus: &Corpus, first: u64, count: u64) -> Bytes {
    otlp(corpus, first, count).encode_to_vec().into()
}

pub(crate) fn otlp_json(corpus: &Corpus, first: u64, count: u64) -> Bytes {
    serde_json::to_vec(&otlp(corpus, first, count)).unwrap_or_default().into()
}

fn text(key: &str, value: &str) -> KeyValue {
    key_value(key, any_value::Value::StringValue(value.to_owned()))
}

fn attribute(key: &str, value: &Value) -> KeyValue {
    let value = match value {
        Value::Text(value) => any_value::Value::StringValue(value.to_string()),
        Value::Int(value) => any_value::Value::IntValue(*value),
        Value::Float(value) => any_value::Value::DoubleValue(*value),
        Value::Bool(value) => any_value::Value::BoolValue(*value),
    };
    key_value(key, value)
}

fn key_value(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// A bulk request that creates a document per record.
pub(crate) fn bulk(corpus: &Corpus, first: u64, count: u64) -> Bytes {
    let mut body = Vec::with_capacity((count * (corpus.kind.json_bytes() + 40)) as usize);
    for sample in samples(corpus, first, count) {
        body.extend_from_slice(b"{\"create\":{\"_index\":\"logs\"}}\n");
        json::write(&sample, corpus.kind.is_nested(), &mut body);
        body.push(b'\n');
    }
    body.into()
}

/// Packets of a log service behind a distributor.
pub(crate) fn packets(corpus: &Corpus, first: u64, count: u64) -> Bytes {
    let packet = |sample: &Sample<'_>| {
        let mut params = Vec::new();
        json::write(sample, corpus.kind.is_nested(), &mut params);
        let params = String::from_utf8_lossy(&params);
        format!("{}¶", serde_json::json!({ "uri": "/logs", "method": "POST", "key": 0, "params": params }))
    };
    samples(corpus, first, count).map(|sample| packet(&sample)).collect::<String>().into()
}

/// GELF messages for a stream.
pub(crate) fn gelf(corpus: &Corpus, first: u64, count: u64) -> Bytes {
    let message = |sample: &Sample<'_>| {
        let mut fields = Map::new();
        for (key, value) in json::map(sample) {
            match key.as_str() {
                "message" => fields.insert("short_message".into(), value),
                "node" => fields.insert("host".into(), value),
                "time" => fields.insert("timestamp".into(), (sample.time as f64 / 1e9).into()),
                "level" => fields.insert("level".into(), syslog_severity(sample.level).into()),
                key => fields.insert(format!("_{key}"), value),
            };
        }
        format!("{}\0", serde_json::Value::Object(fields))
    };
    samples(corpus, first, count).map(|sample| message(&sample)).collect::<String>().into()
}

/// Syslog messages of RFC 5424 with length prefixes.
pub(crate) fn syslog(corpus: &Corpus, first: u64, count: u64) -> Bytes {
    let mut stream = String::new();
    for sample in samples(corpus, first, count) {
        let priority = 16 * 8 + syslog_severity(sample.level);
        let message = line_message(&sample.message, &corpus.run, sample.number);
        let (time, node, service) = (micros(sample.time), sample.node, sample.service);
        let line = format!(
            "<{priority}>1 {time} {node} {service} - - [x@1 run=\"{}\" seq=\"{}\"] {message}",
            corpus.run, sample.number
        );
        // Writing into memory cannot fail.
        let _ = write!(stream, "{} {line}", line.len());
    }
    stream.into()
}

/// A time with the maximum precision of RFC 5424.
fn micros(time: i64) -> String {
    let text = format_rfc3339(time);
    format!("{}Z", &text[..26])
}

fn syslog_severity(level: &str) -> u64 {
    match level {
        "error" => 3,
        "warn" => 4,
        "info" => 6,
        _ => 7,
    }
}

/// A push of streams by service and node, in JSON.
pub(crate) fn loki(corpus: &Corpus, first: u64, count: u64) -> Bytes {
    let mut streams: BTreeMap<(&str, &str, &str), Vec<serde_json::Value>> = BTreeMap::new();
    for sample in samples(corpus, first, count) {
        let mut metadata = Map::new();
        for (key, value) in json::map(&sample) {
            if !matches!(key.as_str(), "message" | "time" | "level" | "service" | "node") {
                metadata.insert(key, value.as_str().map_or_else(|| value.to_string(), str::to_owned).into());
            }
        }
        let entry = serde_json::json!([sample.time.to_string(), sample.message, metadata]);
        streams.entry((sample.service, sample.node, sample.level)).or_default().push(entry);
    }
    let streams: Vec<_> = streams
        .into_iter()
        .map(|((service, node, level), values)| {
            serde_json::json!({ "stream": { "service": service, "node": node, "level": level }, "values": values })
        })
        .collect();
    serde_json::json!({ "streams": streams }).to_string().into()
}

/// One message of the forward protocol, with the records in an array.
pub(crate) fn forward(corpus: &Corpus, sequence: u64, first: u64, count: u64) -> Bytes {
    let entries = samples(corpus, first, count)
        .map(|sample| {
            let record =
                json::map(&sample).into_iter().map(|(key, value)| (rmpv::Value::from(key), packed(value))).collect();
            rmpv::Value::Array(vec![(sample.time / 1_000_000_000).into(), rmpv::Value::Map(record)])
        })
        .collect();
    let options = rmpv::Value::Map(vec![("chunk".into(), sequence.to_string().into())]);
    let message = rmpv::Value::Array(vec!["loadgen".into(), rmpv::Value::Array(entries), options]);
    let mut bytes = Vec::new();
    // Writing into memory cannot fail.
    let _ = rmpv::encode::write_value(&mut bytes, &message);
    bytes.into()
}

fn packed(value: serde_json::Value) -> rmpv::Value {
    match value {
        serde_json::Value::String(text) => text.into(),
        serde_json::Value::Bool(value) => value.into(),
        number => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
    }
}
