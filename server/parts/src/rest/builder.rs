//! The maps under construction.

use std::sync::Arc;

use arrow_array::{
    Array as _, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, MapArray, StringArray,
    StructArray,
    builder::{BinaryBuilder, StringBuilder},
    cast::AsArray as _,
    new_empty_array,
    types::Int32Type,
};
use arrow_buffer::OffsetBuffer;
use pipeline::{Error, Result};

use super::{Cell, MOST_DIGITS, Raw, is_hex};
use crate::schema::RestMap;

/// Collects entries, row by row, those of a row in the order of their keys.
pub(crate) struct MapsBuilder([MapBuilder; 5]);

struct MapBuilder {
    map: RestMap,
    /// The first entry of each row so far.
    offsets: Vec<i32>,
    keys: Vec<i32>,
    values: Values,
}

enum Values {
    Text(StringBuilder),
    Hex(BinaryBuilder),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Bool(Vec<bool>),
}

impl MapsBuilder {
    pub(crate) fn new() -> Self {
        Self(RestMap::ALL.map(|map| {
            let values = match map {
                RestMap::Text => Values::Text(StringBuilder::new()),
                RestMap::Hex => Values::Hex(BinaryBuilder::new()),
                RestMap::Int => Values::Int(Vec::new()),
                RestMap::Float => Values::Float(Vec::new()),
                RestMap::Bool => Values::Bool(Vec::new()),
            };
            MapBuilder { map, offsets: Vec::new(), keys: Vec::new(), values }
        }))
    }

    /// Adds an entry to a row, which is not before the last one. `key` is the number of its name in the names that
    /// [`Self::finish`] gets.
    ///
    /// # Errors
    /// `Internal` if a text of digits is too long for a map.
    pub(crate) fn push(&mut self, row: usize, key: i32, value: Raw<'_>) -> Result<()> {
        let map = match value {
            Raw::Hex(_) => RestMap::Hex,
            Raw::Cell(Cell::Text(text)) if is_hex(text) => RestMap::Hex,
            Raw::Cell(Cell::Text(_)) => RestMap::Text,
            Raw::Cell(Cell::Int(_)) => RestMap::Int,
            Raw::Cell(Cell::Float(_)) => RestMap::Float,
            Raw::Cell(Cell::Bool(_)) => RestMap::Bool,
        };
        let own = &mut self.0[map as usize];
        own.begin(row);
        own.keys.push(key);
        match (&mut own.values, value) {
            (Values::Text(texts), Raw::Cell(Cell::Text(text))) => texts.append_value(text),
            (Values::Hex(values), Raw::Hex(bytes)) => values.append_value(bytes),
            (Values::Hex(values), Raw::Cell(Cell::Text(text))) => {
                let mut buffer = [0; MOST_DIGITS / 2];
                let bytes = buffer.get_mut(..text.len() / 2).ok_or_else(mismatched)?;
                hex::decode_to_slice(text, bytes).map_err(|_| mismatched())?;
                values.append_value(bytes);
            }
            (Values::Int(numbers), Raw::Cell(Cell::Int(number))) => numbers.push(number),
            (Values::Float(numbers), Raw::Cell(Cell::Float(number))) => numbers.push(number),
            (Values::Bool(values), Raw::Cell(Cell::Bool(value))) => values.push(value),
            _ => return Err(mismatched()),
        }
        Ok(())
    }

    /// All maps of so many rows, also those without entries.
    pub(crate) fn finish(self, rows: usize, names: &Arc<StringArray>) -> Result<Vec<(RestMap, ArrayRef)>> {
        self.0.into_iter().map(|own| Ok((own.map, own.finish(rows, names)?))).collect()
    }
}

impl MapBuilder {
    /// Ends the rows before this one.
    fn begin(&mut self, row: usize) {
        let known = self.offsets.len().max(row + 1);
        self.offsets.resize(known, self.keys.len() as i32);
    }

    fn finish(mut self, rows: usize, names: &Arc<StringArray>) -> Result<ArrayRef> {
        self.begin(rows);
        let names: ArrayRef = names.clone();
        let keys = DictionaryArray::<Int32Type>::try_new(Int32Array::from(self.keys), names).map_err(refused)?;
        let values: ArrayRef = match self.values {
            Values::Text(mut texts) => Arc::new(texts.finish()),
            Values::Hex(mut values) => Arc::new(values.finish()),
            Values::Int(numbers) => Arc::new(Int64Array::from(numbers)),
            Values::Float(numbers) => Arc::new(Float64Array::from(numbers)),
            Values::Bool(values) => Arc::new(BooleanArray::from(values)),
        };
        map_array(self.map, OffsetBuffer::new(self.offsets.into()), Arc::new(keys), values)
    }
}

/// A map of these keys and values; the offsets are those of the rows.
pub(crate) fn map_array(
    map: RestMap,
    offsets: OffsetBuffer<i32>,
    keys: ArrayRef,
    values: ArrayRef,
) -> Result<ArrayRef> {
    let entries = StructArray::try_new(map.entry_fields(), vec![keys, values], None).map_err(refused)?;
    Ok(Arc::new(MapArray::try_new(map.entries(), offsets, entries, None, false).map_err(refused)?))
}

/// A map of so many rows without an entry.
pub(crate) fn empty(map: RestMap, rows: usize) -> Result<ArrayRef> {
    let fields = map.entry_fields();
    let [keys, values] = [0, 1].map(|place: usize| new_empty_array(fields[place].data_type()));
    map_array(map, OffsetBuffer::new_zeroed(rows), keys, values)
}

/// Whether a map has an entry in any row.
pub(crate) fn has_entries(array: &ArrayRef) -> bool {
    array.as_map_opt().is_some_and(|map| !map.keys().is_empty())
}

fn mismatched() -> Error {
    Error::internal("a value differs from the type of its map")
}

fn refused(error: arrow_schema::ArrowError) -> Error {
    Error::internal(format!("attributes cannot be converted to maps: {error}"))
}
