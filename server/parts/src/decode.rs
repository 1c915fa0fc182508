//! Converts columns back to records.

use arrow_array::{
    Array, BooleanArray, Float64Array, Int64Array, RecordBatch,
    cast::AsArray,
    types::{Float64Type, Int64Type, UInt8Type},
};
use model::{Position, Record, RecordId, Severity, StoredRecord, Text, Value};
use pipeline::{Error, Result};

use super::{
    columns::{self, Texts},
    place_of,
    rest::RestValues,
    schema::{self, Columns, Kind},
};

/// The records of a batch that holds all columns of its part, in order.
///
/// # Errors
/// `Corrupt` if a column or value does not match the layout.
pub fn records(batch: &RecordBatch, layout: &Columns) -> Result<Vec<StoredRecord>> {
    let time = columns::times(batch, schema::TIME)?;
    let observed_time = columns::times(batch, schema::OBSERVED_TIME)?;
    let position = columns::numbers::<Int64Type>(batch, schema::POSITION)?.values();
    let base = columns::bytes(batch, schema::ID_BASE)?;
    let severity = columns::numbers::<UInt8Type>(batch, schema::SEVERITY)?.values();
    let level = Texts::named(batch, schema::LEVEL)?;
    let service = Texts::named(batch, schema::SERVICE)?;
    let node = Texts::named(batch, schema::NODE)?;
    let message = Texts::named(batch, schema::MESSAGE)?;
    let trace_id = columns::bytes(batch, schema::TRACE_ID)?;
    let span_id = columns::bytes(batch, schema::SPAN_ID)?;
    let attributes = Attributes::of(batch, layout)?;

    (0..batch.num_rows())
        .map(|row| {
            let record = Record {
                id: id(columns::byte_value(base, row), position[row])?,
                time: time[row],
                observed_time: observed_time[row],
                severity: Severity::new(severity[row])
                    .ok_or_else(|| Error::corrupt(format!("a part holds the severity {}", severity[row])))?,
                level: Text::from(level.get(row).unwrap_or_default()),
                service: Text::from(service.get(row).unwrap_or_default()),
                node: Text::from(node.get(row).unwrap_or_default()),
                message: message.get(row).unwrap_or_default().to_owned(),
                attributes: attributes.at(row)?,
                trace_id: columns::byte_value(trace_id, row),
                span_id: columns::byte_value(span_id, row),
            };
            Ok(StoredRecord { position: Position(position[row]), record })
        })
        .collect()
}

/// The id of the record at `position`, in the batch whose first id is `base`.
pub fn id(base: Option<[u8; 16]>, position: i64) -> Result<RecordId> {
    let base = base.ok_or_else(|| Error::corrupt("a part holds a record without an id"))?;
    Ok(RecordId::from_bytes(base).nth(place_of(position)))
}

/// A typed column of attribute values.
pub enum Values<'a> {
    Text(Texts<'a>),
    Int(&'a Int64Array),
    Float(&'a Float64Array),
    Bool(&'a BooleanArray),
}

impl<'a> Values<'a> {
    pub fn named(batch: &'a RecordBatch, name: &str, kind: Kind) -> Result<Self> {
        Ok(match kind {
            Kind::Text => Self::Text(Texts::named(batch, name)?),
            Kind::Int => Self::Int(columns::numbers::<Int64Type>(batch, name)?),
            Kind::Float => Self::Float(columns::numbers::<Float64Type>(batch, name)?),
            Kind::Bool => Self::Bool(
                columns::column(batch, name)?
                    .as_boolean_opt()
                    .ok_or_else(|| Error::corrupt(format!("a part's column {name} does not hold booleans")))?,
            ),
        })
    }

    /// The value at `row`; `None` if null.
    pub fn get(&self, row: usize) -> Option<Value> {
        match self {
            Self::Text(column) => column.get(row).map(|text| Value::Text(text.into())),
            Self::Int(column) => column.is_valid(row).then(|| Value::Int(column.value(row))),
            Self::Float(column) => column.is_valid(row).then(|| Value::Float(column.value(row))),
            Self::Bool(column) => column.is_valid(row).then(|| Value::Bool(column.value(row))),
        }
    }
}

/// All attributes of a batch.
struct Attributes<'a> {
    columns: Vec<(&'a Text, Values<'a>)>,
    rest: RestValues<'a>,
}

impl<'a> Attributes<'a> {
    fn of(batch: &'a RecordBatch, layout: &'a Columns) -> Result<Self> {
        let columns = layout
            .attributes
            .iter()
            .map(|(_, attribute)| Ok((&attribute.key, Values::named(batch, &attribute.column, attribute.kind)?)))
            .collect::<Result<_>>()?;
        let rest = RestValues::of(batch, layout.rest())?;
        Ok(Self { columns, rest })
    }

    /// The attributes of `row`, sorted by key.
    fn at(&self, row: usize) -> Result<Vec<(Text, Value)>> {
        let mut attributes: Vec<(Text, Value)> = self
            .columns
            .iter()
            .filter_map(|(key, values)| values.get(row).map(|value| ((*key).clone(), value)))
            .collect();
        self.rest.append_to(row, &mut attributes)?;
        // Other programs may have written the file, so the order is not trusted.
        if !attributes.is_sorted_by(|a, b| a.0 < b.0) {
            attributes.sort_by(|a, b| a.0.cmp(&b.0));
        }
        Ok(attributes)
    }
}
