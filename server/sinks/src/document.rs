//! A record as one JSON object.
//!
//! The attributes are fields beside the record's own, with their types, because that is what other systems search.
//! An attribute whose name is taken goes below `attributes.`, since a JSON object with a name twice loses one of them
//! or is refused. Logboom's doors read both forms back.

use model::{Record, hex, time};
use serde::Serialize;

/// The OpenTelemetry number of the severity.
const LEVEL_NUMBER: &str = "severity_number";

/// The names of a record's own fields.
pub(crate) struct Names {
    time: &'static str,
    level: &'static str,
    service: &'static str,
    node: &'static str,
    trace_id: &'static str,
    span_id: &'static str,
    /// Names that an attribute cannot have at the destination.
    taken: &'static [&'static str],
}

/// Logboom's own names.
pub(crate) static PLAIN: Names = Names {
    time: "time",
    level: "level",
    service: "service",
    node: "node",
    trace_id: "trace_id",
    span_id: "span_id",
    taken: &["time", "message", "level", LEVEL_NUMBER, "service", "node", "trace_id", "span_id"],
};

/// The Elastic Common Schema. Elasticsearch reads `log.level` as a field of the object `log`, which can then be no
/// text, and keeps some names for itself.
pub(crate) static ELASTIC: Names = Names {
    time: "@timestamp",
    level: "log.level",
    service: "service.name",
    node: "host.name",
    trace_id: "trace.id",
    span_id: "span.id",
    taken: &[
        "@timestamp",
        "message",
        "log",
        "log.level",
        LEVEL_NUMBER,
        "service",
        "service.name",
        "host",
        "host.name",
        "trace",
        "trace.id",
        "span",
        "span.id",
        "_id",
        "_index",
        "_type",
        "_source",
        "_routing",
        "_field_names",
        "_ignored",
        "_meta",
        "_nested_path",
        "_size",
        "_doc_count",
        "_tier",
        "_seq_no",
        "_version",
    ],
};

/// Appends the record as one JSON object, without a newline.
pub(crate) fn write(record: &Record, names: &Names, out: &mut Vec<u8>) {
    let mut object = Object { out, is_begun: false };
    object.field(names.time, &time::format_rfc3339(record.time));
    object.field("message", &record.message);
    object.field(names.level, &record.level);
    object.field(LEVEL_NUMBER, &record.severity.number());
    for (name, text) in [(names.service, &record.service), (names.node, &record.node)] {
        if !text.is_empty() {
            object.field(name, text);
        }
    }
    if let Some(id) = record.trace_id {
        object.field(names.trace_id, &hex::encode(&id));
    }
    if let Some(id) = record.span_id {
        object.field(names.span_id, &hex::encode(&id));
    }
    for (key, value) in &record.attributes {
        if names.taken.contains(&key.as_str()) {
            object.field(&format!("attributes.{key}"), value);
        } else {
            object.field(key, value);
        }
    }
    object.end();
}

/// A JSON object in the making.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_begun: bool,
}

impl Object<'_> {
    fn field(&mut self, name: &str, value: &impl Serialize) {
        self.out.push(if self.is_begun { b',' } else { b'{' });
        self.is_begun = true;
        json(name, self.out);
        self.out.push(b':');
        json(value, self.out);
    }

    fn end(self) {
        self.out.push(b'}');
    }
}

/// Appends a text or a number as JSON.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    // Neither a text nor a number can fail, nor can writing to memory.
    let _ = serde_json::to_writer(out, value);
}
