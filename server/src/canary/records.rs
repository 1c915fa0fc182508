//! The canary's record in the form of each protocol.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use chrono::{SecondsFormat, Utc};
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    resource::v1::Resource,
};
use serde_json::{Value, json};
use wire::{
    logger::LogRequest,
    v1::{PushRequest, Record},
};

use super::SERVICE;

/// OpenTelemetry's severity number of debug.
const DEBUG: i32 = 5;

pub(super) fn json(message: &str) -> Value {
    json!({"service": SERVICE, "level": "debug", "message": message})
}

/// A bulk request of Elasticsearch with one document.
pub(super) fn bulk(message: &str) -> String {
    let action = json!({"create": {"_index": SERVICE}});
    let time = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let document = json!({"@timestamp": time, "service.name": SERVICE, "log.level": "debug", "message": message});
    format!("{action}\n{document}\n")
}

/// A push of Loki with one line, whose time is in nanoseconds as text.
pub(super) fn loki(message: &str) -> anyhow::Result<Value> {
    let time = since_epoch()?.as_nanos().to_string();
    let labels = json!({"service_name": SERVICE, "level": "debug"});
    Ok(json!({"streams": [{"stream": labels, "values": [[time, message]]}]}))
}

pub(super) fn push(message: &str) -> PushRequest {
    let record = Record { message: message.to_owned(), level: "debug".to_owned(), ..Record::default() };
    PushRequest { service: SERVICE.to_owned(), records: vec![record], ..PushRequest::default() }
}

/// The node is also the service, which this contract does not have.
pub(super) fn single(message: &str) -> LogRequest {
    LogRequest {
        node: SERVICE.to_owned(),
        level: "debug".to_owned(),
        message: message.to_owned(),
        ..LogRequest::default()
    }
}

/// OTLP in protobuf.
pub(super) fn otlp(message: &str) -> ExportLogsServiceRequest {
    let text = |text: &str| Some(AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) });
    let service = KeyValue { key: "service.name".to_owned(), value: text(SERVICE), ..KeyValue::default() };
    let record = LogRecord { severity_number: DEBUG, body: text(message), ..LogRecord::default() };
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(Resource { attributes: vec![service], ..Resource::default() }),
            scope_logs: vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }],
            ..ResourceLogs::default()
        }],
    }
}

/// OTLP in JSON, as clients write it.
pub(super) fn otlp_json(message: &str) -> Value {
    json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": SERVICE}}]},
        "scopeLogs": [{"logRecords": [{"severityNumber": DEBUG, "body": {"stringValue": message}}]}],
    }]})
}

/// An RFC 5424 message of facility user and severity debug.
pub(super) fn syslog(message: &str) -> String {
    format!("<15>1 - - {SERVICE} - - - {message}")
}

pub(super) fn gelf(message: &str) -> Value {
    json!({"version": "1.1", "host": SERVICE, "_service": SERVICE, "level": 7, "short_message": message})
}

/// The message mode of Fluentd's forward protocol: tag, time, record.
pub(super) fn fluent(message: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    rmp::encode::write_array_len(&mut bytes, 3)?;
    rmp::encode::write_str(&mut bytes, SERVICE)?;
    rmp::encode::write_uint(&mut bytes, since_epoch()?.as_secs())?;
    rmp::encode::write_map_len(&mut bytes, 2)?;
    for (key, value) in [("service", SERVICE), ("message", message)] {
        rmp::encode::write_str(&mut bytes, key)?;
        rmp::encode::write_str(&mut bytes, value)?;
    }
    Ok(bytes)
}

fn since_epoch() -> anyhow::Result<Duration> {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock is before 1970")
}

#[cfg(test)]
mod tests {
    use pipeline::normalise::RawTime;

    use super::*;

    #[test]
    fn each_form_is_read_as_the_record() {
        const MESSAGE: &str = "canary 0123 7 by a door";
        let bulk = doors::elastic::decode(bulk(MESSAGE).as_bytes(), "").unwrap();
        let loki = doors::loki::decode_json(loki(MESSAGE).unwrap().to_string().as_bytes()).unwrap();
        let otlp_json = doors::otlp::decode_json(otlp_json(MESSAGE).to_string().as_bytes()).unwrap();
        for (form, has_time, records) in [
            ("bulk", true, bulk.decoded.records),
            ("loki", true, loki.records),
            ("otlp", false, doors::otlp::records(otlp(MESSAGE)).unwrap()),
            ("otlp json", false, otlp_json.records),
        ] {
            let [record] = &records[..] else { panic!("{form}: {records:?}") };
            assert_eq!((record.service.as_str(), record.message.as_str()), (SERVICE, MESSAGE), "{form}");
            assert_eq!(!matches!(record.time, RawTime::Missing), has_time, "{form}");
            assert!(record.severity == Some(5) || record.level == "debug", "{form}: {record:?}");
        }
    }
}
