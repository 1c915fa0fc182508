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

#[cfg(test)]
mod tests {
    use doors::{elastic, json as plain, mapping::USUAL};
    use model::{Text, Value};
    use pipeline::normalise::{Normaliser, RawRecord};

    use super::*;
    use crate::examples;

    fn text(record: &Record, names: &Names) -> String {
        let mut out = Vec::new();
        write(record, names, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// The record as another Logboom has it.
    fn received(raw: RawRecord, sent: &Record) -> Record {
        let record = Normaliser::default().record(raw, sent.time + 1_000_000_000).unwrap();
        Record { id: sent.id, observed_time: sent.observed_time, ..record }
    }

    #[test]
    fn a_line_comes_back_as_the_same_record() {
        for sent in [examples::full(), examples::record("m")] {
            let decoded = plain::decode(text(&sent, &PLAIN).as_bytes(), &USUAL).unwrap();
            let [raw] = &decoded.records[..] else { panic!("{decoded:?}") };
            assert_eq!(received(raw.clone(), &sent), sent);
        }
    }

    #[test]
    fn a_document_comes_back_as_the_same_record() {
        let sent = examples::full();
        let decoded = elastic::decode_one(text(&sent, &ELASTIC).as_bytes(), "").unwrap();
        assert_eq!(received(decoded.records[0].clone(), &sent), sent);
    }

    #[test]
    fn a_document_has_the_common_names() {
        let expected = concat!(
            r#"{"@timestamp":"2023-11-14T22:13:20.000000123Z","message":"two\nlines","log.level":"notice","#,
            r#""severity_number":14,"service.name":"shop","host.name":"a1","#,
            r#""trace.id":"5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b","span.id":"eeeeeeeeeeeeeeee","#,
            r#""batch":true,"duration_ms":2.0,"http.status":-503,"user":"Ann \"the\" 한글\n"}"#,
        );
        assert_eq!(text(&examples::full(), &ELASTIC), expected);
    }

    #[test]
    fn no_name_occurs_twice() {
        let mut record = examples::record("m");
        let keys = ["host", "level", "message", "other"];
        record.attributes = keys.map(|key| (Text::from(key), Value::Int(1))).to_vec();
        for (names, moved) in [(&PLAIN, &["level", "message"][..]), (&ELASTIC, &["host", "message"])] {
            let object: serde_json::Map<_, _> = serde_json::from_str(&text(&record, names)).unwrap();
            assert_eq!(object["message"], "m");
            assert_eq!(object["other"], 1);
            for key in moved {
                assert_eq!(object[&format!("attributes.{key}")], 1, "{key}");
            }
        }
    }
}
