//! A record as one of the field `records` of `logboom.v1.PushRequest`, in protobuf.
//!
//! It is written from the record's own texts. With the generated messages, each text was copied first, and that took a
//! quarter of the time of a sink that catches up. A test compares both.

use model::{Record, Value};
use prost::encoding::{WireType, encode_varint, encoded_len_varint};

/// The field of `PushRequest`. All numbers are below 16, so each key is one byte.
const RECORDS: u8 = 4;

// The fields of `Record`.
const TIME: u8 = 1;
const SEVERITY: u8 = 2;
const LEVEL: u8 = 3;
const SERVICE: u8 = 4;
const NODE: u8 = 5;
const MESSAGE: u8 = 6;
const ATTRIBUTES: u8 = 7;
const TRACE_ID: u8 = 8;
const SPAN_ID: u8 = 9;

// The fields of `Attribute`.
const KEY: u8 = 1;
const TEXT: u8 = 2;
const INTEGER: u8 = 3;
const NUMBER: u8 = 4;
const BOOLEAN: u8 = 5;

/// The number of bytes that [`write`] adds.
pub(super) fn size(record: &Record) -> usize {
    bytes_size(size_of_content(record))
}

/// Adds the record.
pub(super) fn write(record: &Record, to: &mut Vec<u8>) {
    begin(RECORDS, size_of_content(record), to);
    write_varint(TIME, record.time.cast_unsigned(), to);
    write_varint(SEVERITY, record.severity.number().into(), to);
    for (field, bytes) in texts(record) {
        write_bytes(field, bytes, to);
    }
    for (key, value) in &record.attributes {
        begin(ATTRIBUTES, size_of_attribute(key, value), to);
        write_bytes(KEY, key.as_bytes(), to);
        match value {
            // A member of a `oneof` is written with its default, too.
            Value::Text(text) => {
                begin(TEXT, text.len(), to);
                to.extend_from_slice(text.as_bytes());
            }
            Value::Int(value) => {
                to.push(key_of(INTEGER, WireType::Varint));
                encode_varint(value.cast_unsigned(), to);
            }
            Value::Float(value) => {
                to.push(key_of(NUMBER, WireType::SixtyFourBit));
                to.extend_from_slice(&value.to_le_bytes());
            }
            Value::Bool(value) => to.extend([key_of(BOOLEAN, WireType::Varint), u8::from(*value)]),
        }
    }
    for (field, bytes) in ids(record) {
        write_bytes(field, bytes, to);
    }
}

fn texts(record: &Record) -> [(u8, &[u8]); 4] {
    [
        (LEVEL, record.level.as_bytes()),
        (SERVICE, record.service.as_bytes()),
        (NODE, record.node.as_bytes()),
        (MESSAGE, record.message.as_bytes()),
    ]
}

fn ids(record: &Record) -> [(u8, &[u8]); 2] {
    [
        (TRACE_ID, record.trace_id.as_ref().map_or(&[], <[u8; 16]>::as_slice)),
        (SPAN_ID, record.span_id.as_ref().map_or(&[], <[u8; 8]>::as_slice)),
    ]
}

fn size_of_content(record: &Record) -> usize {
    let numbers = [record.time.cast_unsigned(), record.severity.number().into()];
    let numbers = numbers.into_iter().filter(|number| *number != 0).map(|number| 1 + encoded_len_varint(number));
    let bytes = texts(record).into_iter().chain(ids(record)).filter(|(_, bytes)| !bytes.is_empty());
    let attributes = record.attributes.iter().map(|(key, value)| bytes_size(size_of_attribute(key, value)));
    numbers.sum::<usize>() + bytes.map(|(_, bytes)| bytes_size(bytes.len())).sum::<usize>() + attributes.sum::<usize>()
}

fn size_of_attribute(key: &str, value: &Value) -> usize {
    let key = if key.is_empty() { 0 } else { bytes_size(key.len()) };
    key + match value {
        Value::Text(text) => bytes_size(text.len()),
        Value::Int(value) => 1 + encoded_len_varint(value.cast_unsigned()),
        Value::Float(_) => 9,
        Value::Bool(_) => 2,
    }
}

/// The size of a field of `length` bytes, with its key and its length.
fn bytes_size(length: usize) -> usize {
    1 + encoded_len_varint(length as u64) + length
}

/// Writes the key and the length of a field of `length` bytes.
fn begin(field: u8, length: usize, to: &mut Vec<u8>) {
    to.push(key_of(field, WireType::LengthDelimited));
    encode_varint(length as u64, to);
}

/// Writes a text or bytes, unless they are empty.
fn write_bytes(field: u8, bytes: &[u8], to: &mut Vec<u8>) {
    if !bytes.is_empty() {
        begin(field, bytes.len(), to);
        to.extend_from_slice(bytes);
    }
}

/// Writes a number, unless it is zero.
fn write_varint(field: u8, number: u64, to: &mut Vec<u8>) {
    if number != 0 {
        to.push(key_of(field, WireType::Varint));
        encode_varint(number, to);
    }
}

fn key_of(field: u8, kind: WireType) -> u8 {
    field << 3 | kind as u8
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use wire::v1::{self, attribute};

    use super::*;
    use crate::examples::{full, record};

    /// The record as the generated messages have it.
    fn generated(record: &Record) -> v1::Record {
        let attribute = |(key, value): &(model::Text, Value)| v1::Attribute {
            key: key.to_string(),
            value: Some(match value {
                Value::Bool(value) => attribute::Value::Boolean(*value),
                Value::Int(value) => attribute::Value::Integer(*value),
                Value::Float(value) => attribute::Value::Number(*value),
                Value::Text(text) => attribute::Value::Text(text.to_string()),
            }),
        };
        v1::Record {
            time_unix_nano: record.time,
            severity: record.severity.number().into(),
            level: record.level.to_string(),
            service: record.service.to_string(),
            node: record.node.to_string(),
            message: record.message.clone(),
            attributes: record.attributes.iter().map(attribute).collect(),
            trace_id: record.trace_id.into_iter().flatten().collect(),
            span_id: record.span_id.into_iter().flatten().collect(),
        }
    }

    #[test]
    fn a_record_is_written_as_the_generated_messages_write_it() {
        let values = [
            ("", Value::Text("without a key".into())),
            ("bool.false", Value::Bool(false)),
            ("bool.true", Value::Bool(true)),
            ("float", Value::Float(-0.0)),
            ("float.nan", Value::Float(f64::NAN)),
            ("int.largest", Value::Int(i64::MAX)),
            ("int.smallest", Value::Int(i64::MIN)),
            ("int.zero", Value::Int(0)),
            ("text.empty", Value::Text("".into())),
            ("text.long", Value::Text("가".repeat(100_000).into())),
        ];
        let values: Vec<_> = values.map(|(key, value)| (key.into(), value)).into();
        let mut odd = [full(), record(""), record("a")];
        odd[1].attributes = values;
        odd[2].time = -1;
        for record in odd {
            let mut written = Vec::new();
            write(&record, &mut written);
            let mut expected = Vec::new();
            prost::encoding::message::encode(u32::from(RECORDS), &generated(&record), &mut expected);
            assert!(written == expected, "{record:?}");
            assert_eq!(size(&record), written.len());
            assert_eq!(v1::PushRequest::decode(&*written).unwrap().records.len(), 1);
        }
    }
}
