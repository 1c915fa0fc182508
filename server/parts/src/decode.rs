//! Converts columns back to records.

use std::fmt::Write as _;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch,
    cast::AsArray,
    types::{Float64Type, Int64Type, UInt8Type},
};
use model::{Position, Record, RecordId, Severity, StoredRecord, Text, Value};
use pipeline::{Error, Result};

use super::{
    columns::{self, Texts},
    formed::{Bytes, Numbers},
    place_of,
    rest::RestValues,
    schema::{self, AttributeColumn, Columns, Kind},
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
    /// Texts with a form.
    Bytes(Bytes<'a>),
    /// Texts or floats with a form.
    Numbers(Numbers<'a>),
}

impl<'a> Values<'a> {
    /// The values of this column of a batch.
    pub fn named(batch: &'a RecordBatch, column: &'a AttributeColumn) -> Result<Self> {
        Self::of(columns::column(batch, &column.column)?, column)
    }

    /// The values of an array, which is this column.
    pub fn of(array: &'a ArrayRef, column: &'a AttributeColumn) -> Result<Self> {
        let AttributeColumn { form, kind, .. } = column;
        let values = match kind {
            _ if form.byte_length().is_some() => Bytes::of(array, form).map(Self::Bytes),
            _ if form.is_of_numbers() => Numbers::of(array, form).map(Self::Numbers),
            Kind::Text => Texts::of(array).map(Self::Text),
            Kind::Int => array.as_primitive_opt::<Int64Type>().map(Self::Int),
            Kind::Float => array.as_primitive_opt::<Float64Type>().map(Self::Float),
            Kind::Bool => array.as_boolean_opt().map(Self::Bool),
        };
        values.ok_or_else(|| columns::mistyped(&column.column))
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Text(column) => column.len(),
            Self::Int(column) => column.len(),
            Self::Float(column) => column.len(),
            Self::Bool(column) => column.len(),
            Self::Bytes(bytes) => bytes.column.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at `row`; `None` if null.
    pub fn get(&self, row: usize) -> Option<Value> {
        match self {
            Self::Text(column) => column.get(row).map(|text| Value::Text(text.into())),
            Self::Int(column) => column.is_valid(row).then(|| Value::Int(column.value(row))),
            Self::Float(column) => column.is_valid(row).then(|| Value::Float(column.value(row))),
            Self::Bool(column) => column.is_valid(row).then(|| Value::Bool(column.value(row))),
            Self::Numbers(numbers) if numbers.form.is_of_floats() => self.float(row).map(Value::Float),
            Self::Bytes(bytes) => {
                let (value, mut text) = (bytes.get(row)?, Text::default());
                bytes.form.print_bytes(value, &mut text).ok().map(|()| Value::Text(text))
            }
            Self::Numbers(numbers) => {
                let (value, mut text) = (numbers.get(row)?, Text::default());
                numbers.form.print_number(value, &mut text).ok().map(|()| Value::Text(text))
            }
        }
    }

    /// The float at `row`; `None` if null, or the values are no floats.
    pub(crate) fn float(&self, row: usize) -> Option<f64> {
        match self {
            Self::Float(column) => column.is_valid(row).then(|| column.value(row)),
            Self::Numbers(numbers) if numbers.form.is_of_floats() => {
                numbers.get(row).map(|number| numbers.form.to_float(number))
            }
            _ => None,
        }
    }

    /// Appends the text form of the value at `row`. Returns `false` if null.
    pub fn print(&self, row: usize, out: &mut String) -> bool {
        match self {
            Self::Text(column) => column.get(row).map(|text| out.push_str(text)).is_some(),
            Self::Bytes(bytes) => bytes.get(row).is_some_and(|value| bytes.form.print_bytes(value, out).is_ok()),
            Self::Numbers(numbers) => {
                numbers.get(row).is_some_and(|value| numbers.form.print_number(value, out).is_ok())
            }
            Self::Int(_) | Self::Float(_) | Self::Bool(_) => {
                self.get(row).is_some_and(|value| write!(out, "{value}").is_ok())
            }
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
            .map(|(_, attribute)| Ok((&attribute.key, Values::named(batch, attribute)?)))
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
