//! Loki: `POST /loki/api/v1/push`, protobuf in Snappy's block format.
//!
//! Labels are `service_name`, `level` and `node`, because each combination of labels is a stream with a cost of its
//! own. Ids and attributes are structured metadata. Its names have letters, digits and `_` only, because LogQL reads
//! no others. Source: <https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs>.

use std::{collections::HashMap, fmt::Write as _, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use model::{Record, StoredRecord, hex};
use pipeline::{
    BatchId, Error, Result,
    follow::{Refused, VIA},
};
use prost::Message as _;
use url::Url;

use crate::{
    client::{Client, Compression},
    destination::Destination,
    parameters::Parameters,
    parts::{Deliver, Encode, InParts, Limits},
};

/// Well below the burst of 6 MB that Loki allows by default.
const PART: Limits = Limits { records: 10_000, bytes: 1 << 20 };
const PATH: &str = "/loki/api/v1/push";
/// The header with the tenant, which a Loki with `auth_enabled` requires.
const TENANT: &str = "x-scope-orgid";
/// Loki's own name for the service of a stream without one. A stream needs a label.
const UNKNOWN_SERVICE: &str = "unknown_service";

pub(crate) struct Loki {
    client: Client,
    url: Url,
}

impl Loki {
    pub(crate) fn new(to: &Destination, parameters: &mut Parameters) -> Result<InParts<Self>> {
        let mut client = Client::new(to, Compression::None)?;
        if let Some(tenant) = parameters.parse("tenant", "a name", |text| is_tenant(text).then(|| text.to_owned()))? {
            client = client.with_header(TENANT, &tenant)?;
        }
        Ok(InParts::new(Self { client, url: to.url_with_path(PATH) }, Arc::new(Requests), PART))
    }
}

/// Source: <https://grafana.com/docs/mimir/latest/configure/about-tenant-ids/>, which Loki follows.
fn is_tenant(text: &str) -> bool {
    (1..=150).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!-_.*'()".contains(&byte))
}

/// [`PushRequest`], compressed.
struct Requests;

impl Encode for Requests {
    fn encode(&self, _: BatchId, records: &[StoredRecord]) -> Result<Bytes> {
        let plain = push(records).encode_to_vec();
        let body = snap::raw::Encoder::new().compress_vec(&plain);
        let body = body.map_err(|error| Error::invalid(format!("the request cannot be compressed: {error}")))?;
        Ok(body.into())
    }
}

#[async_trait]
impl Deliver for Loki {
    async fn deliver(&mut self, id: BatchId, _: &[StoredRecord], body: Bytes) -> Result<Vec<Refused>> {
        self.client.post(&self.url, "application/x-protobuf", id, body).await?;
        Ok(Vec::new())
    }
}

/// The records by stream. Streams are in the order of their first records, and entries in the order of the records.
fn push(records: &[StoredRecord]) -> PushRequest {
    let mut streams: Vec<Stream> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for StoredRecord { record, .. } in records {
        let labels = labels(record);
        let place = *places.entry(labels).or_insert_with_key(|labels| {
            streams.push(Stream { labels: labels.clone(), entries: Vec::new() });
            streams.len() - 1
        });
        if let Some(stream) = streams.get_mut(place) {
            stream.entries.push(entry(record));
        }
    }
    PushRequest { streams }
}

/// `{service_name="shop", level="info", node="a1"}`
fn labels(record: &Record) -> String {
    let service = if record.service.is_empty() { UNKNOWN_SERVICE } else { record.service.as_str() };
    let mut labels = String::from("{");
    for (name, value) in [("service_name", service), ("level", record.level.as_str()), ("node", record.node.as_str())] {
        if !value.is_empty() {
            let comma = if labels.len() > 1 { ", " } else { "" };
            // Writing to memory does not fail.
            let _ = write!(labels, "{comma}{name}=\"{}\"", quoted(value));
        }
    }
    labels.push('}');
    labels
}

/// The inside of a text of LogQL.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn entry(record: &Record) -> Entry {
    let mut metadata: Vec<Label> = Vec::new();
    let mut add = |name: &str, value: String| {
        let mut name = metadata_name(name);
        while metadata.iter().any(|label| label.name == name) {
            name.push('_');
        }
        metadata.push(Label { name, value });
    };
    if let Some(id) = record.trace_id {
        add("trace_id", hex::encode(&id));
    }
    if let Some(id) = record.span_id {
        add("span_id", hex::encode(&id));
    }
    for (key, value) in &record.attributes {
        add(key, value.to_string());
    }
    let (seconds, nanos) = (record.time.div_euclid(1_000_000_000), record.time.rem_euclid(1_000_000_000));
    Entry {
        timestamp: Some(Timestamp { seconds, nanos: nanos as i32 }),
        line: record.message.clone(),
        structured_metadata: metadata,
    }
}

/// A name that LogQL can read. The attribute against loops keeps its own, so that another Logboom knows it.
fn metadata_name(key: &str) -> String {
    if key == VIA {
        return key.to_owned();
    }
    let mut name: String =
        key.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

/// `logproto.PushRequest` of Loki's `pkg/push/push.proto`.
#[derive(Clone, PartialEq, prost::Message)]
struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    streams: Vec<Stream>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Stream {
    #[prost(string, tag = "1")]
    labels: String,
    #[prost(message, repeated, tag = "2")]
    entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Entry {
    #[prost(message, optional, tag = "1")]
    timestamp: Option<Timestamp>,
    #[prost(string, tag = "2")]
    line: String,
    #[prost(message, repeated, tag = "3")]
    structured_metadata: Vec<Label>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[cfg(test)]
mod tests {
    use model::{Text, Value};

    use super::*;
    use crate::examples::{full, outgoing, record};

    #[test]
    fn streams_keep_the_order_of_their_records() {
        let other = Record { service: "web".into(), ..record("b") };
        let request = push(&outgoing([record("a"), other, record("c")]).records);
        let streams: Vec<_> = request
            .streams
            .iter()
            .map(|stream| {
                let lines: Vec<_> = stream.entries.iter().map(|entry| entry.line.as_str()).collect();
                (stream.labels.as_str(), lines)
            })
            .collect();
        assert_eq!(
            streams,
            [
                (r#"{service_name="shop", level="info", node="a1"}"#, vec!["a", "c"]),
                (r#"{service_name="web", level="info", node="a1"}"#, vec!["b"]),
            ]
        );
    }

    #[test]
    fn labels_are_quoted_and_never_empty() {
        let odd = Record { service: "a\"\\b\n".into(), node: Text::default(), ..record("m") };
        assert_eq!(labels(&odd), r#"{service_name="a\"\\b\n", level="info"}"#);
        let bare = Record { service: Text::default(), node: Text::default(), level: Text::default(), ..record("m") };
        assert_eq!(labels(&bare), r#"{service_name="unknown_service"}"#);
    }

    #[test]
    fn names_of_metadata_are_those_of_logql_and_unique() {
        let keys = ["1st", "http.status", "http_status", "logboom.via"];
        let attributes = keys.map(|key| (Text::from(key), Value::Int(1))).to_vec();
        let names: Vec<_> =
            entry(&Record { attributes, ..record("m") }).structured_metadata.into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["_1st", "http_status", "http_status_", "logboom.via"]);
    }

    #[test]
    fn logboom_reads_a_push_back() {
        let sent = full();
        let plain = push(&outgoing([sent.clone()]).records).encode_to_vec();
        let body = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
        let decoded = doors::loki::decode_protobuf(&body).unwrap();
        let [raw] = &decoded.records[..] else { panic!("{decoded:?}") };
        let raw = raw.clone();
        let back = pipeline::normalise::Normaliser::default().record(raw, sent.observed_time).unwrap();
        assert_eq!((back.time, &back.message, &back.service), (sent.time, &sent.message, &sent.service));
        assert_eq!((&back.level, &back.node), (&sent.level, &sent.node));
        assert_eq!((back.trace_id, back.span_id), (sent.trace_id, sent.span_id));
        assert_eq!(back.attribute("http_status"), Some(&Value::Text("-503".into())));
    }
}
