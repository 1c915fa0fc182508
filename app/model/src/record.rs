//! One log record.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{RecordId, Severity, Text, time::Nanos};

/// One log record, admitted and normalised.
///
/// Invariants, ensured by the normalise stage of the pipeline: no text contains NUL, `level` is lower case and free
/// of terminal escapes, attribute keys are unique and sorted, numbers are finite, and every limit of
/// [`crate::limits`] holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Assigned by the server at admission.
    pub id: RecordId,
    /// When the event happened.
    pub time: Nanos,
    /// When the server received it.
    pub observed_time: Nanos,
    pub severity: Severity,
    /// The client's own name of the severity, such as `http` or `notice`.
    pub level: Text,
    /// OpenTelemetry `service.name`; may be empty.
    pub service: Text,
    /// Host or instance; may be empty.
    pub node: Text,
    /// The log body.
    pub message: String,
    /// Flat, dotted keys, sorted by key.
    pub attributes: Vec<(Text, Value)>,
    pub trace_id: Option<[u8; 16]>,
    pub span_id: Option<[u8; 8]>,
}

/// The index of the attribute named `key` in a list that is sorted by key; otherwise the index at which to insert it.
pub fn attribute_place(attributes: &[(Text, Value)], key: &str) -> Result<usize, usize> {
    attributes.binary_search_by(|(name, _)| name.as_str().cmp(key))
}

impl Record {
    /// The attribute named `key`, if the record has it.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        let place = attribute_place(&self.attributes, key).ok()?;
        self.attributes.get(place).map(|(_, value)| value)
    }

    /// The approximate size in memory, in bytes. Memory limits count it.
    pub fn weight(&self) -> usize {
        let attributes: usize = self
            .attributes
            .iter()
            .map(|(key, value)| size_of::<(Text, Value)>() + heap_bytes(key) + value.weight())
            .sum();
        size_of::<Self>() + self.message.len() + attributes + heap_bytes(&self.service) + heap_bytes(&self.node)
    }
}

/// The heap bytes of a text.
fn heap_bytes(text: &Text) -> usize {
    if text.is_heap_allocated() { text.len() } else { 0 }
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Bool(bool),
    Int(i64),
    /// Finite.
    Float(f64),
    Text(Text),
}

impl Value {
    fn weight(&self) -> usize {
        match self {
            Self::Text(text) => heap_bytes(text),
            _ => 0,
        }
    }
}

impl fmt::Display for Value {
    /// Writes the text form, which filters by value, prefix and regular expression test.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// A record's position in the storage order: strictly increasing, never reused.
///
/// It is the resume point of a tail. Opaque: gaps have no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub i64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A record with its position in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRecord {
    pub position: Position,
    pub record: Record,
}
