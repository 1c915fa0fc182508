//! The attributes of a part without a column of their own.
//!
//! A part may have thousands of names of attributes, most of them rare. A column for each would cost more than its
//! values, and one text of JSON for each record costs twice as much as the names and values need. So there are up to five
//! maps from name to value, one for each type of values: names have a dictionary, and values an encoding of their type.
//!
//! Texts of hex digits, such as ids and hashes, have a map of their own with their bytes: half the size, and nothing is
//! lost. A text is there if and only if `is_hex` holds, so a search for a text reads one map of the two. To a query they
//! are texts like all others.
//!
//! The entries of a record are sorted by key. A map without any entry is left out, or empty in a merged part. A column has
//! all values of its key and type, so a key with a column is in a map only with values of another type. The file metadata
//! names these few keys (`logboom.rest`). For all others with a column, the maps are not read.
//!
//! Parts of format 1 have a column of JSON objects instead ([`schema::REST`](crate::schema::REST)).

mod builder;
#[cfg(test)]
mod tests;
mod view;

use model::Value;

pub(crate) use self::builder::{MapsBuilder, empty, has_entries, map_array};
pub use self::view::{MapView, RestValues};
use crate::schema::RestMap;

/// The digits of the texts in the map of hex digits. The rule is part of the format.
const LEAST_DIGITS: usize = 8;
const MOST_DIGITS: usize = 64;

/// A value of an attribute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    Text(&'a str),
    Int(i64),
    Float(f64),
    Bool(bool),
}

impl<'a> From<&'a Value> for Cell<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Text(text) => Self::Text(text),
            Value::Int(number) => Self::Int(*number),
            Value::Float(number) => Self::Float(*number),
            Value::Bool(value) => Self::Bool(*value),
        }
    }
}

impl From<Cell<'_>> for Value {
    fn from(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Text(text) => Self::Text(text.into()),
            Cell::Int(number) => Self::Int(number),
            Cell::Float(number) => Self::Float(number),
            Cell::Bool(value) => Self::Bool(value),
        }
    }
}

/// A value as a map has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Raw<'a> {
    Cell(Cell<'a>),
    /// The bytes of a text of hex digits.
    Hex(&'a [u8]),
}

impl Raw<'_> {
    pub(crate) fn to_value(self) -> Value {
        match self {
            Self::Cell(cell) => cell.into(),
            Self::Hex(bytes) => Value::Text(hex::encode(bytes).into()),
        }
    }
}

/// A buffer for the texts of that map.
pub(crate) fn digits() -> [u8; MOST_DIGITS] {
    [0; MOST_DIGITS]
}

/// Whether a text is in the map of hex digits: lower case, and an even number of digits from 8 to 64.
pub(crate) fn is_hex(text: &str) -> bool {
    let digits = text.as_bytes();
    (LEAST_DIGITS..=MOST_DIGITS).contains(&digits.len())
        && digits.len().is_multiple_of(2)
        && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a map may have a value with this text form.
pub fn may_hold(map: RestMap, text: &str) -> bool {
    match map {
        RestMap::Text => !is_hex(text),
        RestMap::Hex => is_hex(text),
        RestMap::Int => text.parse::<i64>().is_ok(),
        RestMap::Float => text.parse::<f64>().is_ok(),
        RestMap::Bool => matches!(text, "true" | "false"),
    }
}
