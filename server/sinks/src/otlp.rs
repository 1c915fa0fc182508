//! OpenTelemetry: `POST /v1/logs`, protobuf.
//!
//! A collector that stores only some records of a request gives their number and not their places, and the protocol
//! forbids to send such a request again. So all records of that request are refused, which makes them dead letters:
//! some of them may be stored at the collector too, and none is lost. Requests are small for that reason.
//! Source: <https://opentelemetry.io/docs/specs/otlp/#partial-success>.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use model::{Record, StoredRecord, Value};
use opentelemetry_proto::tonic::{
    collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse},
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    resource::v1::Resource,
};
use pipeline::{BatchId, Result, follow::Refused};
use prost::Message as _;
use url::Url;

use crate::{
    client::{self, Client, Compression, unavailable},
    destination::Destination,
    parameters::Parameters,
    parts::{Deliver, Encode, InParts, Limits},
};

const PART: Limits = Limits { records: 500, bytes: 2 << 20 };
const PATH: &str = "/v1/logs";

pub(crate) struct Otlp {
    client: Client,
    url: Url,
}

impl Otlp {
    pub(crate) fn new(to: &Destination, parameters: &mut Parameters) -> Result<InParts<Self>> {
        let compression = client::compress(parameters)?;
        let client = Client::new(to, compression)?;
        Ok(InParts::new(Self { client, url: to.url_with_path(PATH) }, Arc::new(Requests(compression)), PART))
    }
}

/// `ExportLogsServiceRequest`.
struct Requests(Compression);

impl Encode for Requests {
    fn encode(&self, _: BatchId, records: &[StoredRecord]) -> Result<Bytes> {
        Ok(self.0.apply(request(records).encode_to_vec()))
    }
}

#[async_trait]
impl Deliver for Otlp {
    async fn deliver(&mut self, id: BatchId, records: &[StoredRecord], body: Bytes) -> Result<Vec<Refused>> {
        let answer = self.client.post(&self.url, "application/x-protobuf", id, body).await?;
        let name = self.client.name();
        let answer = ExportLogsServiceResponse::decode(answer.body).map_err(|error| {
            unavailable(format!("{name} gave no answer of OTLP: {error}; check the sink's address"))
        })?;
        let Some(partial) = answer.partial_success.filter(|partial| partial.rejected_log_records > 0) else {
            return Ok(Vec::new());
        };
        let reason = format!(
            "{name} refused {} of the {} records of a request without naming them: {}",
            partial.rejected_log_records,
            records.len(),
            client::shortened(&partial.error_message)
        );
        Ok((0..records.len()).map(|index| Refused { index, reason: reason.clone() }).collect())
    }
}

/// The records in order: one resource for each run of records of the same service and node.
fn request(records: &[StoredRecord]) -> ExportLogsServiceRequest {
    let is_same = |one: &StoredRecord, other: &StoredRecord| {
        one.record.service == other.record.service && one.record.node == other.record.node
    };
    let resource_logs = records.chunk_by(is_same).map(|run| ResourceLogs {
        resource: run.first().map(|stored| resource(&stored.record)),
        scope_logs: vec![ScopeLogs {
            scope: Some(InstrumentationScope::default()),
            log_records: run.iter().map(|stored| log_record(&stored.record)).collect(),
            schema_url: String::new(),
        }],
        schema_url: String::new(),
    });
    ExportLogsServiceRequest { resource_logs: resource_logs.collect() }
}

fn resource(record: &Record) -> Resource {
    let names = [("service.name", &record.service), ("host.name", &record.node)];
    let named = names.into_iter().filter(|(_, text)| !text.is_empty());
    Resource {
        attributes: named.map(|(key, text)| attribute(key, &Value::Text(text.clone()))).collect(),
        ..Resource::default()
    }
}

fn log_record(record: &Record) -> LogRecord {
    let nanos = |time: model::Nanos| u64::try_from(time).unwrap_or_default();
    LogRecord {
        time_unix_nano: nanos(record.time),
        observed_time_unix_nano: nanos(record.observed_time),
        severity_number: record.severity.number().into(),
        severity_text: record.level.to_string(),
        body: Some(AnyValue { value: Some(any_value::Value::StringValue(record.message.clone())) }),
        attributes: record.attributes.iter().map(|(key, value)| attribute(key, value)).collect(),
        trace_id: record.trace_id.map(Vec::from).unwrap_or_default(),
        span_id: record.span_id.map(Vec::from).unwrap_or_default(),
        ..LogRecord::default()
    }
}

fn attribute(key: &str, value: &Value) -> KeyValue {
    let value = match value {
        Value::Bool(value) => any_value::Value::BoolValue(*value),
        Value::Int(value) => any_value::Value::IntValue(*value),
        Value::Float(value) => any_value::Value::DoubleValue(*value),
        Value::Text(text) => any_value::Value::StringValue(text.to_string()),
    };
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

#[cfg(test)]
mod tests {
    use pipeline::normalise::Normaliser;

    use super::*;
    use crate::examples::{full, outgoing, record};

    #[test]
    fn logboom_reads_a_request_back_in_order() {
        let other = Record { node: "b2".into(), ..record("between") };
        let batch = outgoing([full(), other, record("last")]);
        let raw = doors::otlp::decode_protobuf(&request(&batch.records).encode_to_vec()).unwrap();
        assert_eq!(raw.len(), 3);
        for (raw, StoredRecord { record: sent, .. }) in raw.into_iter().zip(&batch.records) {
            let back = Normaliser::default().record(raw, sent.observed_time).unwrap();
            assert_eq!(&Record { id: sent.id, ..back }, sent);
        }
    }
}
