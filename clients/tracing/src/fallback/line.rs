//! Formats a record as one line of JSON.
//!
//! The names are those of the server's `POST /api/v1/push`, so that such a file can be sent later.

use std::io;

use chrono::{DateTime, SecondsFormat};
use serde::ser::{SerializeMap as _, Serializer as _};
use wire::v1::{Record, attribute::Value};

use crate::batch::Producer;

/// The attribute with the reason for the fallback.
const REASON: &str = "logboom.fallback";

/// The names of the built-in fields.
const OWN: [&str; 7] = ["time", "level", "service", "node", "message", "trace_id", "span_id"];

/// Appends the line with its newline. Appends nothing on error.
pub(super) fn write(producer: &Producer, record: &Record, reason: &str, lines: &mut Vec<u8>) -> io::Result<()> {
    let start = lines.len();
    let written = write_object(producer, record, reason, lines);
    match written {
        Ok(()) => lines.push(b'\n'),
        Err(_) => lines.truncate(start),
    }
    Ok(written?)
}

fn write_object(producer: &Producer, record: &Record, reason: &str, lines: &mut Vec<u8>) -> serde_json::Result<()> {
    let mut json = serde_json::Serializer::new(lines);
    let mut object = json.serialize_map(None)?;
    let time = DateTime::from_timestamp_nanos(record.time_unix_nano).to_rfc3339_opts(SecondsFormat::Nanos, true);
    object.serialize_entry("time", &time)?;
    object.serialize_entry("level", &record.level)?;
    object.serialize_entry("service", &producer.service)?;
    object.serialize_entry("node", &producer.node)?;
    object.serialize_entry("message", &record.message)?;
    for (name, id) in [("trace_id", &record.trace_id), ("span_id", &record.span_id)] {
        if !id.is_empty() {
            object.serialize_entry(name, &hex::encode(id))?;
        }
    }
    for attribute in &record.attributes {
        // A span's field may have the name of a built-in field.
        let own = OWN.contains(&attribute.key.as_str());
        let key = if own { format!("attributes.{}", attribute.key) } else { attribute.key.clone() };
        match &attribute.value {
            Some(Value::Text(text)) => object.serialize_entry(&key, text)?,
            Some(Value::Integer(number)) => object.serialize_entry(&key, number)?,
            // JSON has no infinite numbers and no NaN.
            Some(Value::Number(number)) if !number.is_finite() => {
                object.serialize_entry(&key, &number.to_string())?;
            }
            Some(Value::Number(number)) => object.serialize_entry(&key, number)?,
            Some(Value::Boolean(boolean)) => object.serialize_entry(&key, boolean)?,
            None => {}
        }
    }
    object.serialize_entry(REASON, reason)?;
    object.end()
}

#[cfg(test)]
mod tests {
    use wire::v1::Attribute;

    use super::*;

    #[test]
    fn a_record_is_one_line_that_the_server_can_read() {
        let attribute = |key: &str, value: Value| Attribute { key: key.into(), value: Some(value) };
        let record = Record {
            time_unix_nano: 1_767_323_045_000_000_007,
            level: "warn".into(),
            message: "two\nlines".into(),
            trace_id: vec![0xab; 16],
            attributes: vec![
                attribute("user", Value::Text("\"ü\"".into())),
                attribute("count", Value::Integer(-7)),
                attribute("ratio", Value::Number(0.5)),
                attribute("share", Value::Number(f64::NAN)),
                attribute("ok", Value::Boolean(true)),
                attribute("message", Value::Text("of a span".into())),
            ],
            ..Record::default()
        };
        let producer = Producer { service: "shop".into(), node: "a1".into() };
        let mut lines = Vec::new();
        write(&producer, &record, "the buffer is full", &mut lines).unwrap();
        let expected = concat!(
            r#"{"time":"2026-01-02T03:04:05.000000007Z","level":"warn","service":"shop","node":"a1","#,
            r#""message":"two\nlines","trace_id":"abababababababababababababababab","user":"\"ü\"","count":-7,"#,
            r#""ratio":0.5,"share":"NaN","ok":true,"attributes.message":"of a span","#,
            r#""logboom.fallback":"the buffer is full"}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(lines).unwrap(), expected);
    }
}
