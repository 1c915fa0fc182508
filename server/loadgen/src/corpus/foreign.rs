//! Encodes records for the protocols of other tools: OTLP, Elasticsearch, Loki, syslog, GELF, Fluentd's forward
//! protocol, packets.

use std::{collections::BTreeMap, fmt::Write as _};

use bytes::Bytes;
use model::time::format_rfc3339;
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    resource::v1::Resource,
};
use prost::Message as _;
use serde_json::{Map, json};

use super::{
    Corpus, Sample,
    encode::{json_line, line_message, user_id},
};

/// The samples of a batch.
fn samples(corpus: &Corpus, first: u64, count: u64) -> impl Iterator<Item = Sample<'_>> {
    (first..first + count).map(|number| corpus.sample(number, String::new()))
}

/// An OTLP request: one resource per service and node of the batch.
pub(crate) fn otlp(corpus: &Corpus, first: u64, count: u64) -> ExportLogsServiceRequest {
    let mut origins: BTreeMap<(&str, &str), Vec<LogRecord>> = BTreeMap::new();
    for sample in samples(corpus, first, count) {
        let mut attributes = vec![text("run", &corpus.run), integer("seq", sample.number)];
        if let Some(request) = sample.request {
            attributes.push(text("http.method", request.method));
            attributes.push(integer("http.status", request.status.into()));
            attributes.push(integer("duration_ms", request.duration_ms.into()));
            attributes.push(text("user_id", &user_id(request.user)));
        }
        let trace = sample.trace;
        origins.entry((sample.service, sample.node)).or_default().push(LogRecord {
            time_unix_nano: sample.time as u64,
            severity_text: sample.level.to_owned(),
            body: Some(AnyValue { value: Some(Value::StringValue(sample.message)) }),
            attributes,
            trace_id: trace.map_or_else(Vec::new, |trace| trace.trace_id.to_vec()),
            span_id: trace.map_or_else(Vec::new, |trace| trace.span_id.to_vec()),
            ..LogRecord::default()
        });
    }
    let resource_logs = origins
        .into_iter()
        .map(|((service, node), log_records)| ResourceLogs {
            resource: Some(Resource {
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
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn integer(key: &str, value: u64) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::IntValue(value as i64)) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// A bulk request that creates a document per record.
pub(crate) fn bulk(corpus: &Corpus, first: u64, count: u64) -> Bytes {
    let action =
        |sample: &Sample<'_>| format!("{{\"create\":{{\"_index\":\"logs\"}}}}\n{}\n", json_line(sample, &corpus.run));
    samples(corpus, first, count).map(|sample| action(&sample)).collect::<String>().into()
}

/// Packets of a log service behind a distributor.
pub(crate) fn packets(corpus: &Corpus, first: u64, count: u64) -> Bytes {
    let packet = |sample: &Sample<'_>| {
        let params = json_line(sample, &corpus.run).to_string();
        format!("{}¶", json!({ "uri": "/logs", "method": "POST", "key": 0, "params": params }))
    };
    samples(corpus, first, count).map(|sample| packet(&sample)).collect::<String>().into()
}

/// GELF messages for a stream.
pub(crate) fn gelf(corpus: &Corpus, first: u64, count: u64) -> Bytes {
    let message = |sample: &Sample<'_>| {
        let mut fields = Map::new();
        if let serde_json::Value::Object(line) = json_line(sample, &corpus.run) {
            for (key, value) in line {
                match key.as_str() {
                    "message" => fields.insert("short_message".into(), value),
                    "node" => fields.insert("host".into(), value),
                    "time" => fields.insert("timestamp".into(), (sample.time as f64 / 1e9).into()),
                    "level" => fields.insert("level".into(), syslog_severity(sample.level).into()),
                    key => fields.insert(format!("_{key}"), value),
                };
            }
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
        if let serde_json::Value::Object(line) = json_line(&sample, &corpus.run) {
            for (key, value) in line {
                if !matches!(key.as_str(), "message" | "time" | "level" | "service" | "node") {
                    metadata.insert(key, value.as_str().map_or_else(|| value.to_string(), str::to_owned).into());
                }
            }
        }
        let entry = json!([sample.time.to_string(), sample.message, metadata]);
        streams.entry((sample.service, sample.node, sample.level)).or_default().push(entry);
    }
    let streams: Vec<_> = streams
        .into_iter()
        .map(|((service, node, level), values)| {
            json!({ "stream": { "service": service, "node": node, "level": level }, "values": values })
        })
        .collect();
    json!({ "streams": streams }).to_string().into()
}

/// One message of the forward protocol, with the records in an array.
pub(crate) fn forward(corpus: &Corpus, sequence: u64, first: u64, count: u64) -> Bytes {
    let entries = samples(corpus, first, count)
        .map(|sample| {
            let mut record = Vec::new();
            if let serde_json::Value::Object(line) = json_line(&sample, &corpus.run) {
                let value = |value: &serde_json::Value| match value {
                    serde_json::Value::String(text) => text.as_str().into(),
                    other => other.as_i64().unwrap_or_default().into(),
                };
                record.extend(line.iter().map(|(key, field)| (rmpv::Value::from(key.as_str()), value(field))));
            }
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
