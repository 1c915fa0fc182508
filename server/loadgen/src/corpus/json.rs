//! Records as JSON objects with sorted keys.
//!
//! The text is written without a tree in between, because a record of many attributes would cost ten times as much.

use std::borrow::Cow;

use model::{Value, time::format_rfc3339};
use serde::Serialize;
use serde_json::Map;

use super::Sample;

/// A field of a record.
enum Field<'s> {
    Text(Cow<'s, str>),
    Attribute(&'s Value),
}

/// Appends the record as one JSON object. If `is_nested`, dotted keys become nested objects.
pub(super) fn write(sample: &Sample<'_>, is_nested: bool, buffer: &mut Vec<u8>) {
    write_object(&fields(sample), 0, is_nested, buffer);
}

/// The fields of a record, flat.
pub(super) fn map(sample: &Sample<'_>) -> Map<String, serde_json::Value> {
    fields(sample).into_iter().map(|(key, field)| (key.to_owned(), to_json(field))).collect()
}

fn to_json(field: Field<'_>) -> serde_json::Value {
    match field {
        Field::Text(text) => text.into_owned().into(),
        Field::Attribute(Value::Text(text)) => text.as_str().into(),
        Field::Attribute(Value::Int(number)) => (*number).into(),
        Field::Attribute(Value::Float(number)) => (*number).into(),
        Field::Attribute(Value::Bool(value)) => (*value).into(),
    }
}

/// The fields, sorted by key.
fn fields<'s>(sample: &'s Sample<'_>) -> Vec<(&'s str, Field<'s>)> {
    let mut fields = Vec::with_capacity(sample.attributes.len() + 7);
    fields.push(("message", Field::Text(Cow::Borrowed(sample.message.as_str()))));
    if !sample.is_bare {
        fields.push(("time", Field::Text(Cow::Owned(format_rfc3339(sample.time)))));
        fields.push(("level", Field::Text(Cow::Borrowed(sample.level))));
        fields.push(("service", Field::Text(Cow::Borrowed(sample.service))));
        fields.push(("node", Field::Text(Cow::Borrowed(sample.node))));
    }
    if let Some(trace) = &sample.trace {
        fields.push(("trace_id", Field::Text(Cow::Owned(model::hex::encode(&trace.trace_id)))));
        fields.push(("span_id", Field::Text(Cow::Owned(model::hex::encode(&trace.span_id)))));
    }
    fields.extend(sample.attributes.iter().map(|(key, value)| (*key, Field::Attribute(value))));
    fields.sort_unstable_by_key(|(key, _)| *key);
    fields
}

/// Appends sorted fields, whose keys have the first `skip` bytes in common.
fn write_object(fields: &[(&str, Field<'_>)], skip: usize, is_nested: bool, buffer: &mut Vec<u8>) {
    buffer.push(b'{');
    let mut rest = fields;
    let mut separator: &[u8] = b"";
    while let Some((key, field)) = rest.first() {
        buffer.extend_from_slice(separator);
        separator = b",";
        let name = &key[skip..];
        let dot = if is_nested { name.find('.') } else { None };
        let length = match dot {
            Some(dot) => {
                let prefix = &key[..=skip + dot];
                let length = rest.iter().take_while(|(key, _)| key.starts_with(prefix)).count();
                put(&name[..dot], buffer);
                buffer.push(b':');
                write_object(&rest[..length], prefix.len(), is_nested, buffer);
                length
            }
            None => {
                put(name, buffer);
                buffer.push(b':');
                match field {
                    Field::Text(text) => put(&**text, buffer),
                    Field::Attribute(value) => put(value, buffer),
                }
                1
            }
        };
        rest = &rest[length..];
    }
    buffer.push(b'}');
}

fn put<T: Serialize + ?Sized>(value: &T, buffer: &mut Vec<u8>) {
    // Writing a JSON value to memory cannot fail.
    let _ = serde_json::to_writer(buffer, value);
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::{
        super::{kind::CorpusKind, tests::corpus},
        *,
    };

    /// Nested objects as dotted keys.
    fn flatten(prefix: &str, value: serde_json::Value, flat: &mut Map<String, serde_json::Value>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
                    flatten(&key, value, flat);
                }
            }
            value => {
                flat.insert(prefix.to_owned(), value);
            }
        }
    }

    #[test]
    fn the_written_text_has_the_fields_of_the_record() {
        for &kind in CorpusKind::value_variants() {
            let corpus = corpus(kind);
            for number in 0..200 {
                let sample = corpus.sample(number);
                let mut text = Vec::new();
                write(&sample, kind.is_nested(), &mut text);
                let mut flat = Map::new();
                flatten("", serde_json::from_slice(&text).unwrap(), &mut flat);
                assert_eq!(flat, map(&sample), "{kind:?}");
                if !kind.is_nested() {
                    assert_eq!(text, serde_json::to_vec(&map(&sample)).unwrap());
                }
            }
        }
    }
}
