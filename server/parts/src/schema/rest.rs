//! The maps of attributes without a column of their own, and where a part has them.

use std::{collections::BTreeSet, sync::Arc};

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema};
use pipeline::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Kind, repeated_text};

/// A map of attributes without a column of their own, by the type of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RestMap {
    Text,
    /// Texts of hex digits as bytes.
    Hex,
    Int,
    Float,
    Bool,
}

impl RestMap {
    /// All maps, in the order of a part.
    pub const ALL: [Self; 5] = [Self::Text, Self::Hex, Self::Int, Self::Float, Self::Bool];

    /// The name of its column. The names of attribute columns begin with `attr.`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "rest_text",
            Self::Hex => "rest_hex",
            Self::Int => "rest_int",
            Self::Float => "rest_float",
            Self::Bool => "rest_bool",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|map| map.name() == name)
    }

    /// The type of its values.
    pub fn kind(self) -> Kind {
        match self {
            Self::Text | Self::Hex => Kind::Text,
            Self::Int => Kind::Int,
            Self::Float => Kind::Float,
            Self::Bool => Kind::Bool,
        }
    }

    fn value_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Hex => DataType::Binary,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Bool => DataType::Boolean,
        }
    }

    /// The fields of an entry. The names are those of the Parquet specification.
    pub(crate) fn entry_fields(self) -> Fields {
        Fields::from(vec![Field::new("key", repeated_text(), false), Field::new("value", self.value_type(), false)])
    }

    pub(crate) fn entries(self) -> FieldRef {
        Arc::new(Field::new(ENTRIES, DataType::Struct(self.entry_fields()), false))
    }

    pub(crate) fn field(self) -> Field {
        Field::new(self.name(), DataType::Map(self.entries(), false), false)
    }

    /// The paths of its keys and its values in Parquet's schema.
    pub(crate) fn leaves(self) -> [[&'static str; 3]; 2] {
        ["key", "value"].map(|leaf| [self.name(), ENTRIES, leaf])
    }

    fn is_of(self, data_type: &DataType) -> bool {
        let DataType::Map(entries, _) = data_type else { return false };
        let DataType::Struct(fields) = entries.data_type() else { return false };
        let [key, value] = &fields[..] else { return false };
        let is_text = *key.data_type() == repeated_text() || *key.data_type() == DataType::Utf8;
        is_text && *value.data_type() == self.value_type()
    }
}

/// The name of the entries of a map in the Parquet specification.
const ENTRIES: &str = "key_value";

/// Where a part has the attributes without a column of their own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Rest {
    #[default]
    None,
    /// A column of JSON objects by its index, in parts of format 1.
    Json(usize),
    /// The maps that have entries, each with the index of its keys. The index of its values follows.
    Maps(Vec<(RestMap, usize)>),
}

impl Rest {
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// The indexes of all its columns.
    pub fn columns(&self) -> Vec<usize> {
        match self {
            Self::None => Vec::new(),
            Self::Json(place) => vec![*place],
            Self::Maps(maps) => maps.iter().flat_map(|(_, place)| [*place, *place + 1]).collect(),
        }
    }

    /// The maps that are accepted. JSON has values of all types.
    pub fn only(&self, accepts: impl Fn(RestMap) -> bool) -> Self {
        match self {
            Self::Maps(maps) => {
                let accepted: Vec<_> = maps.iter().copied().filter(|(map, _)| accepts(*map)).collect();
                if accepted.is_empty() { Self::None } else { Self::Maps(accepted) }
            }
            other => other.clone(),
        }
    }
}

/// What the file metadata holds about the maps.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RestSummary {
    /// The names of the maps with entries.
    pub(crate) maps: Vec<String>,
    /// The keys with a column that may also be in a map, with values of another type. All other keys with a column are in
    /// no map.
    pub(crate) shared: BTreeSet<String>,
}

/// The maps of a part, each with the index of its keys.
///
/// # Errors
/// `Corrupt` if one has another type, or a nested column precedes one that is not.
pub(super) fn maps(schema: &Schema) -> Result<Vec<(RestMap, usize)>> {
    let (mut maps, mut leaves) = (Vec::new(), 0);
    for field in schema.fields() {
        match RestMap::named(field.name()) {
            Some(map) if map.is_of(field.data_type()) => {
                maps.push((map, leaves));
                leaves += 2;
            }
            None if maps.is_empty() && !field.data_type().is_nested() => leaves += 1,
            _ => return Err(Error::corrupt(format!("its column {} is of another type or place", field.name()))),
        }
    }
    Ok(maps)
}
