//! The names and types of a part's columns, and the map of its attribute columns.

mod rest;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use model::{Text, Value};
use pipeline::{Error, Result};
use serde::{Deserialize, Serialize};

pub(crate) use self::rest::RestSummary;
use self::rest::maps;
pub use self::rest::{Rest, RestMap};
use super::form::Form;

/// The version of the layout. A reader refuses a newer one.
pub const FORMAT: u32 = 2;
pub(crate) const FORMAT_KEY: &str = "logboom.format";
pub(crate) const ATTRIBUTES_KEY: &str = "logboom.attributes";
pub(crate) const MESSAGE_INDEX_KEY: &str = "logboom.folded_message_index";
/// The key in parts of earlier versions, whose index folds ASCII letters only. With another key, such versions treat
/// a new part as one without an index.
pub(crate) const ASCII_MESSAGE_INDEX_KEY: &str = "logboom.message_index";
pub(crate) const LOOKUP_KEY: &str = "logboom.lookup";
pub(crate) const TOTALS_KEY: &str = "logboom.totals";
pub(crate) const REST_KEY: &str = "logboom.rest";

pub const TIME: &str = "time";
pub const OBSERVED_TIME: &str = "observed_time";
pub const POSITION: &str = "position";
pub const ID_BASE: &str = "id_base";
pub const SEVERITY: &str = "severity";
pub const LEVEL: &str = "level";
pub const SERVICE: &str = "service";
pub const NODE: &str = "node";
pub const MESSAGE: &str = "message";
pub const TRACE_ID: &str = "trace_id";
pub const SPAN_ID: &str = "span_id";
/// The attributes without a column of their own as JSON objects, in parts of format 1.
pub const REST: &str = "attributes_rest";

/// The maximum number of attribute columns per part.
pub(crate) const ATTRIBUTE_COLUMNS: usize = 128;
/// An attribute gets a column if at least one in so many rows has it: a column chunk costs some hundred bytes.
const COLUMN_SHARE: usize = 512;
/// ... and at least so many rows, or one in [`SMALL_SHARE`] of the few rows of a small part.
const LEAST_VALUES: usize = 16;
const SMALL_SHARE: usize = 8;

/// The type of an attribute's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Text,
    Int,
    Float,
    Bool,
}

impl Kind {
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Text(_) => Self::Text,
            Value::Int(_) => Self::Int,
            Value::Float(_) => Self::Float,
            Value::Bool(_) => Self::Bool,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
        }
    }
}

/// A column of attribute values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeColumn {
    pub column: String,
    pub key: Text,
    #[serde(rename = "type")]
    pub kind: Kind,
    /// How its values are written. Absent in parts of format 1, and where they are written as they are.
    #[serde(default, skip_serializing_if = "Form::is_plain")]
    pub form: Form,
}

impl AttributeColumn {
    /// The type of the column; of a plain one with texts, that without a dictionary.
    pub(crate) fn data_type(&self) -> DataType {
        self.form.data_type().unwrap_or(match self.kind {
            Kind::Text => DataType::Utf8,
            Kind::Int => DataType::Int64,
            Kind::Float => DataType::Float64,
            Kind::Bool => DataType::Boolean,
        })
    }

    /// Whether this program writes values of this type in this form.
    fn has_known_form(&self) -> bool {
        let kind = if self.form.is_of_floats() { Kind::Float } else { Kind::Text };
        self.form.is_plain() || self.kind == kind && self.form.is_known()
    }
}

/// The columns of a part to write.
pub(crate) struct Layout {
    pub(crate) schema: SchemaRef,
    pub(crate) attributes: Vec<AttributeColumn>,
    /// Columns whose values rarely repeat; a dictionary would cost more than it saves.
    pub(crate) diverse: Vec<String>,
    /// The keys with a column that may also be in the rest, as far as they are known yet: [`RestSummary::shared`].
    pub(crate) shared: BTreeSet<String>,
}

/// The location of the message index or of the lookup in the file.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct IndexPlace {
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// Selects the columns of the most frequent attributes.
///
/// `counts` is the number of records per key and type. Attributes past the limit, with fewer than `least` records, or
/// with a column name that is taken, go to the [`Rest`].
pub(crate) fn attribute_columns<S>(counts: &HashMap<(&str, Kind), usize, S>, least: usize) -> Vec<AttributeColumn> {
    let frequent = counts.iter().filter(|(_, count)| **count >= least);
    let mut ranked: Vec<_> = frequent.map(|(&(key, kind), &count)| (count, key, kind)).collect();
    ranked.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| (a.1, a.2).cmp(&(b.1, b.2))));
    let mut taken = HashSet::new();
    let mut columns = Vec::new();
    for (_, key, kind) in ranked {
        if columns.len() == ATTRIBUTE_COLUMNS {
            break;
        }
        let plain = format!("attr.{key}");
        let name = if taken.contains(&plain) { format!("{plain}:{}", kind.name()) } else { plain };
        if taken.insert(name.clone()) {
            columns.push(AttributeColumn { column: name, key: Text::from(key), kind, form: Form::Plain });
        }
    }
    columns.sort_unstable_by(|a, b| (&a.key, a.kind).cmp(&(&b.key, b.kind)));
    columns
}

/// The number of values from which on an attribute gets a column in a part of so many rows.
pub(crate) fn least_values(rows: usize) -> usize {
    (rows / COLUMN_SHARE).max(LEAST_VALUES.min(rows.div_ceil(SMALL_SHARE)))
}

/// The names of all attribute columns of a part.
pub(crate) struct Names(HashSet<String>);

impl Names {
    /// Those of plain columns.
    pub(crate) fn of(attributes: &[AttributeColumn]) -> Self {
        Self(attributes.iter().map(|attribute| attribute.column.clone()).collect())
    }

    /// The columns of an attribute some of whose values have a form: that of these values, and the plain one of the others.
    pub(crate) fn split(&mut self, attribute: &AttributeColumn, form: Form) -> [AttributeColumn; 2] {
        let mut other = attribute.clone();
        let column = match form.suffix() {
            Some(suffix) => self.free(&attribute.key, suffix),
            // Readers that unite columns by name can unite decimals with floats.
            None => {
                other.column = self.free(&attribute.key, attribute.kind.name());
                attribute.column.clone()
            }
        };
        [AttributeColumn { column, form, ..attribute.clone() }, other]
    }

    /// A name that no column has: another key may end in the same way.
    fn free(&mut self, key: &str, suffix: &str) -> String {
        let mut name = format!("attr.{key}:{suffix}");
        while !self.0.insert(name.clone()) {
            name = format!("{name}:{suffix}");
        }
        name
    }
}

/// Repetitive text: a dictionary of values and one key per row.
pub(crate) fn repeated_text() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

/// The fields of every part that precede its attributes.
pub(crate) fn core_fields() -> Vec<Field> {
    vec![
        Field::new(TIME, timestamp(), false),
        Field::new(OBSERVED_TIME, timestamp(), false),
        Field::new(POSITION, DataType::Int64, false),
        Field::new(ID_BASE, DataType::FixedSizeBinary(16), false),
        Field::new(SEVERITY, DataType::UInt8, false),
        Field::new(LEVEL, repeated_text(), false),
        Field::new(SERVICE, repeated_text(), false),
        Field::new(NODE, repeated_text(), false),
        Field::new(MESSAGE, DataType::Utf8, false),
        Field::new(TRACE_ID, DataType::FixedSizeBinary(16), true),
        Field::new(SPAN_ID, DataType::FixedSizeBinary(8), true),
    ]
}

/// The columns of one part by index, from its footer. The index of a column is that of its leaf in Parquet's schema: the
/// maps, which have two leaves each, come after all other columns.
#[derive(Debug, Clone)]
pub struct Columns {
    places: HashMap<String, usize>,
    pub attributes: Vec<(usize, AttributeColumn)>,
    rest: Rest,
    /// The keys with a column that may also be in the rest; `None` if any may be.
    shared: Option<HashSet<String>>,
    /// The number of columns before the maps.
    flat: usize,
}

impl Columns {
    /// Validates the footer of a part against the layout.
    ///
    /// # Errors
    /// `Corrupt` if a column is missing or has another type, or the format is newer.
    pub(crate) fn read(schema: &Schema, metadata: &HashMap<String, String>) -> Result<Self> {
        let format = metadata.get(FORMAT_KEY).and_then(|text| text.parse::<u32>().ok());
        match format {
            Some(1..=FORMAT) => {}
            Some(newer) if newer > FORMAT => {
                return Err(Error::corrupt(format!(
                    "its part format {newer} is newer than {FORMAT}, the newest this program reads"
                )));
            }
            _ => return Err(Error::corrupt(format!("its metadata has no {FORMAT_KEY} this program knows"))),
        }
        let places: HashMap<String, usize> =
            schema.fields().iter().enumerate().map(|(place, field)| (field.name().clone(), place)).collect();
        for field in core_fields() {
            let found = places.get(field.name()).and_then(|place| schema.fields().get(*place));
            if found.map(|found| found.data_type()) != Some(field.data_type()) {
                return Err(Error::corrupt(format!("its column {} is missing or of another type", field.name())));
            }
        }
        let map = metadata.get(ATTRIBUTES_KEY).map_or("[]", String::as_str);
        let map: Vec<AttributeColumn> = serde_json::from_str(map)
            .map_err(|error| Error::corrupt(format!("its {ATTRIBUTES_KEY} cannot be parsed: {error}")))?;
        let attributes = map
            .into_iter()
            .map(|attribute| {
                let Some(place) = places.get(&attribute.column) else {
                    return Err(Error::corrupt(format!("its column {} is missing", attribute.column)));
                };
                let found = schema.fields().get(*place).map(|field| field.data_type());
                let is_typed = attribute.form.is_plain() || found == attribute.form.data_type().as_ref();
                if !attribute.has_known_form() || !is_typed {
                    return Err(Error::corrupt(format!("its column {} is of another form", attribute.column)));
                }
                Ok((*place, attribute))
            })
            .collect::<Result<_>>()?;
        let maps = maps(schema)?;
        let flat = schema.fields().len() - maps.len();
        let summary = metadata.get(REST_KEY).and_then(|text| serde_json::from_str::<RestSummary>(text).ok());
        let is_missing = |name: &&String| !maps.iter().any(|(map, _)| map.name() == *name);
        if let Some(name) = summary.iter().flat_map(|summary| &summary.maps).find(is_missing) {
            return Err(Error::corrupt(format!("its map {name} is missing")));
        }
        let has_entries = |map: RestMap| match &summary {
            Some(summary) => summary.maps.iter().any(|name| name == map.name()),
            None => true,
        };
        let rest = match places.get(REST) {
            Some(place) if maps.is_empty() => Rest::Json(*place),
            _ => Rest::Maps(maps).only(has_entries),
        };
        let shared = summary.map(|summary| summary.shared.into_iter().collect());
        Ok(Self { places, attributes, rest, shared, flat })
    }

    /// The attributes without a column of their own.
    pub fn rest(&self) -> &Rest {
        &self.rest
    }

    /// As [`Self::rest`], as far as it may have the attribute. Mostly none, if the attribute has a column.
    pub fn rest_of(&self, key: &str) -> &Rest {
        static NONE: Rest = Rest::None;
        match (&self.rest, &self.shared) {
            (Rest::Maps(_), Some(shared)) if !shared.contains(key) && self.of_attribute(key).next().is_some() => &NONE,
            (rest, _) => rest,
        }
    }

    /// Whether it is the index of a column that is not nested.
    pub(crate) fn is_flat(&self, place: usize) -> bool {
        place < self.flat
    }

    /// The index of a core column, which always exists.
    pub fn place(&self, name: &str) -> usize {
        self.places.get(name).copied().unwrap_or_default()
    }

    /// The columns that may hold values of the attribute.
    pub fn of_attribute<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a (usize, AttributeColumn)> {
        self.attributes.iter().filter(move |(_, attribute)| attribute.key == key)
    }
}
