//! Converts one object of fields to a record, independent of its format.
//!
//! [`Mapping`] assigns roles to fields. A field without a role becomes an attribute. Nested objects are flattened
//! with dots, arrays become JSON text. The object is read in one pass, without an intermediate tree.
//!
//! The message is the first of: a text or number under a usual message name; the rendered message template; a text
//! under a secondary name, or a list; the JSON text of an object under any of these names, whose fields are
//! attributes as well; a text that describes an event or an error. All other candidates become attributes.

mod name;
mod object;
mod reading;
#[cfg(test)]
mod tests;
mod tree;

use pipeline::normalise::RawRecord;
use serde::de::Deserializer;

use self::{object::Root, reading::Reading};
use crate::{json_text, mapping::Mapping};

/// Parses one JSON object. The error is for the client.
pub(crate) fn read_json(json: &[u8], mapping: &Mapping) -> Result<RawRecord, String> {
    let text = as_text(json)?;
    let mut reading = Reading::new(mapping);
    read_text(text, &mut reading)?;
    Ok(reading.finish(|| structure(text, mapping)))
}

fn as_text(json: &[u8]) -> Result<&str, String> {
    simdutf8::basic::from_utf8(json).map_err(|_| "the record is not valid UTF-8; send UTF-8".to_owned())
}

/// Parses into a reading that the caller keeps: it is large, and moving it costs as much as some fields.
fn read_text(text: &str, reading: &mut Reading<'_>) -> Result<(), String> {
    let mut fast = sonic_rs::Deserializer::from_str(text);
    match fast.deserialize_map(Root(reading)).and_then(|()| fast.end()) {
        Ok(()) if !reading.is_inexact => Ok(()),
        _ => {
            *reading = Reading::new(reading.mapping);
            read_exact(text, reading)
        }
    }
}

/// Parses what the fast parser refuses, to report the error with its position, and numbers with more digits than the
/// fast parser keeps.
fn read_exact(json: &str, reading: &mut Reading<'_>) -> Result<(), String> {
    let json = json_text::preserve_digits(json.as_bytes());
    let mut deserializer = serde_json::Deserializer::from_slice(&json);
    deserializer
        .deserialize_map(Root(reading))
        .and_then(|()| deserializer.end())
        .map_err(|error| format!("the record is not a JSON object: {}", json_text::explained(&error)))
}

/// The JSON text of the object that is the message. Few records need it, so those are parsed twice.
fn structure(text: &str, mapping: &Mapping) -> Option<String> {
    let json = json_text::preserve_digits(text.as_bytes());
    tree::message(&mut serde_json::Deserializer::from_slice(&json), mapping)
}

/// Reads an object of another format.
pub(crate) fn read<'de, D: Deserializer<'de> + Copy>(object: D, mapping: &Mapping) -> Result<RawRecord, D::Error> {
    let mut reading = Reading::new(mapping);
    object.deserialize_map(Root(&mut reading))?;
    Ok(reading.finish(|| tree::message(object, mapping)))
}

/// Parses a line of text. A JSON object with a message becomes the record; any other line becomes the message.
pub(crate) fn read_line(line: String, mapping: &Mapping) -> RawRecord {
    // Invalid JSON is an ordinary line.
    let read = |line: &str| {
        let mut reading = Reading::new(mapping);
        read_text(line, &mut reading).ok()?;
        Some(reading.finish_with_message(|| structure(line, mapping)))
    };
    let object = line.starts_with('{').then(|| read(&line)).flatten();
    match object.filter(|object| !object.message.is_empty()) {
        Some(object) => object,
        None => {
            let mut record = RawRecord { message: line, ..RawRecord::default() };
            mapping.complete(&mut record);
            record
        }
    }
}
