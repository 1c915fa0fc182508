//! The names and types of a part's columns, and the map of its attribute columns.

use std::collections::HashMap;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use model::{Text, Value};
use pipeline::{Error, Result};
use serde::{Deserialize, Serialize};

/// The version of the layout. A reader refuses a newer one.
pub const FORMAT: u32 = 1;
pub(crate) const FORMAT_KEY: &str = "logboom.format";
pub(crate) const ATTRIBUTES_KEY: &str = "logboom.attributes";
pub(crate) const MESSAGE_INDEX_KEY: &str = "logboom.folded_message_index";
/// The key in parts of earlier versions, whose index folds ASCII letters only. With another key, such versions treat
/// a new part as one without an index.
pub(crate) const ASCII_MESSAGE_INDEX_KEY: &str = "logboom.message_index";
pub(crate) const LOOKUP_KEY: &str = "logboom.lookup";
pub(crate) const TOTALS_KEY: &str = "logboom.totals";

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
pub const REST: &str = "attributes_rest";

/// The maximum number of attribute columns per part.
pub(crate) const ATTRIBUTE_COLUMNS: usize = 128;

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
}

/// The columns of a part to write.
pub(crate) struct Layout {
    pub(crate) schema: SchemaRef,
    pub(crate) attributes: Vec<AttributeColumn>,
    /// Columns whose values rarely repeat; a dictionary would cost more than it saves.
    pub(crate) diverse: Vec<String>,
}

/// The location of the message index or of the lookup in the file.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct IndexPlace {
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// Selects the columns of the most frequent attributes.
///
/// `counts` is the number of records per key and type. Attributes past the limit, or with a column name that is
/// taken, go to [`REST`].
pub(crate) fn attribute_columns<S>(counts: &HashMap<(&str, Kind), usize, S>) -> Vec<AttributeColumn> {
    let mut ranked: Vec<_> = counts.iter().map(|(&(key, kind), &count)| (count, key, kind)).collect();
    ranked.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| (a.1, a.2).cmp(&(b.1, b.2))));
    let mut taken = std::collections::HashSet::new();
    let mut columns = Vec::new();
    for (_, key, kind) in ranked {
        if columns.len() == ATTRIBUTE_COLUMNS {
            break;
        }
        let plain = format!("attr.{key}");
        let name = if taken.contains(&plain) { format!("{plain}:{}", kind.name()) } else { plain };
        if taken.insert(name.clone()) {
            columns.push(AttributeColumn { column: name, key: Text::from(key), kind });
        }
    }
    columns.sort_unstable_by(|a, b| (&a.key, a.kind).cmp(&(&b.key, b.kind)));
    columns
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

/// The columns of one part by index, from its footer.
#[derive(Debug, Clone)]
pub struct Columns {
    places: HashMap<String, usize>,
    pub attributes: Vec<(usize, AttributeColumn)>,
    pub rest: Option<usize>,
}

impl Columns {
    /// Validates the footer of a part against the layout.
    ///
    /// # Errors
    /// `Corrupt` if a column is missing or has another type, or the format is newer.
    pub(crate) fn read(schema: &Schema, metadata: &HashMap<String, String>) -> Result<Self> {
        let format = metadata.get(FORMAT_KEY).and_then(|text| text.parse::<u32>().ok());
        match format {
            Some(FORMAT) => {}
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
            .map(|attribute| match places.get(&attribute.column) {
                Some(place) => Ok((*place, attribute)),
                None => Err(Error::corrupt(format!("its column {} is missing", attribute.column))),
            })
            .collect::<Result<_>>()?;
        let rest = places.get(REST).copied();
        Ok(Self { places, attributes, rest })
    }

    /// The index of a core column, which always exists.
    pub fn place(&self, name: &str) -> usize {
        self.places.get(name).copied().unwrap_or_default()
    }

    /// The columns that may hold values of the attribute.
    pub fn of_attribute<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a (usize, AttributeColumn)> {
        self.attributes.iter().filter(move |(_, attribute)| attribute.key == key)
    }
}
