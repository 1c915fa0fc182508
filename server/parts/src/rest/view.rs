//! Reads the attributes without a column from decoded batches.

use std::{collections::BTreeMap, ops::Range};

use arrow_array::{
    Array as _, ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, MapArray, RecordBatch, StringArray,
    cast::AsArray,
    types::{Float64Type, Int64Type},
};
use model::{Text, Value};
use pipeline::{Error, Result};

use super::{Cell, MOST_DIGITS, Raw};
use crate::{
    columns::{self, Texts},
    schema::{self, Rest, RestMap},
};

/// The attributes of a batch without a column of their own.
pub enum RestValues<'a> {
    None,
    Json(Texts<'a>),
    Maps(Vec<MapView<'a>>),
}

impl<'a> RestValues<'a> {
    /// Those in the columns of `rest`, which the batch has.
    ///
    /// # Errors
    /// `Corrupt` if the batch lacks a column, or one has another type.
    pub fn of(batch: &'a RecordBatch, rest: &Rest) -> Result<Self> {
        Ok(match rest {
            Rest::None => Self::None,
            Rest::Json(_) => Self::Json(Texts::named(batch, schema::REST)?),
            Rest::Maps(maps) => {
                let view = |(map, _): &(RestMap, usize)| MapView::of(*map, columns::column(batch, map.name())?);
                Self::Maps(maps.iter().map(view).collect::<Result<_>>()?)
            }
        })
    }

    /// Calls `found` with each row that has the attribute, and its value.
    ///
    /// # Errors
    /// `Corrupt` if a value is damaged.
    pub fn of_key(&self, key: &str, mut found: impl FnMut(usize, Cell<'_>)) -> Result<()> {
        match self {
            Self::None => Ok(()),
            Self::Json(column) => {
                let written = serde_json::to_string(key).map_err(|error| Error::internal(error.to_string()))?;
                let finder = memchr::memmem::Finder::new(written.as_bytes());
                for row in 0..column.len() {
                    // Parsed only if the key occurs in it.
                    let Some(json) = column.get(row).filter(|json| finder.find(json.as_bytes()).is_some()) else {
                        continue;
                    };
                    if let Some(value) = parsed(json)?.get(key) {
                        found(row, value.into());
                    }
                }
                Ok(())
            }
            Self::Maps(maps) => maps.iter().try_for_each(|map| map.of_key(key, &mut found)),
        }
    }

    /// Calls `found` with each row, key and value.
    ///
    /// # Errors
    /// `Corrupt` if a value is damaged.
    pub(crate) fn each(&self, mut found: impl FnMut(usize, &str, Raw<'_>)) -> Result<()> {
        match self {
            Self::None => {}
            Self::Json(column) => {
                for row in 0..column.len() {
                    let Some(json) = column.get(row) else { continue };
                    parsed(json)?.iter().for_each(|(key, value)| found(row, key.as_str(), Raw::Cell(value.into())));
                }
            }
            Self::Maps(maps) => {
                for map in maps {
                    for row in 0..map.rows() {
                        map.entries(row).for_each(|entry| found(row, map.key(entry), map.raw(entry)));
                    }
                }
            }
        }
        Ok(())
    }

    /// Appends the attributes of a row, in no order.
    ///
    /// # Errors
    /// `Corrupt` if a value is damaged.
    pub(crate) fn append_to(&self, row: usize, attributes: &mut Vec<(Text, Value)>) -> Result<()> {
        match self {
            Self::None => {}
            Self::Json(column) => {
                if let Some(json) = column.get(row) {
                    attributes.extend(parsed(json)?);
                }
            }
            Self::Maps(maps) => {
                for map in maps {
                    let entries = map.entries(row);
                    attributes.extend(entries.map(|entry| (Text::from(map.key(entry)), map.raw(entry).to_value())));
                }
            }
        }
        Ok(())
    }
}

/// The attributes of a JSON object.
fn parsed(json: &str) -> Result<BTreeMap<Text, Value>> {
    serde_json::from_str(json)
        .map_err(|error| Error::corrupt(format!("a part's {} cannot be parsed: {error}", schema::REST)))
}

/// One map of a batch.
pub struct MapView<'a> {
    map: RestMap,
    array: &'a MapArray,
    keys: Texts<'a>,
    values: MapValues<'a>,
}

#[derive(Clone, Copy)]
enum MapValues<'a> {
    Text(&'a StringArray),
    Hex(&'a BinaryArray),
    Int(&'a Int64Array),
    Float(&'a Float64Array),
    Bool(&'a BooleanArray),
}

impl<'a> MapView<'a> {
    /// # Errors
    /// `Corrupt` if the column has another type, or nulls among its entries.
    pub(crate) fn of(map: RestMap, column: &'a ArrayRef) -> Result<Self> {
        let mistyped = || Error::corrupt(format!("a part's map {} differs from its layout", map.name()));
        let array = column.as_map_opt().ok_or_else(mistyped)?;
        let values = array.values();
        let is_whole = array.keys().null_count() == 0
            && values.null_count() == 0
            && array.keys().len() == values.len()
            && array.value_offsets().last().is_some_and(|last| *last as usize <= values.len());
        let typed = match map {
            RestMap::Text => values.as_string_opt::<i32>().map(MapValues::Text),
            RestMap::Hex => values.as_binary_opt::<i32>().map(MapValues::Hex),
            RestMap::Int => values.as_primitive_opt::<Int64Type>().map(MapValues::Int),
            RestMap::Float => values.as_primitive_opt::<Float64Type>().map(MapValues::Float),
            RestMap::Bool => values.as_boolean_opt().map(MapValues::Bool),
        };
        let keys = Texts::of(array.keys()).filter(|_| is_whole).ok_or_else(mistyped)?;
        Ok(Self { map, array, keys, values: typed.ok_or_else(mistyped)? })
    }

    pub(crate) fn map(&self) -> RestMap {
        self.map
    }

    pub(crate) fn array(&self) -> &'a MapArray {
        self.array
    }

    pub(crate) fn rows(&self) -> usize {
        self.array.len()
    }

    /// The first entry of a row, and for the number of rows the end of all entries.
    fn begin(&self, row: usize) -> usize {
        self.array.value_offsets().get(row).map_or(0, |offset| *offset as usize)
    }

    /// The entries of a row.
    pub(crate) fn entries(&self, row: usize) -> Range<usize> {
        self.begin(row)..self.begin(row + 1)
    }

    /// The key of an entry.
    pub(crate) fn key(&self, entry: usize) -> &'a str {
        match self.keys {
            Texts::Plain(keys) if entry < keys.len() => keys.value(entry),
            Texts::Plain(_) => "",
            Texts::Repeated { values, .. } => match self.number(entry) {
                Some(number) if number < values.len() => values.value(number),
                _ => "",
            },
        }
    }

    /// The number of the key of an entry in [`Self::names`]; `None` if the keys have no dictionary.
    pub(crate) fn number(&self, entry: usize) -> Option<usize> {
        match self.keys {
            Texts::Plain(_) => None,
            Texts::Repeated { keys, .. } => keys.values().get(entry).and_then(|number| usize::try_from(*number).ok()),
        }
    }

    /// The dictionary of the keys, which may have more than these rows; `None` if they have none.
    pub(crate) fn names(&self) -> Option<&'a StringArray> {
        match self.keys {
            Texts::Plain(_) => None,
            Texts::Repeated { values, .. } => Some(values),
        }
    }

    /// The value of an entry.
    pub(crate) fn raw(&self, entry: usize) -> Raw<'a> {
        match self.values {
            MapValues::Text(values) => Raw::Cell(Cell::Text(values.value(entry))),
            MapValues::Hex(values) => Raw::Hex(values.value(entry)),
            MapValues::Int(values) => Raw::Cell(Cell::Int(values.value(entry))),
            MapValues::Float(values) => Raw::Cell(Cell::Float(values.value(entry))),
            MapValues::Bool(values) => Raw::Cell(Cell::Bool(values.value(entry))),
        }
    }

    /// The value of an entry, if need be as a text in the buffer.
    pub(crate) fn cell<'b>(&self, entry: usize, buffer: &'b mut [u8; MOST_DIGITS]) -> Result<Cell<'b>>
    where
        'a: 'b,
    {
        match self.raw(entry) {
            Raw::Cell(cell) => Ok(cell),
            Raw::Hex(bytes) => match buffer.get_mut(..2 * bytes.len()) {
                Some(room) => match hex::encode_to_str(bytes, room) {
                    Ok(text) => Ok(Cell::Text(text)),
                    Err(error) => Err(Error::internal(format!("bytes cannot be printed: {error}"))),
                },
                None => Err(Error::corrupt(format!("a part's {} has {} bytes", self.map.name(), bytes.len()))),
            },
        }
    }

    /// Calls `found` with each row that has the key, and its value.
    fn of_key(&self, key: &str, found: &mut impl FnMut(usize, Cell<'_>)) -> Result<()> {
        let (first, last) = (self.begin(0), self.begin(self.rows()));
        let (mut row, mut buffer) = (0, [0; MOST_DIGITS]);
        let mut take = |entry: usize| -> Result<()> {
            while row + 1 < self.rows() && self.begin(row + 1) <= entry {
                row += 1;
            }
            found(row, self.cell(entry, &mut buffer)?);
            Ok(())
        };
        match self.names() {
            // Each name is compared once.
            Some(names) if names.len() <= last.saturating_sub(first) => {
                let is_key: Vec<bool> = (0..names.len()).map(|number| names.value(number) == key).collect();
                if !is_key.contains(&true) {
                    return Ok(());
                }
                let has_key = |entry: usize| {
                    self.number(entry).and_then(|number| is_key.get(number)).copied().unwrap_or_default()
                };
                (first..last).filter(|entry| has_key(*entry)).try_for_each(&mut take)
            }
            _ => (first..last).filter(|entry| self.key(*entry) == key).try_for_each(&mut take),
        }
    }
}
