//! One object of fields as a record, whatever the format it comes in.
//!
//! Fields go where [`Mapping`] says; what has no role becomes an attribute. Nested objects
//! are flattened with dots, arrays become JSON text. The object is read in one pass,
//! without a tree in between.
//!
//! The message is, in this order: a text or number under a usual name for it (the first of
//! several); what its template says; a text under one of the second names, or a list; the JSON
//! text of an object under any of these names, whose fields are attributes as well; a text that
//! describes an event or an error. What does not become the message is an attribute.

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

/// Reads one JSON object; the error is for the client.
pub(crate) fn read_json(json: &[u8], mapping: &Mapping) -> Result<RawRecord, String> {
    let text = as_text(json)?;
    Ok(read_text(text, mapping)?.finish(|| structure(text, mapping)))
}

fn as_text(json: &[u8]) -> Result<&str, String> {
    simdutf8::basic::from_utf8(json).map_err(|_| "the record is not valid UTF-8; send UTF-8".to_owned())
}

fn read_text<'a>(text: &str, mapping: &'a Mapping) -> Result<Reading<'a>, String> {
    let mut reading = Reading::new(mapping);
    let mut fast = sonic_rs::Deserializer::from_str(text);
    match fast.deserialize_map(Root(&mut reading)).and_then(|()| fast.end()) {
        Ok(()) if !reading.is_inexact => Ok(reading),
        _ => read_carefully(text, mapping),
    }
}

/// Has the last word on what the faster reader refuses, in one line that names the place, and on
/// numbers that have more digits than it keeps.
fn read_carefully<'a>(json: &str, mapping: &'a Mapping) -> Result<Reading<'a>, String> {
    let json = json_text::carefully(json.as_bytes());
    let mut reading = Reading::new(mapping);
    let mut deserializer = serde_json::Deserializer::from_slice(&json);
    deserializer
        .deserialize_map(Root(&mut reading))
        .and_then(|()| deserializer.end())
        .map_err(|error| format!("the record is no JSON object: {}", json_text::explained(&error)))?;
    Ok(reading)
}

/// The JSON text of the object that is the message. Few records need it, so they are read twice.
fn structure(text: &str, mapping: &Mapping) -> Option<String> {
    let json = json_text::carefully(text.as_bytes());
    tree::message(&mut serde_json::Deserializer::from_slice(&json), mapping)
}

/// Reads an object of another format.
pub(crate) fn read<'de, D: Deserializer<'de> + Copy>(object: D, mapping: &Mapping) -> Result<RawRecord, D::Error> {
    let mut reading = Reading::new(mapping);
    object.deserialize_map(Root(&mut reading))?;
    Ok(reading.finish(|| tree::message(object, mapping)))
}

/// Reads a line of text: where it is a JSON object with a message, that is the record, and
/// otherwise the line is the message.
pub(crate) fn read_line(line: String, mapping: &Mapping) -> RawRecord {
    // What looks like JSON and is none is a line like any other.
    let read = |line: &str| {
        let reading = read_text(line, mapping).ok()?;
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
